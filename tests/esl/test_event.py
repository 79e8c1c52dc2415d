"""One event: every header of every recorded event read back, in both encodings, and values made to deceive.

Two readers stand in for FreeSWITCH's side: `reference` reads a whole event the slow and plain way, and
`plain`/`as_json` write one by FreeSWITCH's own rules (switch_utils.c: switch_url_encode; cJSON's
print_string_ptr). What they write, `Event` must read back exactly.
"""

import json
import math
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.esl import Event
from tests.esl.recorded import EVENTS, events, frames

Headers = list[tuple[bytes, bytes]]


# -- FreeSWITCH's side -------------------------------------------------------------------------------

_UNSAFE = b'\r\n #%&+:;<=>?@[\\]^`{|}"'
_HEX = b"0123456789ABCDEF"
_ESCAPES = {0x22: b'\\"', 0x5C: b"\\\\", 8: b"\\b", 12: b"\\f", 10: b"\\n", 13: b"\\r", 9: b"\\t"}


def url_encoded(value: bytes) -> bytes:
    """Percent-encoding that leaves an existing `%` with two upper-case hex digits alone."""
    out = bytearray()
    for i, byte in enumerate(value):
        pair = value[i + 1 : i + 3]
        kept = byte == 0x25 and len(pair) == 2 and all(digit in _HEX for digit in pair)
        if not kept and (byte < 0x20 or byte > 0x7E or byte in _UNSAFE):
            out += b"%%%02X" % byte
        else:
            out.append(byte)
    return bytes(out)


def plain(headers: Headers, body: bytes = b"") -> bytes:
    text = b"".join(b"%s: %s\n" % (name, url_encoded(value)) for name, value in headers)
    return text + (b"Content-Length: %d\n\n%s" % (len(body), body) if body else b"\n")


def json_string(value: bytes) -> bytes:
    escaped = (_ESCAPES.get(b) or (b"\\u%04x" % b if b < 0x20 else bytes([b])) for b in value)
    return b'"' + b"".join(escaped) + b'"'


def as_json(headers: Headers, body: bytes = b"") -> bytes:
    pairs = [*headers, *([(b"Content-Length", b"%d" % len(body)), (b"_body", body)] if body else [])]
    return b"{" + b",".join(json_string(name) + b":" + json_string(value) for name, value in pairs) + b"}"


def reference(text: bytes) -> dict[str, str]:
    """All headers, the first of each name, list values left out."""
    found: dict[str, Any] = {}
    if text.startswith(b"{"):
        for name, value in json.loads(text, object_pairs_hook=list):
            found.setdefault(name, value)
        return {name: value for name, value in found.items() if isinstance(value, str)}
    for line in text.partition(b"\n\n")[0].decode().split("\n"):
        name, _, value = line.partition(": ")
        found.setdefault(name, unquote(value))
    return {name: value for name, value in found.items() if not value.startswith("ARRAY::")}


def shown(value: bytes) -> str:
    return value.decode("utf-8", "replace")


WRITERS = pytest.mark.parametrize("write", [plain, as_json], ids=["plain", "json"])
Writer = Callable[..., bytes]


# -- recorded events -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVENTS)
def test_every_header_of_a_recorded_event_is_read(name: str) -> None:
    for event in events(name):
        expected = reference(event.text)
        assert {header: event.get(header.encode()) for header in expected} == expected
        assert event.get(b"Nonexistent") is None


def test_a_recorded_call_reads_the_same_written_either_way() -> None:
    read = 0
    for event in events("ev-json-call-success"):
        headers = {header: value for header, value in reference(event.text).items() if header[0] != "_"}
        headers.pop("Content-Length", None)
        rewritten = Event(plain([(k.encode(), v.encode()) for k, v in headers.items()], event.body.encode()))
        for header, value in headers.items():
            assert rewritten.get(header.encode()) == event.get(header.encode()) == value
            read += 1
        assert rewritten.body == event.body
    assert read == 2584


def test_the_same_kind_of_call_gives_the_same_facts_in_plain_and_json() -> None:
    def facts(name: str) -> list[tuple[str | None, ...]]:
        wanted = [b"Call-Direction", b"Answer-State", b"Channel-Call-State", b"Caller-Destination-Number"]
        wanted += [b"variable_sip_gateway_name", b"Hangup-Cause", b"variable_rtp_audio_in_mos"]
        calls = [event for event in events(name) if event.name.startswith("CHANNEL_")]
        return [(event.name, *map(event.get, wanted)) for event in calls]

    assert facts("ev-plain-call-success") == facts("ev-json-call-success")
    assert len(facts("ev-json-call-success")) == 22


