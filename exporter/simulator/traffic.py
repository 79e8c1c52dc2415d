"""Background traffic: calls that come and go as on a busy switch, for the demo and for tests under load.

Strategy: calls arrive at random (exponential gaps) at `rate` per second. `KINDS` says whether one goes out,
comes in, or is a local telephone bridged to the trunk; `OUTCOMES` what the far end does with it, Telnyx's own
rejections among them; `QUALITY` what its audio is like; `destinations` which numbers are dialled. All are
drawn from one seeded generator, so that the same seed makes the same calls.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from exporter.simulator.farends import FarEnd, refuses
from exporter.simulator.media import Path
from exporter.simulator.simulated_switch import SimulatedSwitch
from exporter.simulator.sip import G722, OPUS, PCMA, PCMU, Codec

LOCAL_NUMBER: Final = "+19495431333"
MAX_LIVE_LEGS: Final = 400
IDLE_SECONDS: Final = 1.0  # between looks at a rate of zero

KINDS: Final = {"outbound": 55, "inbound": 30, "bridged": 15}

CODECS: Final[dict[Codec, int]] = {PCMU: 60, PCMA: 25, G722: 10, OPUS: 5}

# Loss, jitter (s) and whether the far end's packets arrive, by weight.
QUALITY: Final[list[tuple[int, Path]]] = [
    (70, Path(speaks=True, jitter=0.008)),
    (17, Path(speaks=True, jitter=0.018, loss=0.005)),
    (7, Path(speaks=True, jitter=0.032, loss=0.03)),
    (3, Path(speaks=True, jitter=0.06, loss=0.12)),
    (3, Path(speaks=True, heard=False)),
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing a far end may do, and how often."""

    weight: int
    far_end: Callable[[random.Random], FarEnd]


def _answers(rng: random.Random) -> FarEnd:
    ring = rng.uniform(0.3, 2.5)
    early = rng.random() < 0.3
    return FarEnd(
        ring=None if early else ring,
        early=ring if early else None,
        answer=ring + rng.uniform(0.8, 8.0),
        hang_up=rng.uniform(2, 60) if rng.random() < 0.6 else None,
    )


def _rings(rng: random.Random) -> FarEnd:
    return FarEnd(ring=rng.uniform(0.3, 2.5))


def _refused(status: int, phrase: str, cause: str = "") -> Callable[[random.Random], FarEnd]:
    return lambda rng: refuses(status, phrase, cause, after=rng.uniform(0.05, 2.0))


OUTCOMES: Final = [
    Outcome(62, _answers),
    Outcome(8, _rings),
    Outcome(9, _refused(486, "Busy Here")),
    Outcome(5, _refused(480, "Temporarily Unavailable")),
    Outcome(5, _refused(404, "Not Found")),
    Outcome(2, _refused(603, "Decline")),
    Outcome(2, _refused(503, "Service Unavailable")),
    Outcome(1, _refused(484, "Address Incomplete")),
    Outcome(2, _refused(403, "User channel limit exceeded D1")),
    Outcome(2, _refused(403, "Caller Origination Number is Invalid D35")),
    Outcome(1, _refused(403, "Dialed number is not included in whitelisted countries D13")),
    Outcome(1, _refused(404, "Account blocked D19")),
]


@dataclass(frozen=True, slots=True)
class Destination:
    """Numbers that are dialled, and how often.

    Attributes:
        weight: how often, against the others.
        beginning: `+` and the first digits.
        digits: how many follow.
        reached: the provider has a route; else it refuses with 503.
    """

    weight: int
    beginning: str
    digits: int
    reached: bool = True

    def number(self, rng: random.Random) -> str:
        """One of them."""
        return self.beginning + f"{rng.randrange(10**self.digits):0{self.digits}d}"


EVERYWHERE: Final = (Destination(1, "+1555", 7),)
NO_ROUTE: Final = _refused(503, "Service Unavailable")


class Traffic:
    """Calls through the gateways of one switch.

    Args:
        switch: that makes them.
        rate: new calls per second.
        gateways: by name; each call takes one at random.
        talk: the shortest and longest conversation, in seconds.
        destinations: which numbers are dialled.

    Attributes:
        rate: new calls per second; may be changed while running.
        talk: the shortest and longest conversation, in seconds.
    """

    def __init__(
        self,
        switch: SimulatedSwitch,
        rate: float,
        *,
        gateways: tuple[str, ...] = ("telnyx",),
        talk: tuple[float, float] = (3.0, 45.0),
        destinations: Sequence[Destination] = EVERYWHERE,
    ) -> None:
        self.rate = rate
        self.talk = talk
        self._switch = switch
        self._gateways = gateways
        self._destinations = destinations
        self._rng = switch.core.rng
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """No new calls; those under way go on."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while True:
            await self._switch.clock.sleep(
                self._rng.expovariate(self.rate) if self.rate > 0 else IDLE_SECONDS
            )
            if self.rate > 0 and len(self._switch.legs) < MAX_LIVE_LEGS:
                self.one_call()

    def one_call(self) -> None:
        """Start one call of a kind, outcome and quality drawn by weight."""
        rng = self._rng
        calls = self._switch.calls
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        codec = rng.choices(list(CODECS), list(CODECS.values()))[0]
        path = rng.choices([path for _, path in QUALITY], [weight for weight, _ in QUALITY])[0]
        outcome = rng.choices(OUTCOMES, [outcome.weight for outcome in OUTCOMES])[0]
        called = rng.choices(self._destinations, [one.weight for one in self._destinations])[0]
        far_end = replace(outcome.far_end(rng) if called.reached else NO_ROUTE(rng), path=path)
        gateway = rng.choice(self._gateways)
        number = called.number(rng)
        seconds = rng.uniform(*self.talk)
        if kind == "inbound":
            calls.inbound(
                gateway,
                caller=number,
                called=LOCAL_NUMBER,
                seconds=seconds,
                codec=codec,
                path=path,
                answer_after=rng.uniform(0.02, 4.0),
                patience=3.0,
            )
        elif kind == "outbound":
            calls.outbound(
                gateway, number, far_end, caller=LOCAL_NUMBER, seconds=seconds, codec=codec, ring_seconds=15
            )
        else:
            calls.bridged(gateway, number, far_end, caller="1000", seconds=seconds, codec=codec)
