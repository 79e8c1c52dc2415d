"""What the simulated switch answers to api commands: the texts, byte for byte as FreeSWITCH writes them.

Strategy: `answer` looks the command word up in `COMMANDS`; each entry is a function of the switch and the
arguments and returns the reply text. Formats follow the recordings down to trailing blanks and missing
newlines. A command that is not there gets FreeSWITCH's own `-ERR X Command not found!`; an empty reply
becomes `-ERR no reply`, as mod_event_socket makes it. Commands that take time (originate, msleep) are in
api.py; `show` is in show.py, `sofia` in sofia_replies.py.
"""

import asyncio
import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Final

from exporter.simulator import report
from exporter.simulator.channel_headers import channel_headers, variable_headers
from exporter.simulator.core import (
    uptime_parts,
    uptime_text,
)
from exporter.simulator.show import show
from exporter.simulator.sofia_replies import sofia
from exporter.simulator.switch import Switch

NO_CHANNEL: Final = "-ERR No such channel!\n"
NO_REPLY: Final = "-ERR no reply\n"


def answer(switch: Switch, command: str, arguments: str) -> str:
    """The reply to `api command arguments`."""
    handler = COMMANDS.get(command)
    if handler is None or (command == "sofia" and not switch.sofia_loaded):
        return not_found(command)
    reply = handler(switch, arguments.strip())
    return NO_REPLY if reply == "" else reply


def _after_reply(action: Callable[[], None]) -> None:
    """Do it once the reply that is being made has been written."""
    asyncio.get_running_loop().call_soon(action)


def not_found(command: str) -> str:
    """FreeSWITCH's reply to an unknown command."""
    return f"-ERR {command} Command not found!\n"


# The core.


def _status(switch: Switch, _arguments: str) -> str:
    load = switch.load
    return (
        f"UP {uptime_text(switch.core.uptime_microseconds)}\n"
        f"FreeSWITCH (Version {switch.core.version_human}) is {'ready' if switch.ready else 'not ready'}\n"
        f"{load.since_startup} session(s) since startup\n"
        f"{load.count} session(s) - peak {load.peak}, last 5min {load.peak_five_minutes} \n"
        f"{load.per_second} session(s) per Sec out of max {switch.sessions.max_sps}, "
        f"peak {load.per_second_peak}, last 5min {load.per_second_five_minutes} \n"
        f"{switch.sessions.max_sessions} session(s) max\n"
        f"min idle cpu {switch.min_idle_cpu:.2f}/{switch.idle_cpu:.2f}\n"
        "Current Stack Size/Max 240K/8192K\n"
    )


def _json(switch: Switch, arguments: str) -> str:
    try:
        request = json.loads(arguments)
    except ValueError:
        request = None
    if not isinstance(request, dict) or request.get("command") != "status" or "data" not in request:
        error = {"status": "error", "message": "Invalid request or non-existent method"}
        return json.dumps(error, separators=(",", ":")) + "\n"
    load = switch.load
    response = {
        "systemStatus": "ready" if switch.ready else "not ready",
        "uptime": uptime_parts(switch.core.uptime_microseconds),
        "version": switch.core.version_human,
        "sessions": {
            "count": {
                "total": load.since_startup,
                "active": load.count,
                "peak": load.peak,
                "peak5Min": load.peak_five_minutes,
                "limit": switch.sessions.max_sessions,
            },
            "rate": {
                "current": load.per_second,
                "max": switch.sessions.max_sps,
                "peak": load.per_second_peak,
                "peak5Min": load.per_second_five_minutes,
            },
        },
        # FreeSWITCH's words: `used` is the configured minimum, `allowed` what is idle now (facts.md 8).
        "idleCPU": {"used": switch.min_idle_cpu, "allowed": switch.idle_cpu},
        "stackSizeKB": {"current": 240, "max": 8192},
    }
    document = {**request, "status": "success", "response": response}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n"


def _version(switch: Switch, arguments: str) -> str:
    if arguments == "short":
        return switch.core.release + "\n"
    return f"FreeSWITCH Version {switch.core.version_full} ({switch.core.version_human.partition(' ')[2]})\n"


def _uptime(switch: Switch, arguments: str) -> str:
    divisor = {"us": 1, "ms": 1000}.get(arguments, 1_000_000)
    amount = switch.core.uptime_microseconds // divisor
    return f"{amount & 0xFFFFFFFF if divisor < 1_000_000 else amount}\n"


