"""The faults of a schedule: a table of what can go wrong, and a schedule drawn from it by a seed.

A fault either holds until `Rig.recover` at the end of its time, or happens once. Gateways fail for good until
the schedule's end, where `end_faults` makes all well again.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from exporter.simulator import SimulatedSwitch
from exporter.simulator.gateways import GatewayConfig
from exporter.simulator.traffic import Traffic
from tests.chaos.proxy import Proxy

FLOOD: Final = 3000  # frames
BURST: Final = 60  # calls at once
_STRANGER: Final = (
    '{"Event-Name":"CUSTOM","Event-Subclass":"sofia::gateway_state","Gateway":"stranger%d",'
    '"State":"REGED","Ping-Status":"UP"}'
)
_NOTHING: Final = '{"Event-Name":"RE_SCHEDULE","Task-ID":"%d","Task-Desc":"heartbeat"}'
GARBAGE: Final = (
    b"\x00\xff\xfe\xc3\x28\n\n",
    b"Content-Length: 999999999999\nContent-Type: text/event-json\n\n{",
    b"Content-Type: command/reply\nReply-Text: +OK nobody asked\n\n",
    b'Content-Length: 7\nContent-Type: text/event-json\n\n{"Event',
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
)


@dataclass(slots=True)
class Rig:
    """What faults act on."""

    switch: SimulatedSwitch
    proxy: Proxy
    traffic: Traffic
    gateways: list[GatewayConfig]
    rng: random.Random

    def some_gateway(self) -> str:
        """The name of a gateway."""
        return self.rng.choice(self.gateways).name

    def recover(self) -> None:
        """End what holds: conditions of the proxy and faults of the switch."""
        self.proxy.recover()
        self.switch.recover()

    def end_faults(self) -> None:
        """Make all well again; what happened has happened."""
        self.recover()
        self.switch.core.faults.unsent_ends = 0
        for config in self.gateways:
            self.switch.provider(config.name).accepts()
            self.switch.configure_gateway(config)
        self.restore_gateways()

    def restore_gateways(self) -> None:
        """Make the configured gateways that FreeSWITCH does not have; its profile may be starting."""
        listed = {gateway.name for gateway in self.switch.listed_gateways()}
        if not listed.issuperset(config.name for config in self.gateways):
            self.switch.rescan("external")


def frames(texts: list[str]) -> bytes:
    """Events as FreeSWITCH sends them."""
    bodies = [text.encode() for text in texts]
    head = b"Content-Length: %d\nContent-Type: text/event-json\n\n"
    return b"".join([head % len(body) + body for body in bodies])


async def _delay(rig: Rig) -> None:
    rig.proxy.delay = rig.rng.choice([0.02, 0.3, 2.0])


async def _stall(rig: Rig) -> None:
    rig.proxy.stalled = True


async def _cut(rig: Rig) -> None:
    rig.proxy.close_links(reset=False)


async def _reset(rig: Rig) -> None:
    rig.proxy.close_links(reset=True)


async def _half_close(rig: Rig) -> None:
    rig.proxy.half_close(rig.rng.choice(["exporter", "switch"]))


async def _split(rig: Rig) -> None:
    rig.proxy.pieces = rig.rng.choice([7, 40, 600])


async def _refuse(rig: Rig) -> None:
    rig.proxy.refusing = True
    rig.proxy.close_links(reset=True)


async def _flood(rig: Rig) -> None:
    text = rig.rng.choice([_STRANGER, _NOTHING])
    rig.proxy.inject(frames([text % (number % 50) for number in range(FLOOD)]))


async def _garbage(rig: Rig) -> None:
    rig.proxy.inject(rig.rng.choice(GARBAGE))


async def _burst(rig: Rig) -> None:
    for _ in range(BURST):
        rig.traffic.one_call()


async def _restart(rig: Rig) -> None:
    await rig.switch.restart()


async def _hang(rig: Rig) -> None:
    rig.rng.choice([rig.switch.hang, rig.switch.hang_commands, rig.switch.stall_events])()


async def _slow(rig: Rig) -> None:
    rig.switch.delay_replies(rig.rng.uniform(0.1, 8.0), rig.rng.choice(["", "api show", "api sofia"]))


async def _lose_ends(rig: Rig) -> None:
    rig.switch.leave_ends_unsent(rig.rng.randint(1, 5))


async def _lose_events(rig: Rig) -> None:
    events = ["CHANNEL_CREATE", "CHANNEL_ANSWER", "CHANNEL_HANGUP_COMPLETE", "sofia::gateway_state"]
    rig.switch.lose_events(rig.rng.sample(events, 2))


async def _gateway_down(rig: Rig) -> None:
    provider = rig.switch.provider(rig.some_gateway())
    rig.rng.choice([provider.refuses_port, provider.rejects, provider.falls_silent, provider.ignores_pings])()


async def _gateway_back(rig: Rig) -> None:
    rig.switch.provider(rig.some_gateway()).accepts()


async def _gateway_killed(rig: Rig) -> None:
    name = rig.some_gateway()
    if rig.switch.sofia.find(name) is not None:
        rig.switch.remove_gateway(name)


async def _profile_restart(rig: Rig) -> None:
    rig.switch.restart_profile("external")


FAULTS: Final[dict[str, Callable[[Rig], Awaitable[None]]]] = {
    "delay": _delay,
    "stall": _stall,
    "cut": _cut,
    "reset": _reset,
    "half-close": _half_close,
    "split": _split,
    "refuse": _refuse,
    "flood": _flood,
    "garbage": _garbage,
    "burst": _burst,
    "restart": _restart,
    "hang": _hang,
    "slow": _slow,
    "lose ends": _lose_ends,
    "lose events": _lose_events,
    "gateway down": _gateway_down,
    "gateway back": _gateway_back,
    "gateway killed": _gateway_killed,
    "profile restart": _profile_restart,
}


class Step(NamedTuple):
    """A fault of a schedule.

    Attributes:
        pause: seconds before it.
        fault: a name of FAULTS.
        seconds: how long it holds, if it is one that holds.
    """

    pause: float
    fault: str
    seconds: float


def schedule(rng: random.Random, steps: int) -> list[Step]:
    """A random schedule of so many faults."""
    return [
        Step(
            rng.choice([0.0, rng.uniform(0.0, 1.0), rng.uniform(0.0, 8.0)]),
            rng.choice(list(FAULTS)),
            rng.choice([rng.uniform(0.0, 1.0), rng.uniform(1.0, 16.0)]),
        )
        for _ in range(steps)
    ]
