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
from xml.sax.saxutils import escape

from exporter.simulator.events import local_date
from exporter.simulator.gateways import Gateway
from exporter.simulator.leg import Leg

if TYPE_CHECKING:
    from exporter.simulator.switch import Profile, Switch

VERSION_SHORT: Final = "1.11.2-release"
VERSION_HUMAN: Final = "1.11.2-release git 3f13ad1 2026-08-09 16:23:10Z 64bit"
VERSION_FULL: Final = "1.11.2-release+git~20260809T162310Z~3f13ad1b1d~64bit"
LINE: Final = "=" * 97 + "\n"
NO_CHANNEL: Final = "-ERR No such channel!\n"
INVALID_GATEWAY: Final = "Invalid Gateway!\n"
INVALID_PROFILE: Final = "Invalid Profile!\n"
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


def _status(switch: "Switch", arguments: str) -> str:
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
        return json.dumps(
            {"status": "error", "message": "Invalid request or non-existent method"}, separators=(",", ":")
        )
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
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False)


def _version(switch: "Switch", arguments: str) -> str:
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
    verb, ways = (words[0] if words else ""), words[1:] or ["inbound", "outbound"]
    match verb:
        case "max_sessions":
            if words[1:]:
                switch.max_sessions = int(words[1])
            return f"+OK max sessions: {switch.max_sessions}\n"
        case "sps":
            if words[1:]:
                switch.max_sps = int(words[1])
            return f"+OK sessions per second: {switch.max_sps}\n"
        case "last_sps":
            return f"+OK last sessions per second: {switch.load.per_second}\n"
        case "min_idle_cpu":
            if switch.min_idle_cpu:
                return f"+OK min idle cpu: {switch.min_idle_cpu:.2f}%\n"
            return "+OK min idle cpu: DISABLED\n"
        case "pause" | "resume":
            for way in ways:
                (switch.paused.add if verb == "pause" else switch.paused.discard)(way)
            return "+OK\n"
        case "pause_check":
            return "true" if all(way in switch.paused for way in ways) else "false"
        case "ready_check":
            return "true" if switch.ready else "false"
        case "shutdown_check":
            return "false"
        case "shutdown":
            switch.after_reply(switch.shut_down)
            return "+OK"
    return "-USAGE: [...]\n"


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


# mod_sofia.


def _sofia(switch: "Switch", arguments: str) -> str:
    words = arguments.split()
    match words:
        case ["status"]:
            return _sofia_status(switch)
        case ["status", "gateway", name]:
            gateway = switch.find_gateway(name)
            return _gateway_text(gateway) if gateway else INVALID_GATEWAY
        case ["status", "gateway"]:
            return _gateway_list(switch)
        case ["status", "profile", name, *_]:
            profile = switch.running_profile(name)
            return _profile_text(switch, profile) if profile else INVALID_PROFILE
        case ["xmlstatus"]:
            return _sofia_xml(switch)
        case ["xmlstatus", "gateway", name]:
            gateway = switch.find_gateway(name)
            return PROLOG + _gateway_xml(gateway) if gateway else INVALID_GATEWAY
        case ["xmlstatus", "gateway"]:
            body = "".join(_gateway_xml(gateway) for gateway in switch.listed_gateways())
            return f"{PROLOG}<gateways>\n{body}</gateways>\n"
        case ["xmlstatus", "profile", _]:
            return INVALID_PROFILE
        case ["profile", name, *rest]:
            return _sofia_profile(switch, name, rest)
    return "Invalid Syntax!\n"


PROLOG: Final = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'


def _retry(seconds: int | None) -> str:
    if seconds is None:
        return ""
    return f" (retry: {seconds}s)" if seconds else " (retry: NEVER)"


def _to(gateway: Gateway) -> str:
    return f"sip:{gateway.config.username}@{gateway.config.proxy}"


def _sofia_status(switch: "Switch") -> str:
    rows = [f"{'Name':>25}\t   Type\t  {'Data':>40}\tState\n", LINE]
    running = [profile for profile in switch.profiles.values() if profile.running]
    for profile in running:
        rows.append(
            f"{profile.name:>25}\tprofile\t  {profile.url:>40}\tRUNNING ({switch.calls_of(profile)})\n"
        )
        for gateway in profile.gateways:
            label = f"{profile.name}::{gateway.name}"
            rows.append(f"{label:>25}\tgateway\t  {_to(gateway):>40}\t{gateway.state}")
            rows.append(_retry(gateway.retry_seconds) + "\n")
    rows.append(LINE)
    rows.append(f"{len(running)} profile{'' if len(running) == 1 else 's'} 0 aliases\n")
    return "".join(rows)


