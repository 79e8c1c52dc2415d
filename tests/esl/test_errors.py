"""The errors' words for metrics, and what of a far end's text may be shown."""

import pytest

from exporter import esl
from exporter.esl import EslError
from exporter.esl.errors import printable

PROBLEMS = {
    "NameNotResolved": "dns",
    "ConnectionRefused": "refused",
    "ConnectTimeout": "timeout",
    "AuthRejected": "auth_rejected",
    "AclDenied": "acl_denied",
    "ProtocolError": "protocol_error",
    "HandlerFailed": "protocol_error",
    "PermissionDenied": "permission_denied",
    "CommandTimeout": "hung",
    "GreetingTimeout": "hung",
    "EventsStalled": "events_stalled",
    "FellBehind": "events_stalled",
    "Disconnected": "shutdown",
}


def test_every_error_has_its_word() -> None:
    assert {kind.__name__: kind.problem for kind in EslError.__subclasses__()} == PROBLEMS
    assert set(PROBLEMS) < set(esl.__all__)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("-ERR invalid\n", "-ERR invalid"),
        (b"caf\xc3\xa9 \xff\x00\x1b[2J", "caf\u00e9 \ufffd  [2J"),
        ("a\u202eb\u2028c\udc80d", "a b c d"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 200 + "..."),
        (b"x" * 1_000_000, "x" * 200 + "..."),
        ("", ""),
    ],
)
def test_what_is_shown_is_one_short_printable_line(text: str | bytes, shown: str) -> None:
    assert printable(text) == shown
