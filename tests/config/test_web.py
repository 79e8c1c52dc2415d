"""The web config file: what of the exporter-toolkit's format works here, and that all else is refused."""

import re
import ssl
from pathlib import Path

import pytest
import trustme

from exporter.config import Secret, TlsConfig, WebConfig
from exporter.config.problems import ConfigError, Problems
from exporter.config.tls import context, is_allowed
from exporter.config.web import read_web_config

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for localhost, its key, and the authority that signed it."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    client = authority.issue_cert("client.example.org", "::1", "someone@example.org")
    client.private_key_and_cert_chain_pem.write_to_path(str(folder / "client.pem"))
    return folder


def read(folder: Path, text: str) -> WebConfig:
    path = folder / "web.yml"
    path.write_text(text)
    problems = Problems()
    config = read_web_config(path, problems)
    problems.raise_if_any()
    assert config is not None
    return config


def refused(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(folder, text)
    return [
        re.sub(rf"^{re.escape(str(folder / 'web.yml'))}:\d+: ", "", problem)
        for problem in error.value.problems
    ]


def test_an_empty_file(folder: Path) -> None:
    assert read(folder, "") == WebConfig()


def test_everything(folder: Path) -> None:
    config = read(
        folder,
        f"""
        tls_server_config:
          cert_file: cert.pem
          key_file: key.pem
          client_ca_file: ca.pem
          client_auth_type: RequireAndVerifyClientCert
          client_allowed_sans: [client.example.org]
          min_version: TLS13
          max_version: TLS13
        http_server_config:
          http2: false
          headers: {{X-Frame-Options: deny, Strict-Transport-Security: max-age=1}}
        basic_auth_users: {{prometheus: {HASH}}}
        """,
    )
    assert config.tls == TlsConfig(
        cert_file=folder / "cert.pem",
        key_file=folder / "key.pem",
        client_ca_file=folder / "ca.pem",
        client_auth_type="RequireAndVerifyClientCert",
        client_allowed_sans=("client.example.org",),
        min_version="TLS13",
    )
    assert config.tls.files() == (folder / "cert.pem", folder / "key.pem", folder / "ca.pem")
    assert config.headers == {"X-Frame-Options": "deny", "Strict-Transport-Security": "max-age=1"}
    assert config.users == {"prometheus": Secret(HASH)}
    assert HASH not in repr(config)


def _indented(path: Path) -> str:
    return path.read_text().replace("\n", "\n    ")


def test_pem_in_place(folder: Path) -> None:
    text = f"""
tls_server_config:
  cert: |
    {_indented(folder / "cert.pem")}
  key: |
    {_indented(folder / "key.pem")}
  client_ca: |
    {_indented(folder / "ca.pem")}
  client_auth_type: VerifyClientCertIfGiven
"""
    config = read(folder, text)
    assert config.tls is not None
    assert config.tls.files() == ()
    assert list(config.secrets()) == [config.tls.key]
    assert "PRIVATE KEY" not in repr(config)
    assert context(config.tls).verify_mode == ssl.CERT_OPTIONAL


TLS = "tls_server_config: {{cert_file: cert.pem, key_file: key.pem, {}}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "rate_limit: {burst: 1}",
            "rate_limit: unknown key; known here: basic_auth_users, http_server_config",
        ),
        (TLS.format("cipher_suites: []"), "tls_server_config.cipher_suites: unknown key"),
        (TLS.format("curve_preferences: []"), "tls_server_config.curve_preferences: unknown key"),
        (
            TLS.format("prefer_server_cipher_suites: true"),
            "tls_server_config.prefer_server_cipher_suites: unknown",
        ),
        (TLS.format("min_version: TLS10"), "tls_server_config.min_version: is 'TLS10'; "),
        (
            TLS.format("min_version: TLS13, max_version: TLS12"),
            "tls_server_config.min_version: is above max_version",
        ),
        (
            TLS.format("client_auth_type: RequestClientCert"),
            "tls_server_config.client_auth_type: is 'RequestClientCert'",
        ),
        (
            TLS.format("client_auth_type: RequireAndVerifyClientCert"),
            "tls_server_config.client_auth_type: is RequireAnd",
        ),
        (
            TLS.format("client_ca_file: ca.pem"),
            "tls_server_config.client_auth_type: is NoClientCert with a client CA",
        ),
        (
            TLS.format("client_allowed_sans: [a]"),
            "tls_server_config.client_allowed_sans: needs client_auth_type",
        ),
        (
            TLS.format("cert: '-----BEGIN X'"),
            "tls_server_config.cert_file: is set together with cert; keep one",
        ),
        ("tls_server_config: {cert_file: cert.pem, key: abc}", "tls_server_config.key: is text, not PEM"),
        ("tls_server_config: {cert_file: cert.pem}", "tls_server_config.key_file: is missing; write"),
        ("tls_server_config: {key_file: key.pem}", "tls_server_config.cert_file: is missing; write"),
        ("tls_server_config: {cert_file: nowhere, key_file: key.pem}", "tls_server_config: cannot read "),
        (
            "tls_server_config: {cert_file: ca.pem, key_file: key.pem}",
            "tls_server_config: has no matching certificate",
        ),
        (
            "tls_server_config: {cert_file: web.yml, key_file: key.pem}",
            "tls_server_config: has no matching certificate",
        ),
        (
            TLS.format("client_ca_file: key.pem, client_auth_type: VerifyClientCertIfGiven"),
            "tls_server_config: has a client CA that is not a certificate",
        ),
        (
            TLS.format(
                "client_ca_file: ca.pem, client_ca: '-----BEGIN X', client_auth_type: VerifyClientCertIfGiven"
            ),
            "tls_server_config.client_ca_file: is set together with client_ca; keep one of the two",
        ),
        ("http_server_config: {http2: true}", "http_server_config.http2: is not false; HTTP/2 is not served"),
        ("http_server_config: {headers: {Server: x}}", "http_server_config.headers.Server: unknown key"),
        (
            "http_server_config: {headers: {X-Frame-Options: allow}}",
            "http_server_config.headers.X-Frame-Options: is",
        ),
        (
            "http_server_config: {headers: {X-XSS-Protection: 0}}",
            "http_server_config.headers.X-XSS-Protection: is the",
        ),
        (
            "basic_auth_users: {me: hunter2}",
            "basic_auth_users.me: is not a bcrypt hash; write what `htpasswd",
        ),
        (f"basic_auth_users: {{'a:b': {HASH}}}", "basic_auth_users['a:...']: is not a user name"),
        ("basic_auth_users: [hunter2]", "basic_auth_users: is a list; write a mapping"),
        ("basic_auth_users: hunter2", "basic_auth_users: is text; write a mapping"),
        ("a: b: c", "has a colon where none is expected"),
    ],
)
def test_what_is_refused(folder: Path, text: str, said: str) -> None:
    problems = refused(folder, text)
    assert len(problems) == 1
    assert problems[0].startswith(said)
    assert "hunter2" not in problems[0]


