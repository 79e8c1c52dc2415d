"""HTTPS: certificates replaced while it serves, client certificates, versions, and what is not TLS."""

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import trustme
from structlog.typing import EventDict

from exporter.config import Config, ConfigError, Secret, TlsConfig, WebConfig
from exporter.web import tls
from tests.web.fakes import LOOPBACK, FakeContext, Served, exchange, serving

OURS = trustme.CA()
OTHERS = trustme.CA()
ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
PING = b"GET /-/healthy HTTP/1.0\r\n\r\n"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are looked at every 10 ms instead of every second."""
    monkeypatch.setattr(tls, "CHECK_EVERY", 0.01)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with the server's certificate and key, and the CA that issues its clients' certificates."""
    write(tmp_path, OURS.issue_cert("127.0.0.1"))
    OURS.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path


def write(folder: Path, issued: trustme.LeafCert) -> None:
    issued.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))


def config(files: Path, **changes: Any) -> Config:
    secured_by = TlsConfig(**{"cert_file": files / "cert.pem", "key_file": files / "key.pem", **changes})
    return Config(listen=(LOOPBACK,), web=WebConfig(tls=secured_by))


def verifying(files: Path, auth: ClientAuth, **changes: Any) -> Config:
    return config(files, client_ca_file=files / "ca.pem", client_auth_type=auth, **changes)


def client(issued: trustme.LeafCert | None = None, trusted: trustme.CA = OURS) -> ssl.SSLContext:
    """A client's context; `issued` is its certificate."""
    context = ssl.create_default_context()
    trusted.configure_trust(context)
    if issued:
        issued.configure_cert(context)
    return context


async def ask(
    served: Served, context: ssl.SSLContext, name: str | None = "127.0.0.1"
) -> tuple[bytes, ssl.SSLObject]:
    """The status line and the connection. Raises OSError where the server does not serve."""
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", served.port, ssl=context, server_hostname=name
        )
        try:
            writer.write(PING)
            line = await reader.readline()
            if not line:
                raise ConnectionResetError("closed without an answer")
            return line.strip(), writer.get_extra_info("ssl_object")
        finally:
            writer.close()


async def serves(served: Served, context: ssl.SSLContext) -> bool:
    try:
        line, _ = await ask(served, context)
    except TimeoutError:
        raise  # a client that is not served must not be left waiting
    except OSError:
        return False
    return line == b"HTTP/1.0 200 OK"


@asynccontextmanager
async def secured(context: FakeContext) -> AsyncIterator[Served]:
    async with serving(context, scheme="https") as served:
        yield served


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_serves_https(files: Path, version: ssl.TLSVersion) -> None:
    context = client()
    context.minimum_version = context.maximum_version = version
    async with secured(FakeContext(config(files))) as served:
        line, connection = await ask(served, context)
        assert line == b"HTTP/1.0 200 OK"
        assert connection.version() == version.name.replace("_", ".")
        # The same for a client that sends no server name, and for one that sends another's.
        context.check_hostname = False
        for name in ("", "elsewhere.example"):
            assert (await ask(served, context, name))[0] == b"HTTP/1.0 200 OK"
        async with served.client.get(served.base + "/metrics", ssl=client()) as response:
            assert response.status == 200


async def test_certificate_and_key_may_be_in_the_config_itself(files: Path) -> None:
    inline = TlsConfig(
        cert=(files / "cert.pem").read_text(),
        key=Secret((files / "key.pem").read_text()),
        client_ca=(files / "ca.pem").read_text(),
        client_auth_type="RequireAndVerifyClientCert",
    )
    context = FakeContext(Config(listen=(LOOPBACK,), web=WebConfig(tls=inline)))
    async with secured(context) as served:
        assert await serves(served, client(OURS.issue_cert("client.example")))
        assert not await serves(served, client())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("auth", "none", "ours", "theirs"),
    [
        ("NoClientCert", True, True, True),
        ("VerifyClientCertIfGiven", True, True, False),
        ("RequireAndVerifyClientCert", False, True, False),
    ],
)
async def test_client_certificates(
    files: Path, version: ssl.TLSVersion, auth: ClientAuth, none: bool, ours: bool, theirs: bool
) -> None:
    settings = config(files) if auth == "NoClientCert" else verifying(files, auth)
    async with secured(FakeContext(settings)) as served:
        for issued, welcome in (
            (None, none),
            (OURS.issue_cert("client.example"), ours),
            (OTHERS.issue_cert("client.example"), theirs),
        ):
            context = client(issued)
            context.minimum_version = context.maximum_version = version
            assert await serves(served, context) is welcome


