"""Gateways of a real FreeSWITCH: their provider stops, hangs, returns; they are deleted and restarted."""

import time

import pytest

from exporter.config import GatewayConfig
from tests.live.lab import Lab
from tests.live.seen import looking
from tests.watch.watching import Watch, watching

pytestmark = pytest.mark.live

GATEWAYS = {
    "telnyx": GatewayConfig(max_calls=10, provider="telnyx"),
    "backup": GatewayConfig(register=False),
    "noreg": GatewayConfig(),
}
POLL_INTERVAL = 10.0  # the default: changes from events must not need more polls


async def figures(watch: Watch, gateway: str = "telnyx") -> dict[str, float | None]:
    """Figures of a gateway that must be present at any time."""
    return {
        name: await watch.value(f"freeswitch_gateway_{name}", gateway=gateway)
        for name in ("up", "usable", "watched_seconds_total", "usable_seconds_total")
    }


async def test_gateways_in_their_normal_state(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS, poll_interval=POLL_INTERVAL) as watch:
        assert await watch.value("freeswitch_up") == 1
        for name in ("telnyx", "noreg", "backup"):
            said = await lab.gateway(name)
            shown = await watch.word("freeswitch_gateway_state", "state", gateway=name)
            assert (name, shown) == (name, said["state"])
            up = await watch.value("freeswitch_gateway_up", gateway=name)
            assert (name, up) == (name, float(said["status"] == "UP"))
            interval = await watch.value("freeswitch_gateway_ping_interval_seconds", gateway=name)
            assert interval == float(said["pingfreq"])
        await watch.until_gateway("none", "telnyx")
        await watch.until_gateway("none", "backup", seconds=25)  # once its first OPTIONS was answered
        assert (await watch.value("freeswitch_gateway_ping_seconds", gateway="backup") or 9) < 1
        # FreeSWITCH's list has no reason for noreg's wait; its next attempt reports one.
        await lab.cli("sofia profile external register noreg")
        await watch.until_gateway("auth_rejected", "noreg")
        answers = "freeswitch_gateway_registration_responses_total"
        assert await watch.value(answers, gateway="noreg", code="403") == 1
        await watch.until_value(
            "freeswitch_gateway_state_changes_total", 1, gateway="noreg", state="FAIL_WAIT"
        )
        assert await watch.value("freeswitch_gateway_usable", gateway="noreg") == 0


async def test_the_provider_stops_and_starts(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS, poll_interval=POLL_INTERVAL) as watch:
        await watch.until_gateway("none", "backup", seconds=25)
        before = await figures(watch)
        assert (before["up"], before["usable"]) == (1, 1)
        async with looking(watch) as telnyx, looking(watch, "backup") as backup:
            await lab.run("trunk-stop")
            await watch.until_gateway("unreachable", seconds=40)
            await watch.until_gateway("ping_failed", "backup", seconds=25)
            said = await lab.gateway("telnyx")
            assert said["status"] == "DOWN"
            during = await figures(watch)
            assert (during["up"], during["usable"]) == (0, 0)
            await watch.until_gone("freeswitch_gateway_ping_seconds", gateway="backup")
            answers = "freeswitch_gateway_registration_responses_total"
            assert (await watch.value(answers, gateway="telnyx", code="503") or 0) >= 1
            await lab.run("trunk-start")
            await watch.until_gateway("none", seconds=60)
            await watch.until_gateway("none", "backup", seconds=25)
        assert set(telnyx.verdicts) <= {"none", "ping_failed", "unreachable", "registering"}
        assert backup.verdicts == ["none", "ping_failed", "none"]
        assert (await lab.gateway("telnyx"))["state"] == "REGED"
        after = await figures(watch)
        assert (after["up"], after["usable"]) == (1, 1)
        lost = (after["watched_seconds_total"] or 0) - (after["usable_seconds_total"] or 0)
        assert 3 < lost < telnyx.when("none") + 120


