"""The strings of a simulated switch that runs in another process: one JSON list per line, one JSON answer.

    ["hang"]                                        -> {"ok": null}
    ["limit_sessions", 0]                           -> {"ok": null}
    ["provider", "telnyx", "rejects", 403, "No"]    -> {"ok": null}     a method of gateways.Provider
    ["gateway", "telnyx", "kill"]                   -> {"ok": null}     a method of gateways.Gateway
    ["configure", {"name": "b", "register": false}] -> {"ok": null}     a gateway; then ["rescan", "external"]
    ["traffic", 2.5]                                -> {"ok": null}     calls per second through telnyx
    ["state"]                                       -> {"ok": {"legs": [...], "gateways": {...}, ...}}

Anything else is {"error": "..."}. Only on loopback, only for tests: there is no password.
"""

import asyncio
import inspect
import json
from typing import Any, Final

from exporter.simulator.faults import SimulatedSwitch
from exporter.simulator.gateways import GatewayConfig
from exporter.simulator.traffic import Traffic

SWITCH: Final = frozenset(
    """
    refuse_connections accept_connections filter_port speak_ssh speak_http deny_by_acl change_password hang
    hang_commands stall_events delay_replies lose_events leave_ends_unsent drop_connections send_garbage
    send_oversized shut_down kill_process restart start_process skew_clock pause unpause limit_sessions
    limit_rate recover beat remove_gateway stop_profile start_profile restart_profile rescan
    """.split()
)
PROVIDER: Final = frozenset(
    """
    accepts rejects repeats_challenge falls_silent refuses_port loses_its_name answers_pings ignores_pings
    """.split()
)
GATEWAY: Final = frozenset({"ask_register", "ask_unregister", "kill"})


async def serve_control(switch: SimulatedSwitch) -> asyncio.Server:
    """Listen on a free loopback port; see `server.sockets`."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(await _answer(switch, line)).encode() + b"\n")
            await writer.drain()
        writer.close()

    return await asyncio.start_server(client, "127.0.0.1", 0)


async def _answer(switch: SimulatedSwitch, line: bytes) -> dict[str, Any]:
    try:
        words = json.loads(line)
        return {"ok": await _obey(switch, *words)}
    except (ValueError, TypeError, LookupError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


async def _obey(switch: SimulatedSwitch, verb: str, *arguments: Any) -> Any:
    if verb == "state":
        return state(switch)
    if verb == "configure":
        switch.configure_gateway(GatewayConfig(**arguments[0]))
        return None
    if verb == "traffic":
        Traffic(switch, float(arguments[0])).start()
        return None
    if verb in ("provider", "gateway"):
        name, method, *rest = arguments
        target: object = switch.provider(name) if verb == "provider" else switch.gateway(name)
        known = PROVIDER if verb == "provider" else GATEWAY
        verb, arguments = method, tuple(rest)
    else:
        target, known = switch, SWITCH
    if verb not in known:
        raise LookupError(f"no such string to pull: {verb}")
    result = getattr(target, verb)(*arguments)
    if inspect.isawaitable(result):
        await result
    return None


def state(switch: SimulatedSwitch) -> dict[str, Any]:
    """What a test in another process may want to know."""
    return {
        "legs": [
            {"uuid": leg.uuid, "name": leg.name, "answered": bool(leg.times["answered"])}
            for leg in switch.legs.values()
        ],
        "gateways": {gateway.name: gateway.state for gateway in switch.listed_gateways()},
        "sessions": switch.load.since_startup,
        "clients": len(switch.clients),
        "commands": list(switch.commands_seen),
    }