@pytest.mark.parametrize(
    ("name", "welcome"),
    [("prometheus.example", True), ("other.example", False), ("192.0.2.9", True), ("192.0.2.8", False)],
)
async def test_only_clients_with_an_allowed_name_are_served(
    files: Path, name: str, welcome: bool, logged: list[EventDict]
) -> None:
    allowed = ("prometheus.example", "192.0.2.9")
    settings = verifying(files, "RequireAndVerifyClientCert", client_allowed_sans=allowed)
    async with secured(FakeContext(settings)) as served:
        assert await serves(served, client(OURS.issue_cert(name))) is welcome
    assert bool(logged) is not welcome


@pytest.mark.parametrize(
    ("lowest", "highest", "offered", "fits"),
    [
        ("TLS12", "TLS12", ssl.TLSVersion.TLSv1_3, False),
        ("TLS13", "TLS13", ssl.TLSVersion.TLSv1_2, False),
        ("TLS13", "TLS13", ssl.TLSVersion.TLSv1_3, True),
        ("TLS12", "TLS12", ssl.TLSVersion.TLSv1_2, True),
    ],
)
async def test_versions(files: Path, lowest: str, highest: str, offered: ssl.TLSVersion, fits: bool) -> None:
    context = client()
    context.minimum_version = context.maximum_version = offered
    async with secured(FakeContext(config(files, min_version=lowest, max_version=highest))) as served:
        assert await serves(served, context) is fits


async def serial(served: Served) -> str:
    """The serial number of the certificate that is served, from either CA."""
    context = ssl.create_default_context()
    OURS.configure_trust(context)
    OTHERS.configure_trust(context)
    _, connection = await ask(served, context)
    certificate = connection.getpeercert()
    assert certificate
    return str(certificate["serialNumber"])


async def replaced(served: Served, old: str) -> None:
    """Wait until another certificate than `old` is served."""
    async with asyncio.timeout(5):
        while await serial(served) == old:  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.01)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(5):
        while not await condition():  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.01)


async def test_certificates_are_read_again_when_the_files_change(files: Path) -> None:
    async with secured(FakeContext(config(files))) as served:
        first = await serial(served)
        assert await serial(served) == first
        write(files, OTHERS.issue_cert("127.0.0.1"))
        await replaced(served, first)
        assert await serves(served, client(trusted=OTHERS))
        assert not await serves(served, client(trusted=OURS))


