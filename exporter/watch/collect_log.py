"""The samples of FreeSWITCH's log, which collector.py writes with those of the switch."""

from exporter.metrics import families
from exporter.metrics.exposition import Page
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
