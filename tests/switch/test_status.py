"""Heartbeat, status and counts as recorded, and as nobody should send them."""

from dataclasses import fields, replace

import pytest
from hypothesis import given

from exporter.esl.event import Event
from exporter.esl.protocol import Protocol
from exporter.switch.reply import CommandDenied, NoDatabase, ReplyError
from exporter.switch.status import (
    Heartbeat,
    SwitchFigures,
    SwitchStatus,
    parse_count,
    parse_pause,
    parse_status,
)
from tests.switch.replies import CAPTURES, anything, damaged, read_or_refused, recorded, reply

STATUS = ["api-json-status.txt", "api-status.txt", "api-status-1call.txt", "api-show-status-json.txt"]
COUNTS = recorded("api-show-*-count*.txt")


def heartbeat(name: str) -> Event:
    frames = Protocol().receive((CAPTURES / name).read_bytes())
    return next(event for event in (Event(frame.body) for frame in frames) if event.name == "HEARTBEAT")


def test_recorded_heartbeat() -> None:
    assert Heartbeat.from_event(heartbeat("ev-plain-heartbeat.txt")) == Heartbeat(
        version="1.11.2-release+git~20260809T162310Z~3f13ad1b1d~64bit",
        uptime_seconds=720.029,
        session_count=0,
        session_peak=2,
        session_peak_5min=0,
        sessions_since_startup=43,
        sessions_per_second_last=0,
        sessions_per_second_peak=10,
        sessions_per_second_peak_5min=0,
        sessions_per_second_left=30,
        max_sessions=1000,
        idle_cpu=35.733333,
    )


def test_recorded_heartbeat_as_json() -> None:
    beat = Heartbeat.from_event(heartbeat("ev-json-heartbeat.txt"))
    assert (beat.sessions_since_startup, beat.max_sessions) == (43, 1000)
    assert beat.version == "1.11.2-release+git~20260809T162310Z~3f13ad1b1d~64bit"


@pytest.mark.parametrize("said", ["", "-1", "many", "1" * 5000, "9223372036854775808", "nan", "1e400"])
def test_a_heartbeat_that_makes_no_sense_says_nothing(said: str) -> None:
    headers = ["Uptime-msec", "Session-Count", "Session-Since-Startup", "Idle-CPU"]
    lines = ["Event-Name: HEARTBEAT", *(f"{header}: {said}" for header in headers)]
    beat = Heartbeat.from_event(Event(("\n".join(lines) + "\n\n").encode()))
    assert beat == Heartbeat(*[None] * 12)


def test_recorded_status() -> None:
    assert parse_status(reply("api-json-status.txt")) == SwitchStatus(
        ready=True,
        version="1.11.2-release git 3f13ad1 2026-08-09 16:23:10Z 64bit",
        uptime_seconds=13 + 604 / 1e3 + 266 / 1e6,
        session_count=0,
        session_peak=0,
        session_peak_5min=0,
        sessions_since_startup=0,
        sessions_per_second_last=0,
        sessions_per_second_peak=0,
        sessions_per_second_peak_5min=0,
        max_sessions=1000,
        max_sessions_per_second=30,
        idle_cpu=63.333333333333336,
        min_idle_cpu=0.0,
    )
    text = parse_status(reply("api-status-1call.txt"))
    assert (text.session_count, text.session_peak, text.session_peak_5min) == (1, 1, 1)
    assert (text.sessions_since_startup, text.sessions_per_second_last) == (1, 1)
    assert (text.max_sessions, text.max_sessions_per_second) == (1000, 30)
    assert (text.idle_cpu, text.min_idle_cpu, text.ready) == (50.0, 0.0, True)
    assert text.version == "1.11.2-release git 3f13ad1 2026-08-09 16:23:10Z 64bit"


# Every number another, so that no two can be mixed up.
DISTINCT_JSON = (
    '{"command":"status","data":"","status":"success","response":{"systemStatus":"not ready","uptime":{'
    '"years":1,"days":2,"hours":3,"minutes":4,"seconds":5,"milliseconds":6,"microseconds":7},"version":"V","sessions":{'
    '"count":{"total":11,"active":12,"peak":13,"peak5Min":14,"limit":15},'
    '"rate":{"current":16,"max":17,"peak":18,"peak5Min":19}},'
    '"idleCPU":{"used":20,"allowed":21.5},"stackSizeKB":{"current":240,"max":8192}}}'
)
DISTINCT_TEXT = """UP 1 year, 2 days, 3 hours, 4 minutes, 5 seconds, 6 milliseconds, 7 microseconds
FreeSWITCH (Version V) is not ready
11 session(s) since startup
12 session(s) - peak 13, last 5min 14 
16 session(s) per Sec out of max 17, peak 18, last 5min 19 
15 session(s) max
min idle cpu 20.00/21.50
Current Stack Size/Max 240K/8192K
"""  # noqa: W291 (FreeSWITCH leaves these blanks)


