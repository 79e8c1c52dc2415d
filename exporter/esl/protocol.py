"""Bytes from an event socket to frames, without any I/O.

Strategy: a frame is a block of `Name: value` lines, an empty line, and then exactly `Content-Length` bytes
if that header is present (mod_event_socket.c). Nothing else delimits: bodies may contain empty lines and
anything that looks like a header. So `Protocol` finds the end of the header block, reads two headers in it,
and cuts by length. Bytes may come in pieces of any size; each byte is searched once.

One reply has no empty line: FreeSWITCH builds the reply to `userauth` in a buffer of 512 bytes and drops
what does not fit (mod_event_socket.c: listener_run, `char reply[512]`). On the wire such a reply has
exactly CUT_REPLY bytes, so it is complete there.

Bounds: a header block of MAX_HEADERS bytes, a body of MAX_BODY bytes. Past a bound, or where the bytes
cannot be Event Socket, `failure` is set and nothing more is received: a protocol without markers cannot be
resynchronised. Neither the frames nor whether a stream fails depend on the pieces in which it arrives.

Known cost: a frame that arrives in many pieces is copied twice (into the buffer and out of it).
"""

from typing import Final, NamedTuple

from exporter.esl.errors import ProtocolError, quoted

MAX_HEADERS: Final = 64 * 1024
MAX_BODY: Final = 32 * 1024 * 1024  # the list of 25,000 gateways has 23 MB
# "Content-Type: command/reply\n", and of the 512 bytes all but a "~", which is not sent, and the final NUL.
CUT_REPLY: Final = 28 + 510

AUTH_REQUEST: Final = "auth/request"
COMMAND_REPLY: Final = "command/reply"
API_RESPONSE: Final = "api/response"
EVENT_PLAIN: Final = "text/event-plain"
EVENT_JSON: Final = "text/event-json"
DISCONNECT_NOTICE: Final = "text/disconnect-notice"
RUDE_REJECTION: Final = "text/rude-rejection"
LOG_DATA: Final = "log/data"

# Looked up, so that the hot path does not decode the same few words again and again.
_KNOWN: Final = {
    name.encode(): name
    for name in (
        AUTH_REQUEST,
        COMMAND_REPLY,
        API_RESPONSE,
        EVENT_PLAIN,
        EVENT_JSON,
        DISCONNECT_NOTICE,
        RUDE_REJECTION,
        LOG_DATA,
    )
}

_EVENT_HEAD: Final = b"Content-Length: "
_EVENT_TAIL: Final = b"\nContent-Type: text/event-json"
_ACCEPTED: Final = b"Content-Type: command/reply\nReply-Text: +OK accepted\n"  # so begins no other reply


class Frame(NamedTuple):
    """One frame: its content type, its raw header block (LF separated) and its body (may be empty)."""

    content_type: str
    headers: bytes
    body: bytes

    def header(self, name: bytes) -> str | None:
        """The first header of that exact name. Frame headers are not percent-encoded, unlike an event's."""
        for line in self.headers.split(b"\n"):
            key, _, value = line.partition(b":")
            if key == name:
                return value.strip().decode("utf-8", "replace")
        return None


class Protocol:
    """Turns received bytes into frames: give them to `receive`, in pieces of any size.

    Attributes:
        failure: why the bytes received so far cannot be Event Socket; None while they can.
    """

    def __init__(self) -> None:
        self.failure: ProtocolError | None = None
        self._buffer = bytearray()
        self._scanned = 0  # the header block of the incomplete frame does not end before this offset
        self._needed = 0  # no frame is complete before the buffer holds this many bytes

    def receive(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, in order; after a `failure` none. Check `failure` afterwards."""
        if self.failure is not None:
            return []
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return []
            data = bytes(self._buffer)  # one copy, instead of two for each frame cut out of a bytearray
            self._buffer.clear()
        frames: list[Frame] = []
        try:
            self._cut(data, frames)
        except ProtocolError as error:
            self.failure = error
        return frames

    @property
    def partial(self) -> bytes:
        """What has been received of the incomplete frame (at most the first MAX_HEADERS bytes)."""
        return bytes(self._buffer[:MAX_HEADERS])

    def _cut(self, data: bytes, frames: list[Frame]) -> None:
        """Append the complete frames of `data` and keep the rest in the buffer."""
        size = len(data)
        start = 0
        search = self._scanned
        needed = 0
        while start < size:
            if data[start] in b"\r\n":  # between frames only; FreeSWITCH sends none, and none does harm
                start = search = start + 1
                continue
            end = data.find(b"\n\n", search)
            # Of a block that has not ended, the last byte may be the first of the two that end it.
            length_so_far = (end if end >= 0 else size - 1) - start
            if length_so_far > CUT_REPLY - 2 and data.startswith(_ACCEPTED, start):
                frames.append(Frame(COMMAND_REPLY, data[start : start + CUT_REPLY], b""))
                start = search = start + CUT_REPLY
                continue
            if length_so_far > MAX_HEADERS:
                raise ProtocolError(f"header block larger than {MAX_HEADERS} bytes")
            if end < 0:
                _refuse_other_services(data, start)
                search = size - 1
                break
            head = data[start:end]
            content_type, length = _read_head(head)
            body_end = end + 2 + length
            if body_end > size:
                search = end
                needed = body_end - start
                break
            frames.append(Frame(content_type, head, data[end + 2 : body_end]))
            start = search = body_end
        self._buffer += data[start:]
        self._scanned = search - start
        self._needed = needed


def _read_head(head: bytes) -> tuple[str, int]:
    """Content type and length of the body of a header block."""
    if head.startswith(_EVENT_HEAD) and head.endswith(_EVENT_TAIL):  # nearly all there is
        digits = head[len(_EVENT_HEAD) : -len(_EVENT_TAIL)]
        if digits.isdigit():  # and nothing between the two
            return EVENT_JSON, _length(digits)
    content_type: str | None = None
    length: int | None = None
    for line in head.split(b"\n"):
        name, value = _split(line)
        if name == b"Content-Type":
            if content_type is not None:
                raise ProtocolError(f"Content-Type twice in one frame: {quoted(head)}")
            content_type = _KNOWN.get(value) or quoted(value)
        elif name == b"Content-Length":
            if length is not None:
                raise ProtocolError(f"Content-Length twice in one frame: {quoted(head)}")
            length = _length(value)
    if content_type is None:
        raise ProtocolError(f"frame without Content-Type: {quoted(head)}")
    return content_type, length or 0


def _length(value: bytes) -> int:
    if not value.isdigit() or len(value) > 12:
        raise ProtocolError(f"Content-Length is not a number: {quoted(value)}")
    length = int(value)
    if length > MAX_BODY:
        raise ProtocolError(f"Content-Length {length} is larger than {MAX_BODY} bytes")
    return length


def _split(line: bytes) -> tuple[bytes, bytes]:
    """Name and value of a header line. FreeSWITCH's names hold no blank; a mail server's first words do."""
    name, colon, value = line.partition(b":")
    if not colon or b" " in name:
        raise ProtocolError(f"not an event socket, it says: {quoted(line)}")
    return name, value.strip()


def _refuse_other_services(data: bytes, start: int) -> None:
    """Name a foreign service by its first line, before its silence looks like a hanging FreeSWITCH."""
    newline = data.find(b"\n", start)
    if newline >= 0:
        _split(data[start:newline])
