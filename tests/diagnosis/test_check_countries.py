"""Check 9, countries: one to which calls fail while others are well is named, and only then."""

from dataclasses import replace

import pytest

from exporter.clock import Clock
from exporter.config import DestinationsConfig, GatewayConfig, NodeConfig
from exporter.diagnosis.call_window import NOTE_EVERY, CallWindow
from exporter.diagnosis.conclusion import diagnose
from exporter.diagnosis.finding import Finding, time_of_day
from exporter.diagnosis.snapshot import CountrySeen, RecentCalls
from exporter.simulator import FarEnd, SimulatedSwitch, refuses
from exporter.watch.destinations import Destinations
from exporter.watch.node import Node
from tests.diagnosis.snapshots import calls, found, snapshot
from tests.support.no_look_up import no_look_up

NOW = 1_795_390_000.0
US = CountrySeen(country="US", calls=40)
PK = CountrySeen(country="PK", calls=5, failed=5, failing_since=NOW - 600, failed_with="503")
CAUSES = {"NORMAL_TEMPORARY_FAILURE": 5}


def findings(*countries: CountrySeen, causes: dict[str, int] | None = None) -> list[Finding]:
    recent = calls(answered=40, causes=CAUSES if causes is None else causes, countries=countries)
    return found(snapshot(recent=recent, taken_at=NOW), "calls")


def test_the_country_is_named_with_the_time_and_the_answer() -> None:
    [finding] = findings(US, PK)
    since = time_of_day(NOW - 600, NOW)
    assert finding.summary == f"Gateway telnyx: calls to PK fail since {since} (503), others are well"
    assert (finding.status, finding.fault, finding.gateway) == ("warn", "country", "telnyx")
    assert finding.seen == "outbound calls in the last 15 min: US 0 of 40 failed, PK 5 of 5 failed"
    assert "through another gateway" in finding.remedy.advice


def test_where_some_get_through_their_number_is_told() -> None:
    [finding] = findings(US, replace(PK, calls=8, failing_since=0.0))
    assert "5 of 8 calls to PK fail (503), others are well" in finding.summary


def test_networks_of_no_country_have_a_name() -> None:
    [finding] = findings(US, replace(PK, country="001"))
    assert "calls to satellites and networks of no country fail" in finding.summary


@pytest.mark.parametrize(
    "countries",
    [
        (),
        (PK,),  # nobody knows whether others are well
        (replace(US, calls=40, failed=20), PK),  # all fail: the trunk
        (replace(US, calls=0), PK),
        (US, replace(PK, calls=2, failed=2)),  # too few
        (US, replace(PK, calls=50)),  # a tenth of them
        (US, replace(PK, country="other")),  # wrong numbers, extensions
    ],
)
def test_elsewhere_the_gateway_is_named(countries: tuple[CountrySeen, ...]) -> None:
    [finding] = findings(*countries)
    assert finding.fault == "NORMAL_TEMPORARY_FAILURE"


def test_failures_of_other_countries_are_named_beside() -> None:
    reported = findings(replace(US, failed=2), PK, causes={"NORMAL_TEMPORARY_FAILURE": 7})
    assert sorted(finding.fault for finding in reported) == ["NORMAL_TEMPORARY_FAILURE", "country"]


def test_several_countries_are_named_the_worst_first_and_not_too_many() -> None:
    codes = ["PK", "IN", "BD", "LK"]
    many = [replace(PK, country=code, calls=5 + n, failed=5 + n) for n, code in enumerate(codes)]
    reported = findings(US, *many, causes={"NORMAL_TEMPORARY_FAILURE": 26})
    assert [finding.summary.split("calls to ")[1][:2] for finding in reported] == ["LK", "BD", "IN"]


def test_what_a_provider_code_explains_is_not_said_twice() -> None:
    recent = calls(answered=40, causes={"CALL_REJECTED": 5}, codes={"D1": 5}, countries=(US, PK))
    assert [finding.fault for finding in found(snapshot(recent=recent), "calls")] == ["capacity"]


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "not in the config"])
async def test_calls_of_a_switch_are_seen_by_country_in_the_window(listed: bool) -> None:
    destinations = Destinations()
    destinations.configure(DestinationsConfig(), None)
    gateways = {"telnyx": GatewayConfig()} if listed else {}
    async with SimulatedSwitch(tick=0.05, speed=10) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        config = NodeConfig(name="fs1", port=switch.port, gateways=gateways)
        node = Node(config, "ab12", clock=Clock(), look_up=no_look_up, destinations=destinations)
        node.start()
        await switch.until(lambda: node.connected)
        window = CallWindow(0.0)

        async def place(number: str, far_end: FarEnd) -> None:
            before = ended()
            switch.calls.outbound("telnyx", number, far_end, caller="+15550000098", seconds=1)
            await switch.until(lambda: ended() == before + 1)

        def ended() -> int:
            stats = node.calls.stats.get(("telnyx", "outbound"))
            return sum(count for count, _ in stats.hangups.values()) if stats is not None else 0

        def seen(now: float) -> RecentCalls:
            return window.calls(node, now)

        await place("+923001234567", refuses(503, "Service Unavailable"))
        for now in (NOTE_EVERY, 2 * NOTE_EVERY, 3 * NOTE_EVERY):
            window.note(node, now)
        assert seen(3 * NOTE_EVERY).calls == ()
        for last in range(3):
            await place(f"+92300123456{last}", refuses(503, "Service Unavailable"))
            await place(f"+1202555012{last}", FarEnd(answer=0.1))
        recent = seen(3 * NOTE_EVERY + 1)
        [through] = recent.calls
        assert {one.country: (one.calls, one.failed) for one in through.countries} == {
            "PK": (3, 3),
            "US": (3, 0),
        }
        diagnosis = diagnose(snapshot(recent=recent))
        [finding] = [one for one in diagnosis.findings if one.check == "calls"]
        assert "calls to PK fail since" in finding.summary
        assert "(503), others are well" in finding.summary
        await node.stop()
