"""The past in words: since when, how long, what changed, how available."""

import pytest

from exporter.history.model import Figures, Phase
from exporter.history.past import Past
from exporter.history.times import time_of_day
from exporter.watch.changes import CHANGES, Change
from exporter.web.past_words import (
    availability_text,
    change_text,
    changes_before,
    gateway_path,
    gateway_standing,
    history_path,
    reason,
    times_text,
    watched_text,
)
from tests.support.made_up_past import outage

NOW = 1.8e9
STARTED = "exporter_started"
LAST = outage(NOW - 90_000, 60, NOW)


def standing(past: Past, problem: str = "none", **changes: object) -> tuple[str, str]:
    fields: dict[str, object] = {"usable": problem == "none", "unwatched_for": None, "now": NOW}
    said = gateway_standing(past, problem, **(fields | changes))  # type: ignore[arg-type]
    return said.status, said.text


@pytest.mark.parametrize(
    ("past", "problem", "changes", "said"),
    [
        (Past(well_since=NOW - 11_520, last=LAST), "none", {}, ("pass", "up for 3 h 12 min")),
        (Past(well_since=NOW - 120), "none", {}, ("pass", "up for at least 2 min")),
        (Past(), "none", {}, ("pass", "up")),
        (Past(outage=outage(NOW - 420, None, NOW)), "unreachable", {}, ("fail", "down for 7 min (503)")),
        (
            Past(outage=outage(NOW - 420, None, NOW, course=(Phase(NOW - 420, "ping_overdue"),))),
            "ping_overdue",
            {},
            ("fail", "down for 7 min (ping overdue)"),
        ),
        (
            Past(outage=outage(NOW - 60, None, NOW)),
            "register_failed",
            {"usable": True},
            ("warn", "failing, though usable, for 1 min (503)"),
        ),
        (Past(well_since=NOW - 60, last=LAST), "unreachable", {}, ("warn", "down for a moment")),
        (Past(), "registering", {"usable": True}, ("warn", "failing for a moment")),
        (Past(), "unknown", {}, ("warn", "not known yet")),
        (Past(well_since=NOW - 60, last=LAST), "unmonitored", {}, ("warn", "not monitored")),
        (
            Past(outage=outage(NOW - 420, None, NOW)),
            "unreachable",
            {"unwatched_for": 245.0, "was": "REGED"},
            ("not_checked", f"unknown since {time_of_day(NOW - 245, NOW)} (was REGED)"),
        ),
        (
            Past(outage=outage(NOW - 420, None, NOW, changes_before=(Change(NOW - 422, "", STARTED),))),
            "unreachable",
            {},
            ("fail", "down for at least 7 min (503)"),  # it was so at the first look
        ),
        (
            Past(outage=outage(NOW - 420, None, NOW, changes_before=(Change(NOW - 720, "", STARTED),))),
            "unreachable",
            {},
            ("fail", "down for 7 min (503)"),
        ),
        (Past(outage=outage(NOW + 5, None, NOW)), "unreachable", {}, ("fail", "down for 0 s (503)")),
    ],
)
def test_up_or_down_and_since_when(
    past: Past, problem: str, changes: dict[str, object], said: tuple[str, str]
) -> None:
    assert standing(past, problem, **changes) == said


def test_the_moment_is_for_programs_too() -> None:
    said = gateway_standing(
        Past(well_since=1_700_000_000.7, last=LAST), "none", usable=True, unwatched_for=None, now=NOW
    )
    assert said.since is not None
    assert said.since.iso == "2023-11-14T22:13:20+00:00"


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        ("403 Forbidden", "403"),
        ("", "unreachable"),
        ("Nothing listens", "unreachable"),
        ("²²² x", "unreachable"),
        ("40 x", "unreachable"),
    ],
)
def test_the_reason_is_the_sip_status_or_the_problem(detail: str, text: str) -> None:
    assert reason(outage(NOW, None, NOW, course=(Phase(NOW, "unreachable", detail),))) == text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change(0, "fs1", "xml_reloaded"), "XML reloaded"),
        (Change(0, "fs1", "gateway_added", "telnyx"), "Gateway telnyx added"),
        (Change(0, "fs1", "upgraded", "", "1.10", "1.11"), "FreeSWITCH upgraded: 1.10 → 1.11"),
        (Change(0, "fs1", "limits", "max-sessions", "10", "20"), "Limit max-sessions changed: 10 → 20"),
        (Change(0, "fs1", "paused", "inbound"), "Calls paused: inbound"),
        (Change(0, "fs1", "paused"), "Calls paused"),
        (Change(0, "", "exporter_reloaded", "nodes, log"), "Exporter reloaded: nodes, log"),
        (Change(0, "fs1", "logged", "SQL errors"), "FreeSWITCH logged SQL errors"),
        (Change(0, "", "exporter_started", "", "", "0.2.0"), "Exporter started: 0.2.0"),
        (Change(0, "fs1", "something_new", "x"), "something new x"),
    ],
)
def test_a_change_in_words(change: Change, text: str) -> None:
    assert change_text(change) == text


OTHERS = ("logged", "exporter_started", "exporter_stopped", "exporter_reloaded")


@pytest.mark.parametrize("what", [*CHANGES, *OTHERS])
def test_every_change_has_its_words(what: str) -> None:
    assert "_" not in change_text(Change(0, "fs1", what, "x"))
    assert change_text(Change(0, "fs1", what))[0].isupper()


def test_hostile_words_of_a_change_are_printable_and_no_format() -> None:
    text = change_text(Change(0, "fs1", "gateway_added", "{0.__class__}\x1b[31m" + "x" * 500))
    assert text.isprintable()
    assert "{0.__class__}" in text
    assert len(text) < 200


def test_the_changes_before_say_how_long_before() -> None:
    made = outage(NOW, None, NOW, changes_before=(Change(NOW - 40, "fs1", "xml_reloaded"),))
    assert changes_before(made) == ["40 s before: XML reloaded"]


@pytest.mark.parametrize(
    ("watched", "usable", "text"),
    [
        (0, 0, ""),
        (100, 100, "100 %"),
        (1e6, 1e6 - 1, "99.99 %"),
        (100_000, 99_980, "99.98 %"),
        (3, 1, "33.33 %"),
        (10, 0, "0.00 %"),
        (10, 11, "100 %"),
    ],
)
def test_availability_is_never_rounded_up(watched: float, usable: float, text: str) -> None:
    assert availability_text(Figures(watched=watched, usable=usable)) == text


@pytest.mark.parametrize(
    ("watched", "text"),
    [(86_400, ""), (86_100, ""), (85_000, "watched 98 %"), (60, "watched 1 %"), (0, "not watched")],
)
def test_how_much_was_watched_is_said_where_it_is_not_all(watched: float, text: str) -> None:
    assert watched_text(watched, 86_400) == text


def test_counts() -> None:
    assert [times_text(number, "outage") for number in (0, 1, 2, 1200)] == [
        "no outage",
        "1 outage",
        "2 outages",
        "1,200 outages",
    ]


def test_addresses_carry_any_name() -> None:
    assert gateway_path("fs1", "", "a/b?c#d") == "gateways/fs1/-/a%2Fb%3Fc%23d"
    assert history_path(node="a&b=c", gateway="") == "history?node=a%26b%3Dc"
    assert history_path() == "history"