def test_a_missing_file(tmp_path: Path) -> None:
    problems = Problems()
    assert read_web_config(tmp_path / "web.yml", problems) is None
    with pytest.raises(ConfigError, match="cannot read"):
        problems.raise_if_any()


def test_a_key_with_a_password_is_refused_without_asking_for_it(folder: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hunter2"),
    )
    (tmp_path / "key.pem").write_bytes(encrypted)
    (tmp_path / "cert.pem").write_bytes((folder / "cert.pem").read_bytes())
    (problem,) = refused(tmp_path, TLS.format(""))
    assert problem.endswith("write both in PEM, the key without a password")


# The context, in a handshake in memory


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends after a handshake. Raises `ssl.SSLError` where one of them refuses."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(down, up, server_hostname="localhost"),
        server.wrap_bio(up, down, server_side=True),
    )
    for _ in range(5):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    ends[0].write(b"x")
    assert ends[1].read(1) == b"x"
    return ends


@pytest.fixture
def client(folder: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    made.load_cert_chain(folder / "client.pem")
    return made


def _tls(folder: Path, more: str = "") -> TlsConfig:
    tls = read(folder, TLS.format(more)).tls
    assert tls is not None
    return tls


def test_a_client_without_certificate(folder: Path) -> None:
    plain = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    client_end, _ = _handshake(context(_tls(folder)), plain)
    assert client_end.version() == "TLSv1.3"
    strict = context(_tls(folder, "client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert"))
    with pytest.raises(ssl.SSLError):
        _handshake(strict, plain)
    if_given = context(_tls(folder, "client_ca_file: ca.pem, client_auth_type: VerifyClientCertIfGiven"))
    _, server_end = _handshake(if_given, plain)
    assert server_end.getpeercert() is None


def test_the_versions_offered(folder: Path, client: ssl.SSLContext) -> None:
    client_end, _ = _handshake(context(_tls(folder, "max_version: TLS12")), client)
    assert client_end.version() == "TLSv1.2"
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        _handshake(context(_tls(folder, "min_version: TLS13")), client)


@pytest.mark.parametrize(
    ("sans", "allowed"),
    [
        ("[other.example.org]", False),
        ("[other.example.org, client.example.org]", True),
        ("['::1']", True),
        ("['127.0.0.1']", False),
        ("[someone@example.org]", True),
        ("[example.org]", False),
    ],
)
def test_the_names_allowed(folder: Path, client: ssl.SSLContext, sans: str, allowed: bool) -> None:
    required = "client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert"
    tls = _tls(folder, f"{required}, client_allowed_sans: {sans}")
    _, server_end = _handshake(context(tls), client)
    assert is_allowed(tls, server_end.getpeercert()) is allowed
    assert is_allowed(_tls(folder, required), server_end.getpeercert())
    assert not is_allowed(tls, None)
    assert not is_allowed(tls, {"subjectAltName": (("IP Address", "<invalid>"),)})
