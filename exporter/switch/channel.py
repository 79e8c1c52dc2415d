"""Calls that are up, as commands list them: to learn calls at connect, and to end leftover probe calls.

`show channels as json` and `show channels like TEXT as json` answer from FreeSWITCH's core database, which
follows the switch by up to two seconds: a row may outlive its call (ask `uuid_exists`). The rows have no
gateway and no variables (ask `uuid_getvar UUID sip_gateway_name`).

Traps: an empty table has no `rows` key. Every value is a string. The column `hostname` holds the switch
name (FreeSWITCH-Switchname of events), not the host's name. In `like` the text is searched in names and
numbers too, and with a shared database in other switches' calls: look at uuid and hostname again.

A UUID may be any text that the originate chose. One that is not a single word is left out and counted, so
that every UUID of `parse_channels` can be put into a command.

Source: mod_commands.c (show_function, uuid_getvar_function, uuid_exists_function).
"""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from exporter.esl.errors import printable
from exporter.switch.leg import is_leg_uuid
from exporter.switch.reply import EmptyReply, accepted, decoded, flag

_EPOCH: Final = re.compile(r"[0-9]{1,12}")


# Of a busy switch thousands are made at once: a Struct is made sooner than a frozen dataclass, and this one
# holds nothing that the garbage collector would have to follow.
class Channel(msgspec.Struct, frozen=True, gc=False):
    """One leg that is up.

    Attributes:
        direction: `inbound` or `outbound`, or the empty string.
        number: dialled, as it stands in the dialplan, or by an outbound leg.
        created_epoch: seconds since the epoch by FreeSWITCH's clock; 0 if unknown.
        callstate: FreeSWITCH's word: DOWN DIALING RINGING EARLY ACTIVE HELD RING_WAIT HANGUP UNHELD.
        hostname: the name of the switch it is on.
    """

    uuid: str
    direction: str
    number: str
    created_epoch: int
    callstate: str
    hostname: str


@dataclass(frozen=True, slots=True)
class ChannelList:
    """The legs listed; malformed: rows left out because their UUID is not one word."""

    channels: list[Channel]
    malformed: int


class _Row(msgspec.Struct, gc=False):
    uuid: str
    direction: str = ""
    dest: str = ""
    created_epoch: str = ""
    callstate: str = ""
    hostname: str = ""


class _Rows(msgspec.Struct):
    row_count: int
    rows: list[_Row] = []


def parse_channels(text: str) -> ChannelList:
    """Reads the reply of `show channels as json` or `show channels like TEXT as json`.

    Raises:
        NoDatabase: FreeSWITCH has no such table.
        ReplyError: other refusals, or something else.
    """
    rows = decoded(accepted(text), _Rows).rows
    channels = [
        Channel(
            uuid=row.uuid,
            direction=row.direction if row.direction in ("inbound", "outbound") else "",
            number=printable(row.dest),
            created_epoch=int(row.created_epoch) if _EPOCH.fullmatch(row.created_epoch) else 0,
            callstate=printable(row.callstate),
            hostname=printable(row.hostname),
        )
        for row in rows
        if is_leg_uuid(row.uuid)
    ]
    return ChannelList(channels=channels, malformed=len(rows) - len(channels))


def parse_variable(text: str) -> str | None:
    """Reads the reply of `uuid_getvar UUID NAME`: the value, or None where the leg has no such variable.

    Raises:
        ChannelNotFound: no such call is up.
        ReplyError: other refusals.
    """
    try:
        value = accepted(text)
    except EmptyReply:
        return None
    return None if value == "_undef_" else value


def parse_exists(text: str) -> bool:
    """Reads the reply of `uuid_exists UUID`.

    Raises:
        ReplyError: a refusal, or something else.
    """
    return flag(text)
