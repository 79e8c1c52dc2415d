"""Bytes to frames, without a socket: recorded streams cut everywhere, and streams that are not Event Socket.

The facts of every capture are in `stories.txt`. They are asserted on the capture received in one piece; every
other way of cutting it must give the same frames, and so the same facts.
"""

import random
import re
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.esl import Frame, Protocol, ProtocolError
from exporter.esl.protocol import CUT_REPLY, MAX_BODY, MAX_HEADERS
from tests.esl.recorded import CAPTURES, EVENTS, frames, raw, stories, tell

STORIES = stories()
JSON = b"Content-Length: 2\nContent-Type: text/event-json\n\n{}"


def receive(*pieces: bytes) -> list[Frame]:
    """The frames of a whole stream; raises what makes it no event socket."""
    protocol = Protocol()
    received = [frame for piece in pieces for frame in protocol.receive(piece)]
    assert protocol.partial == b""
    if protocol.failure is not None:
        raise protocol.failure
    return received


def wire(frame: Frame) -> bytes:
    """The frame as FreeSWITCH sent it."""
    return frame.headers + b"\n\n" + frame.body


def boundaries(of: list[Frame]) -> list[int]:
    """Offsets in the stream at which a header block or a body ends."""
    offsets = [0]
    for frame in of:
        offsets.append(offsets[-1] + len(frame.headers) + 2)
        offsets.append(offsets[-1] + len(frame.body))
    return offsets


# -- the captures ------------------------------------------------------------------------------------


def test_every_capture_has_a_story_and_every_story_a_capture() -> None:
    assert list(STORIES) == list(CAPTURES)
    assert len(CAPTURES) == 355


@pytest.mark.parametrize("name", CAPTURES)
def test_a_capture_received_whole_tells_its_facts(name: str) -> None:
    assert tell(receive(raw(name))) == STORIES[name]


@pytest.mark.parametrize("name", CAPTURES)
def test_frames_are_the_stream_without_a_byte_lost_or_gained(name: str) -> None:
    assert b"".join(map(wire, frames(name))) == raw(name)


@pytest.mark.parametrize("name", CAPTURES)
def test_a_capture_received_byte_by_byte_gives_the_same_frames(name: str) -> None:
    data = raw(name)
    assert receive(*(data[i : i + 1] for i in range(len(data)))) == frames(name)


def distinct_frames() -> dict[bytes, tuple[Frame, bytes, list[Frame]]]:
    """Every different frame of the captures, by its bytes, with the next frame there if that is short."""
    found: dict[bytes, tuple[Frame, bytes, list[Frame]]] = {}
    for name in CAPTURES:
        for frame, after in pairwise([*frames(name), None]):
            assert frame is not None
            data = wire(frame)
            follows = [after] if after is not None and len(wire(after)) <= 200 else []
            found.setdefault(data, (frame, b"".join(map(wire, follows)), follows))
    return found


def cuts_of(frame: Frame) -> Iterator[int]:
    """All places in and around the headers, the end of every line of the body, and every 61st byte."""
    size, body = len(wire(frame)), len(frame.headers) + 2
    cuts = (
        set(range(1, min(body + 8, size))) | set(range(max(size - 3, 1), size)) | set(range(body, size, 61))
    )
    cuts.update(body + line.end() for line in re.finditer(b"\n", frame.body))
    return iter(sorted(cuts - {size}))


def test_every_frame_of_the_captures_cut_in_two_gives_the_same_frames() -> None:
    """A frame begins with an empty buffer, so a cut concerns the frame it is in and what follows it."""
    tried = 0
    for data, (frame, rest, follows) in distinct_frames().items():
        expected = [frame, *follows]
        for cut in cuts_of(frame):
            protocol = Protocol()
            assert protocol.receive(data[:cut]) == [], f"cut at {cut} of {data!r}"
            assert protocol.receive(data[cut:] + rest) == expected, f"cut at {cut} of {data!r}"
            tried += 1
    assert tried > 100_000


@pytest.mark.parametrize("name", ["auth-fail", "rude-rejection", "cmd-event-bad-name", "ev-json-heartbeat"])
def test_a_capture_cut_in_two_at_every_byte_gives_the_same_frames(name: str) -> None:
    data, whole = raw(name), frames(name)
    for cut in range(1, len(data)):
        assert receive(data[:cut], data[cut:]) == whole, f"cut at {cut}"


