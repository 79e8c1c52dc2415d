"""The samples about the exporter itself: version, event loop, configuration, process."""

import platform
from collections.abc import Callable, Iterable

from prometheus_client import ProcessCollector

from exporter import __version__
from exporter.metrics import families
from exporter.metrics.exposition import Page, Unit, labels


class ProcessMetrics:
    """The samples about the exporter itself; they belong to no node.

    Args:
        loop_lag: gives how late the event loop ran in the last seconds, seconds.
        reloaded_epoch: when the first config was read.

    Attributes:
        reload_successful: whether the last reload succeeded; true before the first.
        reloaded_epoch: when the config in force was read, epoch seconds.
    """

    node = None

    def __init__(self, loop_lag: Callable[[], float], reloaded_epoch: float) -> None:
        self._loop_lag = loop_lag
        self._process = ProcessCollector(registry=None)
        self.reload_successful = True
        self.reloaded_epoch = reloaded_epoch

    def units(self) -> Iterable[Unit]:
        """One unit."""
        return (self._write,)

    def _write(self, page: Page) -> None:
        page.add(families.LOOP_LAG, "", self._loop_lag())
        page.add(families.BUILD_INFO, labels(version=__version__, python=platform.python_version()), 1)
        page.add(families.RELOAD_SUCCESSFUL, "", self.reload_successful)
        page.add(families.RELOAD_TIMESTAMP, "", self.reloaded_epoch)
        for family in self._process.collect():
            for sample in family.samples:
                page.add(families.FAMILIES[sample.name], "", sample.value)
