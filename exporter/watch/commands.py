"""The commands that the exporter sends to watch a FreeSWITCH: text, meaning of the answer, deadline.

Consequences, the same for all of them:

- no answer within the deadline: replies come in order and carry no number, so the connection ends and the
  node is lost (`hung`);
- refused to the account: the command is noted as denied, the families of its answer are absent;
- an answer that cannot be read: a line in the log, the families of its answer are absent.

Costs (facts.md 8, tried.md 6): MEMORY commands take FreeSWITCH under 2 ms. DATABASE commands ask its core
database, where `show calls count` grows quadratically; they are asked once a minute.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from exporter.switch.channel import ChannelList, parse_channels, parse_exists, parse_variable
from exporter.switch.gateway import (
    GatewayList,
    GatewayReader,
    GatewayStatus,
    parse_gateway_text,
    parse_gateways_xml,
)
from exporter.switch.profile import Profile, parse_profiles
from exporter.switch.status import SwitchStatus, parse_count, parse_pause, parse_status

_T = TypeVar("_T")

MEMORY: Final = 5.0  # seconds: answered from FreeSWITCH's memory
DATABASE: Final = 5.0  # seconds: answered from FreeSWITCH's core database


@dataclass(frozen=True, slots=True)
class Command(Generic[_T]):
    """One command whose answer the exporter reads.

    Attributes:
        text: the api command; braces are filled by `of`.
        parse: the answer as a value; raises ReplyError.
        deadline: seconds until the answer.
    """

    text: str
    parse: Callable[[str], _T]
    deadline: float

    def of(self, **parts: str) -> "Command[_T]":
        """The command about one gateway, leg or direction; the parts must be words without blanks."""
        return Command(self.text.format(**parts), self.parse, self.deadline)


CORE_UUID: Final[Command[str]] = Command("global_getvar core_uuid", str.strip, MEMORY)
HOSTNAME: Final[Command[str]] = Command("hostname", str.strip, MEMORY)
STATUS: Final[Command[SwitchStatus]] = Command('json {"command":"status","data":""}', parse_status, MEMORY)
PAUSED: Final[Command[bool]] = Command("fsctl pause_check {direction}", parse_pause, MEMORY)
PROFILES: Final[Command[list[Profile]]] = Command("sofia status", parse_profiles, MEMORY)
GATEWAYS: Final[Command[GatewayReader]] = Command("sofia xmlstatus gateway", GatewayReader, MEMORY)
GATEWAY: Final[Command[GatewayList]] = Command("sofia xmlstatus gateway {name}", parse_gateways_xml, MEMORY)
GATEWAY_TEXT: Final[Command[GatewayStatus]] = Command(
    "sofia status gateway {name}", parse_gateway_text, MEMORY
)
LEG_EXISTS: Final[Command[bool]] = Command("uuid_exists {uuid}", parse_exists, MEMORY)
LEG_VARIABLE: Final[Command[str | None]] = Command("uuid_getvar {uuid} {variable}", parse_variable, MEMORY)
CHANNELS: Final[Command[ChannelList]] = Command("show channels as json", parse_channels, DATABASE)
CHANNELS_COUNT: Final[Command[int]] = Command("show channels count", parse_count, DATABASE)
CALLS_COUNT: Final[Command[int]] = Command("show calls count", parse_count, DATABASE)
REGISTRATIONS_COUNT: Final[Command[int]] = Command("show registrations count", parse_count, DATABASE)

COMMAND_NAMES: Final = (
    "fsctl",
    "global_getvar",
    "hostname",
    "json",
    "originate",
    "sendevent",
    "show",
    "sofia",
    "status",
    "uuid_exists",
    "uuid_getvar",
    "uuid_kill",
    "version",
)
"""First words of all commands that the exporter sends, those of probes and the doctor included."""


def command_name(text: str) -> str:
    """The command's first word if it is one of COMMAND_NAMES, else `other`."""
    name = text.partition(" ")[0]
    return name if name in COMMAND_NAMES else "other"
