"""What `show channels|calls|registrations` answers: as text, as JSON, or a count only.

Strategy: one row per leg (`channels`) or per call (`calls`: a bridged pair is one row, the second leg's
columns begin with `b_`); the columns and their order are FreeSWITCH's.
"""

import json
import re
from typing import Final

from exporter.simulator.channel import Channel
from exporter.simulator.clock import local_date
from exporter.simulator.switch import Switch

USAGE: Final = "-USAGE: [...]\n"
# What `like` searches.
SEARCHED: Final = ("uuid", "name", "cid_name", "cid_num")

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


def _row(leg: Channel, hostname: str) -> dict[str, str]:
    created = leg.times["created"]
    codec = leg.codec if leg.get("read_codec") else None
    application = leg.application
    dialplan = "" if leg.outbound else "XML"
    address = "" if leg.outbound else leg.sip.peer
    row = {
        "uuid": leg.uuid,
        "direction": leg.direction,
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
        for side in ("read", "write"):
            row |= {
                f"{side}_codec": codec.name,
                f"{side}_rate": str(codec.rate),
                f"{side}_bit_rate": str(codec.bit_rate),
            }
    return row


def _call_row(leg: Channel, hostname: str) -> dict[str, str]:
    row = _row(leg, hostname)
    if leg.other is not None:
        row |= {f"b_{name}": value for name, value in _row(leg.other, hostname).items()}
    return row


def show(switch: Switch, arguments: str) -> str:
    """The reply to `show arguments`."""
    what, _, rest = arguments.partition(" ")
    as_json = bool(re.search(r"\bas json$", rest))
    if "count" in rest.split():
        return _count(switch, what, as_json=as_json)
    hostname = switch.identity.switchname
    legs = switch.legs.values()
    columns: list[str] = []
    rows: list[dict[str, str]] = []
    if what == "channels":
        columns, rows = CHANNEL_COLUMNS, [_row(leg, hostname) for leg in legs]
    elif what == "calls":
        columns, rows = CALL_COLUMNS, [_call_row(leg, hostname) for leg in legs if leg.leads()]
    elif what != "registrations":
        return USAGE
    if like := re.match(r"like (\S+)", rest):
        wanted = like[1].strip("%").lower()
        rows = [row for row in rows if any(wanted in row[name].lower() for name in SEARCHED)]
    return _as_json(columns, rows) if as_json else _as_text(columns, rows)


def _count(switch: Switch, what: str, *, as_json: bool) -> str:
    counts = {
        "channels": len(switch.legs),
        "calls": switch.sessions.call_count,
        "registrations": switch.registrations + len(switch.telephones.rows),
    }
    if what not in counts:
        return USAGE
    return f'{{"row_count":{counts[what]},"rows":[]}}' if as_json else f"\n{counts[what]} total.\n"


def _as_json(columns: list[str], rows: list[dict[str, str]]) -> str:
    if not rows:
        return '{"row_count": 0}\n'
    document = {
        "row_count": len(rows),
        "rows": [{name: row.get(name, "") for name in columns} for row in rows],
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _as_text(columns: list[str], rows: list[dict[str, str]]) -> str:
    if not rows:
        return "\n0 total.\n"
    lines = [",".join(columns), *(",".join(row.get(name, "") for name in columns) for row in rows)]
    return "\n".join(lines) + f"\n\n{len(rows)} total.\n"
