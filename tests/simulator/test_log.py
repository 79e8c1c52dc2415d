"""The log of a refused dial is that of the recording, line by line."""

import re
from collections.abc import Callable

import pytest

from exporter.simulator import GatewayConfig, SimulatedSwitch
from tests.simulator.wire import Frame, Wire, recorded

TELNYX = "sofia/gateway/telnyx/+15550000001 &park"


def nothing(switch: SimulatedSwitch) -> None:
    """The dial is wrong by itself."""


DIALS: dict[str, tuple[str, Callable[[SimulatedSwitch], object]]] = {
    "gateway-down": ("sofia/gateway/noreg/+15550000001 &park", nothing),
    "invalid-gateway": ("sofia/gateway/nosuchgw/+15550000001 &park", nothing),
    "nosuchendpoint": ("nosuchendpoint/x &park", nothing),
    "nosuchprofile": ("sofia/nosuchprofile/1000@lab.local &park", nothing),
    "user-nobody": ("user/nobody@lab.local &park", nothing),
    "empty-number-no-slash": ("sofia/gateway/telnyx &park", nothing),
    "brace-error": ("{a=b c=d}sofia/gateway/telnyx/+15550000001 &park", nothing),
    "paused": (TELNYX, lambda switch: switch.pause()),
    "over-session-limit": (TELNYX, lambda switch: setattr(switch.sessions, "max_sessions", 0)),
}


def texts(frames: list[Frame]) -> list[tuple[str, str, str, str]]:
    """Level, file, function and text of each line at WARNING or above, a figure in it as `#`."""
    found = []
    for frame in frames:
        if frame.kind == "log/data" and int(frame.header("Log-Level")) <= 4:
            said = frame.body.decode().partition("% ")[2]
            text = re.sub(r"! \d+", "! #", said)
            found.append(
                (frame.header("Log-Level"), frame.header("Log-File"), frame.header("Log-Func"), text)
            )
    return found


@pytest.mark.parametrize("name", DIALS)
async def test_a_refused_dial_is_logged_as_recorded(name: str) -> None:
    dial, prepare = DIALS[name]
    gateways = (GatewayConfig("telnyx", register=False), GatewayConfig("noreg"))
    async with SimulatedSwitch(gateways=gateways, tick=1000) as switch:
        prepare(switch)
        wire = await Wire.open(switch.port)
        await wire.reply("log 4")
        await wire.api(f"originate {dial}")
        await wire.until(lambda: bool(texts(wire.frames)))
        expected = texts(recorded(f"log-debug-originate-{name}"))
        # Those of the paused and of the full switch are of two dials.
        assert texts(wire.frames) in (expected, expected[: len(expected) // 2])
