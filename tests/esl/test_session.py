"""The session without a socket: greeting, password, replies, events and every end, however cut."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.esl import (
    AclDenied,
    AuthRejected,
    Disconnected,
    EslError,
    Event,
    FellBehind,
    GreetingTimeout,
    ProtocolError,
)
from exporter.esl.protocol import CUT_REPLY
from exporter.esl.session import (
    Authenticated,
    Ended,
    Greeted,
    LogLine,
    Received,
    Replied,
    Session,
    State,
)
from tests.esl.conftest import PASSWORD
from tests.esl.recorded import CAPTURES, EVENTS, frames, raw

GREETING = b"Content-Type: auth/request\n\n"
ACCEPTED = b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n"
OPENED = GREETING + ACCEPTED
HAVE_OPENING = (GREETING, b"Content-Type: text/rude-rejection")  # the other captures begin when it is ready


def framed(content_type: str, body: bytes) -> bytes:
    return f"Content-Type: {content_type}\nContent-Length: {len(body)}\n\n".encode() + body


def reply(text: str) -> bytes:
    return f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode()


EVENT = framed("text/event-json", b'{"Event-Name":"HEARTBEAT"}')
API = framed("api/response", b"UP 0 years\n")
LOG = framed("log/data", b"a line")
NOTICE = framed("text/disconnect-notice", b"Disconnected, goodbye.\nSee you!\n")
RUDE = framed("text/rude-rejection", b"Access Denied, go away.\n")
UNKNOWN = framed("text/event-xml", b"<event/>")


def ready(user: str | None = None) -> Session:
    """A session whose password has been accepted."""
    session = Session(PASSWORD, user, "192.0.2.1")
    session.receive(OPENED)
    session.data_to_send()
    assert state_of(session) == "ready"
    return session


def state_of(session: Session) -> str:
    """The state's name, read again each time."""
    return session.state.value


def told(received: Iterable[Received]) -> list[str]:
    """What was received in words, so that it can be compared."""
    words = []
    for one in received:
        match one:
            case Greeted():
                words.append("greeted")
            case Authenticated(answer):
                words.append(f"authenticated: {answer.text}")
            case Replied(number, answer):
                words.append(f"reply {number}: {answer.text}")
            case LogLine(level, text):
                words.append(f"log {level}: {text}")
            case Event():
                words.append(f"event: {one.text!r}")
            case Ended(reason):
                words.append(f"{type(reason).__name__}: {reason}")
    return words


def end(received: Sequence[Received]) -> EslError:
    """The reason of the end, which comes last."""
    assert isinstance(received[-1], Ended)
    assert not any(isinstance(one, Ended) for one in received[:-1])
    return received[-1].reason


# -- from greeting to ready ----------------------------------------------------------------------------


def test_it_waits_for_the_greeting_then_sends_the_password_then_is_ready() -> None:
    session = Session(PASSWORD)
    assert state_of(session) == "awaiting greeting"
    assert session.data_to_send() == b""
    assert session.receive(GREETING[:-1]) == []
    assert session.receive(GREETING[-1:]) == [Greeted()]
    assert state_of(session) == "authenticating"
    assert session.data_to_send() == f"auth {PASSWORD}\n\n".encode()
    assert session.data_to_send() == b""
    assert told(session.receive(ACCEPTED)) == ["authenticated: +OK accepted"]
    assert state_of(session) == "ready"
    assert session.data_to_send() == b""


def test_a_user_of_the_directory_is_told_what_it_may() -> None:
    session = Session(PASSWORD, "exporter@lab")
    session.receive(GREETING)
    assert session.login == "userauth"
    assert session.data_to_send() == f"userauth exporter@lab:{PASSWORD}\n\n".encode()
    (accepted,) = session.receive(reply("+OK accepted\nAllowed-Events: HEARTBEAT\nAllowed-API: status"))
    assert isinstance(accepted, Authenticated)
    assert accepted.reply.frame.header(b"Allowed-API") == "status"


def test_the_password_is_sent_as_it_is() -> None:
    # 0xE9 in an environment variable reaches Python as half a surrogate pair.
    session = Session(" p%20:\udce9\u00e9 ")
    session.receive(GREETING)
    assert session.data_to_send() == b"auth  p%20:\xe9\xc3\xa9 \n\n"


