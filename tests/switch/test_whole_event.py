"""An event that was parsed answers what its text answers, whatever it is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.esl import Event
from exporter.switch.whole_event import read_whole
from tests.switch.recordings import events
from tests.switch.replies import anything, recorded

NAMES = [name.removesuffix(".txt") for name in recorded("ev-*.txt")]
KEPT = "ev-json-evidence-bridged-403"
HEADERS = st.sampled_from(["a", "b", "Hangup-Cause"])


def headers_of(event: Event) -> list[bytes]:
    try:
        return [name.encode() for name in json.loads(event.text, strict=False)]
    except ValueError:  # plain text
        return [line.split(b": ")[0] for line in event.text.split(b"\n") if b": " in line]


def agrees(event: Event, *names: bytes) -> None:
    whole = read_whole(event)
    for name in (*names, b"no such header", b"Hangup-Cause"):
        assert whole.get(name) == event.get(name), name
        assert whole.get_int(name) == event.get_int(name), name
        assert whole.get_float(name) == event.get_float(name), name


@pytest.mark.parametrize("capture", NAMES)
def test_it_answers_as_the_text_does(capture: str) -> None:
    for event in events(capture):
        agrees(event, *headers_of(event))


@pytest.mark.parametrize("capture", [name for name in NAMES if name.startswith("ev-json")])
def test_the_last_events_of_recorded_legs_are_parsed(capture: str) -> None:
    ends = [event for event in events(capture) if event.name == "CHANNEL_HANGUP_COMPLETE"]
    assert not [event for event in ends if read_whole(event) is event]


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":"1","a":"2"}',
        b'{"a":["1"],"a":"2"}',
        b'{"a":"1","a":["2"]}',
        b'{"a":"1","a":["2"],"b":"\\":"}',
        b'{"a":{"b":"1"}}',
        b'{"Hangup-Cause":"1","Hangup-Cause":"2"}',
        b'{"Hangup-Cause":"1","Hangup-Cause":"2","a":"1","a":"2"}',
        b'{"Hangup-Cause":"1","Hangup-Cause":"2","a":["1"],"a":"2"}',
        b'{"Hangup-Cause":["1"]}',
        b'{"a":5}',
        b'{"a":"\xff"}',
        b'{"a":"\n"}',
        b'{"a":"1","b":"2',
        b'{"a":"-0001","b":"\xd9\xa1"}',
        b'{"a":"\\ud800","b":"1"}',
        b"[" * 100_000,
        b'["a"]',
        b"",
        b"a: 1\nb: 2\n\n",
    ],
)
def test_what_cannot_be_parsed_alike_is_looked_up(text: bytes) -> None:
    agrees(Event(text), b"a", b"b")


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "Hangup-Cause"]), anything | st.lists(anything) | st.none())
    ),
    st.booleans(),
)
def test_it_answers_as_any_text_does(pairs: list[tuple[str, object]], ascii_only: bool) -> None:
    text = ",".join(f'"{name}":{json.dumps(value, ensure_ascii=ascii_only)}' for name, value in pairs)
    agrees(Event(f"{{{text}}}".encode("utf-8", "surrogatepass")), b"a", b"b")


@given(st.data())
def test_it_answers_as_a_damaged_text_does(data: st.DataObject) -> None:
    text = events(KEPT)[-1].text
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 200)))
    filling = data.draw(st.binary(max_size=20) | st.just(text[:end][-60:]))
    agrees(
        Event(text[:start] + filling + text[end:]), b"Call-Direction", b"Unique-ID", b"variable_sip_call_id"
    )
