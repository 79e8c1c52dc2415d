"""The samples of telephones and strangers, which collector.py writes with those of the switch."""

from exporter.metrics import families
from exporter.metrics.exposition import Page, labels
from exporter.watch.node import Node


def write_user_counters(page: Page, node: Node) -> None:
    """What is counted, whether the node is connected or not."""
    strangers = node.known.strangers
    for (profile, method), count in strangers.failures.items():
        failed = labels(node=node.name, profile=profile, method=method)
        page.add(families.SIP_AUTH_FAILURES, failed, count)
    for profile, count in strangers.scans.items():
        page.add(families.SIP_SCANS, labels(node=node.name, profile=profile), count)