@given(data=st.data())
@settings(max_examples=150)
def test_an_event_stream_cut_at_any_places_gives_the_same_frames(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(EVENTS))
    stream = raw(name)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=40))
    pieces = [stream[a:b] for a, b in pairwise([0, *sorted(cuts), len(stream)])]
    assert receive(*pieces) == frames(name)


# -- frames --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["auth-fail", "rude-rejection", "ev-json-heartbeat", "api-status"])
def test_a_stream_that_ends_early_gives_the_frames_it_completed_and_keeps_the_rest(name: str) -> None:
    data, whole = raw(name), frames(name)
    ends = boundaries(whole)[2::2]
    for length in range(len(data)):
        protocol = Protocol()
        done = sum(end <= length for end in ends)
        assert protocol.receive(data[:length]) == whole[:done]
        assert protocol.partial == data[([0, *ends])[done] : length]


def test_a_body_may_hold_empty_lines_and_what_looks_like_frames() -> None:
    body = b"\n\nContent-Type: auth/request\n\n\n"
    data = b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(body), body)
    assert receive(data + data) == [Frame("api/response", data[: -len(body) - 2], body)] * 2


@pytest.mark.parametrize("stray", [b"\n", b"\r\n", b"\n\n\n", b"\r\n\r\n"])
def test_line_ends_between_frames_are_skipped(stray: bytes) -> None:
    frame = receive(JSON)
    assert receive(stray + JSON + stray + JSON + stray) == frame * 2
    assert receive(*(bytes([byte]) for byte in stray + JSON + stray + JSON)) == frame * 2


@pytest.mark.parametrize("length", [b"0", b" 0 ", b"000"])
def test_a_body_of_no_bytes(length: bytes) -> None:
    head = b"Content-Type: api/response\nContent-Length:" + length
    assert receive(head + b"\n\n" + JSON) == [Frame("api/response", head, b""), *receive(JSON)]


def test_an_unknown_content_type_is_a_frame_like_any_other() -> None:
    data = b"Content-Type: text/event-xml\x1b[2J\nContent-Length: 3\n\nabc"
    assert receive(data) == [Frame("text/event-xml [2J", data[:-5], b"abc")]


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 2\nContent-Type: text/event-json",
        b"Content-Length: 2\nEvent-Header: x\nContent-Type: text/event-json",
        b"Content-Length: 2 \nContent-Type: text/event-json",
        b"Content-Type: text/event-json\nContent-Length: 2",
        b"Content-Type:text/event-json \nContent-Length:2",
    ],
)
def test_the_head_of_an_event_may_be_written_otherwise_than_freeswitch_does(head: bytes) -> None:
    assert receive(head + b"\n\n{}") == [Frame("text/event-json", head, b"{}")]


def test_frame_headers_are_read_as_they_stand() -> None:
    head = b"Content-Type: command/reply\nReply-Text: +OK 50%25: a  \nX:1\nReply-Text: second\nBad: \xff"
    (frame,) = receive(head + b"\n\n")
    assert frame.header(b"Reply-Text") == "+OK 50%25: a"
    assert frame.header(b"X") == "1"
    assert frame.header(b"Bad") == "\ufffd"
    assert frame.header(b"reply-text") is None
    assert frame.header(b"Reply") is None


# -- the reply to userauth, cut at the end of FreeSWITCH's buffer ------------------------------------


def userauth_reply(size: int) -> bytes:
    """A reply of `size` bytes before it is cut, empty line included."""
    head = b"Content-Type: command/reply\nReply-Text: +OK accepted\nAllowed-Events: all\nAllowed-API: "
    return (head + b"sofia," * size)[: size - 2] + b"\n\n"


@pytest.mark.parametrize("size", range(CUT_REPLY - 2, CUT_REPLY + 4))
def test_a_reply_longer_than_the_buffer_of_freeswitch_is_complete_where_it_is_cut(size: int) -> None:
    sent = userauth_reply(size)[:CUT_REPLY]
    headers = sent if size > CUT_REPLY else sent[:-2]
    expected = [Frame("command/reply", headers, b""), *receive(JSON)]
    for cut in range(1, len(sent + JSON)):
        assert receive((sent + JSON)[:cut], (sent + JSON)[cut:]) == expected
    assert receive(*(bytes([byte]) for byte in sent + JSON)) == expected
    assert receive(sent) == expected[:1]  # at once, without a byte more
    assert expected[0].header(b"Reply-Text") == "+OK accepted"


