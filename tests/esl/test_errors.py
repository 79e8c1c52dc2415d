"""The errors' words for metrics, and what of a far end's text may be shown."""

import errno

import pytest

from exporter import esl
from exporter.esl import EslError
from exporter.esl.errors import Exhausted, mask, printable, quoted

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
    "EventsUnreadable": "protocol_error",
    "FellBehind": "events_stalled",
    "Disconnected": "shutdown",
    "Exhausted": "exporter_limit",
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


def test_a_text_is_masked_before_it_is_cut_and_a_name_that_fits_is_left_alone() -> None:
    mask("correct horse")
    for before in range(180, 205):
        assert "corr" not in printable("x" * before + "correct horse" + "y" * 30)
    assert printable("correct horse") == "correct horse"
    assert quoted(b"-ERR correct horse!") == quoted("-ERR correct%20horse!") == "-ERR <secret>!"
    assert "corr" not in quoted("correct horse" * 100_000)


def test_a_password_of_a_few_letters_masks_nothing() -> None:
    mask("abc")
    mask("")
    assert quoted("abcabc") == "abcabc"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "LimitNOFILE"),
        (OSError(errno.ENFILE, "Too many open files in system"), "machine"),
        (OSError(errno.ENOBUFS, "No buffer space available"), "machine"),
        (MemoryError(), "MemoryMax"),
    ],
)
def test_an_exporter_at_its_own_limit_says_so(error: Exception, says: str) -> None:
    assert says in str(Exhausted.cause(error))


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(errno.ECONNREFUSED, "x"), TimeoutError(), ValueError()]
)
def test_other_errors_are_not_the_exporters(error: Exception) -> None:
    assert Exhausted.cause(error) is None