def test_a_userauth_reply_cut_by_freeswitch_is_complete_with_its_last_byte() -> None:
    cut = (reply("+OK accepted\nAllowed-Events: all\nAllowed-API: " + "sofia," * 200))[:CUT_REPLY]
    for split in range(1, CUT_REPLY):
        session = Session(PASSWORD, "exporter@lab")
        session.receive(GREETING)
        assert session.receive(cut[:split]) == []
        assert told(session.receive(cut[split:])) == ["authenticated: +OK accepted"]
        assert session.command("api uptime") == 1
        assert told(session.receive(framed("api/response", b"13\n"))) == ["reply 1: 13\n"]


@pytest.mark.parametrize("password", ["a\nb", "a\rb", "a\0b", "a\ud800b"])
@pytest.mark.parametrize("user", [None, "exporter@lab"])
def test_a_password_that_cannot_be_sent_is_rejected_and_not_shown(password: str, user: str | None) -> None:
    session = Session(password, user)
    reason = end(session.receive(GREETING))
    assert isinstance(reason, AuthRejected)
    assert str(reason) == "user and password must not contain a line end or a NUL"
    assert reason.__context__ is None
    assert session.data_to_send() == b""


def test_nothing_is_sent_as_a_command_before_freeswitch_accepts_the_password() -> None:
    session = Session(PASSWORD)
    with pytest.raises(RuntimeError, match="awaiting greeting"):
        session.command("api status")
    session.receive(GREETING)
    with pytest.raises(RuntimeError, match="authenticating"):
        session.command("api status")
    assert session.data_to_send() == f"auth {PASSWORD}\n\n".encode()


# -- the table: what each kind of frame means in each state --------------------------------------------

STATES = {"awaiting greeting": b"", "authenticating": GREETING, "ready": OPENED, "closed": OPENED + NOTICE}
GREETED_TWICE = ["ProtocolError: a second auth/request"]
DENIED = ["AclDenied: FreeSWITCH's ACL refuses 192.0.2.1"]
SAID = ["Disconnected: FreeSWITCH says: Disconnected, goodbye."]
UNASKED = "ProtocolError: a reply nobody asked for: "
TABLE: dict[str, tuple[bytes, list[str], list[str], list[str]]] = {
    # kind: (frame, awaiting greeting, authenticating, ready)
    "auth/request": (GREETING, ["greeted"], GREETED_TWICE, GREETED_TWICE),
    "+OK": (
        reply("+OK accepted"),
        [UNASKED + "+OK accepted"],
        ["authenticated: +OK accepted"],
        [UNASKED + "+OK accepted"],
    ),
    "-ERR": (
        reply("-ERR invalid"),
        [UNASKED + "-ERR invalid"],
        ["AuthRejected: FreeSWITCH says: -ERR invalid"],
        [UNASKED + "-ERR invalid"],
    ),
    "api/response": (API, [UNASKED + "UP 0 years"], [UNASKED + "UP 0 years"], [UNASKED + "UP 0 years"]),
    "event": (
        EVENT,
        ["ProtocolError: not an event socket: Content-Type text/event-json"],
        [],
        ['event: b\'{"Event-Name":"HEARTBEAT"}\''],
    ),
    "log": (LOG, ["ProtocolError: not an event socket: Content-Type log/data"], [], ["log -1: a line"]),
    "notice": (NOTICE, SAID, SAID, SAID),
    "rude": (RUDE, DENIED, DENIED, DENIED),
    "unknown": (UNKNOWN, ["ProtocolError: not an event socket: Content-Type text/event-xml"], [], []),
}


@pytest.mark.parametrize("kind", TABLE)
def test_what_a_frame_means_depends_on_the_state(kind: str) -> None:
    data, *meanings = TABLE[kind]
    for (name, before), meaning in zip(STATES.items(), [*meanings, []], strict=True):
        session = Session(PASSWORD, None, "192.0.2.1")
        session.receive(before)
        assert session.state.value == name
        assert told(session.receive(data)) == meaning, name


def test_each_state_of_the_session_is_in_the_table() -> None:
    assert [state.value for state in State] == list(STATES)


# -- commands and their replies ------------------------------------------------------------------------


def test_replies_are_matched_to_commands_in_order_with_events_between() -> None:
    session = ready()
    assert [session.command("api status"), session.command("noevents"), session.command("api uptime")] == [
        1,
        2,
        3,
    ]
    assert session.data_to_send() == b"api status\n\nnoevents\n\napi uptime\n\n"
    assert told(session.receive(API + EVENT + reply("+OK no longer listening"))) == [
        "reply 1: UP 0 years\n",
        'event: b\'{"Event-Name":"HEARTBEAT"}\'',
        "reply 2: +OK no longer listening",
    ]
    assert session.command("exit") == 4
    assert told(session.receive(API + reply("+OK bye"))) == ["reply 3: UP 0 years\n", "reply 4: +OK bye"]


