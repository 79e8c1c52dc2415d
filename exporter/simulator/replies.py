"""What the simulated switch answers to api commands: the texts, byte for byte as FreeSWITCH writes them.

Strategy: `answer` looks the command word up in `COMMANDS`; each entry is a function of the switch and the
arguments and returns the reply text. Formats follow the recordings down to trailing blanks and missing
newlines. A command that is not there gets FreeSWITCH's own `-ERR X Command not found!`; an empty reply
becomes `-ERR no reply`, as mod_event_socket makes it. `originate` takes time and is not here (calls.py).
"""

import json
import re
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from exporter.simulator.events import local_date
from exporter.simulator.leg import Leg
from exporter.simulator.sofia import sofia

if TYPE_CHECKING:
    from exporter.simulator.switch import Switch

VERSION_SHORT: Final = "1.11.2-release"
VERSION_HUMAN: Final = "1.11.2-release git 3f13ad1 2026-08-09 16:23:10Z 64bit"
VERSION_FULL: Final = "1.11.2-release+git~20260809T162310Z~3f13ad1b1d~64bit"
NO_CHANNEL: Final = "-ERR No such channel!\n"
NO_REPLY: Final = "-ERR no reply\n"


def answer(switch: "Switch", command: str, arguments: str) -> str:
    """The reply to `api command arguments`."""
    handler = COMMANDS.get(command)
    if handler is None or (command == "sofia" and not switch.sofia_loaded):
        return not_found(command)
    reply = handler(switch, arguments.strip())
    return NO_REPLY if reply == "" else reply


def not_found(command: str) -> str:
    return f"-ERR {command} Command not found!\n"


# The core.


def uptime_parts(microseconds: int) -> dict[str, int]:
    """An uptime cut into the parts that `status` and HEARTBEAT show."""
    seconds, micro = divmod(microseconds, 1_000_000)
    milli, micro = divmod(micro, 1000)
    days, rest = divmod(seconds, 86400)
    years, days = divmod(days, 365)
    return {
        "years": years,
        "days": days,
        "hours": rest // 3600,
        "minutes": rest % 3600 // 60,
        "seconds": rest % 60,
        "milliseconds": milli,
        "microseconds": micro,
    }


def uptime_text(microseconds: int) -> str:
    """`0 years, 0 days, 0 hours, 1 minute, 0 seconds, 28 milliseconds, 37 microseconds`."""
    parts = uptime_parts(microseconds)
    return ", ".join(f"{value} {name[:-1] if value == 1 else name}" for name, value in parts.items())


def _status(switch: "Switch", _arguments: str) -> str:
    load = switch.load
    return (
        f"UP {uptime_text(switch.uptime_microseconds)}\n"
        f"FreeSWITCH (Version {VERSION_HUMAN}) is {'ready' if switch.ready else 'not ready'}\n"
        f"{load.since_startup} session(s) since startup\n"
        f"{load.count} session(s) - peak {load.peak}, last 5min {load.peak_five_minutes} \n"
        f"{load.per_second} session(s) per Sec out of max {switch.max_sps}, "
        f"peak {load.per_second_peak}, last 5min {load.per_second_five_minutes} \n"
        f"{switch.max_sessions} session(s) max\n"
        f"min idle cpu {switch.min_idle_cpu:.2f}/{switch.idle_cpu:.2f}\n"
        "Current Stack Size/Max 240K/8192K\n"
    )


def _json(switch: "Switch", arguments: str) -> str:
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
        "uptime": uptime_parts(switch.uptime_microseconds),
        "version": VERSION_HUMAN,
        "sessions": {
            "count": {
                "total": load.since_startup,
                "active": load.count,
                "peak": load.peak,
                "peak5Min": load.peak_five_minutes,
                "limit": switch.max_sessions,
            },
            "rate": {
                "current": load.per_second,
                "max": switch.max_sps,
                "peak": load.per_second_peak,
                "peak5Min": load.per_second_five_minutes,
            },
        },
        # FreeSWITCH's words: `used` is the configured minimum, `allowed` what is idle now (facts.md 8).
        "idleCPU": {"used": switch.min_idle_cpu, "allowed": switch.idle_cpu},
        "stackSizeKB": {"current": 240, "max": 8192},
    }
    whole = {**request, "status": "success", "response": response}
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False) + "\n"