async def test_the_provider_freezes_and_thaws(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS, poll_interval=POLL_INTERVAL) as watch:
        await watch.until_gateway("none", "backup", seconds=25)
        # Freshly registered: no REGISTER is due before the OPTIONS that goes unanswered has failed.
        await lab.cli("sofia profile external register telnyx")
        await watch.until_value("freeswitch_gateway_state_changes_total", 1, gateway="telnyx", state="REGED")
        await watch.until_gateway("none")
        async with looking(watch) as telnyx, looking(watch, "backup") as backup:
            due = int((await lab.gateway("backup"))["ping"])
            await lab.run("trunk-freeze")
            await watch.until_gateway("ping_overdue", "backup", seconds=30)
            noticed = time.time() - due
            # FreeSWITCH itself still shows UP, for half a minute.
            assert (await lab.gateway("backup"))["status"] == "UP"
            assert await watch.value("freeswitch_gateway_up", gateway="backup") == 1
            assert await watch.value("freeswitch_gateway_usable", gateway="backup") == 0
            pending = await watch.value("freeswitch_gateway_ping_pending_seconds", gateway="backup")
            assert 3 < (pending or 0) < 6
            assert noticed < 7, "FreeSWITCH sends an OPTIONS up to 2 s after it is due"
            await watch.until_gateway("ping_failed", "backup", seconds=45)
            assert (await lab.gateway("backup"))["status"] == "DOWN"
            await watch.until(lambda node: not node.gateways.named("telnyx")[0].up, 30)
            assert (await lab.gateway("telnyx"))["status"] == "DOWN"
            await lab.run("trunk-thaw")
            await watch.until_gateway("none", seconds=90)
            await watch.until_gateway("none", "backup", seconds=25)
        assert backup.verdicts == ["none", "ping_overdue", "ping_failed", "none"]
        assert [word for word in telnyx.verdicts if word != "registering"] == [
            "none",
            "ping_overdue",
            "ping_failed",
            "none",
        ]


async def test_a_gateway_is_killed_and_added_again(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS, poll_interval=POLL_INTERVAL) as watch:
        async with looking(watch) as telnyx:
            await lab.cli("sofia profile external killgw telnyx")
            await watch.until_gateway("missing", seconds=10)
            assert await lab.gateway("telnyx") == {}
            assert await watch.word("freeswitch_gateway_state", "state", gateway="telnyx") == "MISSING"
            assert (await figures(watch))["usable"] == 0
            assert await watch.word("freeswitch_gateway_problem", "problem", gateway="backup") != "missing"
            await lab.cli("sofia profile external rescan")
            await watch.until_gateway("none", seconds=15)
        # FreeSWITCH first reports that it has unregistered, and a second later the deletion.
        assert telnyx.verdicts[:3] == ["none", "unregistered", "missing"]
        assert telnyx.verdicts[-1] == "none"
        assert (await lab.gateway("telnyx"))["state"] == "REGED"
        assert await watch.value("freeswitch_gateway_up", gateway="telnyx") == 1


async def test_a_profile_restarts_and_nothing_is_missed(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS, poll_interval=POLL_INTERVAL) as watch:
        began = time.monotonic()
        seconds = await watch.value("freeswitch_gateway_seconds_total", gateway="telnyx") or 0
        async with looking(watch) as telnyx, looking(watch, "backup") as backup:
            await lab.profile("restart")
            await watch.until_value("freeswitch_events_total", 1, event="sofia::profile_start")
            await watch.until_gateway("none", seconds=15)
        # A gateway that is absent for 1.5 s is not `missing`.
        assert "missing" not in telnyx.verdicts
        assert "profile_down" not in telnyx.verdicts
        assert set(backup.verdicts) <= {"none", "unmonitored"}
        assert (await lab.gateway("telnyx"))["state"] == "REGED"
        grown = (await watch.value("freeswitch_gateway_seconds_total", gateway="telnyx") or 0) - seconds
        assert grown == pytest.approx(time.monotonic() - began, abs=0.5)


async def test_a_profile_stops_and_starts(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS, poll_interval=POLL_INTERVAL) as watch:
        await lab.profile("stop")
        await watch.until_gateway("profile_down", seconds=25)
        assert await watch.value("freeswitch_sofia_profile_up", profile="external") == 0
        assert await watch.value("freeswitch_sofia_profile_up", profile="internal") == 1
        await lab.profile("start")
        await watch.until_gateway("none", seconds=25)
        await watch.until_value("freeswitch_sofia_profile_up", 1, profile="external")


async def test_a_gateway_is_unregistered_and_registers_again(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS, poll_interval=POLL_INTERVAL) as watch:
        await lab.cli("sofia profile external unregister telnyx")
        await watch.until_gateway("unregistered", seconds=10)
        assert (await lab.gateway("telnyx"))["state"] == "DOWN"
        await lab.cli("sofia profile external register telnyx")
        await watch.until_gateway("none", seconds=10)
        changes = "freeswitch_gateway_state_changes_total"
        assert await watch.value(changes, gateway="telnyx", state="REGED") == 1
