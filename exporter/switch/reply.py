"""Refusals: the forms in which FreeSWITCH refuses an `api` command, as one table.

There is no common form. Core commands say `-ERR ...` or `-USAGE: ...`, mod_sofia says `Invalid Gateway!`
with neither, and a command that wrote nothing is answered `-ERR no reply` by mod_event_socket itself.
`accepted` is the first thing every parser here does with a reply.

`flag` and `decoded` read the two forms that several commands share.

Sources: mod_event_socket.c (api_exec), mod_sofia.c (cmd_status), mod_commands.c (show_function,
uuid_getvar_function), and the recorded replies in tests/captures.
"""

import re
from typing import Final, TypeVar

import msgspec

from exporter.esl.errors import quoted

_T = TypeVar("_T")


class ReplyError(Exception):
    """The reply cannot be used: FreeSWITCH refused, or it is not what the command answers."""


class EmptyReply(ReplyError):
    """FreeSWITCH ran the command and wrote nothing."""


class GatewayNotFound(ReplyError):
    """No such gateway or profile, or its profile is not running (both vanish while it restarts)."""


class ChannelNotFound(ReplyError):
    """No call with that UUID is up any more."""


class CommandNotFound(ReplyError):
    """The module that has the command is not loaded."""


class CommandDenied(ReplyError):
    """The `userauth` account may not run the command."""


class NoDatabase(ReplyError):
    """FreeSWITCH keeps no table of calls: its core database is switched off or broken."""


# First match wins. The text says what to do; the reply itself is put before it.
_REFUSALS: Final[tuple[tuple[re.Pattern[str], type[ReplyError], str], ...]] = tuple(
    (re.compile(pattern), error, advice)
    for pattern, error, advice in (
        (r"$|-ERR no reply\b|Command returned no output!", EmptyReply, "the command wrote nothing"),
        (
            r"Invalid (Gateway!|Profile[! ])",
            GatewayNotFound,
            "check the name, and with `sofia status` that its profile runs",
        ),
        (
            r"-ERR [^\n]*Command not found!",
            CommandNotFound,
            "load the module that has this command (mod_sofia, mod_commands)",
        ),
        (r"-ERR permission denied\b", CommandDenied, "add the command to the user's esl-allowed-api"),
        (
            r"-ERR (SQL|Database) ",
            NoDatabase,
            "counts of calls and registrations need FreeSWITCH's core database (switch.conf, core-db)",
        ),
        (r"-ERR No such channel!", ChannelNotFound, "the call is over"),
        (r"-USAGE\b|Invalid Syntax!", ReplyError, "this FreeSWITCH does not know the command in that form"),
        (r"-ERR\b", ReplyError, "FreeSWITCH refused the command"),
    )
)


def accepted(reply: str) -> str:
    """The reply without the white space around it, if it is not a refusal.

    Raises:
        ReplyError: or the subclass that says why; the message ends with what to do.
    """
    text = reply.strip()
    for pattern, error, advice in _REFUSALS:
        if pattern.match(text):
            raise error(f"{quoted(text) or 'empty reply'}: {advice}")
    return text


def flag(reply: str) -> bool:
    """The reply `true` or `false`.

    Raises:
        ReplyError: it is neither.
    """
    text = accepted(reply)
    if text not in ("true", "false"):
        raise ReplyError(f"neither true nor false: {quoted(text)}")
    return text == "true"


def decoded(text: str, kind: type[_T]) -> _T:
    """The JSON text as that type.

    Raises:
        ReplyError: it is not.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ReplyError(f"{quoted(str(error))}: {quoted(text)}") from None