def test_a_command_with_headers_is_one_piece() -> None:
    session = ready()
    session.command("sendevent CUSTOM", {"Event-Subclass": "exporter::tick", "Number": "7"})
    assert session.data_to_send() == b"sendevent CUSTOM\nEvent-Subclass: exporter::tick\nNumber: 7\n\n"


@pytest.mark.parametrize("line", ["api status\napi shutdown", "api status\r", "api \0", "api \ud800"])
def test_what_is_no_single_command_is_not_sent_and_waits_for_no_reply(line: str) -> None:
    session = ready()
    for unfit in ((line, None), ("sendevent CUSTOM", {"X": line}), ("sendevent CUSTOM", {line: "X"})):
        with pytest.raises(ValueError, match=r"line end|surrogates"):
            session.command(*unfit)
    assert session.data_to_send() == b""
    assert session.command("noevents") == 1
    assert told(session.receive(reply("+OK"))) == ["reply 1: +OK"]


def test_a_reply_nobody_asked_for_ends_the_session() -> None:
    session = ready()
    session.command("noevents")
    reason = end(session.receive(reply("+OK") + reply("+OK \x1b[2J surprise") + EVENT))
    assert isinstance(reason, ProtocolError)
    assert str(reason) == "a reply nobody asked for: +OK  [2J surprise"


@pytest.mark.parametrize(
    ("answer", "text", "ok", "denied"),
    [
        (reply("+OK 1"), "+OK 1", True, False),
        (reply("-ERR no"), "-ERR no", False, False),
        (reply("-ERR permission denied"), "-ERR permission denied", False, True),
        (b"Content-Type: command/reply\n\n", "", True, False),
        (framed("api/response", b"-ERR permission denied\n"), "-ERR permission denied\n", False, False),
        (framed("api/response", b"caf\xe9\n"), "caf\ufffd\n", True, False),
        (framed("api/response", b""), "", True, False),
    ],
)
def test_what_a_reply_says(answer: bytes, text: str, ok: bool, denied: bool) -> None:
    session = ready()
    session.command("api x")
    (replied,) = session.receive(answer)
    assert isinstance(replied, Replied)
    assert (replied.reply.text, replied.reply.ok, replied.reply.denied) == (text, ok, denied)


# -- events and log lines ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text/event-json", "text/event-plain"])
def test_an_event_is_its_frames_body(kind: str) -> None:
    (event,) = ready().receive(framed(kind, b"Event-Name: HEARTBEAT\n\n"))
    assert isinstance(event, Event)
    assert event.name == "HEARTBEAT"


@pytest.mark.parametrize(
    ("level", "read"), [("7", 7), ("", -1), ("-1", -1), ("\u0665", -1), ("9" * 5000, -1), ("seven", -1)]
)
def test_a_log_line_has_its_level_if_that_can_be_read(level: str, read: int) -> None:
    data = f"Content-Type: log/data\nContent-Length: 4\nLog-Level: {level}\n\n".encode() + b"ab\n\xff"
    assert ready().receive(data) == [LogLine(read, "ab\n\ufffd")]


# -- ends ----------------------------------------------------------------------------------------------


def test_lost_events_are_the_exporters_fault() -> None:
    data = framed("text/disconnect-notice", b"killed listener because of lost events\n")
    reason = end(ready().receive(data))
    assert isinstance(reason, FellBehind)
    assert str(reason) == "FreeSWITCH says: killed listener because of lost events"


def test_nothing_is_received_after_the_end() -> None:
    session = ready()
    received = session.receive(EVENT + NOTICE + EVENT + RUDE)
    assert told(received) == ['event: b\'{"Event-Name":"HEARTBEAT"}\'', *SAID]
    assert session.receive(EVENT) == []
    with pytest.raises(RuntimeError, match="closed"):
        session.command("api status")


def test_what_was_received_before_the_stream_broke_is_not_lost() -> None:
    session = ready()
    session.command("noevents")
    received = session.receive(EVENT + reply("+OK") + b"event text\n" + EVENT)
    assert told(received) == [
        'event: b\'{"Event-Name":"HEARTBEAT"}\'',
        "reply 1: +OK",
        "ProtocolError: not an event socket, it says: event text",
    ]


