"""All that is known of one FreeSWITCH: written by the dispatcher and the poller, read by everybody else.

What needs two of the parts is here: a leg's gateway label, dials that ended unanswered, sessions that no
event explains, and the registration answers that outlive the process. Counters stay when the node is lost,
all other values are forgotten.
"""

from collections.abc import Sequence

import structlog

from exporter.clock import Clock
from exporter.config import NodeConfig
from exporter.esl import EslError, EventsStalled, EventsUnreadable
from exporter.esl.errors import printable
from exporter.metrics.families import DROP_REASONS
from exporter.switch.events import EVENTS_UNREADABLE, OLDEST_FREESWITCH
from exporter.switch.gateway import GatewayList
from exporter.switch.gateway_event import ProfileStarted
from exporter.switch.leg import ChannelEvent, LegEnd, LegStart
from exporter.switch.log_event import LogEvent
from exporter.switch.profile import Profile
from exporter.switch.provider import ProviderCode
from exporter.switch.registration_event import Registered
from exporter.switch.status import Heartbeat
from exporter.switch.tick import TickEvent
from exporter.watch.accepting import NO_RTP_PORTS_HOLDS, OVER_RATE_HOLDS, Condition, over_rate
from exporter.watch.calls import CallTable
from exporter.watch.changes import Changes
from exporter.watch.clock_changes import ClockChanges
from exporter.watch.country_calls import CountryCalls
from exporter.watch.destinations import Destinations
from exporter.watch.dials import Dials, LogEvidence
from exporter.watch.event_changes import EventChanges
from exporter.watch.event_flow import EventFlow
from exporter.watch.gateway import GatewayWatch
from exporter.watch.gateway_table import GatewayTable
from exporter.watch.listed_changes import ListedChanges
from exporter.watch.live_audio import LiveAudio
from exporter.watch.log_changes import LogChanges
from exporter.watch.log_lines import LogLines
from exporter.watch.observer import NodeObserver
from exporter.watch.providers import Providers
from exporter.watch.registration_memory import RegistrationMemory
from exporter.watch.strangers import Strangers
from exporter.watch.subscribers import Subscribers
from exporter.watch.switch import SwitchFacts
from exporter.watch.tick import Ticks
from exporter.watch.unexplained import UnexplainedCount
from exporter.watch.value_changes import ValueChanges

log = structlog.get_logger(__name__)


