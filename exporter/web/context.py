"""What the HTTP side needs of the daemon. `exporter.runtime.Runtime` provides it, the tests a fake."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from exporter.clock import Clock
from exporter.config import Config
from exporter.diagnosis.conclusion import Diagnosis
from exporter.executors import Executors
from exporter.history.past import Past
from exporter.history.store import Store
from exporter.metrics.exposition import Source
from exporter.probe.record import CallRecord


class WatchedNode(Protocol):
    """One FreeSWITCH, as far as answers need it.

    Attributes:
        name: its `node` label.
        connected: authenticated and answering.
        problem: a word of `freeswitch_connection_problem` (`none`: connected); "" before the first outcome.
        reason: for people, why it is not connected (yet); "" while it is.
        tried: whether a first attempt to connect has ended, with any outcome.
    """

    @property
    def name(self) -> str: ...
    @property
    def connected(self) -> bool: ...
    @property
    def problem(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def tried(self) -> bool: ...


class History(Protocol):
    """The past, as far as answers need it.

    Attributes:
        store: answers questions about what was written; each may raise StoreUnavailable.
    """

    @property
    def store(self) -> Store: ...

    def past(self, node: str, gateway: str, profile: str) -> Past:
        """The recent past of a gateway, from memory."""
        ...

    def node_past(self, node: str) -> Past:
        """The recent past of a switch, from memory."""
        ...

    async def refresh(self) -> None:
        """Have everything up to now written to the store. Waits for the disk."""
        ...


@dataclass(frozen=True, slots=True)
class DemoFault:
    """One button of the demo's switchboard.

    Attributes:
        name: the last part of its path, /demo/NAME.
        label: on the button.
        shows: what there will be to see, and when: one sentence without a full stop.
    """

    name: str
    label: str
    shows: str


class Switchboard(Protocol):
    """The faults that the demo can have at the press of a button."""

    @property
    def faults(self) -> Sequence[DemoFault]: ...

    def make(self, name: str) -> None:
        """Have that fault from now on.

        Raises:
            KeyError: there is no such fault.
        """
        ...


class AppContext(Protocol):
    """The daemon, as the HTTP side sees it.

    Attributes:
        config: the one in force; a reload replaces it, so it is read at each use.
        nodes: in the order of the config.
        history: what was.
        loopback_only: whether every address on which HTTP is served can be reached from this machine alone.
        clock: the time.
        executors: for what would block the event loop.
        switchboard: of the demo; None outside of it.
    """

    @property
    def switchboard(self) -> Switchboard | None: ...
    @property
    def config(self) -> Config: ...
    @property
    def nodes(self) -> Sequence[WatchedNode]: ...
    @property
    def history(self) -> History: ...
    @property
    def loopback_only(self) -> bool: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def executors(self) -> Executors: ...

    def sources(self) -> Iterable[Source]:
        """All collectors of samples, in the order in which their samples are written within a family."""
        ...

    async def diagnoses(self, *, wait: bool = False) -> Sequence[Diagnosis]:
        """The diagnosis of each node, in the order of the config.

        Args:
            wait: wait for what has to be asked of others (host names, the calling application).
        """
        ...

    async def latest_calls(self, count: int) -> Sequence[CallRecord]:
        """The latest synthetic calls, newest first.

        Raises:
            Refused: they cannot be read.
        """
        ...

    async def reload(self) -> None:
        """Read the config again and put it in force.

        Raises:
            ConfigError: the config is refused; the old one stays in force.
            QueueFull: too much else waits for the disk; nothing was read.
        """
        ...

    async def plan_reload(self) -> Mapping[str, object]:
        """Read the config again and say what a reload would do, as plain data for JSON. Changes nothing.

        Raises:
            ConfigError: the config is refused.
            QueueFull: too much else waits for the disk; nothing was read.
        """
        ...

    def count_refusal(self, reason: str) -> None:
        """Count a request for a call that was refused (`freeswitch_probe_refused_total`)."""
        ...


APP_CONTEXT: Final[web.AppKey[AppContext]] = web.AppKey("context")
