"""The history of a real trunk: stopped, frozen, after a reload of the XML; and the calls that it refused.

What the history says is compared with FreeSWITCH's own figures, with what this test did and when, and with
the Call-IDs that the provider's switch saw.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from exporter.history.times import epoch
from tests.live.far_end import far_end
from tests.live.lab import Lab
from tests.live.test_daemon import scrape
from tests.probe.daemons import Daemon, daemon

pytestmark = pytest.mark.live

TRUNK: Final = 'node="fs1",gateway="telnyx",profile="external"'
TO_THE_SECOND: Final = 1.5  # times of an answer are whole seconds


def config(folder: Path, lab: Lab, **keys: Any) -> Path:
    """A daemon that keeps its history."""
    path = folder / "exporter.yml"
    node = {"name": "fs1", "host": lab.host, "port": lab.port, "gateways": {"telnyx": {"provider": "telnyx"}}}
    keep = {"listen": ["127.0.0.1:0"], "state_dir": str(folder / "state"), "nodes": [node]}
    path.write_text(yaml.safe_dump(keep | keys))
    return path


async def ask(running: Daemon, path: str) -> Any:
    """The JSON of an answer."""
    status, text = await running.get(path)
    assert status == 200, text
    return json.loads(text)


async def until(what: str, look: Callable[[], Awaitable[Any]], seconds: float) -> Any:
    """The first result of `look` that is true."""
    deadline = time.monotonic() + seconds
    while not (found := await look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        await asyncio.sleep(0.2)
    return found


async def outages(running: Daemon) -> list[Any]:
    """Those of the trunk, newest first."""
    found: list[Any] = (await ask(running, "/api/history?gateway=telnyx&kind=outage"))["outages"]
    return found


async def lasting(running: Daemon) -> Any:
    """The outage that lasts, if there is one."""
    return next((outage for outage in await outages(running) if outage["ended"] is None), None)


async def over(running: Daemon) -> Any:
    """The newest outage, once it is over."""
    return next((outage for outage in await outages(running) if outage["ended"] is not None), None)


async def registered(running: Daemon) -> bool:
    """The trunk has no problem."""
    problems = (await scrape(running)).get("freeswitch_gateway_problem", {})
    return problems.get(f'{TRUNK},problem="none"') == 1


async def told(running: Daemon) -> str:
    """What the diagnosis says of the trunk's past."""
    findings = (await ask(running, "/api/diagnosis"))["nodes"][0]["findings"]
    return next((one["past"] for one in findings if one["gateway"] == "telnyx" and one["past"]), "")


async def same_everywhere(running: Daemon, outage: Any) -> None:
    """The counter, the gauges and the availability agree with the history about this one outage."""
    found = await scrape(running)
    assert found["freeswitch_gateway_outages_total"][TRUNK] == 1
    assert found["freeswitch_gateway_outage"][TRUNK] == 0
    changed = found["freeswitch_gateway_outage_change_timestamp_seconds"][TRUNK]
    assert changed == pytest.approx(epoch(outage["ended"]), abs=TO_THE_SECOND)
    assert outage["seconds"] == pytest.approx(
        epoch(outage["ended"]) - epoch(outage["began"]), abs=TO_THE_SECOND
    )
    (gateway,) = (await ask(running, "/api/availability?since=1h&gateway=telnyx"))["gateways"]
    assert gateway["outages"] == 1
    found = await scrape(running)
    for key, family in (("watchedSeconds", "watched"), ("usableSeconds", "usable")):
        counted = found[f"freeswitch_gateway_{family}_seconds_total"][TRUNK]
        assert gateway[key] == pytest.approx(counted, abs=TO_THE_SECOND)


async def test_the_trunk_stops_after_the_xml_was_reloaded(lab: Lab, tmp_path: Path) -> None:
    async with daemon(config(tmp_path, lab)) as running:
        await until("the trunk is well", lambda: registered(running), 20)
        await lab.cli("reloadxml")
        stopped = time.time()
        await lab.run("trunk-stop")
        outage = await until("an outage", lambda: lasting(running), 60)
        assert outage["problem"] in ("unreachable", "ping_failed", "register_failed")
        assert epoch(outage["began"]) > stopped - TO_THE_SECOND
        assert "xml_reloaded" in [change["what"] for change in outage["changesBefore"]]
        assert ", first time today; XML was reloaded " in await told(running)
        assert (await scrape(running))["freeswitch_gateway_outage"][TRUNK] == 1

        async def down() -> bool:
            return (await lab.gateway("telnyx"))["status"] == "DOWN"

        await until("FreeSWITCH refuses to dial", down, 40)
        failed = int((await lab.gateway("telnyx"))["failed-calls-out"])
        for _ in range(3):
            await lab.dial("01")

        async def refused() -> bool:
            return int((await lab.gateway("telnyx"))["failed-calls-out"]) == failed + 3

        await until("FreeSWITCH has refused three dials", refused, 10)
        await lab.run("trunk-start")
        await until("the trunk is well", lambda: registered(running), 90)
        well = time.time()
        outage = await until("the outage is over", lambda: over(running), 10)
        assert epoch(outage["ended"]) == pytest.approx(well, abs=5)
        assert outage["endedUnwatched"] is False
        await same_everywhere(running, outage)

        async def counted() -> bool:
            return bool((await outages(running))[0]["dialsRefused"] == 3)

        await until("the poll after the end brings the refused dials", counted, 20)


