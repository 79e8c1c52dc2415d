"""A node's samples: what is known of it, written under the families of metrics/families.py.

Tables say which field feeds which family; every family of this package is written here and nowhere else.
A unit writes what must agree: one for the switch and the connection, one per gateway with its calls. State
that only time moves is brought up to now at the unit's beginning. Gauges of the switch, of gateways and of
calls are written only while the node is connected, since they are unknown otherwise; counters always.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from exporter.clock import Clock
from exporter.metrics import families
from exporter.metrics.exposition import Family, Page, Unit, labels
from exporter.switch.local_failure import LOCAL_FAILURES, NO_RTP_PORTS
from exporter.switch.provider import Provider
from exporter.switch.sip import known_code
from exporter.watch.accepting import REFUSAL_REASONS, refusal_reason
from exporter.watch.call_stats import CallStats
from exporter.watch.calls import DIRECTIONS
from exporter.watch.collect_log import write_log, write_log_read
from exporter.watch.collect_users import write_user_counters, write_user_gauges
from exporter.watch.gateway import GatewayWatch
from exporter.watch.node import Node
from exporter.watch.verdict import GATEWAY_PROBLEMS, GATEWAY_STATES

SYNCED_WITHIN: Final = 1.0  # seconds of clock skew
_PRINTABLE: Final = re.compile(r"[\x20-\x7e]{0,200}")

FIGURES: Final[tuple[tuple[Family, str], ...]] = (
    (families.UPTIME, "uptime_seconds"),
    (families.SESSIONS, "sessions_since_startup"),
    (families.CURRENT_SESSIONS, "session_count"),
    (families.SESSIONS_PEAK, "session_peak"),
    (families.SESSIONS_PEAK_5MIN, "session_peak_5min"),
    (families.CURRENT_SPS, "sessions_per_second_last"),
    (families.SPS_PEAK, "sessions_per_second_peak"),
    (families.SPS_PEAK_5MIN, "sessions_per_second_peak_5min"),
    (families.MAX_SESSIONS, "max_sessions"),
    (families.MAX_SPS, "max_sessions_per_second"),
    (families.IDLE_CPU, "idle_cpu"),
    (families.MIN_IDLE_CPU, "min_idle_cpu"),
)
"""Family to the field of `SwitchFigures` that feeds it."""

COUNTS: Final[tuple[tuple[Family, str], ...]] = (
    (families.CURRENT_CALLS, "calls"),
    (families.CURRENT_CHANNELS, "channels"),
    (families.REGISTRATIONS, "registrations"),
)
"""Family to the field of `SwitchFacts` that feeds it."""

CALL_COUNTERS: Final[tuple[tuple[Family, str], ...]] = (
    (families.CALLS_STARTED, "started"),
    (families.CALLS_ANSWERED, "answered"),
    (families.CALLS_LEARNED, "learned"),
    (families.CALLS_LOST, "lost"),
    (families.CALLS_WITHOUT_MEDIA, "without_media"),
)
CALL_HISTOGRAMS: Final[tuple[tuple[Family, str], ...]] = (
    (families.CALL_POST_DIAL_DELAY, "post_dial_delay"),
    (families.CALL_ANSWER, "answer"),
    (families.CALL_DURATION, "duration"),
    (families.CALL_MOS, "mos"),
    (families.CALL_JITTER, "jitter"),
    (families.CALL_PACKET_LOSS, "packet_loss"),
    (families.LIVE_CALL_PACKET_LOSS, "live_packet_loss"),
)
"""Family to the field of `CallStats` that feeds it."""


class NodeCollector:
    """The samples of one node."""

    def __init__(self, node: Node, clock: Clock) -> None:
        self._node = node
        self._clock = clock

    @property
    def node(self) -> str:
        """The node's name, its label."""
        return self._node.name

    def units(self) -> Iterable[Unit]:
        """The writers: the switch, then each gateway with its calls, then calls without a known gateway."""
        node = self._node
        yield self._write_switch
        written: set[str] = set()
        for gateway in node.gateways:
            yield self._gateway_unit(gateway, with_calls=gateway.name not in written)
            written.add(gateway.name)
        yield self._write_countries
        for name in sorted({gateway for gateway, _ in node.calls.stats} - written):
            yield self._calls_unit(name)

    # -- the switch -------------------------------------------------------------------------------------

    def _write_switch(self, page: Page) -> None:
        node, known = self._node, self._node.known
        own = labels(node=node.name)
        if node.problem:
            page.add(families.UP, own, node.connected)
            page.stateset(families.CONNECTION_PROBLEM, own, "problem", families.PROBLEMS, node.problem)
        for outcome in families.OUTCOMES:
            page.add(
                families.CONNECTION_ATTEMPTS, f'{own},outcome="{outcome}"', node.attempts.get(outcome, 0)
            )
        for problem in families.PROBLEMS[1:]:
            losses = node.lifecycle.losses.get(problem, 0)
            page.add(families.CONNECTION_LOSSES, f'{own},problem="{problem}"', losses)
        for event, count in node.dispatcher.counts.items():
            page.add(families.EVENTS, f'{own},event="{event}"', count)
        dropped = {
            **known.dropped,
            "call_limit": known.calls.over_limit,
            "gateway_limit": known.gateways.over_limit,
        }
        for reason, count in dropped.items():
            page.add(families.EVENTS_DROPPED, f'{own},reason="{reason}"', count)
        page.histogram(families.EVENT_LAG, own, node.dispatcher.lag)
        for command, histogram in node.connections.durations.items():
            page.histogram(families.COMMAND_DURATION, f'{own},command="{command}"', histogram)
        if node.dispatcher.last_event_epoch:
            page.add(families.LAST_EVENT, own, node.dispatcher.last_event_epoch)
        if known.last_poll_epoch:
            page.add(families.LAST_POLL, own, known.last_poll_epoch)
        page.add(families.CALLS_REFUSED_LOCALLY, own, known.calls.refused_locally)
        page.add(families.CALLS_UNACCOUNTED, own, known.unaccounted.total)
        for (cause, kind, gateway, source), count in known.dials.refused.counts.items():
            refused = labels(node=node.name, cause=cause, kind=kind, gateway=gateway, source=source)
            page.add(families.DIALS_REFUSED, refused, count)
        write_user_counters(page, node)
        for what, count in known.changes.counts.items():
            page.add(families.CHANGES, f'{own},what="{what}"', count)
        write_log(page, own, known.log)
        if node.connected:
            self._write_switch_gauges(page, own)

    def _write_switch_gauges(self, page: Page, own: str) -> None:
        node, facts = self._node, self._node.switch
        page.add(families.EVENT_BACKLOG, own, node.backlog())
        for command, ok in node.connections.optional_answers.ok.items():
            page.add(families.OPTIONAL_ANSWERS_OK, f'{own},command="{command}"', ok)
        write_log_read(page, own, node.known.log)
        if node.ticks.round_trip is not None:
            page.add(families.EVENT_ROUND_TRIP, own, node.ticks.round_trip)
        if node.ticks.clock_skew is not None:
            page.add(families.CLOCK_SKEW, own, node.ticks.clock_skew)
            page.add(families.TIME_SYNCED, own, abs(node.ticks.clock_skew) < SYNCED_WITHIN)
        if facts.version:
            version, hostname = _shown(facts.version), _shown(facts.hostname)
            page.add(families.INFO, labels(node=node.name, version=version, hostname=hostname), 1)
        for source, table in ((facts.figures, FIGURES), (facts, COUNTS)):
            for family, field in table:
                value = getattr(source, field)
                if value is not None:
                    page.add(family, own, value)
        write_user_gauges(page, node)
        for direction, paused in facts.paused.items():
            page.add(families.PAUSED, f'{own},direction="{direction}"', paused)
        self._write_accepting(page, own)
        for name, profile in facts.profiles.items():
            up = name not in facts.stopped
            page.add(families.PROFILE_UP, labels(node=node.name, profile=name), up)
            if up:
                page.add(
                    families.PROFILE_INFO,
                    labels(node=node.name, profile=name, url=_shown(profile.url)),
                    1,
                )

    def _write_accepting(self, page: Page, own: str) -> None:
        condition = self._node.known.condition
        for direction in DIRECTIONS:
            reason = refusal_reason(condition, direction)
            if reason is not None:
                with_direction = f'{own},direction="{direction}"'
                page.add(families.ACCEPTING_CALLS, with_direction, reason == "none")
                page.stateset(families.REFUSAL_REASON, with_direction, "reason", REFUSAL_REASONS, reason)

    # -- gateways ---------------------------------------------------------------------------------------

    def _gateway_unit(self, gateway: GatewayWatch, *, with_calls: bool) -> Unit:
        def write(page: Page) -> None:
            now = self._clock.monotonic()
            gateway.advance(now, self._clock.epoch())
            own = labels(node=self._node.name, gateway=gateway.name, profile=gateway.profile)
            self._write_gateway_counters(page, own, gateway)
            if self._node.connected:
                self._write_gateway_gauges(page, own, gateway, now)
            page.add(families.GATEWAY_REGISTRATION_EXPECTED, own, gateway.registration_expected)
            config = self._node.config.gateways.get(gateway.name)
            if config is not None and config.max_calls is not None:
                page.add(families.GATEWAY_CALLS_LIMIT, own, config.max_calls)
            if with_calls:
                self._write_calls(page, gateway.name)

        return write

    @staticmethod
    def _write_gateway_counters(page: Page, own: str, gateway: GatewayWatch) -> None:
        for state in GATEWAY_STATES:
            with_state = f'{own},state="{state}"'
            page.add(families.GATEWAY_SECONDS, with_state, gateway.seconds[state])
            page.add(families.GATEWAY_STATE_CHANGES, with_state, gateway.changes[state])
        page.add(families.GATEWAY_USABLE_SECONDS, own, gateway.usable_seconds)
        page.add(families.GATEWAY_WATCHED_SECONDS, own, gateway.watched_seconds)
        if gateway.last_change_epoch:
            page.add(families.GATEWAY_LAST_CHANGE, own, gateway.last_change_epoch)
        answers: dict[str, int] = {}
        for code, count in gateway.responses.items():
            known = known_code(str(code))
            answers[known] = answers.get(known, 0) + count
        for known, count in answers.items():
            page.add(families.GATEWAY_REGISTRATION_RESPONSES, f'{own},code="{known}"', count)
        for direction in DIRECTIONS:
            page.add(families.GATEWAY_CALLS, f'{own},direction="{direction}"', gateway.calls[direction])
        page.add(families.GATEWAY_FAILED_CALLS, f'{own},direction="outbound"', gateway.failed_calls)
        page.add(families.GATEWAY_REFUSED_CALLS, own, gateway.refused.total)

    @staticmethod
    def _write_gateway_gauges(page: Page, own: str, gateway: GatewayWatch, now: float) -> None:
        page.stateset(families.GATEWAY_STATE, own, "state", GATEWAY_STATES, gateway.state)
        page.stateset(families.GATEWAY_PROBLEM, own, "problem", GATEWAY_PROBLEMS, gateway.problem)
        page.add(families.GATEWAY_UP, own, gateway.up)
        page.add(families.GATEWAY_USABLE, own, gateway.usable)
        status = gateway.status
        if status is None or not gateway.listed:
            return
        if status.ping_seconds is not None:
            page.add(families.GATEWAY_PING, own, status.ping_seconds)
        page.add(families.GATEWAY_PING_INTERVAL, own, status.ping_interval)
        page.add(families.GATEWAY_PING_PENDING, own, gateway.ping_pending(now))
        page.add(families.GATEWAY_UPTIME, own, status.uptime_seconds)

    # -- calls ------------------------------------------------------------------------------------------

    def _calls_unit(self, gateway: str) -> Callable[[Page], None]:
        return lambda page: self._write_calls(page, gateway)

    def _write_calls(self, page: Page, gateway: str) -> None:
        for direction in DIRECTIONS:
            stats = self._node.calls.stats.get((gateway, direction))
            if stats is not None:
                own = labels(node=self._node.name, gateway=gateway, direction=direction)
                self._write_stats(page, own, stats)
                for reason in LOCAL_FAILURES if direction == "outbound" else (NO_RTP_PORTS,):
                    count = stats.local_failures.get(reason, 0)
                    page.add(families.CALL_LOCAL_FAILURES, f'{own},reason="{reason}"', count)

    def _write_stats(self, page: Page, own: str, stats: CallStats) -> None:
        for family, field in CALL_COUNTERS:
            page.add(family, own, getattr(stats, field))
        if self._node.connected:
            page.add(families.CALLS_ACTIVE, own, stats.active)
            if self._node.known.live.known:
                page.add(families.LIVE_CALLS_SAMPLED, own, stats.live_sampled)
                page.add(families.LIVE_CALLS_SILENT, own, stats.live_silent)
        for (cause, answered), (count, exemplar) in stats.hangups.items():
            ended = f'{own},cause="{cause}",answered="{"true" if answered else "false"}"'
            page.add(families.CALL_HANGUPS, ended, count, exemplar)
        for code, count in stats.sip_responses.items():
            page.add(families.CALL_SIP_RESPONSES, f'{own},code="{code}"', count)
        if stats.provider is not None:
            self._write_rejections(page, own, stats.provider, stats.rejections)
        for family, field in CALL_HISTOGRAMS:
            histogram = getattr(stats, field)
            if histogram.total:
                page.histogram(family, own, histogram)

    def _write_countries(self, page: Page) -> None:
        countries = self._node.known.countries
        if not countries.destinations.counted:
            return
        now = self._clock.monotonic()
        for (gateway, country), stats in countries.stats.items():
            own = labels(node=self._node.name, gateway=gateway, country=country)
            for outcome, count in stats.outcomes.items():
                page.add(families.COUNTRY_CALLS, f'{own},outcome="{outcome}"', count)
            page.add(families.COUNTRY_TALK_SECONDS, own, stats.talk.read(now))
            for currency, cost in stats.costs.items():
                page.add(families.COUNTRY_COST, f'{own},currency="{currency}"', cost.read(now))
        for (gateway, kind), count in countries.expensive.items():
            own = labels(node=self._node.name, gateway=gateway, kind=kind)
            page.add(families.EXPENSIVE_CALLS, own, count)

    @staticmethod
    def _write_rejections(
        page: Page, own: str, provider: Provider, rejections: dict[tuple[str, str], int]
    ) -> None:
        kinds = {(code.code, code.class_): 0 for code in provider.codes} | rejections
        for (code, class_), count in kinds.items():
            page.add(
                families.CALL_PROVIDER_REJECTIONS,
                f'{own},provider="{provider.name}",code="{code}",class="{class_}"',
                count,
            )


def _shown(text: str) -> str:
    """A text of FreeSWITCH's as a label: printable ASCII, bounded; anything else is left out."""
    return text if _PRINTABLE.fullmatch(text) else ""