class Knowledge:
    """One FreeSWITCH, as far as it is known.

    Args:
        config: its gateways and their providers.
        instance: four hex digits that distinguish this exporter from others.
        clock: the time.
        memory: failed registrations of earlier runs.
        observer: told of gateways, ended calls and changes.
        quiet: log no changes of problems.
        destinations: countries and prices of numbers; None: calls are not counted by country.
        providers: whose codes are read; None: those with a table of the exporter's own.
        only: the one gateway that FreeSWITCH is asked about by name; None: any.

    Attributes:
        core_uuid: identifies FreeSWITCH's present run; empty before the first sync.
        countries: outbound calls by the country of the number dialled.
        live: the audio of calls while they are up.
        unread_events: events of the present connection that could not be read.
        unaccounted: sessions that FreeSWITCH counted and no event showed.
        dropped: what was given up, by the reasons of `freeswitch_events_dropped_total`.
        conf_dir: FreeSWITCH's configuration folder; empty before it said so. It outlives the connection.
        last_poll_epoch: when the gateways were last listed; 0.0 before.
        refused_at_list: `calls.refused_locally` at that moment.
        strangers: wrong passwords, unanswered challenges, and where they come from.
        subscribers: telephones of the config, and registrations by profile.
        changes: what an operator changed, and what changed by itself.
        event_changes: those of them that FreeSWITCH reports by an event of its own.
        dials: those of others that never became a leg.
        log: FreeSWITCH's log, as far as it is read.
    """

    def __init__(
        self,
        config: NodeConfig,
        instance: str,
        clock: Clock,
        memory: RegistrationMemory,
        observer: NodeObserver,
        *,
        quiet: bool = False,
        destinations: Destinations | None = None,
        providers: Providers | None = None,
        only: str | None = None,
    ) -> None:
        self.core_uuid = ""
        self.switch = SwitchFacts()
        self.ticks = Ticks(instance)
        self.flow = EventFlow(self.ticks)
        self.countries = CountryCalls(config.gateways, destinations or Destinations(), clock)
        self.strangers = Strangers(clock)
        self.subscribers = Subscribers(config.subscribers, clock)
        self.calls = CallTable(
            self._attribute,
            self._on_unanswered,
            self._on_call_ended,
            self.countries,
            self._on_stranger,
            self._on_no_rtp_port,
        )
        self.live = LiveAudio(self.calls)
        self.unread_events = 0
        self.unaccounted = UnexplainedCount()
        self.dropped: dict[str, int] = dict.fromkeys(DROP_REASONS, 0)
        self.conf_dir = ""
        self.last_poll_epoch = 0.0
        self.refused_at_list = 0
        self.changes = Changes(config.name, clock, observer.on_change)
        self.event_changes = EventChanges(self.changes, clock)
        self._value_changes = ValueChanges(self.changes, clock)
        self._listed_changes = ListedChanges(self.changes, clock)
        self._clock_changes = ClockChanges(self.changes)
        self._observer = observer
        self._config = config
        self._clock = clock
        self._memory = memory
        self._providers = providers or Providers()
        self._scans = 0  # at the last HEARTBEAT
        self._first: dict[str, GatewayWatch] = {}  # of each name
        self.gateways = GatewayTable(
            config.name,
            config.gateways,
            clock,
            on_new=self._on_new_gateway,
            on_gone=self._on_gone,
            on_answer=self._on_answer,
            on_verdict=observer.on_verdict,
            on_forgotten=observer.on_forgotten,
            quiet=quiet,
            only=only,
        )
        self.dials = Dials(
            self.gateways,
            self.switch,
            self.calls,
            self.subscribers,
            self._all_gateways_read,
            lambda: self.skew,
            clock,
        )
        self.log = LogLines(clock, self._on_log_event)
        self._log_changes = LogChanges(config.name, clock, observer.on_change)
        self.calls.start_tracking("", None)

    @property
    def skew(self) -> float:
        """FreeSWITCH's clock less the exporter's, seconds; 0.0 while unknown."""
        return self.ticks.clock_skew or 0.0

    @property
    def condition(self) -> Condition:
        """What decides now whether FreeSWITCH accepts calls."""
        switch, now = self.switch, self._clock.monotonic()
        no_port, over = switch.no_rtp_port_at, switch.over_rate_at
        return Condition(
            shutting_down=self.event_changes.shutting_down,
            shutdown_requested=switch.shutdown_requested,
            ready=switch.ready,
            paused=switch.paused,
            figures=switch.figures,
            no_rtp_ports=no_port is not None and now - no_port < NO_RTP_PORTS_HOLDS,
            over_rate=over is not None and now - over < OVER_RATE_HOLDS,
        )

    def recall(self) -> None:
        """Take the registration answers of earlier runs, once the memory has been loaded."""
        for gateway in self.gateways:
            gateway.answer = self._memory.recall(self._config.name, self._remembered_as(gateway))

    def on_connection(self, core_uuid: str | None) -> None:
        """The first answer on a new connection: which run of FreeSWITCH it is (None: denied)."""
        self.flow.restart(self._clock.monotonic())
        self.event_changes.on_connection()
        self.unaccounted.restart()
        self.unread_events = 0
        self.strangers.on_connection()
        if core_uuid and core_uuid != self.core_uuid:
            if self.core_uuid:
                log.warning("FreeSWITCH was restarted", node=self._config.name)
                self.gateways.on_restart()
                self.calls.on_restart()
                self._value_changes.on_restart()
            self.core_uuid = core_uuid

    def forget(self) -> None:
        """The node is lost: nothing is known of its present state."""
        self.gateways.on_lost()
        self.calls.lose()
        self.live.forget()
        self.dials.forget()
        self.switch.forget()
        self.subscribers.on_lost()
        self._value_changes.on_lost()
        self._listed_changes.on_lost()
        self.ticks.restart()

    # -- events -------------------------------------------------------------------------------------------

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """A HEARTBEAT."""
        self.flow.on_heartbeat(self._clock.monotonic())
        self.switch.on_heartbeat(heartbeat)
        self._note_rate()
        self._value_changes.on_figures(self.switch.figures)
        if heartbeat.sessions_since_startup is not None:
            seen = self.calls.creates + self.calls.refused_locally + self.calls.strangers
            # A leg whose challenge is not answered ends 10 s later: as many as ended are under way.
            scans, self._scans = self._scans, sum(self.strangers.scans.values())
            self.unaccounted.read(heartbeat.sessions_since_startup, seen, self._scans - scans)

    def on_tick(self, tick: TickEvent) -> None:
        """A tick came back."""
        reading = self.ticks.on_event(tick, self._clock.monotonic())
        if reading is not None:
            self._clock_changes.on_tick(reading)

    def on_destroy(self, event: ChannelEvent) -> None:
        """CHANNEL_DESTROY."""
        self.calls.on_destroy(event)
        if event.never_began:
            self.dials.on_dropped(event)

    def on_profile_started(self, event: ProfileStarted) -> None:
        """A profile starts."""
        self.gateways.on_profile_started(event)
        self._listed_changes.on_profile_started(event.name)

    def on_registered(self, event: Registered) -> None:
        """A telephone registered, or somebody who guessed its password."""
        self.subscribers.on_registered(event)
        self.strangers.on_registered(event)

    def on_unreadable(self) -> None:
        """An event without a name, or a tick without what it was sent with."""
        self.unread_events += 1

    def no_events(self, reason: str) -> EslError:
        """Why the connection is of no use: for that reason, or because events come and cannot be read."""
        if not self.unread_events:
            return EventsStalled(reason)
        version = f" {printable(self.switch.version)}" if self.switch.version else ""
        return EventsUnreadable(
            f"{EVENTS_UNREADABLE} ({self.unread_events} so far): this FreeSWITCH{version} writes them in "
            f"another form; FreeSWITCH {OLDEST_FREESWITCH} is the oldest that is supported"
        )

    # -- polls --------------------------------------------------------------------------------------------

    def on_switch_polled(self) -> None:
        """Status and pauses have been asked for, and what was answered stands in `switch`."""
        self._note_rate()
        self._value_changes.on_poll(self.switch)

    def on_profiles(self, profiles: Sequence[Profile], asked: float) -> None:
        """The list of profiles, and when it was asked for (monotonic seconds)."""
        running = [profile.name for profile in profiles if profile.running]
        self.switch.on_profiles(profiles)
        for name in self.switch.profiles:
            self.strangers.start_tracking(name)
            self.subscribers.start_tracking(name)
        self.gateways.on_profiles(running)
        if not self.event_changes.shutting_down:
            self._listed_changes.on_profiles(running, asked)

    def on_list(self, reply: GatewayList, asked: float) -> None:
        """The list of all gateways, and when it was asked for (monotonic seconds)."""
        self.gateways.on_list(reply, asked, self.skew)
        self.refused_at_list = self.calls.refused_locally
        self.last_poll_epoch = self._clock.epoch()
        if not self.event_changes.shutting_down:
            self._listed_changes.on_gateways(reply, asked)

    def advance(self) -> None:
        """Let time pass for what only time decides."""
        self.gateways.advance()
        self.gateways.mark_pings(self._clock.epoch() + self.skew)
        self.event_changes.advance()
        self.dials.settle()
        self.strangers.advance()
        if self._listed_changes.confirmation_due():
            self.gateways.want_list()

    def quiet_for(self) -> float:
        """Seconds in which `advance` finds nothing that cannot wait for a poll, unless an event comes."""
        quiet = self.gateways.quiet_for(self._clock.epoch() + self.skew)
        return min(quiet, self._listed_changes.quiet_for(), self.dials.quiet_for())

    # -- what the parts need of each other ----------------------------------------------------------------

    def _attribute(self, start: LegStart) -> str:
        name = start.gateway or (self.gateways.at_address(start.remote_ip) if start.remote_ip else "")
        return name if not name or self.gateways.named(name) else "other"

    def _all_gateways_read(self) -> bool:
        gateways = self.gateways
        return bool(self.last_poll_epoch) and not gateways.malformed and not gateways.over_limit

    def _on_call_ended(
        self, event: ChannelEvent, end: LegEnd, gateway: str, code: ProviderCode | None
    ) -> None:
        self.dials.on_leg_ended(event, end, gateway)
        self._observer.on_call_ended(event, end, gateway, code)

    def _on_unanswered(self, name: str, profile: str) -> None:
        """An outbound leg ended unanswered; of two gateways of one name, that of the leg's profile."""
        named = self.gateways.named(name)
        for gateway in named:
            if len(named) == 1 or gateway.profile == profile:
                gateway.unanswered_legs += 1

    def _on_log_event(self, event: LogEvent) -> None:
        """A line of the log tells something."""
        self._log_changes.on_event(event.what)
        if event.what == "no_rtp_ports":  # of a call without a leg, nothing else tells
            self._on_no_rtp_port()
        if event.cause:
            self.dials.on_log_evidence(LogEvidence(event.cause, event.name))

    def _note_rate(self) -> None:
        if over_rate(self.switch.figures):
            self.switch.over_rate_at = self._clock.monotonic()

    def _on_no_rtp_port(self) -> None:
        self.switch.no_rtp_port_at = self._clock.monotonic()

    def _on_stranger(self, event: ChannelEvent) -> None:
        profile = event.scanned_profile
        if profile is not None:
            self.strangers.on_scanned(profile)

    def _on_new_gateway(self, gateway: GatewayWatch) -> None:
        name = gateway.name
        gateway.answer = self._memory.recall(self._config.name, self._remembered_as(gateway))
        config = self._config.gateways.get(name)
        known = config.provider if config is not None else None
        self.calls.start_tracking(name, self._providers.find(known))

    def _on_gone(self, name: str) -> bool:
        """A gateway is to be forgotten; False while calls are up through it."""
        if not self.calls.stop_tracking(name):
            return False
        self.dials.refused.forget_gateway(name)
        self._memory.keep(self._config.name, name, None)
        self._first.pop(name, None)
        return True

    def _on_answer(self, gateway: GatewayWatch) -> None:
        self._memory.keep(self._config.name, self._remembered_as(gateway), gateway.answer)

    def _remembered_as(self, gateway: GatewayWatch) -> str:
        """Its name; of several of one name, all but the first with the profile."""
        if self._first.setdefault(gateway.name, gateway) is gateway:
            return gateway.name
        return f"{gateway.profile}::{gateway.name}"
