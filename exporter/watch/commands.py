"""The commands that the exporter sends: on which lane, until when, and what the answer means.

FreeSWITCH runs the commands of one connection one after another and answers in that order, so one slow answer
holds back all that follow. Hence lanes: a connection for each kind of question, RULES says which command
belongs to which, and `Lane` what a missed deadline costs there.

Whatever the lane: a command refused to the account is noted as denied, an answer that cannot be read is a
line in the log, and in both cases the families of the answer are absent.

Costs (facts.md 8, tried.md 6): what FreeSWITCH answers from its memory takes it under 2 ms. `show` asks its
core database, where `show calls count` grows quadratically and any answer waits while another holds a lock;
its own limit is 30 s.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic, NamedTuple, TypeVar

from exporter.switch.channel import ChannelList, parse_channels, parse_exists, parse_variable
from exporter.switch.gateway import (
    GatewayList,
    GatewayReader,
    GatewayStatus,
    parse_gateway_text,
    parse_gateways_xml,
)
from exporter.switch.live_audio import AudioReading, parse_audio
from exporter.switch.profile import Profile, parse_profiles
from exporter.switch.registration import (
    Registration,
    parse_registered_addresses,
    parse_registrations,
    parse_registrations_count,
)
from exporter.switch.reply import accepted, flag
from exporter.switch.status import SwitchStatus, parse_count, parse_domain, parse_pause, parse_status

_T = TypeVar("_T")


class Lane(Enum):
    """A connection for one kind of command, and the consequence of a missed deadline on it."""

    VITAL = "vital"
    """The connection ends, since no later answer could be trusted, and the node is lost (`hung`)."""
    DATABASE = "database"
    """The answer is awaited, however late, and thrown away. Its families are absent, the next command waits
    until it has come. The node is not affected, not even by the loss of the connection."""
    LIVE = "live audio"
    """As DATABASE, of memory: the audio of running calls, many questions that must not wait behind a lock."""


class Rule(NamedTuple):
    """What holds for the commands with one beginning.

    Attributes:
        beginning: whole words; of several that fit, the longest decides.
        lane: where they run.
        deadline: seconds until the answer.
        optional: the value of `command` in `freeswitch_optional_answers_ok`; empty where it has none.
    """

    beginning: str
    lane: Lane
    deadline: float
    optional: str = ""


VITAL_DEADLINE: Final = 5.0
MEDIA_STATS: Final = "media_stats"
RULES: Final = (
    Rule("fsctl", Lane.VITAL, VITAL_DEADLINE),
    Rule("global_getvar", Lane.VITAL, VITAL_DEADLINE),
    Rule("hostname", Lane.VITAL, VITAL_DEADLINE),
    Rule("json", Lane.VITAL, VITAL_DEADLINE),
    Rule("originate", Lane.VITAL, VITAL_DEADLINE),
    Rule("sendevent", Lane.VITAL, VITAL_DEADLINE),
    Rule("sofia", Lane.VITAL, VITAL_DEADLINE),
    Rule("status", Lane.VITAL, VITAL_DEADLINE),
    Rule("uuid_kill", Lane.VITAL, VITAL_DEADLINE),
    Rule("version", Lane.VITAL, VITAL_DEADLINE),
    Rule("show calls", Lane.DATABASE, 5.0, "show_calls"),
    Rule("show channels", Lane.DATABASE, 5.0, "show_channels"),
    Rule("show registrations", Lane.DATABASE, 5.0, "show_registrations"),
    Rule("sofia status profile", Lane.DATABASE, 5.0, "profile_status"),  # of the profile's own table
    Rule("uuid_dump", Lane.LIVE, 5.0),
    Rule("uuid_exists", Lane.DATABASE, 5.0),  # of memory, but thousands of them, to learn calls
    Rule("uuid_getvar", Lane.DATABASE, 5.0),
    Rule("uuid_set_media_stats", Lane.LIVE, 5.0, MEDIA_STATS),
)
"""All commands, those of probes and the doctor included."""
_OTHER: Final = Rule("", Lane.VITAL, VITAL_DEADLINE)

LOG: Final = "log"
"""What the log lane asks for (log_lane.py), as `freeswitch_optional_answers_ok` has it."""
OPTIONAL: Final = (*(rule.optional for rule in RULES if rule.optional), LOG)
COMMAND_NAMES: Final = tuple(sorted({rule.beginning.partition(" ")[0] for rule in RULES}))
"""First words of all commands that the exporter sends."""


_BY_BEGINNING: Final = {rule.beginning: rule for rule in RULES}


def rule_of(text: str) -> Rule:
    """The rule of a command: that of its first three words, else of its first two, else of its first."""
    words = text.split(" ", 3)
    for count in (3, 2, 1):
        rule = _BY_BEGINNING.get(" ".join(words[:count]))
        if rule is not None:
            return rule
    return _OTHER


def command_name(text: str) -> str:
    """The command's first word if it is one of COMMAND_NAMES, else `other`."""
    name = text.partition(" ")[0]
    return name if name in COMMAND_NAMES else "other"