def test_that_is_where_freeswitch_cuts_it() -> None:
    """See mod_event_socket.c: `userauth` fills a buffer of 512 bytes, listener_run sends it without `~`."""
    reply = "~Reply-Text: +OK accepted\nAllowed-Events: all\nAllowed-API: " + "sofia," * 100 + "\n\n"
    buffer = reply[: 512 - 1]
    sent = f"Content-Type: command/reply\n{buffer[1:]}".encode()
    assert receive(sent) == [Frame("command/reply", sent, b"")]
    protocol = Protocol()
    assert protocol.receive(sent[:-1]) == []


def test_one_byte_less_than_the_buffer_of_freeswitch_is_not_complete() -> None:
    protocol = Protocol()
    assert protocol.receive(userauth_reply(CUT_REPLY + 1)[: CUT_REPLY - 1]) == []
    assert protocol.partial == userauth_reply(CUT_REPLY + 1)[: CUT_REPLY - 1]


def test_no_other_long_header_block_is_cut() -> None:
    for head in (b"Content-Type: command/reply\nReply-Text: +OK ", b"Content-Type: log/data\nLog-File: "):
        data = head + b"x" * 2 * CUT_REPLY + b"\n\n"
        assert receive(data, JSON) == [
            Frame(head[14:].split(b"\n")[0].decode(), data[:-2], b""),
            *receive(JSON),
        ]


# -- what is not Event Socket ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "banner",
    [
        b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
        b"220 mail.example.net ESMTP Postfix\r\n",
        b"220 mail.example.net ESMTP Sendmail; Mon, 23 Nov 2026 06:51:00 GMT\r\n",
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
        b"RFB 003.008\n",
        b"J\0\0\0\n8.0.36\0\x0f\0\0\0",
        b"\xff\xfe\xfd\n",
    ],
)
def test_another_service_is_known_by_its_first_line(banner: bytes) -> None:
    said = re.escape(banner.split(b"\n")[0].rstrip().decode("utf-8", "replace").replace("\0", " ").strip())
    for pieces in ([banner], [bytes([byte]) for byte in banner]):
        with pytest.raises(ProtocolError, match=f"^not an event socket, it says: {said}$"):
            receive(*pieces)


@pytest.mark.parametrize(
    ("head", "complaint"),
    [
        (b"Content-Type: api/response\nContent-Length: -1", "Content-Length is not a number: -1"),
        (b"Content-Type: api/response\nContent-Length: +1", "Content-Length is not a number: +1"),
        (b"Content-Type: api/response\nContent-Length: 1e3", "Content-Length is not a number: 1e3"),
        (b"Content-Type: api/response\nContent-Length: 0x10", "Content-Length is not a number: 0x10"),
        (b"Content-Type: api/response\nContent-Length: 1 2", "Content-Length is not a number: 1 2"),
        (b"Content-Type: api/response\nContent-Length:", "Content-Length is not a number: "),
        (
            b"Content-Type: api/response\nContent-Length: \xef\xbc\x95",
            "Content-Length is not a number: \uff15",
        ),
        (b"Content-Type: api/response\nContent-Length: " + b"9" * 5000, "is not a number: 999"),
        (b"Content-Type: api/response\nContent-Length: 33554433", "33554433 is larger than 33554432 bytes"),
        (b"Content-Type: api/response\nContent-Length: 999999999999", "999999999999 is larger"),
        (b"Content-Type: api/response\nContent-Length: 1\nContent-Length: 1", "Content-Length twice"),
        (b"Content-Type: api/response\nContent-Type: api/response", "Content-Type twice"),
        (b"Content-Length: 4", "frame without Content-Type: Content-Length: 4"),
        (b"content-type: api/response", "frame without Content-Type"),
        (b"Content-Type: command/reply\nno colon", "it says: no colon"),
        (b"Content-Type: command/reply\nno name: x", "it says: no name: x"),
        (b"Content-Type: command/reply\n\xff\x00", "it says: \ufffd"),
    ],
)
def test_a_head_that_cannot_be_trusted_ends_the_stream(head: bytes, complaint: str) -> None:
    data = JSON + head + b"\n\n"
    for pieces in ([data], [bytes([byte]) for byte in data]):
        with pytest.raises(ProtocolError, match=re.escape(complaint)):
            receive(*pieces)


