"""What lines of FreeSWITCH's log tell: held to the recordings, and to hostile texts."""

import re

import pytest

from exporter.switch.log_event import ERROR_EVENTS, LOG_EVENTS, LogEvent, log_event
from exporter.switch.log_line import log_level, parse_log_line, without_passwords
from tests.switch.recordings import lines
from tests.switch.replies import CAPTURES

CRIT, ERR, WARNING, NOTICE, CONSOLE = 2, 3, 4, 5, 0
DATE = "2026-11-26 12:05:17.604113 95.97% "


def told(capture: str) -> list[LogEvent]:
    """What its lines tell, each once."""
    found = [log_event(line) for line in lines(capture)]
    return list(dict.fromkeys(event for event in found if event is not None))


NO_SESSION = LogEvent("", "DESTINATION_OUT_OF_ORDER")
RECORDED = {
    "log-7-idle-60s": [LogEvent("registration_failed")],
    "log-crit-stuck-log-listener": [LogEvent("queue_overflow"), LogEvent("no_rtp_ports")],
    "log-debug-inbound-over-sps": [LogEvent("session_rate")],
    "log-debug-originate-brace-error": [],
    "log-debug-originate-empty-number-no-slash": [LogEvent("", "INVALID_URL", "telnyx")],
    "log-debug-originate-gateway-down": [LogEvent("gateway_down", "GATEWAY_DOWN", "noreg")],
    "log-debug-originate-invalid-gateway": [LogEvent("invalid_gateway", "INVALID_GATEWAY", "nosuchgw")],
    "log-debug-originate-nosuchendpoint": [LogEvent("", "CHAN_NOT_IMPLEMENTED", "nosuchendpoint")],
    "log-debug-originate-nosuchprofile": [LogEvent("", "INVALID_PROFILE")],
    "log-debug-originate-over-session-limit": [LogEvent("session_limit"), NO_SESSION],
    "log-debug-originate-paused": [LogEvent("paused"), NO_SESSION],
    "log-debug-originate-sofia-internal-user-percent": [
        LogEvent("", "USER_NOT_REGISTERED", "1000@lab.local")
    ],
    "log-debug-originate-user-nobody": [LogEvent("unknown_user", "SUBSCRIBER_ABSENT", "nobody@lab.local")],
    "log-info-inbound-no-rtp-ports": [LogEvent("no_rtp_ports")],
    "log-info-inbound-rejected-by-acl": [LogEvent("acl_rejected")],
    "log-info-register-failure-unknown-user": [LogEvent("unknown_user")],
    "log-info-register-with-acl-set": [LogEvent("acl_rejected")],
    "log-info-scanner-invite-unanswered-challenge": [],
    "log-info-unregister": [],
    "log-warning-attack-register-wrong-password": [],
    "log-warning-core-db-locked": [LogEvent("sqlite_busy"), LogEvent("sql_error")],
}


def test_every_recording_of_the_log_is_held_to() -> None:
    assert sorted(RECORDED) == sorted(path.stem for path in CAPTURES.glob("log-*.txt"))


@pytest.mark.parametrize("capture", RECORDED)
def test_a_recording_tells(capture: str) -> None:
    assert told(capture) == RECORDED[capture]


# Of FreeSWITCH's source: there is no recording of them.
UNRECORDED = {
    "module_failed": (
        CRIT,
        "[CRIT] switch_loadable_module.c:1815 Error Loading module mod_y.so\n**no**\n",
    ),
    "shutdown_pending": (
        WARNING,
        "[WARNING] switch_core.c:2837 Shutdown in progress, 1 session(s) remain.\nShutting down ASAP\n",
    ),
}


@pytest.mark.parametrize("what", UNRECORDED)
def test_a_line_of_the_source_tells(what: str) -> None:
    level, text = UNRECORDED[what]
    line = parse_log_line(level, DATE + text)
    assert line is not None
    assert log_event(line) == LogEvent(what)


def test_each_word_is_told_by_some_line() -> None:
    recorded = {event.what for events in RECORDED.values() for event in events} - {""}
    assert recorded | set(UNRECORDED) == set(LOG_EVENTS)


