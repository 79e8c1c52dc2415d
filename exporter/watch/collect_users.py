"""The samples of telephones and strangers, which collector.py writes with those of the switch.

A family whose events the account may not have is absent: 0 would say that nothing happened.
"""

from typing import Final

from exporter.metrics import families
from exporter.metrics.exposition import Page, labels
from exporter.switch.events import EXPIRE, REGISTER_FAILURE
from exporter.watch.node import Node
from exporter.watch.subscriptions import SUSPICION

_FAILURES: Final = f"CUSTOM {REGISTER_FAILURE.name}"
_EXPIRIES: Final = f"CUSTOM {EXPIRE.name}"


def write_user_counters(page: Page, node: Node) -> None:
    """What is counted, whether the node is connected or not."""
    strangers, subscribers = node.known.strangers, node.known.subscribers
    if _FAILURES not in node.denied:
        for (profile, method), count in strangers.failures.items():
            failed = labels(node=node.name, profile=profile, method=method)
            page.add(families.SIP_AUTH_FAILURES, failed, count)
    for profile, count in strangers.scans.items():
        page.add(families.SIP_SCANS, labels(node=node.name, profile=profile), count)
    if not SUSPICION & node.denied:
        for profile, count in strangers.guessed.items():
            page.add(families.SIP_SUCCESSES_AFTER_FAILURES, labels(node=node.name, profile=profile), count)
    if _EXPIRIES not in node.denied:
        for profile, count in subscribers.expired.items():
            page.add(families.REGISTRATIONS_EXPIRED, labels(node=node.name, profile=profile), count)


def write_user_gauges(page: Page, node: Node) -> None:
    """What is known while the node is connected."""
    subscribers = node.known.subscribers
    for profile, count in subscribers.counts.items():
        page.add(families.PROFILE_REGISTRATIONS, labels(node=node.name, profile=profile), count)
    if subscribers.known:
        for subscriber in subscribers.watched.values():
            if subscriber.registered is not None:
                own = labels(node=node.name, subscriber=subscriber.name)
                page.add(families.SUBSCRIBER_REGISTERED, own, subscriber.registered)
                page.add(families.SUBSCRIBER_CHANGE, own, subscriber.since)
