"""One gateway under watch: its present state, the time it spent in each state, and what FreeSWITCH counted.

Strategy: events move the state at once, polls bring what no event reports and correct the rest. Six methods
can change a gateway (`on_event`, `on_poll`, `on_absent`, `on_lost`, `on_restart`, `advance`), and each first
adds the time since the last call to the present state. So the seconds per state sum to the time watched,
however fast the states change, and a scrape need only call `advance`.

A poll and an event may cross, as they travel on two connections. Two rules keep the order: a poll that was
asked before an event arrived does not move the state back, and a poll that contradicts the state is believed
only after CROSSING seconds without an event.

Not all that a poll brings is of now. FreeSWITCH keeps the time of the last answered OPTIONS after one that
failed, and while it registers and sends none (sofia.c, sofia_handle_sip_r_options), so that time counts only
while the last OPTIONS was answered. And what explains a failed registration goes when a poll shows that one
has succeeded since, and after ANSWER_KEPT.

All times are monotonic seconds given by the caller; epochs have `epoch` in their names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from exporter.switch.gateway import GatewayStatus, is_failed_ping
from exporter.switch.gateway_event import GatewayEvent
from exporter.watch.problem_log import ProblemLog
from exporter.watch.unexplained import UnexplainedCount
from exporter.watch.verdict import (
    ABSENT_GRACE,
    GATEWAY_STATES,
    PING_FLIP,
    TIMED_OUT,
    Facts,
    usable,
    verdict,
)

CROSSING: Final = 0.1
ANSWER_KEPT: Final = 24 * 3600.0  # seconds; an older answer to REGISTER explains nothing
# With Status UP these follow a registration: a failed one takes Status down until the next has succeeded.
_UP_SINCE_REGISTERED: Final = ("UNREGED", "TRYING", "REGISTER", "REGED")
_REGISTERED: Final = ("REGISTER", "REGED")
_SHOWN_BY_ANSWER: Final = ("auth_rejected", "rejected", "unreachable", "ping_failed")
_NOT_REGISTERING: Final = ("NOREG", "MISSING", "UNKNOWN")


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer to REGISTER (or its absence) that was not a success.

    Attributes:
        code: SIP status, or PING_FLIP or TIMED_OUT (verdict.py).
        phrase: the reason phrase, printable and cut; of PING_FLIP it follows the status of the OPTIONS.
        at: epoch seconds.
    """

    code: int
    phrase: str
    at: float