@dataclass(frozen=True, slots=True)
class Command(Generic[_T]):
    """One command whose answer the exporter reads.

    Attributes:
        text: the api command; braces are filled by `of`.
        parse: the answer as a value; raises ReplyError.
    """

    text: str
    parse: Callable[[str], _T]

    def of(self, **parts: str) -> "Command[_T]":
        """The command about one gateway, leg or direction; the parts must be words without blanks."""
        return Command(self.text.format(**parts), self.parse)


CORE_UUID: Final[Command[str]] = Command("global_getvar core_uuid", str.strip)
CONF_DIR: Final[Command[str]] = Command("global_getvar conf_dir", accepted)
DOMAIN: Final[Command[str]] = Command("global_getvar domain", parse_domain)
HOSTNAME: Final[Command[str]] = Command("hostname", str.strip)
STATUS: Final[Command[SwitchStatus]] = Command('json {"command":"status","data":""}', parse_status)
PAUSED: Final[Command[bool]] = Command("fsctl pause_check {direction}", parse_pause)
SHUTDOWN_REQUESTED: Final[Command[bool]] = Command("fsctl shutdown_check", flag)
PROFILES: Final[Command[list[Profile]]] = Command("sofia status", parse_profiles)
GATEWAYS: Final[Command[GatewayReader]] = Command("sofia xmlstatus gateway", GatewayReader)
GATEWAY: Final[Command[GatewayList]] = Command("sofia xmlstatus gateway {name}", parse_gateways_xml)
GATEWAY_TEXT: Final[Command[GatewayStatus]] = Command("sofia status gateway {name}", parse_gateway_text)
LEG_EXISTS: Final[Command[bool]] = Command("uuid_exists {uuid}", parse_exists)
LEG_VARIABLE: Final[Command[str | None]] = Command("uuid_getvar {uuid} {variable}", parse_variable)
LEG_WRITE_COUNTERS: Final[Command[str]] = Command("uuid_set_media_stats {uuid}", accepted)
LEG_AUDIO: Final[Command[AudioReading | None]] = Command("uuid_dump {uuid} json", parse_audio)
CHANNELS: Final[Command[ChannelList]] = Command("show channels as json", parse_channels)
CHANNELS_COUNT: Final[Command[int]] = Command("show channels count", parse_count)
CALLS_COUNT: Final[Command[int]] = Command("show calls count", parse_count)
REGISTRATIONS_COUNT: Final[Command[int]] = Command("show registrations count", parse_count)
PROFILE_REGISTRATIONS: Final[Command[int | None]] = Command(
    "sofia status profile {profile}", parse_registrations_count
)
REGISTERED_ADDRESSES: Final[Command[frozenset[str]]] = Command(
    "sofia status profile {profile} reg", parse_registered_addresses
)
SUBSCRIBER: Final[Command[list[Registration]]] = Command(
    "sofia status profile {profile} user {user}", parse_registrations
)
