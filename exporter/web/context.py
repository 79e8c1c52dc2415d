"""What the HTTP side needs of the daemon. The daemon implements it; tests do so in a few lines."""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from aiohttp import web

from exporter.config import Config
from exporter.diagnosis.conclusion import Diagnosis
from exporter.metrics.exposition import Source
from exporter.probe.record import CallRecord


class NodeView(Protocol):
    """One FreeSWITCH, as far as answers speak of it.

    Attributes:
        name: its `node` label.
        connected: authenticated and answering.
        problem: a word of `freeswitch_connection_problem` (`none`: connected); "" before the first outcome.
        reason: for people, why it is not connected (yet); "" while it is.
        tried: whether a first attempt to connect has ended, well or not.
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


class AppContext(Protocol):
    """The daemon, as the HTTP side sees it.

    Attributes:
        config: the one in force; a reload replaces it, so it is asked for at each use.
        nodes: in the order of the config.
    """

    @property
    def config(self) -> Config: ...
    @property
    def nodes(self) -> Sequence[NodeView]: ...

    def sources(self) -> Iterable[Source]:
        """All that has samples, in the order in which they should stand within a family."""
        ...

    async def diagnoses(self, *, wait: bool = False) -> Sequence[Diagnosis]:
        """Every node, examined, in the order of the config; `wait`: until all that can be asked is."""
        ...

    async def latest_calls(self, count: int) -> Sequence[CallRecord]:
        """The latest synthetic calls, newest first; raises Refused if they cannot be read."""
        ...

    async def reload(self) -> None:
        """Read the config anew and put it in force. Raises ConfigError; then the old one stays in force."""
        ...

    def count_refusal(self, reason: str) -> None:
        """Count a request for a call that got no further than the door (`freeswitch_probe_refused_total`)."""
        ...


APP_CONTEXT: Final[web.AppKey[AppContext]] = web.AppKey("context")
