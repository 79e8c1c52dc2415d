"""What a call costs of the budget, by what was seen of it."""

import pytest

from exporter.probe.cost import cost, end_seen
from exporter.probe.observation import Observation
from exporter.switch.followed_call import CallEnd, JobReply

RESERVED = 62.0
OK = JobReply("")


def seen(**fields: object) -> Observation:
    return Observation(**({"placed": True} | fields))  # type: ignore[arg-type]


def ended(answered: float | None, hung_up: float | None, **fields: object) -> Observation:
    end = CallEnd(created=1.0, answered=answered, hung_up=hung_up)
    return seen(state="ended", created=True, end=end, **fields)


@pytest.mark.parametrize(
    ("observation", "costs"),
    [
        (ended(10.0, 15.5, answer_seen=True, reply=OK), 5.5),
        (ended(None, 15.5), 0.0),  # rang, was not answered
        (seen(reply=JobReply("GATEWAY_DOWN")), 0.0),
        (seen(state="dialing", created=True, reply=JobReply("NO_ANSWER")), 0.0),
        (Observation(interruption="cancelled"), 0.0),  # before it was sent
        (Observation(interruption="denied"), 0.0),
    ],
)
def test_a_call_whose_end_was_seen_costs_what_it_talked(observation: Observation, costs: float) -> None:
    assert end_seen(observation)
    assert cost(observation, RESERVED) == costs


@pytest.mark.parametrize("why", ["lost", "unreported", "shutdown", "reload", "cancelled"])
@pytest.mark.parametrize("state", ["initiated", "dialing", "ringing", "answered"])
def test_a_call_whose_end_was_not_seen_costs_what_was_reserved(why: str, state: str) -> None:
    observation = seen(state=state, interruption=why)
    assert not end_seen(observation)
    assert cost(observation, RESERVED) == RESERVED


@pytest.mark.parametrize(
    "observation",
    [
        ended(10.0, 1e9),  # FreeSWITCH's clock was set forward during the call
        ended(10.0, 9.0),  # back
        ended(10.0, None),
        ended(None, 15.5, answer_seen=True),  # an answer without a stamp
        ended(None, 15.5, reply=OK),
    ],
)
def test_odd_stamps_cost_what_was_reserved_and_no_more(observation: Observation) -> None:
    assert cost(observation, RESERVED) == RESERVED