class GatewayWatch:
    """What is known of one gateway.

    Args:
        name, profile: as FreeSWITCH has them; profile is empty until it is known.
        now: monotonic seconds.
        problems: logs each change of the verdict.
        on_answer: called when `answer` has changed.
        on_verdict: called with now and the epoch once `problem`, `answer` or `readable` have changed.
        expected: the configuration lists it.
        register: registration is expected (True), is not (False), or follows from what is seen (None).

    Attributes:
        listed: FreeSWITCH listed it the last time. readable: FreeSWITCH could be asked; False while its
            node is lost.
        status: of the last poll; without a round trip if the last OPTIONS failed or none are sent.
        state, up, problem, usable: as of now.
        answer: the last failed answer to REGISTER, until a registration succeeds.
        seconds, changes: time in each state, and entries into it.
        watched_seconds, usable_seconds: their ratio is the availability.
        responses: answers to REGISTER by SIP status.
        calls, failed_calls: FreeSWITCH's counters, counted from 0.
        unanswered_legs: outbound legs that ended unanswered, by their events.
        refused: dials that FreeSWITCH counted as failed and no leg explains.
        absent_since: when it was first not listed; None while it is.
    """

    def __init__(
        self,
        name: str,
        profile: str,
        now: float,
        problems: ProblemLog,
        on_answer: Callable[["GatewayWatch"], None],
        on_verdict: Callable[["GatewayWatch", float, float], None],
        *,
        expected: bool = False,
        register: bool | None = None,
    ) -> None:
        self.name = name
        self.profile = profile
        self.expected = expected
        self.register = register
        self.seen_registering = False
        self.listed = False
        self.profile_down = False
        self.readable = False
        self.status: GatewayStatus | None = None
        self.state = "UNKNOWN"
        self.up = False
        self.problem = "unknown"
        self.usable = False
        self.answer: Answer | None = None
        self.last_change_epoch = 0.0
        self.seconds: dict[str, float] = dict.fromkeys(GATEWAY_STATES, 0.0)
        self.usable_seconds = 0.0
        self.watched_seconds = 0.0
        self.changes: dict[str, int] = dict.fromkeys(GATEWAY_STATES, 0)
        self.responses: dict[int, int] = {}
        self.calls = {"inbound": 0, "outbound": 0}
        self.failed_calls = 0
        self.refused = UnexplainedCount()
        self.unanswered_legs = 0
        self.absent_since: float | None = None
        self._problems = problems
        self._on_answer = on_answer
        self._on_verdict = on_verdict
        self._told: tuple[str, Answer | None, bool] = (self.problem, self.answer, self.readable)
        self._counters: tuple[int, int, int] | None = None
        self._counted_to = now
        self._entered = now
        self._event_at = -CROSSING
        self._contradiction: tuple[str, float] | None = None
        self._before_loss = ("UNKNOWN", 0.0)
        self._ping_since: float | None = None
        self._not_pinging = now
        self._ping_seen: tuple[int, float | None] | None = None  # count and time as FreeSWITCH has them
        self._ping_failed = False
        self._ping_answered = False  # an event reported so; FreeSWITCH's time of it follows by a poll

    # -- what changes it ------------------------------------------------------------------------------

    def on_event(self, event: GatewayEvent, now: float, epoch: float) -> None:
        """A `sofia::gateway_state` event."""
        self.advance(now)
        self._event_at = now
        self._contradiction = None
        self.listed = True
        self.absent_since = None
        self._read_answer(event, epoch)
        flipped = event.state == "FAILED" and self.answer is not None and self.answer.code == PING_FLIP
        if event.code and (flipped or event.state == "NOREG"):  # the OPTIONS in flight has ended
            self._ping_since = None
            self._not_pinging = now
            self._ping_failed = is_failed_ping(event.code)
            self._ping_answered = self._ping_answered or not self._ping_failed
        self.up = event.ping_up
        self._enter(event.state, now, epoch)
        self._judge(now)
        self._tell(now, epoch)

    def on_poll(
        self, status: GatewayStatus, asked: float, now: float, epoch: float, clock_skew: float
    ) -> None:
        """A poll's reply.

        Args:
            status: what it says of this gateway.
            asked: when the poll was sent (monotonic).
            now: when the reply came (monotonic).
            epoch: the same moment in epoch seconds.
            clock_skew: FreeSWITCH's clock less the exporter's, seconds.
        """
        self.advance(now)
        first = self.status is None or not self.readable
        returned = not self.listed
        self.readable = True
        self.listed = True
        self.absent_since = None
        self.profile = status.profile or self.profile
        self._count(status)
        self.status = self._with_fresh_ping(status)
        self._time_ping(status, now, epoch + clock_skew)
        if self._event_at <= asked:  # no event is newer than this reply
            self.up = status.status == "UP"
            if self.up and status.state in _UP_SINCE_REGISTERED:
                self._latch(None)
            state = status.state if status.state in GATEWAY_STATES else "UNKNOWN"
            if state == self.state:
                self._contradiction = None
            elif first:
                self._recognise(state, now, epoch)
            elif returned:
                self._enter(state, now, epoch)
            elif self._contradiction is None or self._contradiction[0] != state:
                self._contradiction = (state, now)
        self._settle(now, epoch)
        self._judge(now)
        self._tell(now, epoch)

    def on_absent(self, now: float, epoch: float, profile_down: bool) -> None:
        """FreeSWITCH does not list it."""
        self.advance(now)
        self.readable = True
        self.profile_down = profile_down
        if self.absent_since is None:
            self.absent_since = now
            self.listed = False
            self.on_deleted()
        self._judge(now)
        self._tell(now, epoch)

    def on_deleted(self) -> None:
        """FreeSWITCH reports that it deleted it; a new one of that name counts from 0."""
        self._counters = None
        self.refused.restart()
        self._ping_seen = None
        self._ping_answered = False

    def on_lost(self, now: float, epoch: float) -> None:
        """The node is lost: nothing is known until the next poll."""
        self.advance(now)
        if self.readable:
            self._before_loss = (self.state, self.last_change_epoch)
        self.readable = False
        self.absent_since = None
        self.refused.restart()
        self._contradiction = None
        self._ping_since = None
        self.state = "UNKNOWN"
        self._entered = now
        self.up = False
        self.problem = "unknown"
        self.usable = False
        self._tell(now, epoch)

    def on_restart(self) -> None:
        """FreeSWITCH was restarted: its counters count from 0."""
        self._counters = (0, 0, 0)

    def advance(self, now: float, epoch: float | None = None) -> None:
        """Add the time since the last call, and decide what only time decides.

        Args:
            now: monotonic seconds.
            epoch: None only adds the time.
        """
        passed = now - self._counted_to
        if passed > 0:
            self._counted_to = now
            self.seconds[self.state] += passed
            if self.readable:
                self.watched_seconds += passed
                if self.usable:
                    self.usable_seconds += passed
        if epoch is not None and self.time_decides:
            self._settle(now, epoch)
            self._judge(now)
            self._tell(now, epoch)

    # -- what it can be asked -------------------------------------------------------------------------

    @property
    def registration_expected(self) -> bool:
        """It should register: by configuration, else because it has been seen to."""
        return self.seen_registering if self.register is None else self.register

    @property
    def was(self) -> str:
        """Its state before its node was lost."""
        return self._before_loss[0]

    @property
    def explanation(self) -> str:
        """The answer behind the problem ("403 Forbidden"), to REGISTER or OPTIONS, printable; else empty."""
        if self.answer is None or self.problem not in _SHOWN_BY_ANSWER:
            return ""
        code = f"{self.answer.code} " if self.answer.code >= 100 else ""
        return f"{code}{self.answer.phrase}".strip()

    @property
    def pinging(self) -> bool:
        """An OPTIONS is in flight, as of the last poll."""
        return self._ping_since is not None

    def ping_pending(self, now: float) -> float:
        """Seconds the OPTIONS in flight is old; 0.0 if there is none."""
        return max(now - self._ping_since, 0.0) if self._ping_since is not None else 0.0

    @property
    def time_decides(self) -> bool:
        """Whether its state or its problem may become another by time alone (`_settle`, verdict.TABLE)."""
        return (
            self.absent_since is not None
            or self.state == "TRYING"
            or self._ping_since is not None
            or self._contradiction is not None
            or self.answer is not None
            or self.problem != self._problems.problem
        )

    def in_state(self, now: float) -> float:
        """Seconds in the current state."""
        return max(now - self._entered, 0.0)

    # -- inside ---------------------------------------------------------------------------------------

    def _enter(self, state: str, now: float, epoch: float, *, counted: bool = True) -> None:
        if state not in self.seconds:
            state = "UNKNOWN"
        if state not in _NOT_REGISTERING:
            self.seen_registering = True
        if state in _REGISTERED:
            self._latch(None)
        if state == self.state:
            return
        if state == "FAIL_WAIT" and self.state == "REGED" and self.answer is None:
            self._latch(Answer(PING_FLIP, "", epoch))  # only a failed OPTIONS leads there without FAILED
        self.state = state
        self._entered = now
        self.changes[state] += counted
        self.last_change_epoch = epoch
        self._contradiction = None

    def _recognise(self, state: str, now: float, epoch: float) -> None:
        """The first state seen, or seen again after a loss: a change only if it is another than before."""
        before, changed = self._before_loss
        if before not in ("UNKNOWN", state):
            self._enter(state, now, epoch)
            return
        self._enter(state, now, epoch, counted=False)
        if before == state:
            self.last_change_epoch = changed

    def _latch(self, answer: Answer | None) -> None:
        if answer != self.answer:
            self.answer = answer
            self._on_answer(self)

    def _read_answer(self, event: GatewayEvent, epoch: float) -> None:
        """The answer to REGISTER in an event. The same event may report an OPTIONS, in any state."""
        code = event.code
        if event.state == "FAILED" and code:
            if self.state == "FAILED":
                return  # the OPTIONS that was in flight: the registration has failed before
            # A failed OPTIONS takes the Status down at once, a rejected REGISTER a second later. It does not
            # where more answers are counted than are needed (ping-max); but then it was seen in flight.
            if is_failed_ping(code) and (
                (self.up and not event.ping_up) or (self.state == "REGED" and self.pinging)
            ):
                self._latch(Answer(PING_FLIP, f"{code} {event.phrase}".strip(), epoch))
                return
            self._latch(Answer(code, event.phrase, epoch))
        elif event.state == "TIMEOUT":
            self._latch(Answer(TIMED_OUT, "", epoch))
        # Nothing but a 200 to REGISTER leads to the state REGISTER.
        if (event.state == "FAILED" and code >= 200) or (event.state == "REGISTER" and code == 200):
            self.responses[code] = self.responses.get(code, 0) + 1

    def _count(self, status: GatewayStatus) -> None:
        counters = (status.calls_in, status.calls_out, status.failed_calls_out)
        if self._counters is not None:
            grown = [
                new - old if new >= old else new for new, old in zip(counters, self._counters, strict=True)
            ]
            self.calls["inbound"] += grown[0]
            self.calls["outbound"] += grown[1]
            self.failed_calls += grown[2]
            if counters[2] < self._counters[2]:
                self.refused.restart()
        self._counters = counters
        self.refused.read(counters[2], self.unanswered_legs)

    def _with_fresh_ping(self, status: GatewayStatus) -> GatewayStatus:
        """The status without the round trip of an OPTIONS that is not the last, or of long ago."""
        seen = (status.ping_count, status.ping_seconds)
        if self._ping_seen is not None and seen != self._ping_seen:
            self._ping_failed = status.ping_count < self._ping_seen[0]
        self._ping_seen = seen
        # An answer raises the count, up to ping-max.
        failed = self._ping_failed or (status.ping_count == 0 and status.ping_max > 0)
        sends = status.state == "NOREG" or status.status == "UP"
        return status if sends and not failed else msgspec.structs.replace(status, ping_seconds=None)

    def _time_ping(self, status: GatewayStatus, now: float, switch_epoch: float) -> None:
        if not status.pinging:
            self._ping_since = None
            self._not_pinging = now
        elif self._ping_since is None:
            # `ping` is when it was due, seen up to 9 s before it was sent: the later of the two counts.
            due = now - max(switch_epoch - status.ping_next, 0.0) if status.ping_next else now
            sent = max(due, self._not_pinging)
            self._ping_since = max(sent, self._entered) if self.state == "REGED" else sent

    def _settle(self, now: float, epoch: float) -> None:
        """Accept what was provisional, a poll that no event contradicted or an absence that lasts."""
        if self.answer is not None and epoch - self.answer.at > ANSWER_KEPT:
            self._latch(None)
        if self._contradiction is not None and now - self._contradiction[1] > CROSSING:
            self._enter(self._contradiction[0], now, epoch)
        if self.absent_since is not None and now - self.absent_since > ABSENT_GRACE:
            self.up = False
            self._ping_since = None
            self._enter("MISSING" if self.expected else "UNKNOWN", now, epoch)

    def _judge(self, now: float) -> None:
        absent = now - self.absent_since if self.absent_since is not None else 0.0
        if 0 < absent <= ABSENT_GRACE and self.problem != "unknown":
            return  # a profile restart: keep the last verdict
        status = self.status
        self.problem = verdict(
            Facts(
                readable=self.readable,
                absent=absent,
                profile_down=self.profile_down,
                state=self.state,
                up=self.up,
                in_state=self.in_state(now),
                registration_expected=self.registration_expected,
                ping_interval=status.ping_interval if status else 0,
                ping_answered=self._ping_answered
                or (self._ping_seen is not None and self._ping_seen[1] is not None),
                ping_pending=self.ping_pending(now),
                latched=self.answer.code if self.answer else 0,
            )
        )
        self.usable = usable(self.problem, self.up)
        if self.readable and self.problem != self._problems.problem:
            self._problems.note("gateway problem changed", self.problem, now, reason=self.explanation)

    def _tell(self, now: float, epoch: float) -> None:
        told = (self.problem, self.answer, self.readable)
        if told != self._told:
            self._told = told
            self._on_verdict(self, now, epoch)
