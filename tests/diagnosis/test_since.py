"""Since when, how often, what changed before: in words, and nothing of what is not known."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from exporter.diagnosis.conclusion import CHECKS, diagnose
from exporter.diagnosis.finding import Finding
from exporter.diagnosis.report import report
from exporter.diagnosis.since import change_text, lasting, ordinal, well
from exporter.history.change_words import CHANGE_WORDS
from exporter.history.past import UNKNOWN, Past
from exporter.watch import changes as words
from tests.diagnosis.snapshots import gateway, lost, one, profile, snapshot, switch
from tests.history.pasts import BEGAN, change, outage
from tests.support.zone import in_zone

NOW = BEGAN + 12 * 60 + 40 + 7 * 60
SINCE = 12 * 60 + 40  # 03:12:40


@pytest.fixture(autouse=True)
def _utc() -> Iterator[None]:
    with in_zone("UTC0"):
        yield


def down(**fields: Any) -> Past:
    """In an outage since 03:12:40."""
    past = Past(outage=outage(SINCE, None), today=1, day=1)
    return msgspec.structs.replace(past, **fields)


def told(past: Past) -> str:
    found = lasting(past, NOW)
    assert found is not None
    return found.text


def test_an_outage_has_its_beginning_its_number_and_the_change_before_it() -> None:
    past = down(today=3, day=3, changes=(change(SINCE - 40),))
    assert told(past) == "Down for 7 min (since 03:12:40), third time today; XML was reloaded 40 s before"


def test_of_one_that_was_there_at_the_start_nobody_knows_since_when() -> None:
    started = change(SINCE - 2, "exporter_started", "")._replace(node="")
    there = outage(SINCE, None, changes_before=(started,))
    text = "Down for at least 7 min (seen since 03:12:40), first time today"
    assert told(down(outage=there)) == text
    assert told(down(outage=there, changes=(started,))) == text
    assert (
        told(down(outage=there, changes=(started, change(SINCE - 1))))
        == f"{text}; XML was reloaded 1 s before"
    )


@pytest.mark.parametrize(
    ("today", "day", "words"),
    [
        (1, 1, ", first time today"),
        (11, 11, ", 11th time today"),
        (1, 4, ", fourth time in 24 h"),  # it is not long after midnight
        (0, 2, ", second time in 24 h"),
        (0, 0, ""),  # it began before that
    ],
)
def test_how_often_lately(today: int, day: int, words: str) -> None:
    assert told(down(today=today, day=day)) == f"Down for 7 min (since 03:12:40){words}"


@pytest.mark.parametrize(
    ("number", "word"),
    [(1, "first"), (10, "tenth"), (12, "12th"), (21, "21st"), (33, "33rd"), (113, "113th")],
)
def test_ordinals(number: int, word: str) -> None:
    assert ordinal(number) == word


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([change(SINCE)], "; XML was reloaded at that moment"),
        ([change(SINCE + 2)], "; XML was reloaded at that moment"),  # noticed a moment late
        (
            [change(SINCE - 5, "exporter_started", ""), change(SINCE - 60)],
            "; XML was reloaded 1 min before, the exporter was started 5 s before",
        ),
        (
            [change(SINCE - 5), change(SINCE - 9)],
            "; XML was reloaded 5 s before, 1 more change in the 10 min before",
        ),
        (
            [
                change(SINCE - n, what)
                for n, what in enumerate(("paused", "resumed", "upgraded", "limits"), 1)
            ],
            (
                "; calls were paused 1 s before, calls were resumed 2 s before, "
                "2 more changes in the 10 min before"
            ),
        ),
        (
            [change(SINCE - 3, "gateway_changed", subject="external::telnyx")],
            "; gateway external::telnyx was changed 3 s before",
        ),
    ],
)
def test_of_the_changes_before_the_newest_of_the_switch_come_first(changes: Any, words: str) -> None:
    assert told(down(changes=tuple(changes))) == f"Down for 7 min (since 03:12:40), first time today{words}"


def test_every_kind_of_change_has_a_sentence() -> None:
    assert {
        *words.CHANGES,
        "logged",
        "exporter_started",
        "exporter_stopped",
        "exporter_reloaded",
    } == CHANGE_WORDS.keys()
    for what in CHANGE_WORDS:
        text = change_text(change(what=what, subject="x"))
        assert not {"{", "_"} & set(text), text


def test_a_change_of_a_later_release_is_told_by_its_word() -> None:
    assert change_text(change(what="licence_expired", subject="x")) == "licence expired x"


@pytest.mark.parametrize("text", ["\x1b[31mred", "\u202egnorw\x00\r\n", "x" * 10_000])
def test_hostile_subjects_are_harmless(text: str) -> None:
    said = change_text(change(what="gateway_changed", subject=text))
    assert said.isprintable()
    assert len(said) < 120


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (Past(well_since=NOW - 11520, last=outage()), "up for 3 h 12 min"),
        (Past(well_since=NOW - 11520), "up for at least 3 h 12 min"),  # as far as it was watched
        (Past(well_since=NOW - 60, last=outage(), day=1), "up for 1 min, 1 outage in 24 h"),
        (Past(well_since=NOW - 60, last=outage(), day=14), "up for 1 min, 14 outages in 24 h"),
        (UNKNOWN, ""),
        (down(), ""),
    ],
)
def test_a_healthy_trunk_is_up_since(past: Past, words: str) -> None:
    assert well(past, NOW) == words


def test_a_clock_that_was_set_back_makes_nothing_negative() -> None:
    assert told(down(outage=outage(SINCE + 3600, None))).startswith("Down for 0 s ")
    assert well(Past(well_since=NOW + 3600, last=outage()), NOW) == "up for 0 s"


# -- in the findings ----------------------------------------------------------------------------------


def seen(**fields: Any) -> Any:
    return snapshot(taken_at=NOW, **fields)


THIRD = down(today=3, day=3, changes=(change(SINCE - 40),))
SENTENCE = "Down for 7 min (since 03:12:40), third time today; XML was reloaded 40 s before"


def of_gateway(**fields: Any) -> Finding:
    return one(seen(gateways=(gateway(past=THIRD, **fields),)), "registration")


def test_a_gateway_that_is_down() -> None:
    finding = of_gateway(problem="auth_rejected", usable=False, answer_code=403)
    assert finding.text == f"Gateway telnyx: the provider rejects the credentials (403 Forbidden). {SENTENCE}"
    (conclusion,) = {
        diagnose(seen(gateways=(gateway(problem="auth_rejected", past=THIRD, usable=False),))).conclusion.text
    }
    assert conclusion.endswith(f" {SENTENCE}. FreeSWITCH itself is OK.")


def test_one_that_dials_out_in_its_outage_is_not_called_down() -> None:
    lasting = of_gateway(problem="register_failed", usable=True).lasting
    assert lasting is not None
    assert lasting.text.startswith("Failing, though usable, for 7 min (since 03:12:40), third time today")


def test_one_that_is_missing() -> None:
    missing = gateway(problem="missing", usable=False, listed=False, past=THIRD)
    finding = one(seen(gateways=(missing,)), "gateway")
    assert finding.lasting is not None
    assert finding.lasting.text == SENTENCE


def test_a_profile_that_is_down_is_as_long_so_as_the_first_of_its_gateways() -> None:
    later = gateway(
        name="b", problem="profile_down", usable=False, past=down(outage=outage(SINCE + 60, None))
    )
    first = gateway(name="a", problem="profile_down", usable=False, past=THIRD)
    other = switch(profiles=(profile("internal"),), stopped=frozenset({"external"}))
    finding = one(seen(switch=other, gateways=(later, first)), "profile")
    assert finding.lasting is not None
    assert finding.lasting.text == SENTENCE


@pytest.mark.parametrize("problem", ["none", "unmonitored"])
def test_a_gateway_that_is_well_again_has_no_outage_though_the_daemon_said_so(problem: str) -> None:
    assert one(seen(gateways=(gateway(problem=problem, past=THIRD),)), "registration").lasting is None


def test_without_a_history_everything_is_as_it_was() -> None:
    finding = one(seen(gateways=(gateway(problem="auth_rejected", usable=False),)), "registration")
    assert (finding.text, finding.lasting) == (finding.summary, None)
    assert one(seen(), "registration").seen == "telnyx: REGED UP, for 1 min, ping 31 ms"


def test_healthy_ones_are_up_since() -> None:
    past = Past(well_since=NOW - 11520, last=outage())
    healthy = seen(gateways=(gateway(past=past),), past=Past(well_since=NOW - 90000))
    assert one(healthy, "registration").seen == "telnyx: REGED UP, up for 3 h 12 min, ping 31 ms"
    assert one(healthy, "port").seen == "connected for at least 1 d 1 h"


def test_a_switch_that_is_lost() -> None:
    finding = one(lost("refused", "refused", taken_at=NOW, past=THIRD), "port")
    assert finding.text == (
        "Nothing listens on FreeSWITCH's event socket port (127.0.0.1:8021). Not connected for 7 min "
        "(since 03:12:40), third time today; XML was reloaded 40 s before"
    )


def test_texts_are_two_sentences_at_most() -> None:
    bad = seen(gateways=(gateway(problem="unreachable", usable=False, past=THIRD),))
    for check in CHECKS:
        for finding in check.run(bad):
            assert finding.text.count(". ") <= 1
            assert not finding.text.endswith(".")


# -- as JSON ------------------------------------------------------------------------------------------


def test_programs_get_the_same_as_values() -> None:
    bad = seen(gateways=(gateway(problem="unreachable", usable=False, past=THIRD),))
    (node,) = report([diagnose(bad)]).nodes
    (finding,) = [found for found in node.findings if found.check == "registration"]
    assert finding.summary == "Gateway telnyx: the provider is unreachable"
    assert (finding.past, finding.since) == (SENTENCE, BEGAN + SINCE)
    assert (finding.times_today, finding.times_last_day) == (3, 3)
    (before,) = finding.changes_before
    assert (before.at, before.what, before.subject) == (BEGAN + SINCE - 40, "xml_reloaded", "")


def test_and_nothing_where_nothing_is_known() -> None:
    (node,) = report([diagnose(seen())]).nodes
    for finding in node.findings:
        assert (finding.past, finding.since, finding.times_today, finding.times_last_day) == (
            "",
            None,
            None,
            None,
        )
        assert finding.changes_before == ()
    assert node.history_unasked == ""
