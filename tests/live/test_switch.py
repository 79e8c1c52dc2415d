"""The watched FreeSWITCH itself: its figures, a kill and a new start, a hang, and refused connections."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest

from exporter.config import GatewayConfig
from tests.live.lab import OUTBOUND, Lab
from tests.watch.watching import watching

pytestmark = pytest.mark.live

GATEWAYS = {"telnyx": GatewayConfig(provider="telnyx")}
GAUGES: Final = {"freeswitch_gateway_state", "freeswitch_calls_active", "freeswitch_current_sessions"}
FROZEN: Final = 40.0  # seconds: longer than every deadline of the exporter, and long enough for full backlogs
BARRED: Final = "127.0.0.66"  # the lab's ACL denies this address


class Relay:
    """A relay to the switch from another address; a node connects to its port."""

    def __init__(self, port: int) -> None:
        self.port = port


@asynccontextmanager
async def relayed(lab: Lab, local_ip: str) -> AsyncIterator[Relay]:
    """Relay connections to the switch's event socket from `local_ip`."""
    writers: list[asyncio.StreamWriter] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(lab.host, lab.port, local_addr=(local_ip, 0))
        writers.extend((writer, far_writer))
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield Relay(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
    with contextlib.suppress(OSError):
        writer.write_eof()


@asynccontextmanager
async def crowded(lab: Lab) -> AsyncIterator[None]:
    """Fill the accept queue of a hanging process, so that the next SYN gets no answer."""
    waiting: list[asyncio.StreamWriter] = []
    try:
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(2):
                    waiting.append((await asyncio.open_connection(lab.host, lab.port))[1])
        yield
    finally:
        for writer in waiting:
            writer.transport.abort()


async def test_figures_are_freeswitchs_own(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS, poll_interval=1.0) as watch:
        samples = await watch.samples()
        assert samples["freeswitch_up"][()] == 1
        status = await lab.cli("status")
        assert f"{samples['freeswitch_max_sessions'][()]:.0f} session(s) max" in status
        assert f"out of max {samples['freeswitch_max_sps'][()]:.0f}," in status
        assert samples["freeswitch_sessions_total"][()] == await lab.sessions()
        uptime = float(await lab.cli("uptime s"))
        assert samples["freeswitch_uptime_seconds"][()] == pytest.approx(uptime, abs=3)
        (info,) = samples["freeswitch_info"]
        assert dict(info)["hostname"] == await lab.cli("hostname")
        assert dict(info)["version"].split()[0] == await lab.cli("version short")
        assert watch.node.core_uuid == await lab.core_uuid()
        assert samples["freeswitch_time_synced"][()] == 1
        await watch.until_value("freeswitch_registrations", 0)  # the database is asked after the connect
        profiles = {
            dict(key)["profile"]: value for key, value in samples["freeswitch_sofia_profile_up"].items()
        }
        assert profiles == {"internal": 1, "external": 1}
        assert (await watch.value("freeswitch_event_round_trip_seconds") or 9) < 0.5
        await lab.cli("fsctl pause outbound")
        await watch.until_value("freeswitch_paused", 1, direction="outbound")
        assert await watch.value("freeswitch_paused", direction="inbound") == 0
        await lab.cli("fsctl resume")
        await watch.until_value("freeswitch_paused", 0, direction="outbound")


async def test_the_switch_is_killed_and_starts_a_new_life(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS, poll_interval=1.0) as watch:
        await lab.dial("02")
        await watch.until_value("freeswitch_call_hangups_total", 1, **OUTBOUND)
        await watch.until_value("freeswitch_gateway_calls_total", 1, **OUTBOUND)
        await lab.dial("01", talk=60)
        await watch.until_value("freeswitch_calls_answered_total", 1, **OUTBOUND)
        await watch.until_value("freeswitch_gateway_calls_total", 2, **OUTBOUND)
        first_life = await lab.core_uuid()
        assert (await watch.value("freeswitch_sessions_total") or 0) >= 1

        await lab.kill_switch()
        await watch.until_problem("refused")
        samples = await watch.samples()
        assert samples["freeswitch_up"][()] == 0
        assert not GAUGES & set(samples)
        assert await watch.value("freeswitch_call_hangups_total", **OUTBOUND) == 1
        assert await watch.value("freeswitch_calls_lost_total", **OUTBOUND) == 1
        assert await watch.value("freeswitch_gateway_calls_total", **OUTBOUND) == 2

        await lab.run("switch-start")
        await watch.until(lambda node: node.connected, 35)
        assert watch.node.core_uuid == await lab.core_uuid() != first_life
        await watch.until_value("freeswitch_sessions_total", 0)
        assert await watch.value("freeswitch_calls_active", **OUTBOUND) == 0
        await watch.until_gateway("none", seconds=30)
        # FreeSWITCH counts from 0 again; the exporter's counter continues.
        assert (await lab.gateway("telnyx"))["calls-out"] == "0"
        await lab.dial("02")
        await watch.until_value("freeswitch_gateway_calls_total", 3, **OUTBOUND)
        await watch.until_value("freeswitch_gateway_failed_calls_total", 2, **OUTBOUND)
        await watch.until_value("freeswitch_call_hangups_total", 2, **OUTBOUND)
        assert await watch.value("freeswitch_calls_unaccounted_total") == 0


async def test_the_switch_is_shut_down_properly(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS) as watch:
        await lab.cli("fsctl shutdown")
        await watch.until(lambda node: node.attempts.get("shutdown", 0) == 1, 20)
        await watch.until_problem("refused")
        assert await watch.value("freeswitch_up") == 0


async def test_a_switch_that_hangs_is_never_taken_for_a_dead_network(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS) as watch:
        life = watch.node.core_uuid
        await lab.run("switch-freeze")
        frozen = time.monotonic()
        await watch.until_problem("hung", seconds=15)
        samples = await watch.samples()
        assert samples["freeswitch_up"][()] == 0
        assert not GAUGES & set(samples)
        # The accept queue fills after minutes of attempts; here it is filled at once.
        async with crowded(lab):
            unanswered = False
            while time.monotonic() < frozen + FROZEN or not unanswered:
                assert watch.node.problem == "hung", watch.node.reason
                assert time.monotonic() < frozen + 2 * FROZEN
                unanswered = unanswered or "no answer" in watch.node.reason
                await asyncio.sleep(0.1)
        outcomes = {name for name, count in watch.node.attempts.items() if count}
        assert outcomes == {"connected", "hung"}
        await lab.run("switch-thaw")
        await watch.until(lambda node: node.connected, 40)
        assert watch.node.core_uuid == life
        await watch.until_gateway("none")
        seconds = await watch.value("freeswitch_gateway_seconds_total", gateway="telnyx", state="UNKNOWN")
        assert (seconds or 0) > FROZEN - 15


async def test_an_address_that_the_acl_bars(lab: Lab) -> None:
    async with relayed(lab, BARRED) as barred, watching(barred, gateways=GATEWAYS, connected=False) as watch:
        await watch.until_problem("acl_denied")
        assert await watch.value("freeswitch_up") == 0
        assert await watch.value("freeswitch_connection_attempts_total", outcome="acl_denied") == 1
    # The same relay from an allowed address: the address was the reason.
    async with relayed(lab, "127.0.0.1") as let_in, watching(let_in, gateways=GATEWAYS) as watch:
        assert await watch.word("freeswitch_connection_problem", "problem") == "none"


async def test_a_wrong_password(lab: Lab) -> None:
    async with watching(lab, host=lab.host, password="NotClueCon", connected=False) as watch:
        await watch.until_problem("auth_rejected")
        assert "NotClueCon" not in watch.node.reason
        assert await watch.value("freeswitch_up") == 0


async def test_a_user_of_the_directory_without_rights(lab: Lab) -> None:
    # User 1000 of the lab has a SIP password, but none for the event socket.
    async with watching(lab, host=lab.host, user="1000@lab.local", password="1234", connected=False) as watch:
        await watch.until_problem("auth_rejected")