def test_without_warnings_some_words_cannot_come() -> None:
    assert set(ERROR_EVENTS) == {
        *("gateway_down", "invalid_gateway", "session_limit", "session_rate", "paused", "no_rtp_ports"),
        *("sql_error", "module_failed", "queue_overflow"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "[ERR] mod_dptools.c:1855 Gateway 'telnyx' is down!",  # the dialplan logs what a caller is called
        "[ERR] switch_cpp.cpp:1466 Invalid Gateway 'telnyx'",
        "[ERR] mod_sofia.c:4838 caller [ERR] mod_sofia.c:4838 Gateway 'telnyx' is down!",
        "[WARNING] sofia_reg.c:1787 SIP auth failure (REGISTER) for [No audio RTP ports available!]",
        "Gateway 'telnyx' is down!",
    ],
)
def test_a_strangers_text_in_a_line_tells_nothing(text: str) -> None:
    line = parse_log_line(ERR, DATE + text)
    assert line is not None
    assert log_event(line) is None


@pytest.mark.parametrize(
    ("level", "text", "is_a"),
    [
        (1, "[ALERT] a.c:1 x", "crit"),
        (CRIT, "[CRIT] a.c:1 x", "crit"),
        (ERR, "[ERR] a.c:1 x", "err"),
        (WARNING, "[WARNING] a.c:1 x", "warning"),
        (NOTICE, "[NOTICE] a.c:1 x", None),
        (-1, "[ERR] a.c:1 x", None),
        (CONSOLE, "[CONSOLE] sofia_presence.c:1621 Event Thread Started", None),
        (CONSOLE, "no level", None),
        (CONSOLE, "[CONSOLE] switch_loadable_module.c:2188 Error Loading module x", "crit"),
    ],
)
def test_levels(level: int, text: str, is_a: str | None) -> None:
    line = parse_log_line(level, DATE + text)
    assert (line.level if line is not None else None) == is_a
    assert log_level(level) == (is_a or "") or level == CONSOLE


def test_a_long_hostile_line_takes_no_time() -> None:
    for text in (
        "[" * 100_000,
        "[CRIT] switch_core_sqldb.c:1 [" + "]" * 100_000,
        "Can't find user [" * 9999,
        "=a:" * 30_000 + "@",
        "sofia/a/b:" * 9999,
    ):
        line = parse_log_line(CRIT, DATE + text)
        assert line is not None
        assert len(line.text) <= 400
        assert log_event(line) is None


def test_what_stands_as_a_password_is_not_shown() -> None:
    text = "dial {sip_auth_password=geheim,a=b} password: geheim passwd='geheim' pass=geheim"
    assert "geheim" not in without_passwords(text)
    assert re.search("a=b", without_passwords(text))


@pytest.mark.parametrize(
    "text",
    [
        "sofia/external/anna%3Ageheim@127.0.0.1:9 Abandoned",
        "Session 45 (sofia/external/anna:geheim) Ended",
        "loopback/anna:geheim-b [CS_ROUTING]",
        "<sip:+1555:geheim@h>",
        "Cannot create outgoing channel [{a=b}sofia/gateway/telnyx/anna:geheim|sofia/x/sip:anna:geheim@h]",
        "fetching https://anna:geheim@example.com/x",
    ],
)
def test_a_password_in_an_address_is_not_kept(text: str) -> None:
    line = parse_log_line(WARNING, DATE + "[WARNING] sofia.c:1 " + text)
    assert line is not None
    assert "geheim" not in line.text
    assert "<secret>" in line.text


@pytest.mark.parametrize(
    "text",
    [
        "Can't find user [1000@lab.local] from IP 10.0.0.1",
        "sofia/internal/1000@10.0.0.1:5060 and sip:1000@10.0.0.1:5060",
        "sofia/internal/sip:1000@10.0.0.1",
        "at 10:20:30 user x@y",
        "Invalid Gateway 'external::telnyx'",
    ],
)
def test_an_address_without_a_password_is_left_alone(text: str) -> None:
    line = parse_log_line(WARNING, DATE + "[WARNING] sofia.c:1 " + text)
    assert line is not None
    assert line.text.endswith(text)
