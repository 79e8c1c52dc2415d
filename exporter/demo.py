"""`freeswitch-exporter demo`: the daemon, watching a simulated switch in the same process.

Once it serves, it prints where to look and what there will be to see, and then the log like any daemon.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from exporter import client
from exporter.clock import Clock
from exporter.config import (
    Config,
    DestinationsConfig,
    GatewayConfig,
    GuardConfig,
    Listen,
    NodeConfig,
    ProbeConfig,
    Thresholds,
    is_loopback,
)
from exporter.config.rates import Rate, RateTable
from exporter.demo_switchboard import DemoSwitchboard
from exporter.runtime import configure_log, run_watched, serve_until_stopped
from exporter.simulator.demo import SUBSCRIBERS, demo_switch

# A minute, by the first digits of the number.
PRICES = {"1": 0.007, "44": 0.011, "44909": 1.5, "49": 0.012, "33": 0.012, "61": 0.019, "46": 0.014}

_PROGRAM: Final = "freeswitch-exporter"
_WORDS: Final = """
Open {base}/ - a simulated FreeSWITCH with four gateways:

  at once       telnyx works and carries calls
                unmonitored may be down, and FreeSWITCH would not notice
  after 15 s    rejected: the provider rejects its password
  after 1 min   flapping loses its provider again and again: see {base}/history
                two probes have called through telnyx, and some calls have failed

{switchboard}

In another terminal:

  {program} calls --failed --url {base}
  FREESWITCH_PORT={switch_port} {program} doctor

Metrics: {base}/metrics. Ctrl-C ends it. What follows is the log.
"""
_SWITCHBOARD: Final = 'The buttons under "Try it" on the page break something and mend it.'
_NO_SWITCHBOARD: Final = "Others can reach this page, so it has no buttons that break something."


def demo(config: Config) -> int:
    """Run the demo until a signal ends it; the exit code.

    Args:
        config: where to serve and how to log.

    Raises:
        ConfigError: it cannot start.
    """
    configure_log(config)
    run_watched(_demo(config))
    return 0


async def _demo(config: Config) -> None:
    clock = Clock()
    async with demo_switch(clock) as switch:
        watching = demo_config(config, switch.port)
        on_serving = partial(_print_what_to_see, watching)
        switchboard = DemoSwitchboard(switch)
        await serve_until_stopped(watching, lambda: watching, clock, switchboard, on_serving=on_serving)


def _print_what_to_see(config: Config, addresses: Sequence[tuple[str, int]]) -> None:
    host, port = addresses[0]
    served = msgspec.structs.replace(config, listen=(Listen(host=host, port=port),))
    started = Path(sys.argv[0])
    words = _WORDS.format(
        base=client.default_url(served).rstrip("/"),
        program=started if started.name == _PROGRAM else _PROGRAM,
        switch_port=config.nodes[0].port,
        switchboard=_SWITCHBOARD if all(is_loopback(host) for host, _ in addresses) else _NO_SWITCHBOARD,
    )
    print(words, flush=True)


def demo_config(config: Config, port: int) -> Config:
    """`config`, changed to watch the demo's switch at `port` of loopback and to place probe calls on it."""
    node = NodeConfig(
        name="demo",
        port=port,
        gateways={
            "telnyx": GatewayConfig(max_calls=30, provider="telnyx"),
            "flapping": GatewayConfig(),
            "rejected": GatewayConfig(),
            "unmonitored": GatewayConfig(register=False),
        },
        subscribers=tuple(SUBSCRIBERS),
    )
    echo = ProbeConfig(
        name="telnyx-echo",
        node=node.name,
        gateway="telnyx",
        destination="+15550000001",
        caller_id="+15559990000",
        talk_time=5.0,
        interval=60.0,
        thresholds=Thresholds(post_dial_delay=3.0, answer=10.0, mos=3.6, packet_loss=0.05),
    )
    tone = msgspec.structs.replace(
        echo, name="telnyx-tone", application="tone", destination="+15550000024", interval=120.0
    )
    return msgspec.structs.replace(
        config,
        nodes=(node,),
        probes={probe.name: probe for probe in (echo, tone)},
        guard=GuardConfig(
            allow=(echo.destination, tone.destination), max_calls_per_day=3000, max_minutes_per_day=1440
        ),
        destinations=DestinationsConfig(region="US", currency="USD"),
        rates=RateTable({prefix: Rate(price) for prefix, price in PRICES.items()}, max(map(len, PRICES))),
    )
