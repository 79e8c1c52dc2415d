"""Changes that FreeSWITCH reports by an event of its own: XML read, modules, addresses.

One command is one change, though it may fire many events. RELOADXML counts once a second at most. The
interfaces of a module that are loaded or unloaded together are one change, which is told as soon as one of
them names the module. Interfaces that no name follows within TOGETHER (mod_loopback has only such) are told
by the name of the first.

From SHUTDOWN on everything goes, which is no change of its own: nothing is told until the next connection,
or for SHUTDOWN_TAKES at most.
"""

from dataclasses import dataclass
from typing import Final

from exporter.clock import Clock
from exporter.switch.change_event import AddressChanged, ModuleInterface, ShuttingDown, XmlReloaded
from exporter.watch.changes import Changes

TOGETHER: Final = 1.0  # seconds between events of one command
SHUTDOWN_TAKES: Final = 60.0  # seconds; a normal one ends the connection after two


@dataclass(slots=True)
class _Group:
    """Interfaces that came or went together; `module` is empty until one of them has named it."""

    what: str
    module: str
    interface: str
    at: float
    last: float


class EventChanges:
    """What the events of one node tell.

    Args:
        changes: where it is told.
    """

    def __init__(self, changes: Changes, clock: Clock) -> None:
        self._changes = changes
        self._clock = clock
        self._reloaded = float("-inf")
        self._shutdown = float("-inf")
        self._group: _Group | None = None

    @property
    def shutting_down(self) -> bool:
        """SHUTDOWN has come on the present connection."""
        return self._clock.monotonic() - self._shutdown < SHUTDOWN_TAKES

    def on_connection(self) -> None:
        """A new connection."""
        self._shutdown = float("-inf")

    def on_shutdown(self, _event: ShuttingDown) -> None:
        """SHUTDOWN."""
        self._tell_nameless()
        self._shutdown = self._clock.monotonic()

    def on_xml_reloaded(self, _event: XmlReloaded) -> None:
        """RELOADXML."""
        now = self._clock.monotonic()
        if now - self._reloaded >= TOGETHER:
            self._reloaded = now
            self._changes.note("xml_reloaded")

    def on_address_changed(self, event: AddressChanged) -> None:
        """TRAP of a changed address."""
        self._changes.note("address_changed", "", event.before, event.after)

    def on_module_loaded(self, event: ModuleInterface) -> None:
        """MODULE_LOAD."""
        self._on_module("module_loaded", event)

    def on_module_unloaded(self, event: ModuleInterface) -> None:
        """MODULE_UNLOAD."""
        self._on_module("module_unloaded", event)

    def advance(self) -> None:
        """Let time pass."""
        if self._group is not None and self._clock.monotonic() - self._group.last > TOGETHER:
            self._tell_nameless()

    def _on_module(self, what: str, event: ModuleInterface) -> None:
        if self.shutting_down:
            return
        now, group = self._clock.monotonic(), self._group
        if group is None or not _belongs(group, what, event, now):
            self._tell_nameless()
            group = self._group = _Group(what, "", event.interface, self._clock.epoch(), now)
        group.last = now
        if event.module and not group.module:
            group.module = event.module
            self._changes.note(what, group.module, at=group.at)

    def _tell_nameless(self) -> None:
        group, self._group = self._group, None
        if group is not None and not group.module:
            self._changes.note(group.what, group.interface, at=group.at)


def _belongs(group: _Group, what: str, event: ModuleInterface, now: float) -> bool:
    same = not event.module or not group.module or event.module == group.module
    return group.what == what and same and now - group.last <= TOGETHER