async def test_certificates_in_a_folder_that_is_swapped_by_link(tmp_path: Path) -> None:
    """As Kubernetes mounts secrets: the paths stay, what they lead to changes."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, OURS.issue_cert("127.0.0.1"))
    (tmp_path / "data").symlink_to("one")
    async with secured(FakeContext(config(tmp_path / "data"))) as served:
        first = await serial(served)
        (tmp_path / "new").symlink_to("two")
        (tmp_path / "new").rename(tmp_path / "data")
        await replaced(served, first)


async def test_half_a_change_keeps_the_old_certificate_until_it_is_complete(
    files: Path, logged: list[EventDict]
) -> None:
    async with secured(FakeContext(config(files))) as served:
        first = await serial(served)
        issued = OURS.issue_cert("127.0.0.1")
        (files / "new").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        (files / "new").rename(files / "cert.pem")  # at once: half of it would be a state of its own
        await refused(logged, 1)  # the new certificate with the old key
        assert await serial(served) == first
        (files / "cert.pem").unlink()
        await refused(logged, 2)
        assert await serial(served) == first
        (files / "new").write_text("nonsense")
        (files / "new").rename(files / "cert.pem")
        await refused(logged, 3)
        assert await serial(served) == first
        await asyncio.sleep(0.05)  # several looks at the same files
        assert len(logged) == 3, "each state of the files is logged once"
        write(files, issued)
        await replaced(served, first)
        assert logged[-1]["log_level"] == "info"


async def refused(logged: list[EventDict], times: int) -> None:
    """Wait until as many states of the files have been found unusable."""

    async def logged_so_often() -> bool:
        return [entry["log_level"] for entry in logged].count("warning") >= times

    await until(logged_so_often)


async def test_a_client_ca_is_replaced_not_added(files: Path) -> None:
    old, new = client(OURS.issue_cert("client.example")), client(OTHERS.issue_cert("client.example"))
    async with secured(FakeContext(verifying(files, "RequireAndVerifyClientCert"))) as served:
        assert (await serves(served, old), await serves(served, new)) == (True, False)
        OTHERS.cert_pem.write_to_path(files / "ca.pem")
        await until(lambda: serves(served, new))
        assert not await serves(served, old)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_resumed_session_does_not_outlive_its_ca(files: Path, version: ssl.TLSVersion) -> None:
    context = client(OURS.issue_cert("client.example"))
    context.minimum_version = context.maximum_version = version
    session: ssl.SSLSession | None = None
    async with secured(FakeContext(verifying(files, "RequireAndVerifyClientCert"))) as served:

        def welcome() -> bool:
            """Whether a request is answered; the session, or one it was renewed to, is kept for the next."""
            nonlocal session
            raw = socket.create_connection(("127.0.0.1", served.port), timeout=5)
            with raw, context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as connection:
                connection.sendall(PING)
                answer = connection.recv(100)
                session = connection.session
                assert session is None or not session.has_ticket
                return answer.startswith(b"HTTP/1.0 200")

        assert await asyncio.to_thread(welcome)
        OTHERS.cert_pem.write_to_path(files / "ca.pem")
        await until(lambda: serves(served, client(OTHERS.issue_cert("client.example"))))
        for _ in range(2):
            try:
                assert not await asyncio.to_thread(welcome)
            except OSError:
                continue  # not even the handshake


async def test_the_first_connection_after_a_reload_meets_the_new_rules(files: Path) -> None:
    context = FakeContext(config(files))
    async with secured(context) as served:

        async def reload(changed: Config) -> None:
            loaded = await served.server.load_tls(changed)
            assert loaded is not None
            served.server.use_tls(loaded)

        assert await serves(served, client())
        await reload(verifying(files, "RequireAndVerifyClientCert", min_version="TLS13"))
        assert not await serves(served, client())
        old = client(OURS.issue_cert("client.example"))
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert not await serves(served, old)
        assert await serves(served, client(OURS.issue_cert("client.example")))
        await reload(config(files, max_version="TLS12"))
        assert await serves(served, old)


async def test_certificates_that_a_reload_cannot_use_are_an_error(files: Path) -> None:
    async with secured(FakeContext(config(files))) as served:
        with pytest.raises(ConfigError, match=r"tls_server_config .*nowhere\.pem"):
            await served.server.load_tls(config(files, key_file=files / "nowhere.pem"))
        assert await serves(served, client())
        assert await served.server.load_tls(Config(listen=(LOOPBACK,))) is None


async def test_a_reload_during_a_look_at_the_files_wins(files: Path, tmp_path: Path) -> None:
    """What a look at the old config's files finds must not replace the certificate of the new config."""
    (tmp_path / "new").mkdir()
    write(tmp_path / "new", OTHERS.issue_cert("127.0.0.1"))
    context = FakeContext(config(files))
    async with secured(context) as served:
        loaded = await served.server.load_tls(config(tmp_path / "new"))
        assert loaded is not None
        write(files, OURS.issue_cert("127.0.0.1"))
        hold = threading.Event()
        looking = asyncio.create_task(context.executors.disk.run(hold.wait, 5))
        await asyncio.sleep(0.05)  # a look at the old files waits behind it
        served.server.use_tls(loaded)
        hold.set()
        await looking
        await asyncio.sleep(0.05)
        assert await serves(served, client(trusted=OTHERS))


async def test_a_certificate_missing_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tls_server_config .*cert\.pem"):
        async with secured(FakeContext(config(tmp_path))):
            pass


@pytest.mark.parametrize("sent", [PING, b"\x16\x03\x01\x00\x05hello", b"\0" * 10_000, os.urandom(3000)])
async def test_a_client_without_tls_gets_no_answer(files: Path, sent: bytes) -> None:
    async with secured(FakeContext(config(files))) as served:
        answer = await exchange(served.port, sent)
        assert b"HTTP" not in answer
        assert await serves(served, client())
