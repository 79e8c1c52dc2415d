"""Dials of others that never became a leg: found by what positively shows it, and counted once.

A dial is not counted because nothing is heard of it: an API event comes at the end of its call, so a dial
under way looks the same. What shows it, by who dials:

    bgapi   BACKGROUND_JOB has cause and target. A cause that a far end may bring about too counts only if no
            leg has ended with it through that gateway; that may be reported a moment later, so it waits.
    api     API has the target alone. It waits for SETTLE, since it is a bgapi's if a BACKGROUND_JOB with the
            same arguments comes. Then a line of FreeSWITCH's log tells, which names the target, or comes
            within NEAR where it names none (limits). Else the state of the switch must explain a refusal (the
            gateway named is unknown or down, the profile does not run, the number is missing), and a session
            must have been dropped (CHANNEL_DESTROY, CS_NONE) whose Event-Sequence follows the dial's. The
            number of its arguments may show it alone; and where the one user dialled is a watched subscriber
            who was not registered, that the dial ended AT_ONCE. A user dialled without a domain is one of
            FreeSWITCH's `domain` (mod_dptools.c: user_outgoing_channel).
    bridge  the last event of the first leg has cause and target.

Each line and each dropped session is used once. FreeSWITCH logs the refusals of jobs, bridges and probes too:
they claim their lines, whichever of the two comes first, so that none is left for an api dial.

Several targets are one dial. Which of them was refused is known if the cause fits one alone. Of a bgapi dial
with several targets a refusal before the last one is found like that of an api dial.
"""

import bisect
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from exporter.clock import Clock
from exporter.switch.cause import CAUSES, known_cause
from exporter.switch.dial_event import (
    MADE_NO_LEG,
    USAGE,
    DialEnded,
    DialJob,
    Dropped,
    read_refused_bridge,
)
from exporter.switch.dial_target import Dial, DialTarget, read_dial_string
from exporter.switch.leg import ChannelEvent, LegEnd, is_probe
from exporter.switch.registration_event import account
from exporter.watch.calls import CallTable
from exporter.watch.gateway import GatewayWatch
from exporter.watch.gateway_table import GatewayTable
from exporter.watch.recent_things import RecentThings
from exporter.watch.refused_dials import RefusedDials, RefusedKey, RefusedKind, Source
from exporter.watch.subscribers import Subscriber, Subscribers
from exporter.watch.switch import SwitchFacts

SETTLE: Final = 2.0  # seconds in which events that belong together arrive
MAX_WAITING: Final = 1000  # of each: dials, jobs, dropped sessions, legs, log lines, claims
NEAR: Final = 0.5  # seconds between the end of an api dial and a line of the log that names no target
AT_ONCE: Final = 1.0  # seconds of FreeSWITCH's clock from a dial to the refusal of its first target
_ANY_TIME: Final = float("inf")
_NEVER: Final = -1.0
_OF_Q850: Final = 127  # causes above are FreeSWITCH's own: no far end brings them about
_KINDS: Final[dict[str, RefusedKind]] = {
    "INVALID_GATEWAY": "gateway",
    "GATEWAY_DOWN": "gateway",
    "USER_NOT_REGISTERED": "user",
    "SUBSCRIBER_ABSENT": "user",
    "INVALID_PROFILE": "profile",
    "CHAN_NOT_IMPLEMENTED": "endpoint",
    "DESTINATION_OUT_OF_ORDER": "capacity",
}
_DROPS: Final = frozenset(
    {"INVALID_GATEWAY", "GATEWAY_DOWN", "INVALID_URL", "INVALID_PROFILE", "USER_NOT_REGISTERED"}
)
"""Causes that a line of the log has and for which FreeSWITCH drops a session."""
_ERROR: Final = "error"  # the endpoint that refuses with the cause it is given


class LogEvidence(NamedTuple):
    """A line of FreeSWITCH's log that tells of a refused dial; `name` as far as the line has one."""

    cause: str
    name: str


class _LegEnded(NamedTuple):
    at: float
    cause: str
    gateway: str