def _version(_switch: "Switch", arguments: str) -> str:
    if arguments == "short":
        return VERSION_SHORT + "\n"
    return f"FreeSWITCH Version {VERSION_FULL} ({VERSION_HUMAN.partition(' ')[2]})\n"


def _uptime(switch: "Switch", arguments: str) -> str:
    divisor = {"us": 1, "ms": 1000}.get(arguments, 1_000_000)
    amount = switch.uptime_microseconds // divisor
    return f"{amount & 0xFFFFFFFF if divisor < 1_000_000 else amount}\n"


def _global_getvar(switch: "Switch", arguments: str) -> str:
    return switch.globals().get(arguments, "")


def _strepoch(switch: "Switch", arguments: str) -> str:
    if not arguments:
        return str(int(switch.clock.now()))
    try:
        return str(int(time.mktime(time.strptime(arguments, "%Y-%m-%d %H:%M:%S"))))
    except ValueError:
        return "0"


def _fsctl(switch: "Switch", arguments: str) -> str:
    words = arguments.split()
    if not words:
        return "-USAGE: [...]\n"
    verb, values = words[0], words[1:]
    if verb in ("pause", "resume", "pause_check"):
        return _pausing(switch, verb, values or ["inbound", "outbound"])
    match verb:
        case "max_sessions":
            if values:
                switch.max_sessions = int(values[0])
            return f"+OK max sessions: {switch.max_sessions}\n"
        case "sps":
            if values:
                switch.max_sps = int(values[0])
            return f"+OK sessions per second: {switch.max_sps}\n"
        case "last_sps":
            return f"+OK last sessions per second: {switch.load.per_second}\n"
        case "min_idle_cpu":
            limit = f"{switch.min_idle_cpu:.2f}%" if switch.min_idle_cpu else "DISABLED"
            return f"+OK min idle cpu: {limit}\n"
        case "ready_check":
            return "true" if switch.ready else "false"
        case "shutdown_check":
            return "false"
        case "shutdown":
            switch.after_reply(switch.shut_down)
            return "+OK"
    return "-USAGE: [...]\n"


def _pausing(switch: "Switch", verb: str, ways: list[str]) -> str:
    if verb == "pause_check":
        return "true" if all(way in switch.paused for way in ways) else "false"
    for way in ways:
        (switch.paused.add if verb == "pause" else switch.paused.discard)(way)
    return "+OK\n"


# Channels.

CHANNEL_COLUMNS: Final = (
    "uuid direction created created_epoch name state cid_name cid_num ip_addr dest application "
    "application_data dialplan context read_codec read_rate read_bit_rate write_codec write_rate "
    "write_bit_rate secure hostname presence_id presence_data accountcode callstate callee_name callee_num "
    "callee_direction call_uuid sent_callee_name sent_callee_num initial_cid_name initial_cid_num "
    "initial_ip_addr initial_dest initial_dialplan initial_context"
).split()
_CALL_SIDE: Final = (
    "uuid direction created created_epoch name state cid_name cid_num ip_addr dest presence_id presence_data "
    "accountcode callstate callee_name callee_num callee_direction"
).split()
CALL_COLUMNS: Final = [
    *_CALL_SIDE,
    *("call_uuid", "hostname", "sent_callee_name", "sent_callee_num"),
    *(f"b_{name}" for name in _CALL_SIDE),
    *("b_sent_callee_name", "b_sent_callee_num", "call_created_epoch"),
]


