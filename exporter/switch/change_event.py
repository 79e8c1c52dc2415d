"""Events that tell of a change of FreeSWITCH itself: its XML, its modules, its addresses, its end.

Facts (facts-more.md D, recorded on 1.11.2; switch_loadable_module.c, switch_core.c):
- RELOADXML has no headers of its own. `reloadxml`, `reloadacl`, `load`, `reload` and every command about a
  profile read the XML, so it says no more than that.
- A module fires one MODULE_LOAD or MODULE_UNLOAD for each of its interfaces, together. A MODULE_LOAD names
  the module (`filename`). Of MODULE_UNLOAD only those of api interfaces do, and those of codecs and file
  formats (`module`); endpoints, applications and dialplans go without a module's name.
- A module without interfaces is `generic`, and named by itself.
- SHUTDOWN comes before the MODULE_UNLOAD of all modules, and before the gateways go. STARTUP and the
  MODULE_LOAD of a start are never seen: the event socket opens after them.
- TRAP tells of many things. FreeSWITCH looks for another address once a minute, and takes it over.
"""

from pathlib import PurePath
from typing import NamedTuple, Self

from exporter.esl import Event
from exporter.esl.errors import printable


class XmlReloaded(NamedTuple):
    """RELOADXML: FreeSWITCH has read its XML configuration."""

    @classmethod
    def from_event(cls, _event: Event) -> Self:
        """Reads the event, which says nothing more."""
        return cls()


class ModuleInterface(NamedTuple):
    """MODULE_LOAD and MODULE_UNLOAD: one interface of a module came or went.

    Attributes:
        module: e.g. `mod_expr`; empty where the event does not say.
        interface: its type and name, e.g. `endpoint loopback`.
    """

    module: str
    interface: str

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Reads the event; None if it names nothing."""
        kind, name = event.get(b"type") or "", event.get(b"name") or ""
        file = PurePath(event.get(b"filename") or "").stem
        module = file or event.get(b"module") or (name if kind == "generic" else "")
        interface = f"{kind} {name}".strip()
        return cls(printable(module), printable(interface)) if module or interface else None


class AddressChanged(NamedTuple):
    """TRAP of the condition `network-address-change`: the machine has another address.

    Attributes:
        before, after: IPv4 and IPv6 as far as they changed, joined by a blank.
    """

    before: str
    after: str

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Reads the event; None for other traps."""
        if event.get(b"condition") != "network-address-change":
            return None
        before, after = (
            printable(" ".join(filter(None, (event.get(header) for header in headers))))
            for headers in (
                (b"network-address-previous-v4", b"network-address-previous-v6"),
                (b"network-address-change-v4", b"network-address-change-v6"),
            )
        )
        return cls(before, after)


class ShuttingDown(NamedTuple):
    """SHUTDOWN: FreeSWITCH ends, or ends and starts again."""

    @classmethod
    def from_event(cls, _event: Event) -> Self:
        """Reads the event, which says nothing more."""
        return cls()
