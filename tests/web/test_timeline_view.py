"""Outages and changes as one list: newest first, flaps grouped, nothing lost or twice between pages."""

import re
from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from exporter.history.model import Outage, Phase
from exporter.watch.changes import Change
from exporter.web.timeline_view import ENTRIES, MEMBERS_SHOWN, Timeline, timeline
from tests.support.made_up_past import outage

NOW = 1_800_000_000.0
NEVER = float("-inf")


def shown(
    outages: Sequence[Outage], changes: Sequence[Change] = (), horizon: float = NEVER, entries: int = ENTRIES
) -> Timeline:
    return timeline(outages, changes, NOW, horizon=horizon, entries=entries)


def flaps(count: int, newest: float = NOW - 60, every: float = 30) -> list[Outage]:
    return [outage(newest - every * number, 5, NOW, id=number + 1, calls_failed=1) for number in range(count)]


def test_both_kinds_newest_first() -> None:
    found = shown(
        [outage(NOW - 100, 20, NOW), outage(NOW - 9000, 20, NOW)],
        [Change(NOW - 50, "fs1", "xml_reloaded"), Change(NOW - 5000, "fs1", "limits")],
    )
    assert [entry.kind for entry in found.entries] == ["change", "outage", "change", "outage"]
    assert found.following is None


def test_flaps_are_one_entry_with_each_of_them_in_it() -> None:
    (entry,) = shown(flaps(14)).entries
    assert re.fullmatch(
        r"down 14 times between \d\d:\d\d and \d\d:\d\d, 1 min in all, the longest 5 s", entry.text
    )
    assert entry.effects == "14 calls failed"
    assert len(entry.members) == 14


def test_two_are_no_flaps() -> None:
    assert [entry.text for entry in shown(flaps(2)).entries] == ["down for 5 s", "down for 5 s"]


def test_an_outage_that_lasts_says_so_and_counts_on() -> None:
    lasting = msgspec.structs.replace(outage(NOW - 420, None, NOW), seconds=400.0)
    (entry,) = shown([lasting]).entries
    assert (entry.status, entry.text) == ("fail", "down for 7 min, and still is")


def test_outages_that_were_kept_as_one_say_how_many_they_are() -> None:
    (entry,) = shown([outage(NOW - 420, 100, NOW, times=1234)]).entries
    assert entry.text.startswith("down 1,234 times between")
    assert "longest" not in entry.text


def test_of_very_many_flaps_some_are_shown() -> None:
    (entry,) = shown(flaps(80)).entries
    assert (len(entry.members), entry.more) == (MEMBERS_SHOWN, 80 - MEMBERS_SHOWN)


def test_the_evidence_of_an_outage() -> None:
    course = (Phase(NOW - 420, "ping_overdue"), Phase(NOW - 400, "unreachable", "503 Service Unavailable"))
    (entry,) = shown(
        [
            outage(
                NOW - 420,
                60,
                NOW,
                course=course,
                ended_unwatched=True,
                calls_failed=3,
                dials_refused=1,
                probes_failed=2,
                changes_before=(Change(NOW - 460, "fs1", "xml_reloaded"),),
            )
        ]
    ).entries
    assert entry.reason == "unreachable: 503 Service Unavailable"
    assert entry.effects == "3 calls failed, 1 dial refused, 2 probes failed"
    assert entry.before == ("40 s before: XML reloaded",)
    assert [line.text for line in entry.course] == ["ping overdue", "unreachable, 503 Service Unavailable"]
    assert "did not watch" in entry.notes[0]
    assert entry.path == "gateways/fs1/external/telnyx"


def test_an_outage_of_a_switch_has_no_page_and_its_own_word() -> None:
    lost = outage(NOW - 420, 60, NOW, layer="switch", gateway="", profile="")
    (entry,) = shown([lost]).entries
    assert (entry.path, entry.name, entry.text) == ("", "", "not connected for 1 min")


def test_a_page_ends_and_the_next_begins_there() -> None:
    changes = [Change(NOW - number, "fs1", "limits", str(number)) for number in range(120)]
    first = shown([], changes)
    assert len(first.entries) == ENTRIES
    assert first.following == NOW - (ENTRIES - 1)


def test_what_may_be_incomplete_is_left_to_the_next_page() -> None:
    changes = [Change(NOW - number, "fs1", "limits", str(number)) for number in range(10)]
    found = shown(flaps(1, newest=NOW - 5), changes, horizon=NOW - 5)
    assert len(found.entries) == 7
    assert found.following == NOW - 5


def test_more_of_one_moment_than_a_page_has_are_on_one_page() -> None:
    changes = [Change(NOW - 7, "fs1", "gateway_added", str(number)) for number in range(70)]
    found = shown([], [*changes, Change(NOW - 9, "fs1", "limits")])
    assert len(found.entries) == 70
    assert found.following == NOW - 7


TIMES = st.lists(st.integers(0, 4000), max_size=60)


@given(outages=TIMES, changes=TIMES, entries=st.integers(1, 12))
def test_paging_shows_everything_once(outages: list[int], changes: list[int], entries: int) -> None:
    downs = sorted(
        (outage(NOW - 10 - 40 * at, 9, NOW, id=number + 1) for number, at in enumerate(outages)),
        key=lambda one: -one.began,
    )
    made = sorted((Change(NOW - 40.0 * at, "fs1", "limits", str(at)) for at in changes), key=lambda c: -c.at)
    seen: list[str] = []
    before = float("inf")
    for _ in range(200):
        found = shown(
            [one for one in downs if one.began < before],
            [one for one in made if one.at < before],
            entries=entries,
        )
        for entry in found.entries:
            seen += [entry.key] * max(1, len(entry.members) + entry.more)
        if found.following is None:
            break
        before = found.following
    assert len(seen) == len(downs) + len(made)
    assert before > NEVER
