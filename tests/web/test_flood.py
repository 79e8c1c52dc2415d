"""A daemon as a process, and one address that opens as many connections as it can: others are answered."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
import trustme
import yaml

from tests.support.daemon import Daemon, daemon
from tests.web.flood import (
    KINDS,
    SCRAPER,
    SOCKETS,
    Flood,
    client_at,
    flooded,
    many_descriptors,
    open_sockets,
    resident,
    until,
)

SECONDS = 5.0  # half of Prometheus's scrape timeout
MEGABYTE = 1 << 20
SILENT = 2000


@pytest.fixture(autouse=True)
def descriptors() -> Iterator[None]:
    with many_descriptors():
        yield


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "exporter.yml"
    path.write_text(yaml.safe_dump({"listen": ["127.0.0.1:0"], "nodes": [{"host": "127.0.0.1", "port": 1}]}))
    return path


@pytest.fixture
def tls_config(config: Path) -> Path:
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(config.parent / "key.pem")
    issued.cert_chain_pems[0].write_to_path(config.parent / "cert.pem")
    web = {"tls_server_config": {"cert_file": "cert.pem", "key_file": "key.pem"}}
    (config.parent / "web.yml").write_text(yaml.safe_dump(web))
    document = yaml.safe_load(config.read_text()) | {"web_config_file": "web.yml"}
    config.write_text(yaml.safe_dump(document))
    return config


def port_of(running: Daemon) -> int:
    return int(running.base.rpartition(":")[2])


async def answers(client: aiohttp.ClientSession, base: str) -> list[int]:
    """The status of each path that must always be answered."""
    found = []
    for path in ("/-/healthy", "/-/ready", "/metrics"):
        async with asyncio.timeout(SECONDS):
            async with client.get(base + path, ssl=False) as answer:
                await answer.read()
                found.append(answer.status)
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_another_address_is_answered(config: Path, kind: str) -> None:
    async with daemon(config) as running, client_at(SCRAPER) as client:
        await running.logged("serving")
        before = resident(running.process.pid)
        async with flooded(port_of(running), kind):
            for _ in range(3):
                assert await answers(client, running.base) == [200, 200, 200]
            assert open_sockets(running.process.pid) < SOCKETS
            grown = (resident(running.process.pid) - before) / MEGABYTE
        assert grown < 100, f"{grown:.0f} MB"


@pytest.mark.parametrize("kind", ["idle", "trickling"])
async def test_another_address_is_answered_over_tls(tls_config: Path, kind: str) -> None:
    """The attacker's bytes are no TLS here: they end at the handshake."""
    async with (
        daemon(tls_config) as running,
        client_at(SCRAPER) as client,
        flooded(port_of(running), kind),
    ):
        for _ in range(3):
            assert await answers(client, running.base.replace("http:", "https:")) == [200, 200, 200]


@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
async def test_connections_without_a_handshake_cost_little_and_end(tls_config: Path, sent: bytes) -> None:
    async with daemon(tls_config) as running, client_at(SCRAPER) as client:
        base = running.base.replace("http:", "https:")
        assert await answers(client, base) == [200, 200, 200]
        pid = running.process.pid
        before, opened = resident(pid), open_sockets(pid)
        flood = Flood()
        try:
            await flood.connect(port_of(running), SILENT, sent)
            assert await answers(client, base) == [200, 200, 200]
            grown = (resident(pid) - before) / MEGABYTE
            assert grown < 20, f"{grown:.0f} MB"
            await until(lambda: open_sockets(pid) <= opened, 20)
            assert await flood.ended() == SILENT
        finally:
            flood.close()


@pytest.mark.parametrize(
    ("sent", "count"),
    [
        (b"", 300),  # asyncio's own reading buffer has 256 kB for each
        (KINDS["not reading a page"] * 200, 100),  # more requests than are read before their answers
    ],
    ids=["idle", "not reading"],
)
async def test_finished_handshakes_cost_little(tls_config: Path, sent: bytes, count: int) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with daemon(tls_config) as running:
        pid = running.process.pid
        before = resident(pid)
        port = port_of(running)
        clients = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(sent)
            clients.append((reader, writer))
        async with client_at(SCRAPER) as client:
            assert await answers(client, running.base.replace("http:", "https:")) == [200, 200, 200]
        grown = (resident(pid) - before) / MEGABYTE
        for _, writer in clients:
            writer.transport.abort()
    assert grown < 25, f"{grown:.0f} MB"
