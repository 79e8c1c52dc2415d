"""Why FreeSWITCH refuses calls: the table, each row alone and in its order."""

from dataclasses import replace

import pytest

from exporter.switch.status import SwitchFigures
from exporter.watch.accepting import (
    REFUSAL_REASONS,
    Condition,
    near_a_limit,
    refusal_reason,
)
from exporter.watch.calls import DIRECTIONS

FIGURES = SwitchFigures(
    session_count=10,
    max_sessions=100,
    sessions_per_second_last=2,
    max_sessions_per_second=30,
    idle_cpu=90.0,
    min_idle_cpu=0.0,
)
WELL = Condition(
    shutting_down=False,
    shutdown_requested=False,
    ready=True,
    paused={"inbound": False, "outbound": False},
    figures=FIGURES,
    no_rtp_ports=False,
    over_rate=False,
)


def figures(**changes: float | None) -> Condition:
    return WELL._replace(figures=replace(FIGURES, **changes))  # type: ignore[arg-type]


BOTH = {"inbound": True, "outbound": True}
ROWS = [
    ("none", WELL),
    ("shutting_down", WELL._replace(shutting_down=True)),
    ("shutting_down", WELL._replace(shutdown_requested=True, ready=False, paused=BOTH)),  # asap
    ("none", WELL._replace(shutdown_requested=True)),  # elegant: calls are accepted until it ends
    ("paused", WELL._replace(paused=BOTH, ready=False)),
    ("not_ready", WELL._replace(ready=False)),
    ("session_limit", figures(session_count=100)),
    ("none", figures(session_count=99)),
    ("session_limit", figures(session_count=0, max_sessions=0)),
    ("rate_limit", figures(sessions_per_second_last=30)),  # FreeSWITCH accepts one fewer than the limit
    ("none", figures(sessions_per_second_last=29)),
    ("rate_limit", figures(sessions_per_second_last=0, max_sessions_per_second=1)),
    ("none", figures(sessions_per_second_last=0, max_sessions_per_second=2)),
    ("none", WELL._replace(over_rate=True)),  # that was a moment ago
    ("idle_cpu", figures(idle_cpu=4.9, min_idle_cpu=5.0)),
    ("none", figures(idle_cpu=5.0, min_idle_cpu=5.0)),
    ("none", figures(idle_cpu=0.0)),
    ("no_rtp_ports", WELL._replace(no_rtp_ports=True)),
]


@pytest.mark.parametrize(("reason", "seen"), ROWS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_each_reason_and_what_is_just_not_one(reason: str, seen: Condition, direction: str) -> None:
    assert refusal_reason(seen, direction) == reason


def test_a_pause_is_one_of_its_direction() -> None:
    seen = WELL._replace(paused={"inbound": True, "outbound": False})
    assert [refusal_reason(seen, direction) for direction in ("inbound", "outbound")] == ["paused", "none"]


def test_an_elegant_shutdown_does_not_explain_a_pause_of_one_direction() -> None:
    seen = WELL._replace(shutdown_requested=True, paused={"inbound": True, "outbound": False})
    assert [refusal_reason(seen, direction) for direction in ("inbound", "outbound")] == ["paused", "none"]


def test_of_several_the_first_is_the_reason_whichever_end_first() -> None:
    seen = Condition(
        shutting_down=True,
        shutdown_requested=True,
        ready=False,
        paused=BOTH,
        figures=replace(
            FIGURES, session_count=100, sessions_per_second_last=30, idle_cpu=1.0, min_idle_cpu=5.0
        ),
        no_rtp_ports=True,
        over_rate=True,
    )
    found = []
    for end in (
        {"shutting_down": False, "shutdown_requested": False},
        {"paused": WELL.paused},
        {"ready": True},
        {"figures": replace(seen.figures, session_count=1)},
        {"figures": replace(seen.figures, session_count=1, sessions_per_second_last=0)},
        {"figures": FIGURES},
        {"no_rtp_ports": False},
    ):
        found.append(refusal_reason(seen, "inbound"))
        seen = seen._replace(**end)
    assert (refusal_reason(seen, "inbound"), *found) == REFUSAL_REASONS


@pytest.mark.parametrize(
    "unknown",
    [
        WELL._replace(paused={}),
        figures(session_count=None),
        figures(max_sessions=None),
        figures(max_sessions_per_second=None),  # HEARTBEAT has all but this: status was denied
    ],
)
def test_what_is_not_known_is_not_accepting(unknown: Condition) -> None:
    assert refusal_reason(unknown, "inbound") is None
    assert refusal_reason(unknown._replace(no_rtp_ports=True), "inbound") == "no_rtp_ports"


@pytest.mark.parametrize(
    ("changes", "near"),
    [
        ({}, False),
        ({"session_count": 89}, False),
        ({"session_count": 90}, True),
        ({"session_count": 100}, True),
        ({"session_count": 0, "max_sessions": 0}, True),
        ({"sessions_per_second_last": 26}, False),
        ({"sessions_per_second_last": 27}, True),
        ({"idle_cpu": 20.0, "min_idle_cpu": 10.0}, False),
        ({"idle_cpu": 11.0, "min_idle_cpu": 10.0}, True),
        ({"idle_cpu": 0.0}, False),
        ({"session_count": None}, False),
    ],
)
def test_near_a_limit(changes: dict[str, float | None], near: bool) -> None:
    assert near_a_limit(figures(**changes).figures) is near