async def test_the_trunk_freezes(lab: Lab, tmp_path: Path) -> None:
    async with daemon(config(tmp_path, lab)) as running:
        await until("the trunk is well", lambda: registered(running), 20)
        frozen = time.time()
        await lab.run("trunk-freeze")
        outage = await until("an outage", lambda: lasting(running), 60)
        assert outage["problem"] in ("ping_overdue", "unreachable", "ping_failed")
        assert epoch(outage["began"]) > frozen - TO_THE_SECOND
        assert (await told(running)).startswith(("Down for ", "Failing, though usable, for "))
        await lab.run("trunk-thaw")
        await until("the trunk is well", lambda: registered(running), 90)
        well = time.time()
        outage = await until("the outage is over", lambda: over(running), 10)
        assert epoch(outage["ended"]) == pytest.approx(well, abs=5)
        await same_everywhere(running, outage)


KEPT: Final = {
    "05": ("failed", 403, "", "CALL_REJECTED"),
    "06": ("failed", 503, "", "NORMAL_TEMPORARY_FAILURE"),
    "07": ("silent", None, "", "NORMAL_CLEARING"),  # answered, and ended by FreeSWITCH
    "21": ("failed", 403, "D1", "CALL_REJECTED"),
    # An unknown number by its cause; the provider's code tells that the account is blocked.
    "22": ("failed", 404, "D19", "UNALLOCATED_NUMBER"),
}
# A busy line and an unknown number: their causes say nothing against the network (switch.cause.OF_THE_CALL).
NOT_KEPT: Final = ("02", "04")


async def test_kept_calls_carry_the_call_ids_that_the_far_end_saw(lab: Lab, tmp_path: Path) -> None:
    async with daemon(config(tmp_path, lab, history={"numbers": "full"})) as running, far_end() as provider:
        await until("the trunk is well", lambda: registered(running), 20)
        for number in (*KEPT, *NOT_KEPT):
            await lab.dial(number, talk=6)
        await provider.until_ended(*KEPT, *NOT_KEPT)
        ended = f'{TRUNK.partition(",profile")[0]},direction="outbound"'

        async def all_counted() -> bool:
            hangups = (await scrape(running)).get("freeswitch_call_hangups_total", {})
            legs = sum(count for labels, count in hangups.items() if labels.startswith(ended))
            return legs == len(KEPT) + len(NOT_KEPT)

        await until("the exporter has seen every end", all_counted, 20)
        kept = (await ask(running, "/api/calls?since=1h&gateway=telnyx"))["calls"]
        ticket = (await running.get("/api/calls?since=1h&gateway=telnyx&result=failed&format=ticket"))[1]
    found = {call["to"][-2:]: call for call in kept}
    assert found.keys() == KEPT.keys()
    assert len(kept) == len(KEPT), "each once"
    for number, (result, status, code, cause) in KEPT.items():
        call = found[number]
        assert [call["sipCallId"]] == provider.call_ids[number], number
        assert (call["result"], call["sipStatus"], call["providerCode"], call["cause"]) == (
            *(result, status, code, cause),
        ), number
        assert (call["direction"], call["from"]) == ("outbound", "+19495431333")
        assert call["remoteSipAddress"].startswith("127.0.0.1:")
        assert (call["sipCallId"] in ticket) == (result == "failed"), number
    assert (found["07"]["packetsIn"], found["07"]["origin"]) == (0, "far_end")
    assert found["07"]["packetsOut"] > 0


async def test_a_password_that_was_dialled_is_kept_nowhere(lab: Lab, tmp_path: Path) -> None:
    secret = "geheim4711"
    async with daemon(config(tmp_path, lab, history={"numbers": "full"}, log_stream="warning")) as running:
        for dialled in (
            f"sofia/external/sip:anna:{secret}@127.0.0.1:9",
            f"sofia/external/anna:{secret}@127.0.0.1:9",
            f"sofia/gateway/telnyx/anna:{secret}",
            f"sofia/gateway/noreg/anna:{secret}",
            f"sofia/anna:{secret}",
            f"loopback/anna:{secret}/default",
        ):
            await lab.cli(f"originate {dialled} &park")
            await lab.cli(f"originate loopback/9196/default &bridge({dialled})")
            await lab.cli(f"bgapi originate {dialled} &park")

        async def kept() -> bool:
            calls = (await ask(running, "/api/calls?limit=200"))["calls"]
            return len([call for call in calls if call["to"] == "anna"]) >= 9

        await until("the calls are kept", kept, 15)
        for path in ("/api/calls?limit=200", "/api/diagnosis", "/api/history"):
            assert secret not in json.dumps(await ask(running, path))
        for path in ("/", "/metrics", "/history"):
            assert secret not in (await running.get(path))[1]
    assert all(secret.encode() not in file.read_bytes() for file in (tmp_path / "state").iterdir())
