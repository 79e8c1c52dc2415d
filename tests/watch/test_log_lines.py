"""FreeSWITCH's log is counted, read as far as that is cheap, and bounded whatever it says."""

import pytest

from exporter.esl.errors import mask
from exporter.switch.log_event import ERROR_EVENTS, LOG_EVENTS, LogEvent
from exporter.watch.log_lines import KEPT, MAX_FILES, RECENT, SAMPLED, LogLines, first_named
from tests.watch.builders import HandClock

CRIT, ERR, WARNING, NOTICE, CONSOLE = 2, 3, 4, 5, 0


def line(level: str, file: str, text: str) -> str:
    return f"2026-01-31 12:00:00.000000 98.50% [{level}] {file}:123 {text}\n"


class Side:
    """The log of a node, a clock, and what the lines told."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.told: list[LogEvent] = []
        self.log = LogLines(self.clock, self.told.append)
        self.log.stream = "warning"
        self.log.on_opened()

    def err(self, text: str, file: str = "a.c", times: int = 1) -> None:
        for _ in range(times):
            self.log.on_line(ERR, line("ERR", file, text))


def test_lines_are_counted_by_level() -> None:
    side = Side()
    for level in (1, CRIT, ERR, WARNING, WARNING, NOTICE, CONSOLE, -1):
        side.log.on_line(level, line("X", "a.c", "x"))
    assert side.log.lines == {"crit": 2, "err": 1, "warning": 2}


def test_what_can_come_is_there_at_0_and_no_more() -> None:
    side = Side()
    assert side.log.lines == {"crit": 0, "err": 0, "warning": 0}
    assert side.log.events == dict.fromkeys(LOG_EVENTS, 0)
    errors = LogLines(side.clock, side.told.append)
    assert (errors.lines, errors.events) == ({}, {})
    errors.stream = "error"
    errors.on_opened()
    assert errors.lines == {"crit": 0, "err": 0}
    assert errors.events == dict.fromkeys(ERROR_EVENTS, 0)


def test_what_a_line_tells_is_counted_and_handed_on() -> None:
    side = Side()
    side.err("Gateway 'telnyx' is down!", "mod_sofia.c")
    side.err("Invalid Profile", "mod_sofia.c")
    assert side.told == [LogEvent("gateway_down", "GATEWAY_DOWN", "telnyx"), LogEvent("", "INVALID_PROFILE")]
    assert side.log.events["gateway_down"] == 1
    assert sum(side.log.events.values()) == 1


def at(second: float) -> str:
    return f"2026-01-31 12:00:{second:09.6f} 98.50% [ERR] a.c:1 x\n"


def test_lines_are_late_by_what_comes_on_top_of_the_difference_between_the_clocks() -> None:
    side = Side()
    late = []
    for second, written in enumerate((10, 11, 11.5, 12, 15)):
        side.clock.now = 100.0 + second
        side.log.on_line(ERR, at(written))
        late.append(side.log.take_late())
    assert late == pytest.approx([0, 0, 0.5, 1, 0])
    side.clock.now += 1
    side.log.on_line(ERR, at(10))
    assert side.log.take_late() == pytest.approx(6)
    assert side.log.take_late() is None  # none has come since
    side.clock.now += 1
    side.log.on_line(ERR, at(11))
    side.log.on_opened()
    assert side.log.take_late() is None
    side.clock.now += 1
    side.log.on_line(ERR, at(12))
    assert side.log.take_late() == 0


@pytest.mark.parametrize("text", ["", "x", "2026-13-45 99:00:00.000000 x", "2026-01-31 00:00:00+010000 x"])
def test_a_line_without_a_date_is_not_late(text: str) -> None:
    side = Side()
    side.log.on_line(ERR, at(10))
    side.clock.now += 1
    assert side.log.take_late() == 0
    side.log.on_line(ERR, text)
    assert side.log.take_late() is None


@pytest.mark.parametrize(
    "clean",
    [
        "[CRIT] mod_sofia.c:1 Error Creating Session\n",
        "INVITE sip:1@x SIP/2.0\r\nFrom: <[ERR] mod_sofia.c:1 Invalid Gateway 'telnyx'>\r\n",
        "recv 2026-01-31 12:00:00.000000 98.50% [ERR] mod_sofia.c:1 Invalid Gateway 'telnyx'\n",
    ],
)
def test_a_line_without_date_and_source_is_all_text(clean: str) -> None:
    """As FreeSWITCH passes a SIP trace and the messages of scripts on (SWITCH_CHANNEL_LOG_CLEAN)."""
    side = Side()
    side.log.on_line(ERR, clean)
    assert side.told == []
    assert side.log.lines["err"] == 1
    assert side.log.seen([]).errors == {"other": 1}


@pytest.mark.parametrize("idle", ["98.50% ", "100.00% ", "", "-nan% "])
def test_the_source_of_a_line_is_read_with_and_without_the_idle_cpu(idle: str) -> None:
    side = Side()
    side.log.on_line(ERR, f"2026-01-31 12:00:00.000000 {idle}[ERR] mod_sofia.c:1 Invalid Gateway 'x'\n")
    assert side.log.seen([]).errors == {"mod_sofia.c": 1}
    assert side.log.events["invalid_gateway"] == 1


def test_of_a_flood_all_lines_are_counted_and_a_sample_is_read() -> None:
    side = Side()
    side.err("Invalid Gateway 'x'", "mod_sofia.c", SAMPLED + 100)
    assert side.log.lines["err"] == SAMPLED + 100
    assert side.log.events["invalid_gateway"] == SAMPLED
    seen = side.log.seen([])
    assert (seen.unread, seen.fastest) == (100, SAMPLED + 100)
    side.clock.now += 1
    side.err("Invalid Gateway 'x'", "mod_sofia.c")
    assert side.log.events["invalid_gateway"] == SAMPLED + 1
    side.clock.now += 2 * RECENT
    assert (side.log.seen([]).unread, side.log.seen([]).fastest) == (0, 0)


def test_lines_of_long_ago_are_not_shown() -> None:
    side = Side()
    side.err("old", "old.c")
    for _ in range(3):
        side.clock.now += RECENT / 4
        side.log.on_line(WARNING, line("WARNING", "new.c", "new"))
    seen = side.log.seen([])
    assert (dict(seen.errors), dict(seen.warnings)) == ({"old.c": 1}, {"new.c": 3})
    side.clock.now += RECENT / 4
    seen = side.log.seen([])
    assert (dict(seen.errors), [entry.error for entry in seen.lines]) == ({}, [False] * 2)
    assert RECENT / 2 <= seen.seconds < RECENT
    side.clock.now += 10 * RECENT
    assert side.log.seen([]).lines == ()
    assert side.log.lines == {"crit": 0, "err": 1, "warning": 3}


def test_what_is_shown_says_how_far_back_it_goes() -> None:
    side = Side()
    side.clock.now += 3
    assert side.log.seen([]).seconds == 3
    for _ in range(50):
        side.clock.now += RECENT / 7
        side.err("x")
        assert side.log.seen([]).seconds < RECENT


class Counting(frozenset[str]):
    """Names, and how often one was looked up."""

    lookups = 0

    def __contains__(self, name: object) -> bool:
        self.lookups += 1
        return super().__contains__(name)


@pytest.mark.parametrize("text", ["a" * 200, "a." * 100, "a-" * 100, "." * 200, "a:" * 100])
def test_looking_for_gateways_takes_no_longer_for_names_that_nearly_fit(text: str) -> None:
    names = Counting(
        {text[:length] + "b" for length in range(1, 200)} | {f"gw{number}" for number in range(800)}
    )
    assert first_named(text, names) == ""
    assert names.lookups <= len(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Gateway 'a.b' is down, a too", "a.b"),
        ("a. b", "a"),
        ("a.b.c", "a.b"),
        ("b then a", "b"),
        ("a-b xa ax a_ .a", ""),
        ("", ""),
    ],
)
def test_the_first_name_is_taken_and_there_the_longest(text: str, name: str) -> None:
    assert first_named(text, {"a", "b", "a.b"}) == name


def test_a_gateways_name_counts_only_as_a_whole_word() -> None:
    side = Side()
    for text in ("telnyx down", "telnyx-backup down", "mytelnyx down", "[telnyx] down", "telnyx2", "telnyx."):
        side.err(text)
    marks = [entry.gateway for entry in side.log.seen(["telnyx", "telnyx-backup"]).lines]
    assert marks == ["telnyx", "telnyx-backup", "", "telnyx", "", "telnyx"]


def test_hostile_lines_are_bounded_and_printable() -> None:
    side = Side()
    for number in range(10_000):
        side.clock.now += 0.01
        side.err("\x1b[31m" + "x" * 10_000, f"file{number}.c")
    side.log.on_line(ERR, "\x1b]0;no source at all\x07")
    seen = side.log.seen(["x"])
    assert sum(seen.errors.values()) == 10_001
    assert len(seen.errors) <= MAX_FILES + 1
    assert len(seen.lines) == KEPT
    for logged in seen.lines:
        assert logged.text.isprintable()
        assert len(logged.text) < 500


def test_no_password_is_shown() -> None:
    mask("open sesame")
    side = Side()
    side.err("user open sesame, sip_auth_password=geheim")
    [entry] = side.log.seen([]).lines
    assert "sesame" not in entry.text
    assert "geheim" not in entry.text


@pytest.mark.parametrize("refused", [True, False])
def test_why_it_is_not_read_is_shown_until_it_is(refused: bool) -> None:
    side = Side()
    side.log.on_closed("gone", refused=refused, behind=not refused)
    seen = side.log.seen([])
    assert (seen.closed_because, seen.refused, seen.behind) == ("gone", refused, not refused)
    side.log.on_opened()
    seen = side.log.seen([])
    assert (seen.closed_because, seen.refused, seen.behind) == ("", False, False)
