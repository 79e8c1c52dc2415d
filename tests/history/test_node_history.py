"""Drills in virtual time: what happens to gateways and switches, and what is kept of it.

After each, history, availability and counters are compared with each other and with the truth: `agrees`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from exporter.config import GatewayConfig as Expected
from exporter.history.model import Outage, Phase
from exporter.history.node_history import TURNS, NodeHistory
from exporter.history.recent_changes import RecentChanges
from exporter.history.schema import HOUR, SAMPLE
from exporter.history.store import Subject
from exporter.simulator import FarEnd, GatewayConfig, Leg, SimulatedSwitch
from exporter.watch import gateway_table
from exporter.watch.changes import Change
from exporter.watch.gateway import GatewayWatch
from exporter.watch.problem_log import ProblemLog
from tests.history.lab import Kept, Lab, run, switch_at
from tests.watch.builders import HandClock

TELNYX = Subject("fs1", "telnyx", "external")
WITHIN = 1.0  # seconds
FULL_HOUR = 1_800_003_600.0  # epoch
COLLECTED = 20.0  # seconds after which what has grown is kept


def agrees(lab: Lab) -> None:
    """Outages, hours, counters and the truth say the same."""
    lab.collect()
    for name, node in lab.nodes.items():
        for gateway in node.gateways:
            gateway.advance(lab.clock.monotonic())
            rows = lab.kept.of(name, gateway.name, gateway.profile)
            truth = lab.truths[name, gateway.name, gateway.profile]
            hours = lab.kept.figures(Subject(name, gateway.name, gateway.profile))
            tracker = lab.histories[name].tracker(gateway)
            assert tracker is not None
            assert sum(row.times for row in rows) == tracker.begun == hours.outages == len(truth.outages)
            assert sum(row.seconds for row in rows) == pytest.approx(sum(truth.outages), abs=WITHIN)
            assert hours.watched == pytest.approx(gateway.watched_seconds, abs=1e-6)
            assert hours.watched == pytest.approx(truth.watched, abs=WITHIN)
            assert hours.usable == pytest.approx(gateway.usable_seconds, abs=1e-6)
            for row in rows:
                assert row.ended is None or row.ended >= row.began
            for before, after in pairwise(rows):
                assert before.ended is not None
                assert before.ended <= after.began


@dataclass
class Fault:
    """How a gateway gets a problem, and rid of it."""

    problem: str
    begin: Callable[[SimulatedSwitch], Any]
    end: Callable[[SimulatedSwitch], Any]
    detail: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


def _asked(action: Callable[[SimulatedSwitch], Any]) -> Callable[[SimulatedSwitch], Any]:
    """The action, and a registration at once."""

    def both(switch: SimulatedSwitch) -> None:
        action(switch)
        switch.gateway("telnyx").ask_register()

    return both


def removed(switch: SimulatedSwitch) -> None:
    """The gateway telnyx is taken out of the configuration, and deleted."""
    switch.unconfigure_gateway("telnyx")
    switch.remove_gateway("telnyx")


def returned(switch: SimulatedSwitch) -> None:
    """It is configured again."""
    switch.configure_gateway(GatewayConfig("telnyx"))
    switch.rescan("external")


async def replaced(switch: SimulatedSwitch, config: GatewayConfig) -> None:
    """Another configuration of the gateway telnyx is read."""
    old = switch.gateway("telnyx")
    switch.remove_gateway("telnyx")
    await switch.until(lambda: old.gone, 30)
    switch.configure_gateway(config)
    switch.rescan("external")


FAULTS = [
    Fault(
        "auth_rejected",
        _asked(lambda switch: switch.provider("telnyx").rejects(403, "Forbidden")),
        _asked(lambda switch: switch.provider("telnyx").accepts()),
        "403 Forbidden",
    ),
    Fault(
        "rejected",
        _asked(lambda switch: switch.provider("telnyx").rejects(500, "Broken")),
        _asked(lambda switch: switch.provider("telnyx").accepts()),
        "500 Broken",
    ),
    Fault(
        "unreachable",
        _asked(lambda switch: switch.provider("telnyx").falls_silent()),
        _asked(lambda switch: switch.provider("telnyx").accepts()),
    ),
    Fault(
        "unregistered",
        lambda switch: switch.gateway("telnyx").ask_unregister(),
        lambda switch: switch.gateway("telnyx").ask_register(),
    ),
    Fault("missing", removed, returned),
    Fault(
        "profile_down",
        lambda switch: switch.stop_profile("external"),
        lambda switch: switch.start_profile("external"),
    ),
    Fault(
        "ping_failed",
        lambda switch: switch.provider("telnyx").answers_pings(503, "No"),
        lambda switch: switch.provider("telnyx").accepts(),
        "503 No",
        {"ping": 6},
    ),
    Fault(
        "ping_overdue",
        lambda switch: switch.provider("telnyx").ignores_pings(),
        lambda switch: switch.provider("telnyx").accepts(),
        "",
        {"ping": 6},
    ),
    Fault(
        "not_registering",
        lambda switch: replaced(switch, GatewayConfig("telnyx", register=False)),
        lambda switch: replaced(switch, GatewayConfig("telnyx")),
    ),
]


async def done(result: object) -> None:
    """Wait for what takes time."""
    if isinstance(result, Awaitable):
        await result


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.problem)
def test_each_verdict_is_an_outage_from_its_beginning_to_its_end(fault: Fault) -> None:
    async def drill(lab: Lab) -> None:
        config = GatewayConfig("telnyx", **fault.settings)
        async with switch_at(lab.clock, gateways=[config]) as switch:
            await lab.watch(switch, gateways={"telnyx": Expected(register=True)})
            well = lab.past()
            assert (well.outage, well.last, well.today) == (None, None, 0)
            assert well.well_since is not None
            await done(fault.begin(switch))
            await lab.until_problem(fault.problem)
            await lab.clock.sleep(20)
            lasting = lab.past()
            assert lasting.outage is not None
            assert lasting.well_since is None
            assert fault.problem in lasting.outage.problems
            if fault.detail:
                assert lasting.outage.detail == fault.detail
            await done(fault.end(switch))
            await lab.until_problem("none")
            await lab.clock.sleep(30)
            over = lab.past()
            assert over.outage is None
            assert (over.today, over.day) == (1, 1)
            [row] = lab.kept.of()
            assert over.last == row
            assert row.ended == over.well_since
            agrees(lab)

    run(drill)


def test_one_that_begins_with_a_registration_that_failed_before() -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            switch.provider("telnyx").rejects(403, "Forbidden")
            switch.gateway("telnyx").ask_register()
            await switch.gateway_reaches("telnyx", "FAIL_WAIT")
            await lab.watch(switch)
            await lab.until_problem("auth_rejected")
            await lab.clock.sleep(2)
            [row] = lab.kept.of()
            assert row.problems[0] == "register_failed"
            assert row.problem == "auth_rejected"
            agrees(lab)

    run(drill)


def test_flaps_within_a_second_are_none_and_flaps_of_five_seconds_one_each() -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            await lab.watch(switch)
            gateway = switch.gateway("telnyx")
            for seconds, outages in ((0.4, 0), (5.0, 5)):
                for _ in range(5):
                    gateway.ask_unregister()
                    await lab.until_problem("unregistered")
                    await lab.clock.sleep(seconds)
                    gateway.ask_register()
                    await lab.until_problem("none")
                    await lab.clock.sleep(1)
                assert len(lab.kept.of()) == outages
            assert lab.past().today == 5
            agrees(lab)

    run(drill)


def without_a_node(clock: HandClock, kept: Kept, count: int) -> tuple[NodeHistory, list[GatewayWatch]]:
    """A history that is told of so many gateways by the test."""
    history = NodeHistory("fs1", clock, kept, RecentChanges())
    quiet = ProblemLog({}, quiet=True)
    return history, [
        GatewayWatch(f"gw{number}", "external", clock.now, quiet, lambda _: None, lambda *_: None)
        for number in range(count)
    ]


def test_a_thousand_gateways_are_collected_a_few_in_each_second() -> None:
    clock, kept = HandClock(), Kept()
    history, watches = without_a_node(clock, kept, 1000)
    for watch in watches:
        watch.readable, watch.problem = True, "none"
        history.verdict(watch, clock.now, clock.epoch())
    collected: set[Subject] = set()
    for _ in range(TURNS):
        clock.now += 1
        kept.hours.clear()
        history.tick(clock.now, clock.epoch())
        assert 0 < len(kept.hours) <= 1000 / TURNS + 1
        collected |= {subject for subject, _ in kept.hours}
    assert len(collected) == 1000


def test_ten_thousand_flaps_an_hour_are_bounded_and_counted() -> None:
    clock, kept = HandClock(), Kept()
    history, watches = without_a_node(clock, kept, 20)
    flaps = 0
    ends = clock.now + 3600
    while clock.now < ends:
        for problem in ("ping_failed", "none"):
            for watch in watches:
                watch.readable, watch.problem = True, problem
                history.verdict(watch, clock.now, clock.epoch())
            for _ in range(4):
                clock.now += 0.875
                history.tick(clock.now, clock.epoch())
        flaps += len(watches)
    assert flaps > 10_000
    assert len(kept.outages) == 60 * len(watches)
    assert sum(row.times for row in kept.outages.values()) == flaps
    assert sum(row.seconds for row in kept.outages.values()) == pytest.approx(flaps * 3.5)
    assert history.past("gw0").day == flaps / len(watches)


def test_a_node_lost_during_an_outage_of_its_gateway() -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            await lab.watch(switch)
            switch.gateway("telnyx").ask_unregister()
            await lab.until_problem("unregistered")
            await lab.clock.sleep(10)
            await switch.refuse_connections()
            await lab.clock.sleep(60)
            assert lab.past("").outage is not None
            assert lab.past().outage is not None
            await switch.accept_connections()
            await lab.until(lambda: lab.nodes["fs1"].connected)
            await lab.clock.sleep(10)
            switch.gateway("telnyx").ask_register()
            await lab.until_problem("none")
            [row], [lost] = lab.kept.of(), lab.kept.of(gateway="")
            assert row.ended is not None
            assert not row.ended_unwatched
            assert row.ended - row.began > 70
            assert row.seconds < 30  # the rest was not watched
            assert lost.layer == "switch"
            assert lost.problem in ("refused", "shutdown")
            assert lost.seconds == pytest.approx((lost.ended or 0) - lost.began)
            assert lost.seconds >= 60
            agrees(lab)

    run(drill)


def test_a_gateway_that_recovers_while_nobody_watches() -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            await lab.watch(switch)
            switch.gateway("telnyx").ask_unregister()
            await lab.until_problem("unregistered")
            await lab.clock.sleep(10)
            await switch.refuse_connections()
            switch.gateway("telnyx").ask_register()
            await lab.clock.sleep(60)
            await switch.accept_connections()
            await lab.until(lambda: lab.nodes["fs1"].connected)
            [row] = lab.kept.of()
            assert row.ended_unwatched
            assert row.ended == pytest.approx(lab.clock.epoch(), abs=1)
            assert row.seconds == pytest.approx(10, abs=1)
            agrees(lab)

    run(drill)


def test_a_node_lost_for_a_moment_is_no_outage_of_the_switch() -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            node = await lab.watch(switch)
            switch.drop_connections()
            await lab.until(lambda: node.attempts.get("connected") == 2)
            await lab.clock.sleep(20)
            assert lab.kept.of(gateway="") == []
            agrees(lab)

    run(drill)


def test_a_switch_that_never_answered_is_lost_since_the_first_attempt() -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            await switch.refuse_connections()
            began = lab.clock.epoch()
            await lab.watch(switch, connected=False)
            await lab.clock.sleep(30)
            outage = lab.past("").outage
            assert outage is not None
            assert outage.began == pytest.approx(began, abs=0.1)
            assert outage.problem == "refused"
            assert outage.detail

    run(drill)


def test_a_switch_that_restarts_in_the_middle() -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            node = await lab.watch(switch)
            switch.gateway("telnyx").ask_unregister()
            await lab.until_problem("unregistered")
            await lab.clock.sleep(10)
            switch.kill_process()
            await lab.clock.sleep(20)
            await switch.start_process()
            await lab.until(lambda: node.connected)
            await lab.until_problem("none")
            await lab.clock.sleep(20)
            [row] = lab.kept.of()
            assert row.ended is not None
            assert len(lab.kept.of(gateway="")) == 1
            assert lab.past("").outage is None
            agrees(lab)

    run(drill)


def test_two_gateways_at_once_and_one_name_in_two_profiles() -> None:
    async def drill(lab: Lab) -> None:
        configs = [GatewayConfig("telnyx"), GatewayConfig("telnyx", "internal"), GatewayConfig("backup")]
        async with switch_at(lab.clock, gateways=configs) as switch:
            await lab.watch(switch)
            switch.gateway("external::telnyx").ask_unregister()
            switch.gateway("backup").ask_unregister()
            await lab.until_problem("unregistered", "backup")
            await lab.clock.sleep(20)
            switch.gateway("internal::telnyx").ask_unregister()
            await lab.clock.sleep(20)
            for name in ("external::telnyx", "internal::telnyx", "backup"):
                switch.gateway(name).ask_register()
            await lab.until_problem("none", "backup")
            await lab.clock.sleep(20)
            external, internal = lab.kept.of(), lab.kept.of(profile="internal")
            assert [row.seconds for row in external] == [pytest.approx(40, abs=6)]
            assert [row.seconds for row in internal] == [pytest.approx(20, abs=6)]
            assert len(lab.kept.of(gateway="backup")) == 1
            agrees(lab)

    run(drill)


def test_calls_are_evidence_of_both_gateways_of_a_name_and_figures_of_one() -> None:
    async def drill(lab: Lab) -> None:
        configs = [GatewayConfig("telnyx"), GatewayConfig("telnyx", "internal")]
        async with switch_at(lab.clock, gateways=configs) as switch:
            await lab.watch(switch)
            for name in ("external::telnyx", "internal::telnyx"):
                switch.provider(name).answers_pings(503, "No")
            await fail(lab, switch, 3)
            lab.collect()
            total = [lab.kept.figures(subject) for subject in (TELNYX, TELNYX._replace(profile="internal"))]
            assert sum(figures.calls for figures in total) == 3
            assert sum(figures.failed for figures in total) == 3

    run(drill)


async def fail(lab: Lab, switch: SimulatedSwitch, calls: int) -> None:
    """So many calls through telnyx that the provider rejects, one after the other."""
    for _ in range(calls):
        number = "+15550000021"  # 403
        leg = switch.calls.outbound(
            "telnyx", number, switch.far_ends[number], caller="+15551230000", seconds=1
        )
        assert isinstance(leg, Leg), leg
        await leg.hung_up.wait()
    await lab.clock.sleep(0.1)


def test_what_failed_during_it() -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock, gateways=[GatewayConfig("telnyx", ping=6)]) as switch:
            await lab.watch(switch)
            await fail(lab, switch, 2)
            switch.provider("telnyx").ignores_pings()
            await lab.until_problem("ping_overdue")
            await fail(lab, switch, 3)
            history = lab.histories["fs1"]
            history.probe_ran("telnyx", failed=True)
            history.probe_ran("telnyx", failed=False)
            history.probe_ran("other", failed=True)
            await lab.until_problem("ping_failed")
            # FreeSWITCH refuses dials now, and only its counter tells of them.
            for _ in range(4):
                assert not isinstance(dial(switch), Leg)
            await lab.clock.sleep(30)
            for _ in range(2):
                assert not isinstance(dial(switch), Leg)
            switch.provider("telnyx").accepts()
            await lab.until_problem("none")
            await fail(lab, switch, 1)
            await lab.clock.sleep(40)
            [row] = lab.kept.of()
            assert (row.calls_failed, row.probes_failed, row.dials_refused) == (3, 1, 6)
            agrees(lab)
            assert lab.kept.figures(TELNYX).calls == lab.kept.figures(TELNYX).failed == 6

    run(drill)


def dial(switch: SimulatedSwitch) -> object:
    """One call through telnyx."""
    far_end = FarEnd(ring=0.1, answer=0.2)
    return switch.calls.outbound("telnyx", "+15550000099", far_end, caller="+15551230000", seconds=1)


@pytest.mark.parametrize("step", [86_400.0, -2 * 86_400.0])
def test_the_clock_steps_during_an_outage(step: float) -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            await lab.watch(switch)
            switch.gateway("telnyx").ask_unregister()
            await lab.until_problem("unregistered")
            began = lab.clock.epoch()
            await lab.clock.sleep(30)
            lab.clock.step = step
            await lab.clock.sleep(30)
            outage = lab.past().outage
            assert outage is not None
            assert outage.began == pytest.approx(began + step, abs=WITHIN)
            switch.gateway("telnyx").ask_register()
            await lab.until_problem("none")
            [row] = lab.kept.of()
            assert row.ended is not None
            assert row.seconds == pytest.approx(row.ended - row.began, abs=WITHIN)
            spans = lab.kept.spans["fs1"]
            assert len(spans) == 2
            assert all(span.ended - span.began < 200 for span in spans)
            agrees(lab)

    run(drill)


def test_a_clock_a_day_forward_and_two_back_never_makes_one_negative() -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            await lab.watch(switch)
            for step in (86_400.0, -86_400.0, 0.0):
                switch.gateway("telnyx").ask_unregister()
                await lab.until_problem("unregistered")
                await lab.clock.sleep(5)
                lab.clock.step = step
                await lab.clock.sleep(5)
                switch.gateway("telnyx").ask_register()
                await lab.until_problem("none")
                await lab.clock.sleep(5)
            rows = lab.kept.of()
            assert len(rows) == 3
            for row in rows:
                assert row.ended is not None
                assert 0 < row.ended - row.began == pytest.approx(row.seconds, abs=WITHIN)

    run(drill)


def test_a_reload_that_replaces_the_node_goes_on_with_its_past() -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            await lab.watch(switch)
            await fail(lab, switch, 2)
            switch.gateway("telnyx").ask_unregister()
            await lab.until_problem("unregistered")
            await lab.clock.sleep(10)
            before = lab.past().outage
            assert before is not None
            for _ in range(3):
                await lab.watch(switch)
            await lab.clock.sleep(10)
            after = lab.past().outage
            assert after is not None
            assert (after.id, after.began) == (before.id, before.began)
            switch.gateway("telnyx").ask_register()
            await lab.until_problem("none")
            await fail(lab, switch, 1)
            [row] = lab.kept.of()
            assert not row.ended_unwatched
            assert row.calls_failed == 0
            lab.collect()
            figures = lab.kept.figures(TELNYX)
            assert (figures.calls, figures.failed) == (3, 3)
            assert lab.kept.of(gateway="") == []
            total = sum(truth.watched for truth in lab.truths.values())
            assert figures.watched == pytest.approx(total, abs=2 * WITHIN)

    run(drill)


def test_a_node_that_the_config_has_no_longer() -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            await lab.watch(switch)
            switch.gateway("telnyx").ask_unregister()
            await lab.until_problem("unregistered")
            await lab.clock.sleep(10)
            gone = lab.clock.epoch()
            lab.histories.pop("fs1").leave()
            await lab.stop()
            await lab.clock.sleep(100)
            [row] = lab.kept.of()
            assert row.ended_unwatched
            assert row.ended == pytest.approx(gone, abs=0.1)

    run(drill)


def test_a_gateway_out_of_the_config_keeps_its_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_table, "FORGET_AFTER", 60.0)

    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            await lab.watch(switch)
            await fail(lab, switch, 2)
            switch.gateway("telnyx").ask_unregister()
            await lab.until_problem("unregistered")
            await lab.clock.sleep(10)
            await lab.watch(switch, gateways={})
            await lab.until_problem("unregistered")
            switch.gateway("telnyx").ask_register()
            await lab.until_problem("none")
            await fail(lab, switch, 1)
            switch.gateway("telnyx").ask_unregister()
            await lab.clock.sleep(10)
            assert lab.past().outage is not None
            switch.unconfigure_gateway("telnyx")
            switch.remove_gateway("telnyx")
            await lab.clock.sleep(200)
            assert lab.nodes["fs1"].gateways.named("telnyx") == []
            row = lab.kept.of()[-1]
            assert row.ended is not None
            assert row.problem == "missing"
            figures = lab.kept.figures(TELNYX)
            assert figures.watched > 20
            assert (figures.calls, figures.failed) == (3, 3)

    run(drill)


def test_a_gateway_gone_while_a_reload_replaced_the_node() -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock, gateways=[GatewayConfig("telnyx"), GatewayConfig("b")]) as switch:
            await lab.watch(switch, gateways={})
            switch.gateway("telnyx").ask_unregister()
            await lab.until_problem("unregistered")
            await lab.clock.sleep(10)
            looked = lab.clock.epoch()
            switch.unconfigure_gateway("telnyx")
            switch.stop_profile("external")
            await lab.watch(switch, gateways={})
            [row] = lab.kept.of()
            assert row.ended_unwatched
            assert row.ended == pytest.approx(looked, abs=WITHIN)

    run(drill)


def outage(**changes: Any) -> Outage:
    """One that an earlier process left open."""
    values = {
        "id": 7,
        "layer": "gateway",
        "node": "fs1",
        "gateway": "telnyx",
        "profile": "external",
        "began": 1_799_999_000.0,
        "seconds": 90.0,
        "course": (Phase(1_799_999_000.0, "unregistered"),),
    }
    return Outage(**{**values, **changes})


@pytest.mark.parametrize(
    ("stored", "configured"), [("", "external"), ("external", ""), ("external", "external")]
)
@pytest.mark.parametrize("early", [True, False], ids=["read-before-the-first-look", "read-after-it"])
@pytest.mark.parametrize("well", [True, False])
def test_an_outage_of_an_earlier_process(stored: str, configured: str, early: bool, well: bool) -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            if not well:
                switch.gateway("telnyx").ask_unregister()
                await switch.gateway_reaches("telnyx", "DOWN", 30)
            await lab.watch(switch, gateways={"telnyx": Expected(profile=configured)}, connected=not early)
            lab.histories["fs1"].load([outage(profile=stored)], 1_799_999_090.0, [])
            await lab.until(lambda: lab.nodes["fs1"].connected)
            looked = lab.clock.epoch()
            await lab.clock.sleep(10)
            lab.collect()
            [row] = lab.kept.outages.values()
            assert (row.id, row.began, row.profile) == (7, 1_799_999_000.0, "external")
            if well:
                assert row.ended_unwatched
                assert row.seconds == 90
                assert row.ended == pytest.approx(looked, abs=WITHIN)
            else:
                assert row.ended is None
                assert row.seconds == pytest.approx(100, abs=WITHIN)
                assert lab.past().today == 1
            [tracker] = [lab.histories["fs1"].tracker(gateway) for gateway in lab.nodes["fs1"].gateways]
            assert tracker is not None
            assert tracker.begun == 0

    run(drill)


def test_outages_of_gateways_that_are_no_more_ended_at_the_last_look() -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            await lab.watch(switch)
            lab.histories["fs1"].load([outage(gateway="old")], 1_799_999_090.0, [])
            [row] = lab.kept.outages.values()
            assert (row.ended, row.ended_unwatched) == (1_799_999_090.0, True)

    run(drill)


def test_the_changes_before_it() -> None:
    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            await lab.watch(switch)
            history, clock = lab.histories["fs1"], lab.clock
            history.load([], 0.0, [Change(clock.epoch() - 590, "fs1", "restarted")])
            lab.exporter.note(Change(clock.epoch(), "", "exporter_started"), clock.monotonic(), clock.epoch())
            history.observer().on_change(Change(clock.epoch(), "fs1", "paused"))  # of no node
            await clock.sleep(15)
            lab.nodes["fs1"].observer.on_change(Change(clock.epoch(), "fs1", "xml_reloaded"))
            await clock.sleep(15)
            assert [change.what for change in lab.past().changes] == ["xml_reloaded", "exporter_started"]
            switch.gateway("telnyx").ask_unregister()
            await lab.until_problem("unregistered")
            await clock.sleep(700)
            [row] = lab.kept.of()
            assert [change.what for change in row.changes_before] == ["xml_reloaded", "exporter_started"]
            assert lab.past().changes == row.changes_before
            assert [change.what for change in lab.kept.changes] == ["xml_reloaded"]

    run(drill)


def test_the_changes_that_the_switch_reports() -> None:
    """The XML is reloaded, other gateways are added, and telnyx is deleted with them."""

    async def drill(lab: Lab) -> None:
        async with switch_at(lab.clock) as switch:
            await lab.watch(switch)
            await lab.clock.sleep(30)
            switch.reload_xml()
            for number in range(30):
                switch.configure_gateway(GatewayConfig(f"new{number}"))
            removed(switch)
            switch.rescan("external")
            await lab.until_problem("missing")
            await lab.clock.sleep(10)
            outage = lab.past().outage
            assert outage is not None
            told = [(change.what, change.subject) for change in outage.changes_before]
            assert told == [("gateway_deleted", "external::telnyx"), ("xml_reloaded", "")]
            assert sum(change.what == "gateway_added" for change in lab.kept.changes) == 30
            agrees(lab)

    run(drill)


def test_hours_spans_and_samples() -> None:
    async def drill(lab: Lab) -> None:
        lab.clock.step = FULL_HOUR - 600 - lab.clock.epoch()
        async with switch_at(lab.clock, gateways=[GatewayConfig("telnyx", ping=30)]) as switch:
            await lab.watch(switch)
            began = lab.clock.epoch()
            await lab.clock.sleep(900)
            await fail(lab, switch, 2)
            await lab.clock.sleep(COLLECTED)
            lab.collect()
            hours = {at: figures for (subject, at), figures in lab.kept.hours.items() if subject == TELNYX}
            first, second = sorted(hours)
            assert second == first + HOUR == FULL_HOUR
            assert hours[first].watched == pytest.approx(FULL_HOUR - began, abs=WITHIN)
            assert hours[second].watched == pytest.approx(lab.clock.epoch() - FULL_HOUR, abs=WITHIN)
            [span] = lab.kept.spans["fs1"]
            assert span.began == pytest.approx(began, abs=WITHIN)
            assert span.ended == lab.clock.epoch()
            samples = [sample for (_, at), sample in sorted(lab.kept.samples.items()) if at % SAMPLE == 0]
            assert len(samples) == 4
            assert sum(sample.calls for sample in samples) == sum(sample.failed for sample in samples) == 2
            assert samples[-1].ping is not None
            agrees(lab)

    run(drill, look=1.0)


def test_strangers_are_kept_by_the_hour_in_which_they_came() -> None:
    async def drill(lab: Lab) -> None:
        lab.clock.step = FULL_HOUR - 60 - lab.clock.epoch()
        async with switch_at(lab.clock, gateways=[GatewayConfig("telnyx", ping=30)]) as switch:
            await lab.watch(switch)
            for times in (3, 2):
                for _ in range(times):
                    switch.guess_password("192.0.2.66")
                switch.scan("192.0.2.67")
                await lab.clock.sleep(COLLECTED)
            assert lab.kept.strangers == {
                ("fs1", FULL_HOUR - HOUR, "192.0.2.66"): 5,
                ("fs1", FULL_HOUR - HOUR, "192.0.2.67"): 2,
            }
            await lab.clock.sleep(60)
            switch.guess_password("192.0.2.66")
            await lab.clock.sleep(1)
            lab.collect()
            assert lab.kept.strangers["fs1", FULL_HOUR, "192.0.2.66"] == 1

    run(drill, look=1.0)


def test_what_fails_in_the_history_does_not_end_the_watch(caplog: pytest.LogCaptureFixture) -> None:
    async def drill(lab: Lab) -> None:
        def broken(_: object) -> None:
            raise OSError("no")

        async with switch_at(lab.clock) as switch:
            node = await lab.watch(switch)
            lab.histories["fs1"]._put = broken
            node.observer.on_change(Change(0.0, "fs1", "paused"))
            await switch.refuse_connections()
            await lab.clock.sleep(10)
            await switch.accept_connections()
            await lab.until(lambda: node.connected)
            lab.histories["fs1"]._put = lab.kept

    run(drill)
