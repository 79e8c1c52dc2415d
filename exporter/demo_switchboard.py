"""The switchboard of the demo: faults at the press of a button, and what there will be to see of each.

One table, `_FAULTS`. A fault lasts until "mend all" or another one: each begins on a mended switch, so that
what is shown has one cause.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from exporter.simulator import SimulatedSwitch
from exporter.simulator.traffic import Traffic
from exporter.web.context import DemoFault

FLOOD: Final = 120.0  # calls per second, four times as many as the switch accepts
TRUNK: Final = "telnyx"


class _Row(NamedTuple):
    """`make` is given the switch, and calls that can be started."""

    name: str
    label: str
    shows: str
    make: Callable[[SimulatedSwitch, Traffic], None]


def _break_trunk(switch: SimulatedSwitch, _flood: Traffic) -> None:
    switch.provider(TRUNK).falls_silent()


def _reject_password(switch: SimulatedSwitch, _flood: Traffic) -> None:
    switch.provider(TRUNK).rejects(403, "Forbidden")
    switch.gateway(TRUNK).ask_register()


def _hang(switch: SimulatedSwitch, _flood: Traffic) -> None:
    switch.hang()


def _let_flood(_switch: SimulatedSwitch, flood: Traffic) -> None:
    flood.start()


def _mend(switch: SimulatedSwitch, flood: Traffic) -> None:
    flood.stop()
    switch.recover()
    switch.provider(TRUNK).accepts()
    switch.gateway(TRUNK).ask_register()


_FAULTS: Final = (
    _Row(
        "break-telnyx",
        "Break telnyx",
        "Its provider falls silent: named within 20 s, the alert FreeswitchGatewayDown follows after 2 min",
        _break_trunk,
    ),
    _Row(
        "wrong-password",
        "Wrong password",
        "The provider of telnyx rejects it: named within 5 s, the alert FreeswitchGatewayCredentialsRejected "
        "follows after 2 min",
        _reject_password,
    ),
    _Row(
        "hang",
        "Hang",
        "FreeSWITCH stands still: named within 15 s, the alert FreeswitchHung follows after 2 min",
        _hang,
    ),
    _Row(
        "flood",
        "Flood",
        "More calls come than FreeSWITCH accepts: named within 15 s, the alert FreeswitchRefusesCalls "
        "follows after 3 min",
        _let_flood,
    ),
    _Row(
        "mend-all",
        "Mend all",
        "telnyx and FreeSWITCH work again within 20 s, after a flood within 80 s; calls that failed stay "
        "listed for some minutes",
        _mend,
    ),
)


class DemoSwitchboard:
    """The faults of one simulated switch.

    Args:
        switch: of the demo.
    """

    def __init__(self, switch: SimulatedSwitch) -> None:
        self._switch = switch
        self._flood = Traffic(switch, FLOOD, talk=(1.0, 3.0))

    @property
    def faults(self) -> Sequence[DemoFault]:
        """What can be made."""
        return [DemoFault(row.name, row.label, row.shows) for row in _FAULTS]

    def make(self, name: str) -> None:
        """Mend all, then have that fault.

        Raises:
            KeyError: there is no such fault.
        """
        row = {row.name: row for row in _FAULTS}[name]
        _mend(self._switch, self._flood)
        row.make(self._switch, self._flood)