def _sofia_xml(switch: "Switch") -> str:
    parts = [PROLOG, "<profiles>\n"]
    for profile in switch.profiles.values():
        if not profile.running:
            continue
        state = f"RUNNING ({switch.calls_of(profile)})"
        parts.append(f"<profile>\n<name>{profile.name}</name>\n<type>profile</type>\n")
        parts.append(f"<data>{profile.url}</data>\n<state>{state}</state>\n</profile>\n")
        for gateway in profile.gateways:
            parts.append(f"<gateway>\n<name>{gateway.name}</name>\n<type>gateway</type>\n")
            parts.append(f"<data>{_to(gateway)}</data>\n<state>{gateway.state}</state>\n</gateway>\n")
            parts.append(_retry(gateway.retry_seconds) + "\n")
    parts.append("</profiles>\n")
    return "".join(parts)


def _gateway_list(switch: "Switch") -> str:
    head = (
        "    Profile::Gateway-Name\t                        Data    \tState\tPing Time\t"
        "IB Calls(F/T)\tOB Calls(F/T)\n"
    )
    rows = [head, LINE]
    gateways = switch.listed_gateways()
    for gateway in gateways:
        label = f"{gateway.profile}::{gateway.name}"
        rows.append(
            f"{label:>25}\t{_to(gateway):>32}\t{gateway.state}\t{gateway.ping_milliseconds:6.2f}\t"
            f"{gateway.failed_calls_in}/{gateway.calls_in}\t{gateway.failed_calls_out}/{gateway.calls_out}"
            f"{_retry(gateway.timeout_seconds)}\n"
        )
    rows.append(LINE)
    rows.append(
        f"{len(gateways)} gateway{'' if len(gateways) == 1 else 's'}: Inbound(Failed/Total): "
        f"{sum(g.failed_calls_in for g in gateways)}/{sum(g.calls_in for g in gateways)},"
        f"Outbound(Failed/Total):"
        f"{sum(g.failed_calls_out for g in gateways)}/{sum(g.calls_out for g in gateways)}\n"
    )
    return "".join(rows)


def _domain(gateway: Gateway) -> str:
    return gateway.config.from_domain or gateway.config.proxy


def _contact(gateway: Gateway) -> str:
    name = gateway.name
    return f"<sip:gw+{name}@127.0.0.1:5080;transport=udp;gw={name}>"


def _gateway_text(gateway: Gateway) -> str:
    config = gateway.config
    status = ("UP" if gateway.up else "DOWN") + (" (ping)" if gateway.pinging else "")
    fields = (
        ("Name    ", config.name),
        ("Profile ", config.profile),
        ("Scheme  ", "Digest"),
        ("Realm   ", config.realm),
        ("Username", config.username),
        ("Password", "yes"),
        ("From    ", f"<sip:{config.username}@{_domain(gateway)}>"),
        ("Contact ", _contact(gateway)),
        ("Exten   ", config.username),
        ("To      ", _to(gateway)),
        ("Proxy   ", f"sip:{config.proxy}"),
        ("Context ", "public"),
        ("Expires ", str(config.expire_seconds)),
        ("Freq    ", str(config.expire_seconds)),
        ("Ping    ", str(int(gateway.ping_at))),
        ("PingFreq", str(config.ping)),
        ("PingTime", f"{gateway.ping_milliseconds:.2f}"),
        ("PingState", "/".join(map(str, _ping_counts(gateway)))),
        ("State   ", gateway.state),
        ("Status  ", status),
        ("Uptime  ", f"{int(gateway.uptime)}s"),
        ("CallsIN ", str(gateway.calls_in)),
        ("CallsOUT", str(gateway.calls_out)),
        ("FailedCallsIN", str(gateway.failed_calls_in)),
        ("FailedCallsOUT", str(gateway.failed_calls_out)),
    )
    return LINE + "".join(f"{name}\t{value}\n" for name, value in fields) + LINE


def _ping_counts(gateway: Gateway) -> tuple[int, int, int]:
    config = gateway.config
    return (config.ping_min, gateway.ping_count, config.ping_max) if config.ping else (0, 0, 0)


def _gateway_xml(gateway: Gateway) -> str:
    """Only from, contact and exten are escaped: a raw `&` in a username is FreeSWITCH's own trap."""
    config = gateway.config
    minimum, count, maximum = _ping_counts(gateway)
    fields = [
        ("name", config.name),
        ("profile", config.profile),
        ("scheme", "Digest"),
        ("realm", config.realm),
        ("username", config.username),
        ("password", "yes"),
        ("from", escape(f"<sip:{config.username}@{_domain(gateway)}>")),
        ("contact", escape(_contact(gateway))),
        ("exten", escape(config.username)),
        ("to", _to(gateway)),
        ("proxy", f"sip:{config.proxy}"),
        ("context", "public"),
        ("expires", str(config.expire_seconds)),
        ("freq", str(config.expire_seconds)),
        ("ping", str(int(gateway.ping_at))),
        ("pingfreq", str(config.ping)),
        ("pingmin", str(minimum)),
        ("pingcount", str(count)),
        ("pingmax", str(maximum)),
        ("pingtime", f"{gateway.ping_milliseconds:.2f}"),
        ("pinging", "1" if gateway.pinging else "0"),
        ("state", gateway.state),
        ("status", "UP" if gateway.up else "DOWN"),
        ("uptime-usec", str(int(gateway.uptime * 1_000_000))),
        ("calls-in", str(gateway.calls_in)),
        ("calls-out", str(gateway.calls_out)),
        ("failed-calls-in", str(gateway.failed_calls_in)),
        ("failed-calls-out", str(gateway.failed_calls_out)),
    ]
    retry = gateway.retry_seconds
    if retry is not None:
        fields.append(("retry", f"{retry}s" if retry else "NEVER"))
    inner = "".join(f"    <{name}>{value}</{name}>\n" for name, value in fields)
    return f"  <gateway>\n{inner}  </gateway>\n"