def test_a_session_that_its_owner_closed_receives_nothing() -> None:
    session = ready()
    session.close()
    assert state_of(session) == "closed"
    assert session.receive(EVENT + NOTICE + b"nonsense\n") == []


@pytest.mark.parametrize(
    ("before", "how", "kind", "text"),
    [
        (b"", "closed", Disconnected, "FreeSWITCH closed the connection"),
        (b"", "reset", Disconnected, "FreeSWITCH reset the connection"),
        (
            b"Too many connections",
            "closed",
            ProtocolError,
            "not an event socket, it says: Too many connections",
        ),
        (GREETING, "closed", Disconnected, "FreeSWITCH closed the connection"),
        (OPENED, "reset", Disconnected, "FreeSWITCH reset the connection"),
        (
            OPENED + EVENT[:9],
            "closed",
            Disconnected,
            "FreeSWITCH closed the connection in the middle of a frame",
        ),
        (
            OPENED + EVENT[:-1],
            "reset",
            Disconnected,
            "FreeSWITCH reset the connection in the middle of a frame",
        ),
    ],
)
def test_a_connection_that_freeswitch_ends(
    before: bytes, how: Literal["closed", "reset"], kind: type[EslError], text: str
) -> None:
    session = Session(PASSWORD)
    session.receive(before)
    reason = session.disconnected(how)
    assert (type(reason), str(reason)) == (kind, text)
    assert state_of(session) == "closed"


def test_what_is_said_instead_of_a_greeting_names_the_service() -> None:
    session = Session(PASSWORD)
    session.receive(b"\xff\xfd\x18login: ")
    reason = session.ungreeted(GreetingTimeout("no greeting"))
    assert isinstance(reason, ProtocolError)
    assert str(reason) == "not an event socket, it says: \ufffd\ufffd login:"
    assert state_of(session) == "closed"
    silent = Session(PASSWORD).ungreeted(GreetingTimeout("no greeting"))
    assert (type(silent), str(silent)) == (GreetingTimeout, "no greeting")


@pytest.mark.parametrize("banner", ["SSH-2.0-OpenSSH_9.2p1\r\n", "220 mx ESMTP; Mon, 23 Nov 06:51:00\r\n"])
def test_a_service_that_speaks_first_is_named_by_its_first_line(banner: str) -> None:
    reason = end(Session(PASSWORD).receive(banner.encode()))
    assert isinstance(reason, ProtocolError)
    assert str(reason) == f"not an event socket, it says: {banner.strip()}"


@pytest.mark.parametrize("name", ["auth-fail", "userauth-fail"])
def test_the_wrong_password_as_recorded(name: str) -> None:
    session = Session(PASSWORD, "exporter@lab" if name == "userauth-fail" else None)
    reason = end(session.receive(raw(name)))
    assert isinstance(reason, AuthRejected)
    assert str(reason) == "FreeSWITCH says: -ERR invalid"


def test_an_address_that_is_not_on_the_acl_as_recorded() -> None:
    reason = end(Session(PASSWORD, None, "192.0.2.1").receive(raw("rude-rejection")))
    assert isinstance(reason, AclDenied)
    assert str(reason) == "FreeSWITCH's ACL refuses 192.0.2.1"


# -- the password in errors ----------------------------------------------------------------------------


@pytest.mark.parametrize("password", [PASSWORD, "\x1bses\x07ame", " sesame", "caf\u00e9"])
@pytest.mark.parametrize(
    "repeated",
    [
        "Content-Type: command/reply\nReply-Text: -ERR {} is wrong\n\n",
        "auth {}\n\n",
        "X-{}: 1\n\n",
        "Content-Type: text/disconnect-notice\nContent-Length: 7\n\n{}",
    ],
)
def test_a_far_end_that_repeats_the_password_does_not_bring_it_into_an_error(
    password: str, repeated: str
) -> None:
    repeated = repeated.replace("Length: 7", f"Length: {len(password.encode())}")
    session = Session(password)
    session.receive(GREETING)
    reason = end(session.receive(repeated.format(password).encode()))
    assert "<secret>" in str(reason)
    for shown in (password, password.strip(), "sesame", "ses ame"):
        assert shown not in str(reason)


# Each text is quoted with 200 characters at most; the password lies across the 200th at some distance.
ACROSS_THE_CUT = [
    "Content-Type: command/reply\nReply-Text: -ERR {}\n\n",
    "X-{}: 1\n\n",
    "{}: 1 2 3 4\n\n",
    "Content-Type: text/disconnect-notice\nContent-Length: LENGTH\n\n{}",
    "Content-Type: text/event-json\nContent-Length: {}\n\n",
]


