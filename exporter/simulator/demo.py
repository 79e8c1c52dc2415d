"""The switch of `freeswitch-exporter demo`: four gateways, three of them with a problem, and traffic.

`telnyx` is registered, pinged and busy; `flapping` loses its provider repeatedly; `rejected` has the wrong
password; `unmonitored` neither registers nor is pinged. Calls come and go through `telnyx`; every 12 s on
average one is dialled through a gateway that is down or unknown. A minute of traffic has several hang-up
causes and a provider code.

Probes may call the numbers of farends.py: +15550000001 echoes, +15550000002 is busy, and so on.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from exporter.clock import Clock
from exporter.simulator.farends import FarEnd
from exporter.simulator.gateways import GatewayConfig
from exporter.simulator.simulated_switch import SimulatedSwitch
from exporter.simulator.traffic import LOCAL_NUMBER, Traffic

GATEWAYS: Final = [
    GatewayConfig("unmonitored", username="pbx", realm="192.0.2.40", proxy="192.0.2.40", register=False),
    GatewayConfig(
        "rejected", username="sales", realm="sip.example.net", proxy="192.0.2.30:5060", retry_seconds=10
    ),
    GatewayConfig(
        "flapping",
        username="backup",
        realm="sip.example.org",
        proxy="192.0.2.20:5060",
        retry_seconds=3,
        expire_seconds=120,
        ping=5,
    ),
    GatewayConfig(
        "telnyx",
        username="demo",
        realm="sip.telnyx.com",
        from_domain="sip.telnyx.com",
        proxy="192.0.2.10:5060",
        retry_seconds=5,
        expire_seconds=60,
        ping=10,
    ),
]

AWAY_SECONDS: Final = (15.0, 25.0)
BACK_SECONDS: Final = (8.0, 16.0)
CALLS_PER_SECOND: Final = 0.8
FAILING_EVERY_SECONDS: Final = 12.0


@asynccontextmanager
async def demo_switch(
    clock: Clock, *, host: str = "127.0.0.1", port: int = 0, rate: float = CALLS_PER_SECOND, seed: int = 7
) -> AsyncIterator[SimulatedSwitch]:
    """The switch, running; its calls begin at once.

    Args:
        clock: what its time is taken from.
        host: of the event socket.
        port: of the event socket; 0 for any free one.
        rate: new calls per second.
        seed: of everything random.
    """
    switch = SimulatedSwitch(
        GATEWAYS, clock=clock, heartbeat=10.0, seed=seed, hostname="demo", switchname="demo"
    )
    switch.provider("rejected").rejects(403, "Forbidden")
    switch.provider("flapping").refuses_port()
    switch.provider("telnyx").latency = 0.028
    switch.registrations = 3
    await switch.start(host, port)
    await switch.gateway_reaches("telnyx", "REGED")  # before that, its calls would be refused
    traffic = Traffic(switch, rate)
    traffic.start()
    tasks = [asyncio.create_task(_flap(switch)), asyncio.create_task(_dial_failing(switch))]
    try:
        yield switch
    finally:
        traffic.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await switch.stop()


async def _flap(switch: SimulatedSwitch) -> None:
    """The provider of `flapping` refuses and accepts by turns."""
    provider = switch.provider("flapping")
    while True:
        await switch.clock.sleep(switch.core.rng.uniform(*AWAY_SECONDS))
        provider.accepts()
        await switch.clock.sleep(switch.core.rng.uniform(*BACK_SECONDS))
        provider.refuses_port()


async def _dial_failing(switch: SimulatedSwitch) -> None:
    """A dialplan still sends calls to gateways that are down, and to one that is not configured."""
    while True:
        await switch.clock.sleep(switch.core.rng.expovariate(1 / FAILING_EVERY_SECONDS))
        gateway = switch.core.rng.choice(["rejected", "flapping", "telnix"])
        number = f"+1555{switch.core.rng.randrange(200, 999)}0100"
        answering = FarEnd(ring=0.5, answer=3.0)
        switch.calls.outbound(gateway, number, answering, caller=LOCAL_NUMBER, seconds=10)
