"""What was seen of one node at one moment: the data on which every check works, and how a node is copied.

A snapshot never changes. `snapshot_of` copies what a watched node knows, without a command to FreeSWITCH;
`doctor` and `service` add what a node does not know: calls, names, log, calling application. A part that was
not looked at is None, and `unseen` gives the reason, by the check that needs it. Times are epoch seconds,
durations seconds. Texts are as received: pass each through `finding.shown` before showing it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from exporter.clock import Clock
from exporter.config import DEFAULT_PASSWORD, is_loopback
from exporter.history.past import UNKNOWN, Past
from exporter.probe.record import CallRecord
from exporter.switch.profile import Profile
from exporter.switch.provider import Provider
from exporter.switch.status import SwitchFigures
from exporter.watch.accepting import refusal_reason
from exporter.watch.commands import MEDIA_STATS, Lane, rule_of
from exporter.watch.gateway import GatewayWatch
from exporter.watch.log_lines import LogSeen
from exporter.watch.node import Node
from exporter.watch.optional_answers import SlowAnswer, WorthlessAnswer
from exporter.watch.refused_dials import RefusedTarget
from exporter.watch.strangers import StrangersSeen

MAX_DIALS: Final = 200  # targets of refused dials, the most frequent
DIALS_SECONDS: Final = 900.0  # since the last of them
STRANGERS_NAMED: Final = 5  # addresses
_SYNC_TAKES: Final = 30.0  # seconds from the first poll after a connect to its end, on a very busy switch


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSeen:
    """FreeSWITCH itself, while connected.

    Attributes:
        figures: the numbers of `status` and HEARTBEAT.
        paused: the directions in which new calls are refused.
        shutting_down: a shutdown refuses new calls. no_rtp_ports: a call found no RTP port a moment ago.
        over_rate: new legs exceeded their limit a moment ago.
        profiles: the SIP profiles that run; None if they cannot be read.
        stopped: names of profiles that were running and have stopped.
        clock_skew: FreeSWITCH's clock less this machine's. round_trip: of the exporter's test event (the
            tick). None: not known.
        slow_answers: to questions for the database, late or still awaited. worthless_answers: those that
            cannot be used. answers_ok: none of the questions that were asked has such an answer.
        audio_unanswered: the last question about the audio of running calls had no answer in time.
    """

    version: str = ""
    hostname: str = ""
    ready: bool = True
    figures: SwitchFigures = field(default_factory=SwitchFigures)
    paused: tuple[str, ...] = ()
    shutting_down: bool = False
    no_rtp_ports: bool = False
    over_rate: bool = False
    profiles: tuple[Profile, ...] | None = None
    stopped: frozenset[str] = frozenset()
    clock_skew: float | None = None
    round_trip: float | None = None
    slow_answers: tuple[SlowAnswer, ...] = ()
    worthless_answers: tuple[WorthlessAnswer, ...] = ()
    answers_ok: bool = False
    audio_unanswered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySeen:
    """One gateway. `problem` is the verdict (watch.verdict), most else FreeSWITCH's own words.

    Attributes:
        expected: the configuration lists it.
        listed: FreeSWITCH lists it.
        was: its state before its node was lost.
        in_state: seconds in `state`.
        answer_code, answer_phrase, answer_at: the last failed answer to REGISTER (watch.gateway.Answer).
        responses: answers to REGISTER by SIP status, since the exporter watches it.
        ping_interval: 0 without pings. ping_seconds: None if none was answered. ping_pending: age of the one
            in flight.
        retry_seconds: until the next REGISTER; None if none is planned.
        calls_out, failed_calls_out: FreeSWITCH's counters since it made the gateway.
        active: legs up through it, by direction. live: of these, those whose audio was judged last, and
            those that were silent; empty while they are not looked at.
        max_calls: of the configuration.
        revived: its registration had failed, and succeeded when the doctor made FreeSWITCH retry.
        past: its outages, as far as the history knows them.
    """

    name: str
    profile: str = ""
    expected: bool = False
    listed: bool = True
    problem: str = "none"
    usable: bool = True
    state: str = "REGED"
    up: bool = True
    was: str = ""
    in_state: float = 0.0
    registration_expected: bool = True
    answer_code: int = 0
    answer_phrase: str = ""
    answer_at: float = 0.0
    responses: Mapping[int, int] = field(default_factory=dict)
    ping_interval: int = 0
    ping_seconds: float | None = None
    ping_pending: float = 0.0
    retry_seconds: int | None = None
    proxy: str = ""
    realm: str = ""
    calls_out: int = 0
    failed_calls_out: int = 0
    active: Mapping[str, int] = field(default_factory=dict)
    live: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    max_calls: int | None = None
    revived: bool = False
    past: Past = UNKNOWN


class SubscriberSeen(NamedTuple):
    """A subscriber that the config names; as watch.subscribers.Subscriber has it."""

    name: str
    registered: bool | None
    since: float
    seen: bool
    how: str
    reachable: bool
    address: str
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountrySeen:
    """Outbound calls of one gateway to one country that ended in the window looked at.

    Attributes:
        country: ISO 3166, or a word of switch.destination.
        failed: those for which neither caller nor callee is the reason.
        failing_since: when the first failure came that no other outcome has followed; 0.0 if there is none.
        failed_with: the SIP status of the last failure, else its cause.
    """

    country: str
    calls: int
    failed: int = 0
    failing_since: float = 0.0
    failed_with: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsSeen:
    """Calls of one gateway in one direction that ended in the window looked at.

    Attributes:
        causes: cause to how many ended so, unanswered; without those of `no_rtp_ports`.
        no_rtp_ports: calls for which FreeSWITCH had no RTP port.
        local: other calls that FreeSWITCH failed itself, by the words of local_failure.LOCAL_FAILURES; they
            are in `causes` too.
        codes: the provider's code to how many were rejected with it. provider: whose codes; None: nobody's.
        refused: dials refused without an INVITE because the gateway was down.
        silent: answered calls in which nothing was heard.
        countries: of outbound calls, as far as their countries are known.
    """

    gateway: str
    direction: str
    provider: Provider | None = None
    answered: int = 0
    causes: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    silent: int = 0
    refused: int = 0
    no_rtp_ports: int = 0
    local: Mapping[str, int] = field(default_factory=dict)
    countries: tuple[CountrySeen, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentCalls:
    """Calls that ended recently.

    Attributes:
        seconds: the length of the window.
        refused_unnamed: dials refused before any INVITE, less those of gateways that were down.
    """

    seconds: float
    calls: tuple[CallsSeen, ...] = ()
    refused_unnamed: int = 0


@dataclass(frozen=True, slots=True)
class NameSeen:
    """What DNS has for a host name, asked on this machine.

    Attributes:
        addresses: of A and AAAA.
        services: of SRV (`_sip._udp` and the like), best first, as `service target:port`.
        error: why there is neither; empty otherwise.
        hosts_file: addresses that the system's resolver finds where DNS has none: /etc/hosts.
    """

    addresses: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    error: str = ""
    hosts_file: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackendSeen:
    """What the calling application reports about its own connection to FreeSWITCH.

    Attributes:
        connected: None if it could not be asked or gave another answer; then `error` has the reason.
        answered: it gave an HTTP answer, of any kind.
        message: the text it added.
    """

    url: str
    connected: bool | None = None
    answered: bool = False
    message: str = ""
    error: str = ""


class ReloadSeen(NamedTuple):
    """The exporter's configuration. `refused`: its last reload was. `loaded_at`: that in force, epoch."""

    refused: bool
    loaded_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One node.

    Attributes:
        host, port: its event socket. same_host: the host is this machine (a loopback address).
        default_password: the password is FreeSWITCH's published default.
        user: of the event socket; empty: none, the password is the socket's own.
        problem: a word of `freeswitch_connection_problem`; "" before the first attempt ended.
        reason: one sentence on it. since: when it began.
        denied: events and commands (`api NAME`) that the event socket user may not use.
        others_down: other nodes that are not connected.
        conf_dir: FreeSWITCH's configuration folder; empty if it is not known.
        gateways: at most MAX_GATEWAYS of the watch.
        subscribers: those that the config names; None before FreeSWITCH has listed them.
        strangers: what they did recently, and where the most frequent come from.
        names: host name to what DNS has for it.
        refused_dials: targets dialled in vain in the last DIALS_SECONDS, MAX_DIALS at most.
        call: the record of the synthetic call.
        state_problem: why calls cannot be recorded, so that none is placed; empty where they can, and for all
            nodes but the first.
        reload: of the exporter's configuration; None for all nodes but the first, or if it is not known.
        past: when the switch was lost, as far as the history knows.
        unseen: check to the reason why a part was not looked at; `history`: why the past is not known.
    """

    node: str
    host: str = "127.0.0.1"
    port: int = 8021
    same_host: bool = True
    default_password: bool = False
    user: str = ""
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
    refused_dials: tuple[RefusedTarget, ...] = ()
    strangers: StrangersSeen | None = None
    subscribers: tuple[SubscriberSeen, ...] | None = None
    names: Mapping[str, NameSeen] | None = None
    log: LogSeen | None = None
    backend: BackendSeen | None = None
    call: CallRecord | None = None
    state_problem: str = ""
    reload: ReloadSeen | None = None
    past: Past = UNKNOWN
    unseen: Mapping[str, str] = field(default_factory=dict)

    @property
    def connected(self) -> bool:
        """Authenticated, answering, events flowing."""
        return self.switch is not None


# -- taken from a watched node ------------------------------------------------------------------------


def snapshot_of(node: Node, clock: Clock, gateways: Iterable[GatewaySeen] | None = None) -> Snapshot:
    """The node as it is known now.

    Args:
        node: the node; nothing is sent to it.
        clock: the time now.
        gateways: those of `gateways_of`, from a caller that takes them in slices; by default taken here.
    """
    config = node.config
    return Snapshot(
        node=node.name,
        host=config.host,
        port=config.port,
        same_host=is_loopback(config.host),
        default_password=config.user is None and config.password.reveal() == DEFAULT_PASSWORD.reveal(),
        taken_at=clock.epoch(),
        problem=node.problem,
        reason=node.reason,
        since=node.since_epoch,
        denied=frozenset(node.denied),
        conf_dir=node.known.conf_dir,
        user=config.user or "",
        switch=_switch(node, clock) if node.connected else None,
        gateways=tuple(gateways_of(node, clock) if gateways is None else gateways),
        refused_dials=tuple(
            replace(target) for target in node.known.dials.refused.targets(DIALS_SECONDS)[:MAX_DIALS]
        ),
        strangers=node.known.strangers.seen(STRANGERS_NAMED) if node.connected else None,
        subscribers=_subscribers(node) if node.connected else None,
        log=_log(node) if node.connected else None,
    )


def _switch(node: Node, clock: Clock) -> SwitchSeen:
    facts, answers = node.switch, node.connections.optional_answers
    database_ok = [ok for command, ok in answers.ok.items() if command != MEDIA_STATS]
    condition = node.known.condition
    return SwitchSeen(
        version=facts.version,
        hostname=facts.hostname,
        ready=facts.ready,
        figures=facts.figures,
        paused=tuple(sorted(direction for direction, paused in facts.paused.items() if paused)),
        shutting_down=refusal_reason(condition, "inbound") == "shutting_down",
        no_rtp_ports=condition.no_rtp_ports,
        over_rate=condition.over_rate,
        profiles=None if _unread(node, clock) else tuple(facts.profiles.values()),
        stopped=frozenset(facts.stopped),
        clock_skew=node.ticks.clock_skew,
        round_trip=node.ticks.round_trip,
        slow_answers=tuple(filter(_of_database, answers.slow(clock.monotonic()))),
        worthless_answers=tuple(filter(_of_database, answers.worthless())),
        answers_ok=bool(database_ok) and all(database_ok),
        audio_unanswered=answers.ok.get(MEDIA_STATS) is False,
    )


def _log(node: Node) -> LogSeen | None:
    """What was logged recently; None if the log is not to be read."""
    if node.known.log.stream == "off":
        return None
    return node.known.log.seen(gateway.name for gateway in node.gateways)


def _of_database(answer: SlowAnswer | WorthlessAnswer) -> bool:
    return rule_of(answer.command).lane is Lane.DATABASE


def _subscribers(node: Node) -> tuple[SubscriberSeen, ...] | None:
    subscribers = node.known.subscribers
    if subscribers.watched and not subscribers.known:
        return None
    return tuple(
        SubscriberSeen(
            one.name, one.registered, one.since, one.seen, one.how, one.reachable, one.address, one.agent
        )
        for one in subscribers.watched.values()
    )


def _unread(node: Node, clock: Clock) -> bool:
    """The list of gateways has not been read for too long: mod_sofia is not loaded, or denied to the user."""
    overdue = clock.epoch() - 2 * node.config.poll_interval - _SYNC_TAKES
    return node.last_poll_epoch < max(overdue, node.since_epoch - _SYNC_TAKES)


def gateways_of(node: Node, clock: Clock) -> Iterator[GatewaySeen]:
    """The gateways of a node, each copied when the iterator reaches it."""
    now, epoch = clock.monotonic(), clock.epoch()
    for gateway in node.gateways:
        gateway.advance(now, epoch)
        listed_in = node.config.gateways.get(gateway.name)
        seen = GatewaySeen(
            name=gateway.name,
            profile=gateway.profile,
            expected=gateway.expected,
            listed=gateway.listed and gateway.readable,
            problem=gateway.problem,
            usable=gateway.usable,
            state=gateway.state,
            up=gateway.up,
            was=gateway.was,
            in_state=gateway.in_state(now),
            registration_expected=gateway.registration_expected,
            answer_code=gateway.answer.code if gateway.answer else 0,
            answer_phrase=gateway.answer.phrase if gateway.answer else "",
            answer_at=gateway.answer.at if gateway.answer else 0.0,
            responses=dict(gateway.responses),
            ping_pending=gateway.ping_pending(now),
            active={
                direction: stats.active
                for direction in ("inbound", "outbound")
                if (stats := node.calls.stats.get((gateway.name, direction))) is not None
            },
            live={
                direction: (stats.live_sampled, stats.live_silent)
                for direction in ("inbound", "outbound")
                if (stats := node.calls.stats.get((gateway.name, direction))) is not None
                and node.known.live.known
            },
            max_calls=listed_in.max_calls if listed_in is not None else None,
        )
        yield _with_poll(seen, gateway)


def _with_poll(seen: GatewaySeen, gateway: GatewayWatch) -> GatewaySeen:
    """With what only polls report."""
    status = gateway.status
    if status is None:
        return seen
    return replace(
        seen,
        ping_interval=status.ping_interval,
        ping_seconds=status.ping_seconds,
        retry_seconds=status.retry_seconds,
        proxy=status.proxy,
        realm=status.realm,
        calls_out=status.calls_out,
        failed_calls_out=status.failed_calls_out,
    )