@pytest.mark.parametrize("is_ready", [False, True], ids=["authenticating", "ready"])
@pytest.mark.parametrize("repeated", ACROSS_THE_CUT)
def test_a_password_that_is_repeated_across_the_cut_is_masked_before_it(
    repeated: str, is_ready: bool
) -> None:
    password = "sesame-0123456789-open"
    for before in range(150, 205):
        session = Session(password)
        session.receive(OPENED if is_ready else GREETING)
        body = "-" * before + password + "-" * 300
        text = repeated.replace("LENGTH", str(len(body))).format(body)
        shown = str(end(session.receive(text.encode())))
        assert "sesa" not in shown, f"{before} characters before it"


def test_a_session_that_is_ready_still_masks_the_password_and_does_not_keep_it() -> None:
    session = ready("exporter@lab")
    assert PASSWORD not in repr(vars(session))
    assert str(end(session.receive(reply(PASSWORD)))) == "a reply nobody asked for: <secret>"


def test_an_empty_password_masks_nothing() -> None:
    session = Session("")
    session.receive(GREETING)
    assert str(session.disconnected("closed")) == "FreeSWITCH closed the connection"


# -- the captures, cut anywhere ------------------------------------------------------------------------


def expected(name: str) -> list[str]:
    """What a session receives of a capture, told from its frames one by one."""
    words = [] if raw(name).startswith(HAVE_OPENING) else ["greeted", "authenticated: +OK accepted"]
    number = 0
    for frame in frames(name):
        match frame.content_type:
            case "auth/request":
                words.append("greeted")
            case "command/reply" if words[-1] == "greeted":
                text = frame.header(b"Reply-Text") or ""
                if not text.startswith("+OK"):
                    return [*words, f"AuthRejected: FreeSWITCH says: {text}"]
                words.append(f"authenticated: {text}")
            case "command/reply":
                number += 1
                words.append(f"reply {number}: {frame.header(b'Reply-Text') or ''}")
            case "api/response":
                number += 1
                words.append(f"reply {number}: {frame.body.decode('utf-8', 'replace')}")
            case "text/event-json" | "text/event-plain":
                words.append(f"event: {frame.body!r}")
            case "log/data":
                level = int(frame.header(b"Log-Level") or -1)
                words.append(f"log {level}: {frame.body.decode('utf-8', 'replace')}")
            case "text/rude-rejection":
                return [*words, *DENIED]
            case "text/disconnect-notice":
                return [*words, f"Disconnected: FreeSWITCH says: {frame.body.decode().splitlines()[0]}"]
    return words


def replayed(name: str, cuts: Iterable[int]) -> list[str]:
    """What a session receives of a capture cut at these places; its commands are sent when it is ready.

    One more cut is where the session becomes ready: FreeSWITCH answers no command before it is sent.
    """
    data = raw(name)
    if not data.startswith(HAVE_OPENING):
        data = OPENED + data
    opened = len(OPENED) if data.startswith(OPENED) else 0
    session = Session(PASSWORD, None, "192.0.2.1")
    received: list[Received] = []
    for start, stop in pairwise(sorted({0, opened, *cuts, len(data)})):
        received += session.receive(data[start:stop])
        if stop == opened:
            for _ in range(len(frames(name))):
                session.command("api x")
    return told(received)


@pytest.mark.parametrize("name", CAPTURES)
def test_a_capture_is_received_as_its_frames_say(name: str) -> None:
    assert replayed(name, []) == expected(name)


@pytest.mark.parametrize("name", [name for name in CAPTURES if len(raw(name)) < 3000])
def test_a_capture_received_byte_by_byte_is_the_same(name: str) -> None:
    assert replayed(name, range(len(OPENED) + len(raw(name)))) == expected(name)


@pytest.mark.parametrize("name", [name for name in CAPTURES if "auth" in name or name == "rude-rejection"])
def test_a_greeting_cut_anywhere_is_the_same(name: str) -> None:
    for cut in range(len(raw(name))):
        assert replayed(name, [cut]) == expected(name)


@given(data=st.data())
@settings(max_examples=60)
def test_an_event_stream_cut_at_any_places_is_the_same(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(EVENTS))
    cuts = data.draw(st.lists(st.integers(0, len(raw(name))), max_size=40))
    assert replayed(name, cuts) == expected(name)