def _global_getvar(switch: Switch, arguments: str) -> str:
    known = {
        "conf_dir": "/usr/local/freeswitch/conf",
        "core_uuid": switch.identity.core_uuid,
        "hostname": switch.identity.hostname,
        "switchname": switch.identity.switchname,
        "local_ip_v4": switch.local_ip,
        "domain": "lab.local",
    }
    return known.get(arguments, "")


def _strepoch(switch: Switch, arguments: str) -> str:
    if not arguments:
        return str(int(switch.clock.now()))
    try:
        return str(int(datetime.strptime(arguments, "%Y-%m-%d %H:%M:%S").astimezone().timestamp()))
    except ValueError:
        return "0"


def _reloadxml(switch: Switch, _arguments: str) -> str:
    switch.reload_xml()
    return "+OK [Success]\n"


def _fsctl(switch: Switch, arguments: str) -> str:
    words = arguments.split()
    if not words:
        return "-USAGE: [...]\n"
    verb, values = words[0], words[1:]
    if verb in ("pause", "resume", "pause_check"):
        return _pausing(switch, verb, values or ["inbound", "outbound"])
    match verb:
        case "max_sessions":
            if values:
                switch.sessions.max_sessions = int(values[0])
            return f"+OK max sessions: {switch.sessions.max_sessions}\n"
        case "sps":
            if values:
                switch.sessions.max_sps = int(values[0])
            return f"+OK sessions per second: {switch.sessions.max_sps}\n"
        case "last_sps":
            return f"+OK last sessions per second: {switch.load.per_second}\n"
        case "min_idle_cpu":
            limit = f"{switch.min_idle_cpu:.2f}%" if switch.min_idle_cpu else "DISABLED"
            return f"+OK min idle cpu: {limit}\n"
        case "ready_check":
            return "true" if switch.ready else "false"
        case "shutdown_check":
            return "true" if switch.sessions.shutdown_requested else "false"
        case "shutdown":
            _after_reply(switch.shut_down)
            return "+OK"
    return "-USAGE: [...]\n"


def _pausing(switch: Switch, verb: str, directions: list[str]) -> str:
    if verb == "pause_check":
        return "true" if all(direction in switch.sessions.paused for direction in directions) else "false"
    for direction in directions:
        (switch.sessions.paused.add if verb == "pause" else switch.sessions.paused.discard)(direction)
    return "+OK\n"


# Channels.


def _uuid_kill(switch: Switch, arguments: str) -> str:
    words = arguments.split()
    leg = switch.legs.get(words[0]) if words else None
    if leg is None:
        return NO_CHANNEL
    cause = words[1] if len(words) > 1 else "NORMAL_CLEARING"
    _after_reply(lambda: switch.kill(leg, cause))
    return "+OK\n"


def _uuid_exists(switch: Switch, arguments: str) -> str:
    return "true" if arguments in switch.legs else "false"


def _uuid_getvar(switch: Switch, arguments: str) -> str:
    words = arguments.split()
    leg = switch.legs.get(words[0]) if len(words) == 2 else None
    if leg is None:
        return NO_CHANNEL if len(words) == 2 else "-USAGE: <uuid> <var>\n"
    return leg.get(words[1]) or "_undef_"


def _uuid_dump(switch: Switch, arguments: str) -> str:
    words = arguments.split()
    leg = switch.legs.get(words[0]) if words else None
    if leg is None:
        return NO_CHANNEL
    event = switch.core.build("CHANNEL_DATA", [*channel_headers(leg), *variable_headers(leg)])
    return event.json() if words[1:] == ["json"] else event.plain()


def _uuid_set_media_stats(switch: Switch, arguments: str) -> str:
    leg = switch.legs.get(arguments)
    if leg is None:
        return f"-ERR No such channel {arguments}!\n" if arguments else "-USAGE: <uuid>\n"
    leg.time.catch_up()
    if leg.media in ("early", "answered"):
        leg.set(report.media_report(leg.live_report()))
    return "+OK:\n"


COMMANDS: Final[dict[str, Callable[[Switch, str], str]]] = {
    "status": _status,
    "json": _json,
    "version": _version,
    "hostname": lambda switch, _: switch.identity.hostname,
    "switchname": lambda switch, _: switch.identity.switchname,
    "uptime": _uptime,
    "global_getvar": _global_getvar,
    "strepoch": _strepoch,
    "create_uuid": lambda _switch, _: str(uuid.uuid4()),
    "fsctl": _fsctl,
    "reloadxml": _reloadxml,
    "show": show,
    "sofia": sofia,
    "uuid_kill": _uuid_kill,
    "uuid_exists": _uuid_exists,
    "uuid_getvar": _uuid_getvar,
    "uuid_dump": _uuid_dump,
    "uuid_set_media_stats": _uuid_set_media_stats,
}