def test_what_the_far_end_says_is_quoted_short_and_printable() -> None:
    with pytest.raises(ProtocolError) as caught:
        receive(b"\x1b[31mno colon \xe2\x80\xae\x07" + b"x" * 10_000 + b"\n")
    assert str(caught.value).startswith("not an event socket, it says: [31mno colon   xxx")
    assert len(str(caught.value)) < 250
    assert str(caught.value).isprintable()


# -- bounds --------------------------------------------------------------------------------------------


def head_of(size: int) -> bytes:
    start = b"Content-Type: command/reply\nReply-Text: "
    return start + b"x" * (size - len(start))


@pytest.mark.parametrize("step", [1, 4096, 10**6])
def test_the_largest_header_block_is_taken_and_one_byte_more_is_not(step: int) -> None:
    for size, fits in ((MAX_HEADERS, True), (MAX_HEADERS + 1, False)):
        data = head_of(size) + b"\n\n"
        pieces = [data[i : i + step] for i in range(0, len(data), step)]
        if fits:
            assert [len(frame.headers) for frame in receive(*pieces)] == [MAX_HEADERS]
        else:
            with pytest.raises(ProtocolError, match="header block larger than 65536 bytes"):
                receive(*pieces)


def test_the_largest_body_is_taken_and_its_memory_given_back() -> None:
    protocol = Protocol()
    protocol.receive(b"Content-Type: api/response\nContent-Length: %d\n\n" % MAX_BODY)
    piece = bytes(256 * 1024)
    tracemalloc.start()
    try:
        received = [len(f.body) for _ in range(MAX_BODY // len(piece)) for f in protocol.receive(piece)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert received == [MAX_BODY]
    assert protocol.partial == b""
    assert peak < 4 * MAX_BODY
    assert protocol._buffer.__sizeof__() < MAX_HEADERS


@pytest.mark.parametrize("endless", [b"x", b"A: b\n", b"Content-Type: api/response\n"])
def test_a_header_block_without_end_is_cut_off(endless: bytes) -> None:
    protocol = Protocol()
    piece = endless * (4096 // len(endless))
    received = 0
    while protocol.failure is None:
        assert protocol.receive(piece) == []
        received += len(piece)
        assert len(protocol._buffer) <= received <= MAX_HEADERS + 2 * 4096
    assert protocol.receive(JSON) == []  # nothing more, and nothing kept
    assert protocol.partial == b""


# -- anything ------------------------------------------------------------------------------------------

_WORDS = [
    b"Content-Type: ",
    b"Content-Length: ",
    b"api/response",
    b"text/event-json",
    b"Reply-Text: +OK",
    b": ",
]
_WORDS += [userauth_reply(600)[:80], b"x" * 200]
_WORDS += [b"\n", b"\n\n", b"\r\n", b"0", b"1", b"7", b"-", b"{}", b"a b", b"\xff", b"\0", JSON]
ANYTHING = st.lists(st.sampled_from(_WORDS) | st.binary(max_size=20), max_size=60).map(b"".join)


def outcome(pieces: list[bytes]) -> tuple[list[Frame], bytes | None]:
    """The frames of a stream, and what is left of it, or None if it failed."""
    protocol = Protocol()
    received = []
    for piece in pieces:
        received += protocol.receive(piece)
        assert len(protocol._buffer) <= MAX_HEADERS + MAX_BODY
    if protocol.failure is not None:
        assert str(protocol.failure).isprintable()
        return received, None
    return received, protocol.partial


@given(stream=ANYTHING, cuts=st.lists(st.integers(0, 1200), max_size=10))
@settings(max_examples=400)
def test_any_bytes_give_frames_or_a_failure_and_cuts_change_neither(stream: bytes, cuts: list[int]) -> None:
    whole = outcome([stream])
    assert outcome([bytes([byte]) for byte in stream]) == whole
    assert outcome([stream[a:b] for a, b in pairwise([0, *sorted(cuts), len(stream) + 1200])]) == whole


@given(stream=st.binary(max_size=3000))
@settings(max_examples=200)
def test_noise_is_no_stream(stream: bytes) -> None:
    outcome([stream])


def test_a_damaged_capture_gives_frames_or_a_failure() -> None:
    rng = random.Random(8021)
    for name in EVENTS:
        for _ in range(10):
            data = bytearray(raw(name)[:20_000])
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
            outcome([bytes(data)])
