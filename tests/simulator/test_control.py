"""The control port: every verb does what its example asks, and is documented."""

import json

import pytest

from exporter.clock import Clock
from exporter.simulator import SimulatedSwitch
from exporter.simulator.control import VERBS, Verb, answer, manual, request


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [(verb, example) for verb in VERBS for example in verb.examples],
    ids=lambda value: " ".join(value.words) if isinstance(value, Verb) else json.dumps(value),
)
async def test_every_example_succeeds(clock: Clock, verb: Verb, arguments: tuple[object, ...]) -> None:
    async with SimulatedSwitch(clock=clock, tick=0.02) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        if verb.words == ("start_process",):
            switch.kill_process()
        elif verb.words == ("start_profile",):
            switch.stop_profile("external")
        elif verb.words[0] in ("ignore_options", "expire", "unregister"):
            switch.register("1000")
        reply = await answer(switch, request(verb, arguments))
        assert reply.keys() == {"ok"}, reply
        json.dumps(reply)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(verb.words))
def test_every_verb_is_documented_with_examples(verb: Verb) -> None:
    text = manual()
    assert verb.help
    assert f"      {verb.help}\n" in text + "\n"
    assert verb.examples
    for example in verb.examples:
        assert f"  {request(verb, example)}\n" in text


@pytest.mark.parametrize(
    "line",
    [
        '["stop"]',
        '["provider", "nosuch", "rejects"]',
        '["provider", "telnyx", "explodes"]',
        '["gateway", "telnyx"]',
        '["limit_sessions"]',
        "[]",
        "no json",
        "7",
    ],
)
async def test_anything_else_is_an_error(clock: Clock, line: str) -> None:
    async with SimulatedSwitch(clock=clock) as switch:
        assert (await answer(switch, line)).keys() == {"error"}


async def test_state_reports_what_the_switch_has_seen(clock: Clock) -> None:
    async with SimulatedSwitch(clock=clock, tick=0.02) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        leg = switch.calls.inbound("telnyx", caller="+2", called="+1", seconds=60)
        assert leg is not None
        await switch.until(lambda: bool(leg.times["answered"]))
        assert await answer(switch, '["state"]') == {
            "ok": {
                "legs": [{"uuid": leg.uuid, "name": leg.name, "answered": True}],
                "gateways": {"telnyx": "REGED"},
                "sessions": 1,
                "clients": 0,
                "commands": [],
            }
        }
