"""What an observer is told of a node's life, against a switch on a real socket."""

import pytest

from exporter.simulator import FarEnd, Leg, SimulatedSwitch
from exporter.watch import commands, lifecycle
from tests.watch.recorder import Recorder
from tests.watch.watching import watching


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "VITAL_DEADLINE", 1.0)
    monkeypatch.setattr(lifecycle, "FIRST_RETRY", 0.1)
    monkeypatch.setattr(lifecycle, "LAST_RETRY", 0.3)


async def test_connections_and_their_ends_are_told_in_their_order() -> None:
    told = Recorder()
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        async with watching(switch, observer=told) as watch:
            switch.drop_connections(mid_frame=False)
            await watch.until(lambda node: node.attempts.get("connected") == 2)
            await switch.refuse_connections()
            await watch.until_problem("refused")
    story = list(dict.fromkeys(told.story))
    assert story == [
        ("connected", ""),
        ("not_connected", "shutdown"),
        ("not_connected", "refused"),
        ("stopped", ""),
    ]
    assert told.story[:3] == [("connected", ""), ("not_connected", "shutdown"), ("connected", "")]
    assert told.story[-1] == ("stopped", "")


async def test_a_gateway_is_readable_when_connected_and_unreadable_once_lost() -> None:
    told = Recorder()
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        async with watching(switch, observer=told) as watch:
            seen = [
                (verdict.problem, verdict.readable) for verdict in told.verdicts if verdict.name == "telnyx"
            ]
            assert seen == [("none", True)]
            await switch.refuse_connections()
            await watch.until_problem("refused")
            last = [verdict for verdict in told.verdicts if verdict.name == "telnyx"][-1]
            assert (last.problem, last.readable) == ("unknown", False)


async def test_an_ended_call_is_told_with_its_cause_and_gateway() -> None:
    told = Recorder()
    async with SimulatedSwitch(tick=0.05, speed=10) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        async with watching(switch, observer=told) as watch:
            number = "+15550000002"
            leg = switch.calls.outbound(
                "telnyx", number, switch.far_ends[number], caller="+15551230000", seconds=1
            )
            assert isinstance(leg, Leg)
            await watch.until(lambda _: ("call_ended", "telnyx USER_BUSY") in told.story)
            answered = switch.calls.outbound(
                "telnyx", "+15550000099", FarEnd(ring=0.1, answer=0.3), caller="+15551230000", seconds=1
            )
            assert isinstance(answered, Leg)
            await watch.until(lambda _: ("call_ended", "telnyx NORMAL_CLEARING") in told.story)
    assert sum(what == "call_ended" for what, _ in told.story) == 2