def test_recorded_gateway_events_are_the_same_in_plain_and_json() -> None:
    seen = [
        [
            (e.name, e.subclass, e.timestamp, e.get(b"Gateway"), e.get(b"State"), e.get(b"Phrase"))
            for e in events(name)
        ]
        for name in ("ev-plain-gateway-down-up", "ev-json-gateway-down-up")
    ]
    assert seen[0] == seen[1]
    assert seen[0][0][:2] == ("CUSTOM", "sofia::gateway_state")
    assert seen[0][0][2] == 1795392257.255534
    assert seen[0][0][3:] == ("telnyx", "FAILED", "Service Unavailable")


def test_a_channel_dump_is_an_event_too() -> None:
    for name in ("api-uuid_dump", "api-uuid_dump-json"):
        (frame,) = frames(name)
        event = Event(frame.body)
        assert event.name == "CHANNEL_DATA"
        assert event.get(b"variable_sip_gateway_name") == "telnyx"
        assert event.get(b"Caller-Destination-Number") == "+15550000001"


def test_recorded_lists_count_as_absent() -> None:
    lists = [event for event in events("ev-plain-call-inbound") if b"variable_DP_MATCH" in event.text]
    assert [event.get(b"variable_DP_MATCH") for event in lists] == [None] * 8


# -- written events ------------------------------------------------------------------------------------

_TRICKS = rb"""" \ \" "," ":" "} { : , % %0A %0a %22 %5C + |: ARRAY:: \u0022 \n Name FORGED _body Hangup-Cause
    Content-Length ","Hangup-Cause":"FORGED %0AHangup-Cause:%20FORGED""".split()
_TRICKS += [
    b"\nHangup-Cause: FORGED\n",
    b"\n",
    b"\n\n",
    b"\r",
    b"\t",
    b" ",
    b": ",
    b"\x01",
    b"\x7f",
    b"\xc3",
    b"\xff",
]
_TRICKS += ["\u00e9".encode(), "\U0001f600".encode()]
VALUES = st.binary(min_size=1, max_size=40).map(lambda value: value.replace(b"\0", b"0")) | st.lists(
    st.sampled_from(_TRICKS), min_size=1, max_size=12
).map(b"".join)
NAMES = st.text("abcXYZ0189-_", min_size=1, max_size=12).map(lambda name: b"variable_" + name.encode())
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=12, unique_by=lambda header: header[0])
BODIES = st.just(b"") | VALUES


def ambiguous(value: bytes) -> bool:
    """FreeSWITCH's plain text does not tell such a value from another."""
    return url_encoded(value).count(b"%25") != value.count(b"%") or value.startswith(b"ARRAY::")


@WRITERS
@given(headers=HEADERS, cause=VALUES, body=BODIES)
@example(headers=[(b"variable_a", b'x","Hangup-Cause":"FORGED')], cause=b"TRUE", body=b"")
@example(headers=[(b"variable_a", b"x\nHangup-Cause: FORGED")], cause=b"TRUE", body=b"")
@example(headers=[(b"variable_a", b"x\\")], cause=b"TRUE", body=b"\nHangup-Cause: FORGED\n\n")
@settings(max_examples=150)
def test_every_written_header_is_read_back_and_none_is_forged(
    write: Writer, headers: Headers, cause: bytes, body: bytes
) -> None:
    written = [(b"Event-Name", b"CHANNEL_HANGUP"), *headers, (b"Hangup-Cause", cause), (b"Last", b"end")]
    event = Event(write(written, body))
    for name, value in written:
        if write is as_json or not ambiguous(value):
            assert event.get(name) == shown(value)
            assert name == b"Event-Name" or event.get_late(name) == shown(value)
    assert event.get(b"FORGED") is None
    assert event.get_late(b"FORGED") is None
    assert event.get(b"Name") is None
    assert event.body == shown(body)


@WRITERS
@given(headers=HEADERS, body=VALUES)
@settings(max_examples=50)
def test_a_header_is_not_found_in_values_or_bodies(write: Writer, headers: Headers, body: bytes) -> None:
    event = Event(write([(b"Event-Name", b"BACKGROUND_JOB"), *headers], body))
    assert event.get(b"Hangup-Cause") is None
    assert event.get_late(b"Hangup-Cause") is None


