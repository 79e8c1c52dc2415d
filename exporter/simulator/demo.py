"""The switch of `freeswitch-exporter demo`: four gateways, three of them with a problem, and its traffic.

`telnyx` is registered, pinged and busy; `flapping` loses its provider repeatedly; `rejected` has the wrong
password; `unmonitored` neither registers nor is pinged. A minute of traffic through `telnyx` has several
hang-up causes and a provider code; it goes to several countries, one of them without a route, and now and
then to a premium rate number. Besides, each a task of its own:

    a dialplan that dials through gateways that are down
    a backend that dials a gateway whose name it misspells, and telephones that are not registered
    telephones, of which one falls off and comes back
    strangers who guess passwords and scan
    a call whose audio dies while people talk

Probes may call the numbers of farends.py: +15550000001 echoes, +15550000002 is busy, and so on. Those of
other countries are numbers that their regulators keep free for films.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from exporter.clock import Clock
from exporter.simulator.farends import FarEnd
from exporter.simulator.gateways import GatewayConfig
from exporter.simulator.leg import Leg
from exporter.simulator.media import SPEAKING
from exporter.simulator.simulated_switch import SimulatedSwitch
from exporter.simulator.telephones import DOMAIN
from exporter.simulator.traffic import LOCAL_NUMBER, Destination, Traffic

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


DESTINATIONS: Final = (
    Destination(60, "+15552", 6),
    Destination(14, "+442079460", 3),
    Destination(9, "+493023125", 3),
    Destination(6, "+3319900", 4),
    Destination(5, "+6125550", 4),
    Destination(5, "+463139006", 2, reached=False),
    Destination(1, "+449098790", 3),
)
STEADY: Final = (("1000", "203.0.113.9"), ("1001", "203.0.113.10"))
FALLING_OFF: Final = ("1002", "203.0.113.11")
SUBSCRIBERS: Final = [f"{user}@{DOMAIN}" for user, _ in (*STEADY, FALLING_OFF)]
STRANGERS: Final = ("198.51.100.7", "198.51.100.23", "192.0.2.77")

AWAY_SECONDS: Final = (15.0, 25.0)
BACK_SECONDS: Final = (8.0, 16.0)
REGISTERED_SECONDS: Final = (30.0, 60.0)
FALLEN_OFF_SECONDS: Final = (200.0, 500.0)
CALLS_PER_SECOND: Final = 0.8
FAILING_EVERY_SECONDS: Final = 12.0
BACKEND_EVERY_SECONDS: Final = 15.0
ATTACK_EVERY_SECONDS: Final = 40.0
GUESSES: Final = (10, 40)  # of one attack
GUESS_EVERY_SECONDS: Final = 0.3
SILENT_AFTER_SECONDS: Final = 15.0
SILENT_EVERY_SECONDS: Final = (60.0, 90.0)


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
    await switch.start(host, port)
    await switch.gateway_reaches("telnyx", "REGED")  # before that, its calls would be refused
    for user, address in STEADY:
        switch.register(user, address)
    traffic = Traffic(switch, rate, destinations=DESTINATIONS)
    traffic.start()
    scenes = (_flap, _dial_failing, _dial_in_vain, _fall_off, _attack, _go_silent)
    tasks = [asyncio.create_task(scene(switch)) for scene in scenes]
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
    """A dialplan still sends calls to gateways that are down."""
    while True:
        await switch.clock.sleep(switch.core.rng.expovariate(1 / FAILING_EVERY_SECONDS))
        gateway = switch.core.rng.choice(["rejected", "flapping"])
        answering = FarEnd(ring=0.5, answer=3.0)
        switch.calls.outbound(gateway, _number(switch), answering, caller=LOCAL_NUMBER, seconds=10)


async def _dial_in_vain(switch: SimulatedSwitch) -> None:
    """A backend originates: to a gateway that is not configured, to a telephone that fell off, to nobody."""
    fallen, _ = FALLING_OFF
    while True:
        await switch.clock.sleep(switch.core.rng.expovariate(1 / BACKEND_EVERY_SECONDS))
        target = switch.core.rng.choice(
            [f"sofia/gateway/telnix/{_number(switch)}"] * 3
            + [f"user/{fallen}@{DOMAIN}", f"user/1100@{DOMAIN}"]
        )
        if target.startswith(f"user/{fallen}") and fallen in switch.telephones.rows:
            continue  # it would ring
        switch.bgapi("originate", f"{{origination_caller_id_number={LOCAL_NUMBER}}}{target} &park")


async def _fall_off(switch: SimulatedSwitch) -> None:
    """One telephone is registered by turns."""
    user, address = FALLING_OFF
    while True:
        switch.register(user, address)
        await switch.clock.sleep(switch.core.rng.uniform(*REGISTERED_SECONDS))
        switch.expire(user)
        await switch.clock.sleep(switch.core.rng.uniform(*FALLEN_OFF_SECONDS))


async def _attack(switch: SimulatedSwitch) -> None:
    """Strangers guess passwords of telephones, some by INVITE, or scan."""
    rng = switch.core.rng
    while True:
        await switch.clock.sleep(rng.expovariate(1 / ATTACK_EVERY_SECONDS))
        address, method = rng.choice(STRANGERS), rng.choice(["REGISTER", "REGISTER", "INVITE", ""])
        for guess in range(rng.randrange(*GUESSES)):
            if method:
                switch.guess_password(address, method, str(100 + guess))
            else:
                switch.scan(address, f"9{rng.randrange(10**8):08d}")
            await switch.clock.sleep(rng.expovariate(1 / GUESS_EVERY_SECONDS))


async def _go_silent(switch: SimulatedSwitch) -> None:
    """Now and then a call hears nothing any more; it is given up after a while."""
    talking = FarEnd(ring=0.5, answer=2.0, path=SPEAKING)
    while True:
        leg = switch.calls.outbound("telnyx", _number(switch), talking, caller=LOCAL_NUMBER, seconds=60)
        await switch.clock.sleep(SILENT_AFTER_SECONDS)
        if isinstance(leg, Leg) and not leg.hung_up.is_set():
            leg.time.catch_up()
            leg.mute()
        await switch.clock.sleep(switch.core.rng.uniform(*SILENT_EVERY_SECONDS))


def _number(switch: SimulatedSwitch) -> str:
    return f"+1555{switch.core.rng.randrange(200, 999)}0100"
