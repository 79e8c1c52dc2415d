"""The samples of the history: outages of each gateway, and how the store does."""

from collections.abc import Iterable
from functools import partial

from exporter.clock import Clock
from exporter.history.node_history import NodeHistory
from exporter.history.store import Store
from exporter.metrics import families
from exporter.metrics.exposition import Page, Unit, labels
from exporter.watch.gateway import GatewayWatch


class NodeHistoryCollector:
    """The samples of one node's gateways, under the labels of their other families."""

    def __init__(self, history: NodeHistory, clock: Clock) -> None:
        self._history = history
        self._clock = clock

    @property
    def node(self) -> str | None:
        """The node's name, its label."""
        return self._history.name

    def units(self) -> Iterable[Unit]:
        """One writer for each gateway."""
        node = self._history.node
        for gateway in node.gateways if node is not None else ():
            yield partial(self._write, gateway)

    def _write(self, gateway: GatewayWatch, page: Page) -> None:
        own = labels(node=self._history.name, gateway=gateway.name, profile=gateway.profile)
        tracker = self._history.tracker(gateway)
        if tracker is None:  # not looked at yet
            page.add(families.GATEWAY_OUTAGES, own, 0)
            return
        tracker.advance(self._clock.monotonic(), self._clock.epoch())
        page.add(families.GATEWAY_OUTAGES, own, tracker.begun)
        if gateway.readable:
            page.add(families.GATEWAY_OUTAGE, own, tracker.lasts)
        if tracker.changed is not None:
            page.add(families.GATEWAY_OUTAGE_CHANGE, own, tracker.changed)


class HistoryCollector:
    """The samples of the store."""

    node: str | None = None

    def __init__(self, store: Store) -> None:
        self._store = store

    def units(self) -> Iterable[Unit]:
        """One writer."""
        return (self._write,)

    def _write(self, page: Page) -> None:
        page.add(families.HISTORY_OK, "", not self._store.problem)
        for kind, count in self._store.rows.items():
            page.add(families.HISTORY_ROWS, labels(kind=kind), count)
