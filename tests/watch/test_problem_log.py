"""Changes of a problem in the log: one line each, at the level of what they mean."""

import pytest
from structlog.testing import capture_logs

from exporter.log import BURST, INTERVAL
from exporter.metrics.families import PROBLEMS
from exporter.watch.problem_log import GATEWAY_LEVELS, NODE_LEVELS, Level, ProblemLog
from exporter.watch.verdict import GATEWAY_PROBLEMS


def test_every_word_has_a_level() -> None:
    assert set(NODE_LEVELS) == set(PROBLEMS)
    assert set(GATEWAY_LEVELS) == set(GATEWAY_PROBLEMS)


@pytest.mark.parametrize(
    ("problem", "level"), [("none", "info"), ("ping_failed", "warning"), ("auth_rejected", "error")]
)
def test_the_level_says_what_the_problem_means(problem: str, level: Level) -> None:
    problems = ProblemLog(GATEWAY_LEVELS, node="fs1", gateway="telnyx")
    with capture_logs() as lines:
        problems.note("changed", "registering", 1.0)
        problems.note("changed", problem, 2.0)
    assert lines[-1]["log_level"] == level


def test_a_change_says_from_what_to_what_why_and_how_long_the_last_lasted() -> None:
    problems = ProblemLog(GATEWAY_LEVELS, node="fs1", gateway="telnyx")
    with capture_logs() as lines:
        problems.note("changed", "none", 10.0)
        problems.note("changed", "auth_rejected", 70.04, reason="403 Forbidden")
        problems.note("changed", "auth_rejected", 80.0, reason="403 Forbidden")
        problems.note("changed", "none", 90.0, reason="")
    for line in lines:
        line.pop("limit")
    assert lines == [
        {
            "event": "changed",
            "log_level": "error",
            "node": "fs1",
            "gateway": "telnyx",
            "previous": "none",
            "problem": "auth_rejected",
            "lasted": 60.0,
            "reason": "403 Forbidden",
        },
        {
            "event": "changed",
            "log_level": "info",
            "node": "fs1",
            "gateway": "telnyx",
            "previous": "auth_rejected",
            "problem": "none",
            "lasted": 20.0,
        },
    ]


def test_who_shows_the_problem_itself_has_no_line_of_it() -> None:
    problems = ProblemLog(NODE_LEVELS, quiet=True, node="fs1")
    with capture_logs() as lines:
        problems.note("not connected", "auth_rejected", 1.0, reason="-ERR invalid")
    assert lines == []


def test_a_first_problem_is_logged_and_a_first_none_is_not() -> None:
    with capture_logs() as lines:
        ProblemLog(GATEWAY_LEVELS).note("changed", "none", 1.0)
        ProblemLog(GATEWAY_LEVELS).note("changed", "missing", 1.0)
    assert [line["problem"] for line in lines] == ["missing"]


def test_the_last_of_many_changes_is_logged() -> None:
    problems = ProblemLog(GATEWAY_LEVELS, node="fs1", gateway="telnyx")
    changes = ["unreachable", "none"] * 3 + ["auth_rejected"]
    with capture_logs() as lines:
        for now, problem in enumerate(changes):
            problems.note("changed", problem, float(now))
        problems.note("changed", "auth_rejected", INTERVAL - 0.1)
        assert [line["problem"] for line in lines] == changes[:BURST]
        problems.note("changed", "auth_rejected", INTERVAL)
        assert len(lines) == BURST + 1
        problems.note("changed", "auth_rejected", INTERVAL + 10)
        problems.note("changed", "none", INTERVAL + 20)
    late, following = lines[BURST:]
    assert (late["problem"], late["previous"], late["lasted"], late["suppressed"]) == (
        "auth_rejected",
        "none",
        1.0,
        1,
    )
    assert (following["problem"], following["lasted"]) == ("none", INTERVAL + 14)
    assert "suppressed" not in following


def test_changes_that_are_rare_by_themselves_are_not_limited() -> None:
    problems = ProblemLog(NODE_LEVELS, limited=False, node="fs1")
    with capture_logs() as lines:
        for number in range(2 * BURST):
            problems.note("changed", "none" if number % 2 else "refused", 1.0)
    assert len(lines) == 2 * BURST
