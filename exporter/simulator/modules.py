"""Loadable modules: the events that load, unload and a shutdown fire, one for each interface of a module.

MODULE_LOAD names the module; MODULE_UNLOAD does so for api interfaces, and for codecs in a header of its own
(switch_loadable_module.c, 1.11.2). Three modules stand for all, of mod_spandsp only some interfaces.
"""

from dataclasses import dataclass
from typing import Final

from exporter.simulator.core import Core
from exporter.simulator.events import Header


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of a module; description and syntax are empty where it has none."""

    kind: str
    name: str
    description: str = ""
    syntax: str = ""


MODULES: Final = {
    "mod_expr": (Interface("api", "expr", "Eval an expression", "<expr>"),),
    "mod_loopback": (
        Interface("endpoint", "loopback"),
        Interface("endpoint", "null"),
        Interface("application", "unloop", "Tell loopback to unfold"),
    ),
    "mod_spandsp": (
        Interface("endpoint", "modem"),
        Interface("codec", "ADPCM (IMA)"),
        Interface("codec", "GSM"),
        Interface("application", "t38_gateway", "Convert to T38 Gateway if tones are heard"),
        Interface("application", "rxfax", "FAX Receive Application", "<filename>"),
        Interface("api", "start_tdd_detect", "Start background tdd detection", "<uuid>"),
    ),
}


class Modules:
    """The modules of one switch.

    Attributes:
        loaded: their names.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self.loaded: set[str] = set()
        self.start()

    def start(self) -> None:
        """A process starts: its event socket opens after all modules, so no event tells of them."""
        self.loaded = set(MODULES)

    def load(self, name: str) -> None:
        """`load`; FreeSWITCH reads its XML first.

        Raises:
            KeyError: no such module.
        """
        self._core.fire("RELOADXML")
        for interface in MODULES[name]:
            self._core.fire(
                "MODULE_LOAD", _headers(name, interface, named=True), source=f"MODULE_LOAD {interface.kind}"
            )
        self.loaded.add(name)

    def unload(self, name: str) -> None:
        """`unload`.

        Raises:
            KeyError: it is not loaded.
        """
        self.loaded.remove(name)
        for interface in MODULES[name]:
            self._core.fire(
                "MODULE_UNLOAD",
                _headers(name, interface, named=interface.kind == "api"),
                source=f"MODULE_UNLOAD {interface.kind}",
            )

    def shut_down(self) -> None:
        """All go, before the profiles do."""
        for name in sorted(self.loaded):
            self.unload(name)


def _headers(module: str, interface: Interface, *, named: bool) -> list[Header]:
    headers: list[Header] = [("type", interface.kind), ("name", interface.name)]
    headers += [
        (header, text)
        for header, text in (("description", interface.description), ("syntax", interface.syntax))
        if text
    ]
    if named:
        headers += [("key", module), ("filename", f"/usr/local/freeswitch/mod/{module}.so")]
    if interface.kind == "codec":
        headers.append(("module", module))
    return headers
