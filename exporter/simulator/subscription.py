"""What one client has asked to receive: events by name, subclass and filter, and log lines by level.

Strategy: the core gives every event to every subscription; a subscription decides by mod_event_socket's rules
(facts.md 1) and hands the frame on to `deliver`. CUSTOM takes every word after it as a subclass.
"""

import re
from collections.abc import Callable
from typing import Final

from exporter.simulator.events import EVENT_NAMES, Event

LOG_LEVELS: Final = ("console", "alert", "crit", "err", "warning", "notice", "info", "debug")


class Subscription:
    """The subscription of one client.

    Args:
        deliver: takes a frame for the client.

    Attributes:
        encoding: "plain" or "json", "" before any `event`.
        names: event names subscribed to.
        subclasses: subclasses of CUSTOM subscribed to.
        filters: (header, wanted value).
        log_level: number up to which log lines are wanted, -1 for none.
    """

    def __init__(self, deliver: Callable[[bytes], None]) -> None:
        self.encoding = ""
        self.names: set[str] = set()
        self.subclasses: set[str] = set()
        self.filters: list[tuple[str, str]] = []
        self.log_level = -1
        self._deliver = deliver

    def add(self, encoding: str, names: set[str], subclasses: set[str]) -> None:
        """`event`."""
        self.encoding = encoding
        self.names |= names
        self.subclasses |= subclasses

    def remove(self, names: set[str], subclasses: set[str]) -> None:
        """`nixevent`: a subclass is taken away without CUSTOM itself."""
        if "ALL" in self.names:
            self.names = set(EVENT_NAMES) - {"ALL"}
        self.subclasses -= subclasses
        self.names -= names - ({"CUSTOM"} if subclasses else set())

    def clear(self) -> None:
        """`noevents`."""
        self.names.clear()
        self.subclasses.clear()

    def remove_filters(self, name: str, value: str) -> None:
        """`filter delete`: all of that header, or the one with that value; `all` for every filter."""
        if name.lower() == "all":
            self.filters.clear()
            return
        self.filters = [
            (header, wanted)
            for header, wanted in self.filters
            if header.lower() != name.lower() or (value and wanted != value)
        ]

    def wants(self, name: str, subclass: str) -> bool:
        """Subscribed to this event; a CUSTOM event without subclass passes whenever CUSTOM is on."""
        if "ALL" in self.names:
            return True
        if name != "CUSTOM":
            return name in self.names
        return "CUSTOM" in self.names and (not subclass or subclass in self.subclasses)

    def passes(self, event: Event) -> bool:
        """mod_event_socket's filters: some positive one must match, none of the negative ones may."""
        if not self.filters:
            return True
        found = False
        asked, value = "", None
        for name, wanted in self.filters:
            excludes = wanted.startswith("-")
            if found and not excludes:
                continue
            if name != asked:
                asked, value = name, event.get(name)
            if value is None:
                continue
            text = value if isinstance(value, str) else ""
            if excludes:
                if text.lower() == wanted[1:].lower():
                    return False
            elif wanted.startswith("/"):
                found = re.search(wanted.strip("/"), text) is not None
            else:
                found = text.lower() == wanted.lower()
        return found

    def offer(self, event: Event) -> None:
        """Deliver the event if the client wants it."""
        if self.wants(event.name, event.subclass) and self.passes(event):
            self._deliver(event.frame(self.encoding))

    def offer_log(self, level: int, head: str, text: str) -> None:
        """Deliver a log line if the client wants its level."""
        if level <= self.log_level:
            payload = text.encode("utf-8", "surrogateescape")
            self._deliver(
                f"Content-Type: log/data\nContent-Length: {len(payload)}\n{head}\n".encode() + payload
            )


def requested(words: list[str]) -> tuple[set[str], set[str]]:
    """Names and subclasses of an `event` line: behind CUSTOM all are subclasses, unknown names vanish."""
    names: set[str] = set()
    for position, word in enumerate(words):
        name = word.upper()
        if name in EVENT_NAMES:
            names.add(name)
        if name == "CUSTOM":
            return names, set(words[position + 1 :])
    return names, set()
