"""What was seen of one node at one moment: the plain data on which every check works.

A snapshot is taken by I/O (portrait, examination, rounds) and never changes. A part that was not looked at is
None, and `unseen` says why, by the check that needed it. Times are epoch seconds, durations seconds.
Texts are as received: whoever shows one passes it through `finding.shown`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.probe.record import CallRecord
from exporter.switch.profile import Profile
from exporter.switch.status import SwitchFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSeen:
    """FreeSWITCH itself, while connected.

    Attributes:
        figures: the numbers of `status` and HEARTBEAT.
        paused: the directions in which new calls are refused.
        profiles: the SIP profiles that run; None if they cannot be read.
        stopped: names of profiles that ran and do not any more.
        clock_skew: FreeSWITCH's clock less ours. round_trip: of our own event. None: not known.
    """

    version: str = ""
    hostname: str = ""
    ready: bool = True
    figures: SwitchFigures = field(default_factory=SwitchFigures)
    paused: tuple[str, ...] = ()
    profiles: tuple[Profile, ...] | None = None
    stopped: frozenset[str] = frozenset()
    clock_skew: float | None = None
    round_trip: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySeen:
    """One gateway. `problem` is the verdict (watch.verdict), most else FreeSWITCH's own words.

    Attributes:
        expected: the configuration lists it.
        listed: FreeSWITCH lists it.
        in_state: seconds in `state`.
        answer_code, answer_phrase, answer_at: the last failed answer to REGISTER (watch.gateway.Answer).
        ping_interval: 0 without pings. ping_seconds: None if none was answered. ping_pending: age of the one
            in flight.
        retry_seconds: until the next REGISTER; None if none is planned.
        calls_out, failed_calls_out: FreeSWITCH's counters since it made the gateway.
        active: legs up through it, by direction.
        max_calls: of the configuration.
        revived: its registration had failed, and succeeded when the doctor made FreeSWITCH try.
    """

    name: str
    profile: str = ""
    expected: bool = False
    listed: bool = True
    problem: str = "none"
    usable: bool = True
    state: str = "REGED"
    up: bool = True
    in_state: float = 0.0
    registration_expected: bool = True
    answer_code: int = 0
    answer_phrase: str = ""
    answer_at: float = 0.0
    ping_interval: int = 0
    ping_seconds: float | None = None
    ping_pending: float = 0.0
    retry_seconds: int | None = None
    proxy: str = ""
    realm: str = ""
    calls_out: int = 0
    failed_calls_out: int = 0
    active: Mapping[str, int] = field(default_factory=dict)
    max_calls: int | None = None
    revived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsSeen:
    """Calls of one gateway in one direction that ended in the window looked at.

    Attributes:
        causes: cause to how many ended so, unanswered.
        codes: the provider's code to how many were rejected with it. provider: whose codes.
        refused: dials refused without an INVITE because the gateway was down.
        silent: answered calls in which nothing was heard.
    """

    gateway: str
    direction: str
    provider: str = ""
    answered: int = 0
    causes: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    silent: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentCalls:
    """What ended lately.

    Attributes:
        seconds: the length of the window.
        refused_locally: dials that FreeSWITCH dropped before any INVITE, by no gateway in particular.
    """

    seconds: float
    calls: tuple[CallsSeen, ...] = ()
    refused_locally: int = 0


@dataclass(frozen=True, slots=True)
class NameSeen:
    """What a host name led to from this machine.

    Attributes:
        addresses: of A and AAAA.
        services: of SRV (`_sip._udp` and the like), as `service target:port`.
        error: why there are no addresses.
    """

    addresses: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    error: str = ""


class LogLine(NamedTuple):
    """One line. `gateway`: the one of ours that it names; empty if it names none. `error`: ERROR or worse."""

    gateway: str
    error: bool
    text: str


@dataclass(frozen=True, slots=True)
class LogSeen:
    """What FreeSWITCH logged while we looked.

    Attributes:
        seconds: how long that was.
        errors, warnings: source file to how many lines at ERROR or worse, and at WARNING.
        lines: the latest of both.
    """

    seconds: float
    errors: Mapping[str, int] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)
    lines: tuple[LogLine, ...] = ()


@dataclass(frozen=True, slots=True)
class BackendSeen:
    """What the calling application says of its own connection to FreeSWITCH.

    Attributes:
        connected: None if it could not be asked or gave no such answer; then `error` says why.
        answered: an HTTP answer came, of whatever kind.
        message: its own words.
    """

    url: str
    connected: bool | None = None
    answered: bool = False
    message: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One node.

    Attributes:
        port, host: where its event socket is. same_host: that is this machine, so far as we can tell.
        default_password: the password is the published one.
        problem: a word of `freeswitch_connection_problem`; "" before the first attempt ended.
        reason: one sentence on it. since: when it began.
        denied: events and commands (`api NAME`) that our user may not have.
        others_down: other nodes that are not connected.
        conf_dir: FreeSWITCH's configuration folder; empty if nobody asked.
        gateways: all of them if there are up to MAX_GATEWAYS of the watch.
        names: host name to what it led to.
        call: the record of the synthetic call that was asked for.
        state_problem: why calls cannot be recorded, so that none is placed; empty where they can, and for all
            nodes but one.
        unseen: check to the reason why a part was not looked at.
    """

    node: str
    host: str = "127.0.0.1"
    port: int = 8021
    same_host: bool = True
    default_password: bool = False
    taken_at: float = 0.0
    problem: str = "none"
    reason: str = ""
    since: float = 0.0
    denied: frozenset[str] = frozenset()
    others_down: tuple[str, ...] = ()
    conf_dir: str = ""
    switch: SwitchSeen | None = None
    gateways: tuple[GatewaySeen, ...] = ()
    recent: RecentCalls | None = None
    names: Mapping[str, NameSeen] | None = None
    log: LogSeen | None = None
    backend: BackendSeen | None = None
    call: CallRecord | None = None
    state_problem: str = ""
    unseen: Mapping[str, str] = field(default_factory=dict)

    @property
    def connected(self) -> bool:
        """Authenticated, answering, events flowing."""
        return self.switch is not None