@pytest.mark.parametrize("text", [DISTINCT_JSON, DISTINCT_TEXT], ids=["json", "text"])
def test_each_number_has_its_place(text: str) -> None:
    assert parse_status(text) == SwitchStatus(
        ready=False,
        version="V",
        uptime_seconds=((365 + 2) * 24 + 3) * 3600 + 4 * 60 + 5 + 6 / 1e3 + 7 / 1e6,
        session_count=12,
        session_peak=13,
        session_peak_5min=14,
        sessions_since_startup=11,
        sessions_per_second_last=16,
        sessions_per_second_peak=18,
        sessions_per_second_peak_5min=19,
        max_sessions=15,
        max_sessions_per_second=17,
        idle_cpu=21.5,
        min_idle_cpu=20.0,
    )


FIGURES = [field.name for field in fields(SwitchFigures)]


def test_figures_are_what_status_and_heartbeat_have() -> None:
    assert set(FIGURES) == set(SwitchStatus.__slots__) - {"ready", "version"}
    assert set(FIGURES) - set(Heartbeat.__slots__) == {"max_sessions_per_second", "min_idle_cpu"}


def test_the_later_source_counts_and_what_it_does_not_say_stays() -> None:
    status = parse_status(DISTINCT_JSON)
    figures = SwitchFigures().updated(status)
    assert all(getattr(figures, name) == getattr(status, name) for name in FIGURES)
    beat = Heartbeat.from_event(heartbeat("ev-plain-heartbeat.txt"))
    later = figures.updated(replace(beat, session_peak=None))
    assert (later.uptime_seconds, later.sessions_since_startup) == (720.029, 43)
    assert (later.session_peak, later.max_sessions_per_second) == (13, 17)


@pytest.mark.parametrize(
    "text",
    [
        '{"command":"status","status":"error","message":"Missing data parameter"}',
        DISTINCT_JSON.replace("11", "-11"),
        DISTINCT_JSON.replace("11", '"11"'),
        DISTINCT_JSON.replace("11", "9" * 400),
        DISTINCT_JSON.replace("16", "9223372036854775808"),
        DISTINCT_JSON.replace('"seconds":5,', ""),
        DISTINCT_JSON[:-1],
        DISTINCT_TEXT.replace("11 session", "x session"),
        DISTINCT_TEXT.replace("11 session", "1" * 19 + " session"),
        DISTINCT_TEXT.replace("16 session(s)", "\u0663 session(s)"),
        "{" * 5000,
        '{"response":' * 5000,
        "[]",
        "UP",
    ],
    ids=range(14),
)
def test_other_status_is_refused(text: str) -> None:
    with pytest.raises(ReplyError):
        parse_status(text)


def test_status_not_allowed() -> None:
    with pytest.raises(CommandDenied):
        parse_status("-ERR permission denied")


def test_idle_cpu_out_of_range_is_not_said() -> None:
    assert parse_status(DISTINCT_TEXT.replace("21.50", "-1.00")).idle_cpu is None
    assert parse_status(DISTINCT_JSON.replace("21.5", "1e300")).idle_cpu is None


@pytest.mark.parametrize("name", COUNTS)
def test_recorded_counts(name: str) -> None:
    assert parse_count(reply(name)) == (1 if "1call" in name else 0)


def test_counts() -> None:
    assert parse_count('{"row_count":5,"rows":[]}') == 5
    assert parse_count('{"row_count": 0}\n') == 0
    assert parse_count("\n12 total.\n") == 12
    with pytest.raises(NoDatabase):
        parse_count("-ERR SQL disabled, no data available!\n")


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "5 total",
        "-5 total.",
        "1" * 19 + " total.",
        '{"row_count":-1}',
        '{"row_count":"5"}',
        '{"rows":[]}',
        "{}",
    ],
)
def test_other_counts_are_refused(text: str) -> None:
    with pytest.raises(ReplyError):
        parse_count(text)


def test_pause() -> None:
    assert parse_pause(reply("api-fsctl-pause_check-outbound.txt")) is False
    assert parse_pause("true") is True


@given(anything | damaged([*STATUS, *COUNTS]))
def test_any_text_is_read_or_refused(text: str) -> None:
    status = read_or_refused(parse_status, text)
    if status:
        assert len(status.version) <= 210
        assert 0 <= status.uptime_seconds < float("inf")
        assert all(0 <= getattr(status, name) < 2**63 for name in FIGURES if "idle" not in name)
    count = read_or_refused(parse_count, text)
    assert count is None or 0 <= count < 2**63
    read_or_refused(parse_pause, text)


@given(anything)
def test_any_heartbeat_is_read(said: str) -> None:
    text = said.encode("utf-8", "surrogatepass")
    names = (b"Uptime-msec", b"Session-Count", b"Idle-CPU", b"FreeSWITCH-Version")
    event = Event(
        b"Event-Name: HEARTBEAT\n" + b"".join(name + b": " + text + b"\n" for name in names) + b"\n"
    )
    beat = Heartbeat.from_event(event)
    assert beat.session_count is None or 0 <= beat.session_count < 2**63
    assert beat.idle_cpu is None or 0 <= beat.idle_cpu <= 100
    assert beat.version is None or len(beat.version) <= 210