class Dials:
    """Watches the dials of one node.

    Args:
        gateways, switch, calls, subscribers: what is known of the node.
        all_read: whether all gateways of the switch have been listed and read.
        skew: FreeSWITCH's clock less the exporter's, seconds.
        clock: the time.

    Attributes:
        refused: what was counted.
    """

    def __init__(
        self,
        gateways: GatewayTable,
        switch: SwitchFacts,
        calls: CallTable,
        subscribers: Subscribers,
        all_read: Callable[[], bool],
        skew: Callable[[], float],
        clock: Clock,
    ) -> None:
        self.refused = RefusedDials(clock)
        self._gateways = gateways
        self._switch = switch
        self._calls = calls
        self._subscribers = subscribers
        self._all_read = all_read
        self._skew = skew
        self._monotonic = clock.monotonic
        self._epoch = clock.epoch
        self._ended: deque[tuple[float, DialEnded]] = deque()
        self._jobs: deque[tuple[float, DialJob]] = deque()
        self._early_jobs: deque[tuple[float, int]] = deque(maxlen=MAX_WAITING)  # before their API
        self._dropped: list[Dropped] = []  # by sequence
        self._legs: deque[_LegEnded] = deque(maxlen=MAX_WAITING)
        self._log: RecentThings[LogEvidence] = RecentThings(MAX_WAITING)
        self._claims: RecentThings[DialTarget] = RecentThings(MAX_WAITING)

    # -- events -------------------------------------------------------------------------------------------

    def on_ended(self, ended: DialEnded) -> None:
        """API of an originate."""
        now = self.settle()
        if is_probe(ended.dial.uuid):
            return
        for job in self._early_jobs:
            if job[1] == ended.key:
                self._early_jobs.remove(job)
                return
        self._look_again_soon()
        self._ended.append((now, ended))

    def on_job(self, job: DialJob) -> None:
        """BACKGROUND_JOB of an originate."""
        now = self.settle()
        if is_probe(job.dial.uuid):
            self._claim(job.dial)
            return
        ended = self._taken_by(job, now)
        if self._refuses(job):
            self._claim(job.dial)
        if not self._refuses(job):
            if ended is not None and len(job.dial.targets) > 1:
                self._judge(now, ended)
        elif CAUSES.get(job.refusal, 0) > _OF_Q850 or job.refusal == USAGE:
            self._count(job.refusal, job.dial, "client")
            self._take_dropped(ended)
        else:
            self._look_again_soon()
            self._jobs.append((now, job))

    def on_dropped(self, event: ChannelEvent) -> None:
        """CHANNEL_DESTROY of a session that never became a leg."""
        if not is_probe(event.uuid):
            bisect.insort(self._dropped, Dropped.of(event))
            del self._dropped[:-MAX_WAITING]

    def on_leg_ended(self, event: ChannelEvent, end: LegEnd, gateway: str) -> None:
        """The last event of a leg, what it says, and the gateway it is counted under."""
        if end.cause in MADE_NO_LEG and end.talk_seconds is None:
            self._legs.append(_LegEnded(self._monotonic(), end.cause, gateway))
        # Where the call went on, its cause does not tell: then only callers are looked at, to save time.
        refused = read_refused_bridge(event) if end.cause in MADE_NO_LEG or event.inbound else None
        if refused is not None:
            self._claim(refused.dial)
            self._count(refused.cause, refused.dial, "bridge")

    def on_log_evidence(self, evidence: LogEvidence) -> None:
        """A line of FreeSWITCH's log."""
        now = self.settle()
        if _KINDS.get(evidence.cause) == "user":  # as a dial string has it, and as it may be shown
            evidence = evidence._replace(name=read_dial_string(f"user/{evidence.name}").targets[0].name)
        if self._claims.take(lambda target: _when_about(evidence, target), now) is None:
            self._log.note(evidence, now)

    def forget(self) -> None:
        """The connection is lost, or FreeSWITCH was restarted: what waits is not told."""
        for waiting in (
            *(self._ended, self._jobs, self._early_jobs, self._dropped),
            *(self._legs, self._log, self._claims),
        ):
            waiting.clear()

    def settle(self) -> float:
        """Judge what has waited for SETTLE; the time now (monotonic seconds)."""
        now = self._monotonic()
        while self._ended and (now - self._ended[0][0] >= SETTLE or len(self._ended) >= MAX_WAITING):
            self._judge(*self._ended.popleft())
        while self._jobs and (now - self._jobs[0][0] >= SETTLE or len(self._jobs) >= MAX_WAITING):
            at, job = self._jobs.popleft()
            if not self._leg_explains(at, job):
                self._count(job.refusal, job.dial, "client")
        while self._early_jobs and now - self._early_jobs[0][0] >= SETTLE:
            self._early_jobs.popleft()
        while self._legs and now - self._legs[0].at > 2 * SETTLE:
            self._legs.popleft()
        self._log.forget_before(now - 2 * SETTLE)
        self._claims.forget_before(now - SETTLE)
        return now

    def quiet_for(self) -> float:
        """Seconds until something has waited long enough."""
        begun = [waiting[0][0] for waiting in (self._ended, self._jobs) if waiting]
        return max(min(begun) + SETTLE - self._monotonic(), 0.0) if begun else float("inf")

    def _look_again_soon(self) -> None:
        """Something is about to wait: the poller learns of it, which may sleep until its next poll."""
        if not self._ended and not self._jobs:
            self._gateways.poll_wanted.set()

    # -- bgapi --------------------------------------------------------------------------------------------

    def _taken_by(self, job: DialJob, now: float) -> DialEnded | None:
        """The API of a job, taken away; the job is remembered if it has come first."""
        for at in range(len(self._ended) - 1, -1, -1):
            if self._ended[at][1].key == job.key:
                ended = self._ended[at][1]
                del self._ended[at]
                return ended
        self._early_jobs.append((now, job.key))
        return None

    @staticmethod
    def _refuses(job: DialJob) -> bool:
        return job.refusal in MADE_NO_LEG or job.refusal == USAGE or (bool(job.refusal) and _errs(job.dial))

    def _leg_explains(self, at: float, job: DialJob) -> bool:
        """Whether a leg ended with that cause around that time; it explains one dial only."""
        if _errs(job.dial):
            return False
        gateways = {_gateway(target) for target in job.dial.targets}
        for leg in self._legs:
            if leg.cause == job.refusal and abs(leg.at - at) <= SETTLE and leg.gateway in gateways:
                self._legs.remove(leg)
                return True
        return False

    # -- api ----------------------------------------------------------------------------------------------

    def _judge(self, at: float, ended: DialEnded) -> None:
        """Count an api dial, if something shows that it was refused."""
        if ended.usage:
            self._count(USAGE, ended.dial, "client")
            return
        told = self._told(at, ended.dial)
        if told is not None:
            cause, target = told
            if cause in _DROPS:
                self._take_dropped(ended)
            self._count(cause, Dial((target,), ended.dial.uuid), "client")
            return
        for target in ended.dial.targets:
            cause, certain = self._explained(target)
            at_once = target is ended.dial.targets[0]
            if cause and self._take_dropped(ended, certain=certain, at_once=at_once):
                self._count(cause, Dial((target,), ended.dial.uuid), "client")
                return
        if self._nobody_there(at, ended):
            self._count("USER_NOT_REGISTERED", ended.dial, "client")

    def _told(self, at: float, dial: Dial) -> tuple[str, DialTarget] | None:
        """The cause that a line of the log gives for a dial that ended at that time, and for which target."""

        def within(line: LogEvidence) -> float:
            if not any(_is_about(line, target) for target in dial.targets):
                return _NEVER
            return SETTLE if line.name else NEAR

        line = self._log.take(within, at)
        if line is None:
            return None
        return line.cause, next(target for target in dial.targets if _is_about(line, target))

    def _claim(self, dial: Dial) -> None:
        """The lines of the log about these targets are of a dial that is counted otherwise, or not at all."""
        now = self._monotonic()
        for target in dial.targets:
            if self._log.take(partial(_when_about, target=target), now) is None:
                self._claims.note(target, now)

    def _nobody_there(self, at: float, ended: DialEnded) -> bool:
        """Whether the dial, which ended then, was to one watched subscriber only, who was not registered."""
        target, *others = ended.dial.targets
        subscriber = self._subscriber(target)
        if others or target.profile or subscriber is None or not self._subscribers.known:
            return False
        if subscriber.registered is not False:
            return False
        began = ended.began - self._skew()
        took = self._epoch() - (self._monotonic() - at) - began
        return subscriber.since <= began and took <= AT_ONCE

    def _subscriber(self, target: DialTarget) -> Subscriber | None:
        name, _, domain = target.name.partition("@")
        if not domain and not target.profile:
            domain = self._switch.domain
        return self._subscribers.watched.get(account(name, domain))

    def _explained(self, target: DialTarget) -> tuple[str, bool]:
        """With which cause mod_sofia must refuse that target; False: as far as the state shows it may.

        Then only a session dropped as the very next event after the dial began is its own.
        """
        if not target.complete:
            return "INVALID_URL", True
        if target.kind == "gateway":
            return self._gateway_refuses(target), bool(target.name)
        if not target.profile or not self._switch.profiles:
            return "", False
        if not self._runs(target.profile):
            return "INVALID_PROFILE", True
        return ("USER_NOT_REGISTERED" if target.kind == "user" else ""), False

    def _runs(self, name: str) -> bool:
        """Whether a profile of that name, or with that alias, runs."""
        return any(
            name == profile.name or name in profile.aliases
            for profile in self._switch.profiles.values()
            if profile.name not in self._switch.stopped
        )

    def _gateway_refuses(self, target: DialTarget) -> str:
        gateways = self._named(target.name)
        if not gateways:
            return "INVALID_GATEWAY" if self._all_read() else ""
        if not all(gateway.readable for gateway in gateways):
            return ""
        if not any(gateway.listed for gateway in gateways):
            return "INVALID_GATEWAY"
        return "" if any(gateway.up for gateway in gateways) else "GATEWAY_DOWN"

    def _named(self, dialled: str) -> list[GatewayWatch]:
        """The gateways that `NAME`, or `PROFILE::NAME`, may be."""
        profile, _, name = dialled.rpartition("::")
        return [gateway for gateway in self._gateways.named(name) if profile in ("", gateway.profile)]

    def _take_dropped(self, ended: DialEnded | None, *, certain: bool = True, at_once: bool = False) -> bool:
        """Whether a session was dropped for that dial, as it began if `at_once`; it is used up."""
        if ended is None:
            return False
        at = bisect.bisect_right(self._dropped, (ended.sequence, float("inf")))
        if at == len(self._dropped):
            return False
        dropped = self._dropped[at]
        if not certain and dropped.sequence != ended.sequence + 1:
            return False
        if at_once and dropped.at - ended.began > AT_ONCE:
            return False
        del self._dropped[at]
        return True

    # -- counting -----------------------------------------------------------------------------------------

    def _count(self, cause: str, dial: Dial, source: Source) -> None:
        kind = self._kind(cause, dial)
        target = self._target(cause, kind, dial)
        gateway = _without_profile(target.name) if kind == "gateway" else ""
        if kind == "gateway" and not self._named(target.name):
            gateway = "other"
        if gateway in ("", "other") and self._subscriber(target) is None:
            target = target.shown()
        self.refused.count(RefusedKey(known_cause(cause), kind, gateway, source), target)

    def _kind(self, cause: str, dial: Dial) -> RefusedKind:
        kinds = {target.kind for target in dial.targets}
        if cause == USAGE:
            return "other"
        if cause == "INVALID_URL":
            return "gateway" if "gateway" in kinds else "profile"
        if cause == "DESTINATION_OUT_OF_ORDER" and (kinds == {"other"} or self._calls.knows(dial.uuid)):
            return "other"  # the line cannot be read, or its UUID is in use, as by the target before
        return _KINDS.get(cause, "endpoint")

    def _target(self, cause: str, kind: RefusedKind, dial: Dial) -> DialTarget:
        """Which of the targets it was; one without a name where that is not known."""
        able = [target for target in dial.targets if _fits(kind, target)]
        if len(able) > 1:
            able = [target for target in able if self._explained(target)[0] == cause]
        if len(able) == 1 or len(set(able)) == 1:
            return able[0]
        return DialTarget("other")