def _profile_text(switch: "Switch", profile: "Profile") -> str:
    gateways = profile.gateways
    fields = (
        ("Name", profile.name),
        ("Domain Name", "N/A"),
        ("Auto-NAT", "false"),
        ("DBName", f"sofia_reg_{profile.name}"),
        ("Pres Hosts", ""),
        ("Dialplan", "XML"),
        ("Context", profile.context),
        ("Challenge Realm", "auto_to"),
        ("RTP-IP", profile.ip),
        ("SIP-IP", profile.ip),
        *([("Ext-SIP-IP", profile.external_ip)] if profile.external_ip else []),
        ("URL", profile.url),
        ("BIND-URL", f"{profile.bind_url};transport=udp,tcp"),
        ("HOLD-MUSIC", "N/A"),
        ("OUTBOUND-PROXY", "N/A"),
        ("CODECS IN", "PCMU,PCMA"),
        ("CODECS OUT", "PCMU,PCMA"),
        ("TEL-EVENT", "101"),
        ("DTMF-MODE", "rfc2833"),
        ("CNG", "13"),
        ("SESSION-TO", "0"),
        ("MAX-DIALOG", "0"),
        ("MAX-RECV-RPS", "1000"),
        ("NOMEDIA", "false"),
        ("LATE-NEG", "false"),
        ("PROXY-MEDIA", "false"),
        ("AGGRESSIVENAT", "false"),
        ("CALLS-IN", str(sum(g.calls_in for g in gateways))),
        ("FAILED-CALLS-IN", str(sum(g.failed_calls_in for g in gateways))),
        ("CALLS-OUT", str(sum(g.calls_out for g in gateways))),
        ("FAILED-CALLS-OUT", str(sum(g.failed_calls_out for g in gateways))),
        ("REGISTRATIONS", str(switch.registrations if profile.name == "internal" else 0)),
    )
    return LINE + "".join(f"{name:<17}\t{value}\n" for name, value in fields)


def _sofia_profile(switch: "Switch", name: str, rest: list[str]) -> str:
    profile = switch.running_profile(name)
    reloaded = "Reload XML [Success]\n"
    if rest[:1] == ["start"]:
        if profile is not None:
            return f"{reloaded}{name} is already running\n"
        if name not in switch.profiles:
            return f"{reloaded}Failure starting {name}\n"
        switch.start_profile(name)
        return f"{reloaded}{name} started successfully\n"
    if profile is None:
        return f"Invalid Profile [{name}]"
    match rest:
        case ["restart", *_]:
            switch.restart_profile(name)
            return f"{reloaded}restarting: {name}"
        case ["stop", *_]:
            switch.stop_profile(name)
            return f"stopping: {name}"
        case ["rescan", *_]:
            switch.rescan(name)
            return f"{reloaded}+OK scan complete\n"
        case ["killgw", gateway_name]:
            gateway = switch.find_gateway(gateway_name)
            if gateway is None:
                return "-ERR no such gateway.\n"
            gateway.kill()
            return "+OK gateway marked for deletion.\n"
        case [("register" | "unregister") as verb, gateway_name]:
            gateway = switch.find_gateway(gateway_name)
            if gateway is None or not gateway.config.register:
                return "Invalid gateway!\n"
            (gateway.ask_register if verb == "register" else gateway.ask_unregister)()
            return "+OK\n"
        case ["gwlist", *which]:
            up = which != ["down"]
            return "".join(f"{gateway.name} " for gateway in profile.gateways if gateway.up == up)
    return f"Unknown Command [{rest[0] if rest else ''}]\n"


COMMANDS: Final[dict[str, Callable[["Switch", str], str]]] = {
    "status": _status,
    "json": _json,
    "version": _version,
    "hostname": lambda switch, _: switch.identity.hostname,
    "switchname": lambda switch, _: switch.identity.switchname,
    "uptime": _uptime,
    "global_getvar": _global_getvar,
    "strepoch": _strepoch,
    "create_uuid": lambda switch, _: str(uuid.uuid4()),
    "fsctl": _fsctl,
    "reloadxml": lambda switch, _: "+OK [Success]\n",
    "show": _show,
    "sofia": _sofia,
    "uuid_kill": _uuid_kill,
    "uuid_exists": _uuid_exists,
    "uuid_getvar": _uuid_getvar,
    "uuid_dump": _uuid_dump,
}