def test_a_header_is_not_found_in_the_name_of_another() -> None:
    event = Event(as_json([(b"Event-Name", b"A"), (b'x","Hangup-Cause":"FORGED', b"1"), (b"y", b"2")]))
    assert event.get(b"Hangup-Cause") is None
    assert event.get(b"y") == "2"
    event = Event(as_json([(b"Event-Name", b"A"), (b'x"Cause', b"FORGED"), (b'x"Cause', b"FORGED")]))
    assert event.get(b"Cause") is None
    event = Event(as_json([(b"Event-Name", b"A"), (b'x"Cause', b"FORGED"), (b"Cause", b'"TRUE"')]))
    assert event.get(b"Cause") == '"TRUE"'
    event = Event(plain([(b"Event-Name", b"A"), (b"X-Hangup-Cause", b"1")]))
    assert event.get(b"Hangup-Cause") is None


@WRITERS
def test_names_are_case_sensitive_and_the_first_of_a_name_counts(write: Writer) -> None:
    event = Event(write([(b"Event-Name", b"A"), (b"Hangup-Cause", b"FIRST"), (b"Hangup-Cause", b"SECOND")]))
    assert event.get(b"Hangup-Cause") == "FIRST"
    assert event.get_late(b"Hangup-Cause") == "SECOND"
    assert event.get(b"hangup-cause") is None


@WRITERS
@pytest.mark.parametrize(
    "body", [b"+OK 8a3641a0\n", b"", b"\n\nEvent-Name: FORGED\n\n", b'"\\\n\xff\xc3\xa9', b"x" * 100_000]
)
def test_the_body_of_a_job(write: Writer, body: bytes) -> None:
    event = Event(write([(b"Event-Name", b"BACKGROUND_JOB"), (b"Job-UUID", b"7")], body))
    assert event.name == "BACKGROUND_JOB"
    assert event.get(b"Job-UUID") == "7"
    assert event.body == shown(body)


def test_plain_text_is_lossy_where_freeswitch_makes_it_so() -> None:
    written = [(b"Event-Name", b"A"), (b"X", b"100%41"), (b"Y", b"100%4a+ b")]
    assert Event(plain(written)).get(b"X") == "100A"
    assert Event(as_json(written)).get(b"X") == "100%41"
    assert Event(plain(written)).get(b"Y") == Event(as_json(written)).get(b"Y") == "100%4a+ b"


def test_lists_count_as_absent() -> None:
    event = Event(b'{"Event-Name":"A","X":["a","Y","b"],"Y":"c"}')
    assert (event.get(b"X"), event.get(b"Y")) == (None, "c")
    event = Event(b"Event-Name: A\nX: ARRAY%3A%3Aa%7C%3Ab\nY: c\n\n")
    assert (event.get(b"X"), event.get(b"Y")) == (None, "c")


# -- the rest of an event from one header on --------------------------------------------------------


@WRITERS
def test_the_rest_of_an_event_begins_with_the_last_header_of_that_name(write: Writer) -> None:
    headers = [(b"Event-Name", b"A"), (b"X", b"1"), (b"B", b"2"), (b"X", b"3"), (b"C", b'"\n'), (b"D", b"5")]
    event = Event(write(headers, b"\nX: 6\nY: 7"))
    rest = event.after(b"X")
    assert rest is not None
    assert [rest.get(name) for name in (b"X", b"B", b"C", b"D", b"Y")] == ["3", None, '"\n', "5", None]
    assert rest.name == ""
    assert rest.body == "\nX: 6\nY: 7"
    assert rest.after(b"B") is None
    assert event.after(b"Y") is None


def test_the_media_figures_of_a_recorded_call_stand_together() -> None:
    for name in ("ev-plain-call-echo-with-audio", "ev-json-call-success"):
        (event,) = (e for e in events(name) if e.name == "CHANNEL_HANGUP_COMPLETE")
        rest = event.after(b"variable_rtp_audio_in_raw_bytes")
        assert rest is not None
        assert len(rest.text) < len(event.text) / 4
        for header in (b"variable_rtp_audio_in_mos", b"variable_rtp_audio_out_packet_count"):
            assert event.get(header)
            assert rest.get(header) == event.get(header)


# -- numbers -------------------------------------------------------------------------------------------


