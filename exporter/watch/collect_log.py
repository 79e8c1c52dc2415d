"""The samples of FreeSWITCH's log, which collector.py writes with those of the switch."""

from exporter.metrics import families
from exporter.metrics.exposition import Page
from exporter.watch.commands import LOG
from exporter.watch.log_lines import LogLines


def write_log(page: Page, own: str, log: LogLines) -> None:
    """What was logged, as far as the log has been read.

    Args:
        page: the page.
        own: the node's label.
        log: its log.
    """
    for level, count in log.lines.items():
        page.add(families.LOG_LINES, f'{own},level="{level}"', count)
    for what, count in log.events.items():
        page.add(families.LOG_EVENTS, f'{own},what="{what}"', count)


def write_log_read(page: Page, own: str, log: LogLines) -> None:
    """Whether the log is read, where it is asked for and may be; while the node is connected."""
    if log.read is not None:
        page.add(families.OPTIONAL_ANSWERS_OK, f'{own},command="{LOG}"', log.read)
