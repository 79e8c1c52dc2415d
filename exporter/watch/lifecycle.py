"""The states of a node's connection, what leads from one to the next, and when to try again.

The states and their transitions are the table TRANSITIONS. An attempt goes from CONNECTING through SYNCING to
CONNECTED, and whatever ends it is an EslError, whose `problem` is the word of
`freeswitch_connection_problem`; the next attempt follows after a pause.

Pauses: FIRST_RETRY after the loss of a connection that held for STABLE seconds, twice as long after each
further failure, LAST_RETRY at most. Up to half of each pause is left out at random, so that many exporters do
not come at once.

One correction: a process that hangs has its kernel accept a handful of connections, then none (at once, if
other clients of FreeSWITCH try again too). So a connect that times out after a command or a greeting went
unanswered is still the hanging process (`hung`), not the network (`timeout`).

No socket and no task here: `node` reports what happened.
"""

import random
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from exporter.clock import Clock
from exporter.esl import CommandTimeout, ConnectTimeout, EslError, GreetingTimeout
from exporter.watch.problem_log import NODE_LEVELS, ProblemLog

FIRST_RETRY: Final = 0.5  # seconds
LAST_RETRY: Final = 30.0
STABLE: Final = 30.0


class State(StrEnum):
    """Where the connection is."""

    UNTRIED = "untried"
    CONNECTING = "connecting"
    SYNCING = "syncing"
    CONNECTED = "connected"
    WAITING = "waiting"
    STOPPED = "stopped"


class Happened(StrEnum):
    """What can happen to it."""

    BEGAN = "an attempt began"
    OPENED = "events and vital commands have their connections"
    SYNCED = "subscribed, answering, events flow"
    ENDED = "it failed or was lost"
    STOPPED = "the exporter stops watching"


TRANSITIONS: Final[Mapping[State, Mapping[Happened, State]]] = {
    State.UNTRIED: {Happened.BEGAN: State.CONNECTING, Happened.STOPPED: State.STOPPED},
    State.CONNECTING: {
        Happened.OPENED: State.SYNCING,
        Happened.ENDED: State.WAITING,
        Happened.STOPPED: State.STOPPED,
    },
    State.SYNCING: {
        Happened.SYNCED: State.CONNECTED,
        Happened.ENDED: State.WAITING,
        Happened.STOPPED: State.STOPPED,
    },
    State.CONNECTED: {Happened.ENDED: State.WAITING, Happened.STOPPED: State.STOPPED},
    State.WAITING: {Happened.BEGAN: State.CONNECTING, Happened.STOPPED: State.STOPPED},
    State.STOPPED: {},
}


class Lifecycle:
    """The state of one node's connection, and the outcomes of its attempts.

    Args:
        node: its name, for the log.
        clock: the time.
        quiet: log no changes of the problem.

    Attributes:
        state: where it is.
        problem: the word of `freeswitch_connection_problem`: `none` once connected, what ended the last
            attempt or connection else; empty before the first attempt ended.
        reason: one sentence on the problem, safe to show; empty while connected.
        since_epoch: when that problem began, or the connection was made.
        attempts: how many attempts and connections ended how, `connected` among them.
        on_connected: called each time the node is connected.
        losses: how many times the node was connected and then lost, by the problem that ended it.
    """

    def __init__(self, node: str, clock: Clock, *, quiet: bool = False) -> None:
        self.state = State.UNTRIED
        self.problem = ""
        self.reason = "not tried yet"
        self.since_epoch = clock.epoch()
        self.attempts: dict[str, int] = {}
        self.on_connected: Callable[[], None] | None = None
        self.losses: dict[str, int] = {}
        self._clock = clock
        self._log = ProblemLog(NODE_LEVELS, quiet=quiet, limited=False, node=node)  # the pauses limit it
        self._failures = 0
        self._connected_at: float | None = None
        self._lost_at: float | None = None
        self._process_hangs = False

    @property
    def connected(self) -> bool:
        """Subscribed, answering, events flowing."""
        return self.state is State.CONNECTED

    @property
    def tried(self) -> bool:
        """The first attempt has ended, one way or the other."""
        return bool(self.attempts)

    def began(self) -> None:
        """An attempt begins."""
        self._enter(Happened.BEGAN)

    def opened(self) -> None:
        """Events and vital commands have their connections."""
        self._enter(Happened.OPENED)

    def synced(self, **facts: object) -> None:
        """The node is connected.

        Args:
            facts: what is worth knowing of it, for the log.
        """
        self._enter(Happened.SYNCED)
        now = self._clock.monotonic()
        away = round(now - self._lost_at, 1) if self._lost_at is not None else None
        self._connected_at = now
        self._process_hangs = False
        self._count("connected")
        self.problem = "none"
        self.reason = ""
        self.since_epoch = self._clock.epoch()
        self._log.note("connected", "none", now, away=away, **facts)
        if self.on_connected is not None:
            self.on_connected()

    def ended(self, error: EslError) -> float:
        """The attempt failed or the connection was lost; seconds to wait before the next attempt."""
        self._enter(Happened.ENDED)
        now = self._clock.monotonic()
        stable = self._connected_at is not None and now - self._connected_at > STABLE
        problem = self._problem_of(error)
        if self._connected_at is not None:
            self._lost_at = now
            self.losses[problem] = self.losses.get(problem, 0) + 1
        self._connected_at = None
        self._failures = 0 if stable else self._failures + 1
        self._count(problem)
        if problem != self.problem:
            self.since_epoch = self._clock.epoch()
        self.problem = problem
        self.reason = str(error)
        self._log.note("not connected", problem, now, reason=self.reason)
        pause: float = min(LAST_RETRY, FIRST_RETRY * 2 ** min(self._failures, 10))
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret

    def stopped(self) -> None:
        """The exporter watches this node no longer."""
        self._enter(Happened.STOPPED)

    def _enter(self, happened: Happened) -> None:
        self.state = TRANSITIONS[self.state][happened]

    def _problem_of(self, error: EslError) -> str:
        if self._process_hangs and isinstance(error, ConnectTimeout):
            return GreetingTimeout.problem
        self._process_hangs = isinstance(error, CommandTimeout | GreetingTimeout)
        return error.problem

    def _count(self, outcome: str) -> None:
        self.attempts[outcome] = self.attempts.get(outcome, 0) + 1