@WRITERS
@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"0", 0),
        (b"007", 7),
        (b"-5", -5),
        (b"18446744073709551615", 2**64 - 1),
        (b"-9223372036854775808", -(2**63)),
        *((bad, None) for bad in b"- --5 +5 1_000 1.5 1e3 0x1f five 999999999999999999999".split()),
        *((bad, None) for bad in (b"", b" 5", b"5 ")),
        *((bad.encode(), None) for bad in ("\uff15", "\u00b2", "\u0665")),
    ],
)  # fmt: skip
def test_whole_numbers(write: Writer, text: bytes, number: int | None) -> None:
    assert Event(write([(b"Event-Name", b"A"), (b"X", text)])).get_int(b"X") == number


@WRITERS
@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"4.50", 4.5),
        (b"-0.25", -0.25),
        (b"7", 7.0),
        (b"1e3", 1000.0),
        *(
            (bad, None)
            for bad in (b"nan", b"inf", b"-inf", b"Infinity", b"1e999", b"1_0.5", b"1,5", b"", b"much")
        ),
    ],
)
def test_fractions(write: Writer, text: bytes, number: float | None) -> None:
    assert Event(write([(b"Event-Name", b"A"), (b"X", text)])).get_float(b"X") == number


@WRITERS
@pytest.mark.parametrize(
    ("text", "seconds"),
    [(b"1795392257255534", 1795392257.255534), (b"0", 0.0), (b"soon", 0.0), (b"9" * 400, 0.0)],
)
def test_time_stamps_are_microseconds(write: Writer, text: bytes, seconds: float) -> None:
    event = Event(write([(b"Event-Name", b"A"), (b"Event-Date-Timestamp", text)]))
    assert event.timestamp == seconds
    assert event.timestamp == seconds  # asked again


@pytest.mark.parametrize("text", [b"", b"{}", b"{", b"\n\n", b"\n", b"Event-Name", b'{"Event-Name":["A"]}'])
def test_nothing_is_absent(text: bytes) -> None:
    event = Event(text)
    assert (event.name, event.subclass, event.body, event.timestamp) == ("", "", "", 0.0)
    assert (event.get(b"X"), event.get_late(b"X")) == (None, None)
    assert (event.get_int(b"X"), event.get_float(b"X")) == (None, None)


# -- damaged events ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"Event-Name":"A","X":"cut sho', None),
        (b'{"Event-Name":"A","X":"cut \\"sho', None),
        (b'{"Event-Name":"A","X":"cut \\', None),
        (b'{"Event-Name":"A","X":"bad \\q escape"}', None),
        (b'{"Event-Name":"A","X":"bad \\u12 escape"}', None),
        (b'{"Event-Name":"A","X":"half \\ud83d"}', "half ?"),
        (b'{"Event-Name":"A","X":"whole \\ud83d\\ude00"}', "whole \U0001f600"),
        (b'{"Event-Name":"A","X":"raw \n and \\n"}', "raw \n and \n"),
        (b'{"Event-Name":"A","X":"\\u0000\xff\\\\"}', "\0\ufffd\\"),
        (b'{"Event-Name":"A","X" : "spaced"}', None),
        (b'{"Event-Name":"A","X":5}', None),
        (b"Event-Name: A\nX: cut sho", "cut sho"),
        (b"Event-Name: A\nX: bad %", "bad %"),
        (b"Event-Name: A\nX: bad %4", "bad %4"),
        (b"Event-Name: A\nX: bad %zz\n\n", "bad %zz"),
        (b"Event-Name: A\nX: \xff%FF\xc3%A9\n\n", "\ufffd\ufffd\u00e9"),
        (b"Event-Name: A\nX:no blank\n\n", None),
        (b"Event-Name: A\nX: \n\n", ""),
    ],
)
def test_a_damaged_event_gives_what_can_be_read(text: bytes, value: str | None) -> None:
    event = Event(text)
    assert event.name == "A"
    assert event.get(b"X") == event.get_late(b"X") == value


@given(
    text=st.binary(max_size=200) | st.lists(VALUES | HEADERS.map(as_json) | HEADERS.map(plain)).map(b"".join)
)
@settings(max_examples=100)
def test_no_bytes_make_a_look_up_raise(text: bytes) -> None:
    for start in (b"", b"{", b'{"Event-Name":"A",', b"Event-Name: A\n"):
        event = Event(start + text)
        for value in (
            event.name,
            event.subclass,
            event.body,
            event.get(b"Hangup-Cause") or "",
            event.get_late(b"X") or "",
        ):
            value.encode()
        assert math.isfinite(event.timestamp)
        assert math.isfinite(event.get_float(b"X") or 0.0)