def _errs(dial: Dial) -> bool:
    """The only target is the endpoint `error`."""
    return len(dial.targets) == 1 and dial.targets[0][:2] == ("endpoint", _ERROR)


def _gateway(target: DialTarget) -> str:
    return _without_profile(target.name) if target.kind == "gateway" else ""


def _without_profile(name: str) -> str:
    """A gateway's name, which may be dialled as PROFILE::NAME."""
    return name.rpartition("::")[2]


def _fits(kind: RefusedKind, target: DialTarget) -> bool:
    """Whether a refusal of that kind can be that target's."""
    if kind == "profile":
        return bool(target.profile)
    return target.kind == kind or kind in ("capacity", "other")


def _when_about(evidence: LogEvidence, target: DialTarget) -> float:
    """Within how many seconds of a target a line may be about it."""
    return _ANY_TIME if _is_about(evidence, target) else _NEVER


def _is_about(evidence: LogEvidence, target: DialTarget) -> bool:
    """Whether a line of the log may be about a target; one that names none may be about any that fits."""
    if evidence.cause == "INVALID_URL":
        fits = not target.complete
    else:
        fits = _fits(_KINDS.get(evidence.cause, "other"), target)
    if not fits or not evidence.name:
        return fits
    # FreeSWITCH logs a gateway as it was dialled, with its profile or without (mod_sofia.c).
    user = evidence.name.partition("@")[0] if target.kind == "user" else evidence.name
    return target.name in (evidence.name, user)