def _row(leg: Leg, hostname: str) -> dict[str, str]:
    created = leg.times["created"]
    codec = leg.codec if leg.get("read_codec") else None
    application = leg.application
    dialplan = "" if leg.outbound else "XML"
    address = "" if leg.outbound else leg.sip.peer
    row = {
        "uuid": leg.uuid,
        "direction": "outbound" if leg.outbound else "inbound",
        "created": local_date(created),
        "created_epoch": str(created // 1_000_000),
        "name": leg.name,
        "state": leg.state,
        "cid_name": leg.caller_id[0],
        "cid_num": leg.caller_id[1],
        "ip_addr": address,
        "dest": leg.number,
        "application": application.name if application else "",
        "application_data": application.data if application else "",
        "dialplan": dialplan,
        "context": leg.context,
        "hostname": hostname,
        "callstate": leg.call_state,
        "callee_name": "Outbound Call" if leg.outbound else "",
        "callee_num": leg.number if leg.outbound else "",
        "call_uuid": leg.get("call_uuid") or leg.uuid,
        "initial_cid_name": leg.caller_name,
        "initial_cid_num": leg.caller_number,
        "initial_ip_addr": address,
        "initial_dest": leg.number,
        "initial_dialplan": dialplan,
        "initial_context": leg.context,
    }
    if codec:
        for way in ("read", "write"):
            row |= {
                f"{way}_codec": codec.name,
                f"{way}_rate": str(codec.rate),
                f"{way}_bit_rate": str(codec.bit_rate),
            }
    return row


def _show(switch: "Switch", arguments: str) -> str:
    what, _, rest = arguments.partition(" ")
    as_json = bool(re.search(r"\bas json$", rest))
    if "count" in rest.split():
        count = {
            "channels": len(switch.legs),
            "calls": switch.call_count,
            "registrations": switch.registrations,
        }
        if what not in count:
            return "-USAGE: [...]\n"
        if as_json:
            return f'{{"row_count":{count[what]},"rows":[]}}'
        return f"\n{count[what]} total.\n"
    hostname = switch.identity.switchname
    if what == "channels":
        columns = CHANNEL_COLUMNS
        rows = [_row(leg, hostname) for leg in switch.legs.values()]
    elif what == "calls":
        columns = CALL_COLUMNS
        rows = [_call_row(leg, hostname) for leg in switch.legs.values() if leg.leads()]
    elif what == "registrations":
        columns, rows = [], []
    else:
        return "-USAGE: [...]\n"
    like = re.match(r"like (\S+)", rest)
    if like:
        wanted = like[1].strip("%").lower()
        rows = [
            row
            for row in rows
            if any(wanted in row[name].lower() for name in ("uuid", "name", "cid_name", "cid_num"))
        ]
    if as_json:
        if not rows:
            return '{"row_count": 0}\n'
        whole = {
            "row_count": len(rows),
            "rows": [{name: row.get(name, "") for name in columns} for row in rows],
        }
        return json.dumps(whole, separators=(",", ":"), ensure_ascii=False)
    if not rows:
        return "\n0 total.\n"
    lines = [",".join(columns), *(",".join(row.get(name, "") for name in columns) for row in rows)]
    return "\n".join(lines) + f"\n\n{len(rows)} total.\n"


def _call_row(leg: Leg, hostname: str) -> dict[str, str]:
    row = _row(leg, hostname)
    if leg.other is not None:
        row |= {f"b_{name}": value for name, value in _row(leg.other, hostname).items()}
    return row


def _uuid_kill(switch: "Switch", arguments: str) -> str:
    words = arguments.split()
    leg = switch.legs.get(words[0]) if words else None
    if leg is None:
        return NO_CHANNEL
    cause = words[1] if len(words) > 1 else "NORMAL_CLEARING"
    switch.after_reply(lambda: switch.kill(leg, cause))
    return "+OK\n"


def _uuid_exists(switch: "Switch", arguments: str) -> str:
    return "true" if arguments in switch.legs else "false"


def _uuid_getvar(switch: "Switch", arguments: str) -> str:
    words = arguments.split()
    leg = switch.legs.get(words[0]) if len(words) == 2 else None
    if leg is None:
        return NO_CHANNEL if len(words) == 2 else "-USAGE: <uuid> <var>\n"
    return leg.get(words[1]) or "_undef_"


def _uuid_dump(switch: "Switch", arguments: str) -> str:
    words = arguments.split()
    leg = switch.legs.get(words[0]) if words else None
    if leg is None:
        return NO_CHANNEL
    event = switch.build("CHANNEL_DATA", [*leg.base_headers(), *leg.variable_headers()])
    return event.json() if words[1:] == ["json"] else event.plain()


COMMANDS: Final[dict[str, Callable[["Switch", str], str]]] = {
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
    "reloadxml": lambda _switch, _: "+OK [Success]\n",
    "show": _show,
    "sofia": sofia,
    "uuid_kill": _uuid_kill,
    "uuid_exists": _uuid_exists,
    "uuid_getvar": _uuid_getvar,
    "uuid_dump": _uuid_dump,
}
