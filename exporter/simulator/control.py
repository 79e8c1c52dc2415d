"""Remote control of a simulated switch that runs in another process.

Strategy: one JSON list per line in, one JSON object per line out. The first word is a verb of `VERBS`, the
table of everything that may be asked; `manual` makes the text of `--help` from it. Most verbs are methods of
the switch, of a provider or of a gateway, and their help is the method's docstring; to add one, add its row.

Listens on loopback only, for tests only: there is no password.
"""

import asyncio
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from exporter.simulator.gateways import Gateway, GatewayConfig
from exporter.simulator.providers import Provider
from exporter.simulator.simulated_switch import SimulatedSwitch
from exporter.simulator.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that may be asked.

    Attributes:
        words: what stands before the arguments, e.g. ("provider", NAME, "rejects").
        action: called with the switch, gateway or provider, and the arguments; may return an awaitable.
        examples: arguments, one tuple per example.
    """

    words: tuple[str, ...]
    action: Callable[..., Any]
    examples: tuple[tuple[Any, ...], ...] = ((),)

    @property
    def help(self) -> str:
        """The first line of the action's docstring."""
        return (inspect.getdoc(self.action) or "").partition("\n")[0]


NAME: Final = "NAME"
EXAMPLE_NAME: Final = "telnyx"


def state(switch: SimulatedSwitch) -> dict[str, Any]:
    """Report legs, gateways and their states, sessions since the start, clients and commands received."""
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


def configure(switch: SimulatedSwitch, settings: dict[str, Any]) -> None:
    """Configure a gateway (fields of GatewayConfig); it exists after `rescan` or `restart_profile`."""
    switch.configure_gateway(GatewayConfig(**settings))


def traffic(switch: SimulatedSwitch, rate: float) -> None:
    """Start background traffic through telnyx, at this many calls per second."""
    Traffic(switch, float(rate)).start()


def _of_switch(name: str, *examples: tuple[Any, ...]) -> Verb:
    return Verb((name,), getattr(SimulatedSwitch, name), examples or ((),))


def _of_provider(name: str, *examples: tuple[Any, ...]) -> Verb:
    return Verb(("provider", NAME, name), getattr(Provider, name), examples or ((),))


def _of_gateway(name: str) -> Verb:
    return Verb(("gateway", NAME, name), getattr(Gateway, name))


