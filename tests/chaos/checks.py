"""What must hold: of every page, and of the daemon and the switch after a schedule."""

import asyncio
import gc
import re
from collections import Counter
from pathlib import Path
from typing import Final

from exporter.simulator import SimulatedSwitch
from exporter.switch.leg import is_probe

Samples = dict[str, float]
_LABELS: Final = re.compile(r'(\w+)="([^"]*)"')
_SIGNS: Final = {
    "freeswitch_calls_started_total": 1,
    "freeswitch_calls_learned_total": 1,
    "freeswitch_call_hangups_total": -1,
    "freeswitch_calls_lost_total": -1,
    "freeswitch_calls_active": -1,
}
# Of each there is one per connection, node, call or request: none may outlive that.
_OWNERS: Final = {
    "Call",
    "CallTable",
    "Connection",
    "Connections",
    "GatewayTable",
    "Knowledge",
    "Lifecycle",
    "Node",
    "Poller",
    "Rendered",
    "Session",
    "_Run",
    "_Waiting",
}
_NOT_THE_DAEMONS: Final = ("/exporter/simulator/", "/tests/")


def series(samples: Samples, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a name, by the values of their labels in the order of the page."""
    return {
        tuple(value for _, value in _LABELS.findall(key)): value
        for key, value in samples.items()
        if key.startswith(name) and key[len(name) : len(name) + 1] in ("", "{")
    }


def check_counters(samples: Samples) -> None:
    """Started + learned = hang-ups + lost + active, per node, gateway and direction.

    Of a node that is not connected the page has no `active`, and the others need not agree.

    Raises:
        AssertionError: it is not so.
    """
    sums: Counter[tuple[str, str, str]] = Counter()
    known = set()
    for sample, value in samples.items():
        name = sample.partition("{")[0]
        if name in _SIGNS:
            labels = dict(_LABELS.findall(sample))
            key = labels["node"], labels["gateway"], labels["direction"]
            sums[key] += _SIGNS[name] * int(value)
            assert value >= 0, sample
            if name == "freeswitch_calls_active":
                known.add(key)
    wrong = {key: sums[key] for key in known if sums[key]}
    assert not wrong, wrong


def states_shown(samples: Samples) -> dict[str, str]:
    """The state of each gateway of node `fs1` on the page."""
    return {
        labels[1]: labels[3]
        for labels, value in series(samples, "freeswitch_gateway_state").items()
        if value == 1 and labels[0] == "fs1"
    }


def states_of(switch: SimulatedSwitch, names: list[str]) -> dict[str, str]:
    """The state of each gateway as FreeSWITCH lists it: a deleted one until it is unregistered."""
    listed = {gateway.name: gateway.state for gateway in switch.listed_gateways()}
    return {name: listed.get(name, "MISSING") for name in names}


def active_shown(samples: Samples) -> int:
    """Legs up, on the page."""
    shown = series(samples, "freeswitch_calls_active")
    return int(sum(value for labels, value in shown.items() if labels[0] == "fs1"))


def legs_of(switch: SimulatedSwitch) -> int:
    """Legs up, of FreeSWITCH's; without those of probes."""
    return sum(not is_probe(uuid) for uuid in switch.legs)


def tasks() -> Counter[str]:
    """The tasks of the daemon, by the name of their coroutine."""
    found: Counter[str] = Counter()
    for task in asyncio.all_tasks():
        code = getattr(task.get_coro(), "cr_code", None)
        if code is not None and not any(part in code.co_filename for part in _NOT_THE_DAEMONS):
            found[code.co_qualname] += 1
    return found


def descriptors() -> int:
    """Open file descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def owners() -> Counter[str]:
    """Objects of the kinds that own others: their number grows only by a leak."""
    gc.collect()
    return Counter(
        type(thing).__name__
        for thing in gc.get_objects()
        if type(thing).__name__ in _OWNERS
        and type(thing).__module__.startswith("exporter.")
        and not type(thing).__module__.startswith("exporter.simulator")
    )


def resident() -> int:
    """Resident bytes of this process."""
    text = Path("/proc/self/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+)", text, re.MULTILINE)
    assert found
    return int(found[1]) * 1024
