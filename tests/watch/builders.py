"""Events, statuses and clocks as the tests of this package need them, short to write."""

import msgspec

from exporter.clock import Clock
from exporter.esl import Event
from exporter.switch.gateway import GatewayStatus
from exporter.watch.country_calls import CountryCalls
from exporter.watch.destinations import Destinations

EPOCH = 1_795_000_000.0
REGED = GatewayStatus(
    name="telnyx",
    profile="external",
    state="REGED",
    status="UP",
    pinging=False,
    ping_next=0,
    ping_interval=0,
    ping_seconds=None,
    ping_min=0,
    ping_count=0,
    ping_max=0,
    uptime_seconds=11.0,
    calls_in=0,
    calls_out=0,
    failed_calls_in=0,
    failed_calls_out=0,
    retry_seconds=None,
    proxy="sip:192.0.2.10:5060",
    realm="telnyx.lab",
)


def status(**changes: object) -> GatewayStatus:
    """A healthy registered gateway, but for the changes."""
    return msgspec.structs.replace(REGED, **changes)


def event(name: str, /, **headers: object) -> Event:
    """An event; `_` in a header's name stands for `-`, unless it begins with `variable_`."""
    lines = [f"Event-Name: {name}"]
    for key, value in headers.items():
        header = key if key.startswith("variable_") else key.replace("_", "-")
        lines.append(f"{header}: {value}")
    return Event(("\n".join(lines) + "\n\n").encode())


def not_by_country() -> CountryCalls:
    """Calls are not counted by country."""
    return CountryCalls((), Destinations(), Clock())


class HandClock(Clock):
    """A clock that the test moves.

    Attributes:
        now: monotonic seconds; the epoch is EPOCH later.
    """

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now

    def epoch(self) -> float:
        return EPOCH + self.now