VERBS: Final = (
    # The port.
    _of_switch("refuse_connections"),
    _of_switch("filter_port"),
    _of_switch("accept_connections"),
    _of_switch("speak_ssh"),
    _of_switch("speak_http"),
    _of_switch("deny_by_acl"),
    _of_switch("change_password", ("secret",)),
    # Not answering.
    _of_switch("hang"),
    _of_switch("hang_commands"),
    _of_switch("stall_events"),
    _of_switch("indent_events"),
    _of_switch("delay_replies", (0.5,), (2.0, "api show")),
    _of_switch("move_away", (0.01,)),
    _of_switch("lose_events", (["HEARTBEAT", "sofia::gateway_state"],)),
    _of_switch("leave_ends_unsent", (), (3,)),
    # Broken streams.
    _of_switch("drop_connections"),
    _of_switch("send_garbage"),
    _of_switch("send_oversized", (), (1_000_000,)),
    # The process.
    _of_switch("skew_clock", (-120.0,)),
    _of_switch("shut_down"),
    _of_switch("kill_process"),
    _of_switch("start_process"),
    _of_switch("restart"),
    _of_switch("upgrade", ("1.11.3-release",)),
    _of_switch("recover"),
    _of_switch("beat"),
    # The configuration and the machine.
    _of_switch("reload_xml"),
    _of_switch("load_module", ("mod_expr",)),
    _of_switch("unload_module", ("mod_spandsp",)),
    _of_switch("change_address", ("192.0.2.99",)),
    # Limits.
    _of_switch("pause", (), ("outbound",)),
    _of_switch("unpause"),
    _of_switch("request_shutdown", ("asap",), ("elegant",)),
    _of_switch("cancel_shutdown"),
    _of_switch("use_up_rtp_ports"),
    _of_switch("limit_sessions", (0,)),
    _of_switch("limit_rate", (1,)),
    _of_switch("mute_calls"),
    # Telephones and strangers.
    _of_switch("register", ("1000",), ("1000", "203.0.113.9", "otherphone/2.0")),
    _of_switch("ignore_options", ("1000",)),
    _of_switch("expire", ("1000",)),
    _of_switch("unregister", ("1000",)),
    _of_switch("guess_password", ("203.0.113.5",), ("203.0.113.5", "INVITE")),
    _of_switch("scan", ("203.0.113.5",)),
    # Profiles and gateways.
    Verb(("configure",), configure, (({"name": "backup", "register": False},),)),
    _of_switch("rescan", ("external",)),
    _of_switch("stop_profile", ("external",)),
    _of_switch("start_profile", ("external",)),
    _of_switch("restart_profile", ("external",)),
    _of_gateway("ask_register"),
    _of_gateway("ask_unregister"),
    _of_gateway("kill"),
    _of_switch("remove_gateway", (EXAMPLE_NAME,)),
    # The provider behind a gateway.
    _of_provider("accepts"),
    _of_provider("rejects", (), (401, "Unauthorized")),
    _of_provider("repeats_challenge"),
    _of_provider("falls_silent"),
    _of_provider("refuses_port"),
    _of_provider("loses_its_name"),
    _of_provider("answers_pings", (404, "Not Found")),
    _of_provider("ignores_pings"),
    # Calls and state.
    _of_switch("bgapi", ("status",), ("originate", "sofia/gateway/nosuch/+15550000001 &park")),
    Verb(("traffic",), traffic, ((2.5,),)),
    Verb(("state",), state),
)
_BY_WORDS: Final = {verb.words: verb for verb in VERBS}


def request(verb: Verb, arguments: tuple[Any, ...]) -> str:
    """The line that asks for a verb, for a gateway named telnyx."""
    words = [EXAMPLE_NAME if word == NAME else word for word in verb.words]
    return json.dumps([*words, *arguments])


def manual() -> str:
    """Every verb with its help and an example for each form, as `--help` prints it."""
    lines = [
        "The control port takes one JSON list per line and answers each with one line:",
        '{"ok": RESULT} or {"error": TEXT}. Verbs, for a gateway named telnyx:',
        "",
    ]
    for verb in VERBS:
        lines += [f"  {request(verb, example)}" for example in verb.examples]
        lines.append(f"      {verb.help}")
    return "\n".join(lines)


async def serve_control(switch: SimulatedSwitch) -> asyncio.Server:
    """Listen on a free loopback port; see `server.sockets`."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(await answer(switch, line)).encode() + b"\n")
            await writer.drain()
        writer.close()

    return await asyncio.start_server(client, "127.0.0.1", 0)


async def answer(switch: SimulatedSwitch, line: bytes | str) -> dict[str, Any]:
    """What the control port answers to one line."""
    try:
        words = json.loads(line)
        return {"ok": await _execute(switch, *words)}
    except (ValueError, TypeError, LookupError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


async def _execute(switch: SimulatedSwitch, *words: Any) -> Any:
    target: object = switch
    key, arguments = words[:1], words[1:]
    if key and key[0] in ("provider", "gateway"):
        _, name, method, *rest = words
        target = switch.provider(name) if key[0] == "provider" else switch.gateway(name)
        key, arguments = (key[0], NAME, method), tuple(rest)
    verb = _BY_WORDS.get(key)
    if verb is None:
        raise LookupError(f"unknown verb: {' '.join(map(str, key))}; --help lists the verbs")
    result = verb.action(target, *arguments)
    return await result if inspect.isawaitable(result) else result
