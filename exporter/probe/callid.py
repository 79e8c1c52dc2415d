"""UUIDs of probe calls, which say whose call it is and how long it may live at most.

A legal version 4 UUID with three fields of ours:

    70726f62-IIII-4CCC-Vxxx-xxxxxxxxxxxx
    |        |     |   '-------------- random (V: 8, 9, a or b)
    |        |     '------------------ the call's own cap: whole seconds, hexadecimal
    |        '------------------------ instance id of the exporter that placed it
    '--------------------------------- "prob": a probe call of any exporter

It is chosen before FreeSWITCH hears of the call, so that everything that is ever said about the call can be
matched to it, and so that any exporter that finds the call later can tell from its UUID alone whether it is
overdue.
"""

import re
import secrets
from typing import Final, NamedTuple

from exporter.switch.leg import PROBE_PREFIX

MAX_CAP: Final = 0xFFF
_INSTANCE: Final = re.compile(r"[0-9a-f]{4}")
_CALL_ID: Final = re.compile(PROBE_PREFIX + r"([0-9a-f]{4})-4([0-9a-f]{3})-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class CallId(NamedTuple):
    """What a probe call's UUID says: the exporter's instance id, and the cap in seconds."""

    instance: str
    cap: int


def new_call_id(instance: str, cap: int) -> str:
    """A UUID for a call that ends `cap` seconds after its creation at the latest.

    Raises:
        ValueError: the instance is not four hex digits, or the cap is not within 1 to MAX_CAP.
    """
    if not _INSTANCE.fullmatch(instance):
        raise ValueError(f"not an instance id: {instance!r}")
    if not 0 < cap <= MAX_CAP:
        raise ValueError(f"a call's cap is 1 to {MAX_CAP} s, not {cap}")
    tail = f"{secrets.choice('89ab')}{secrets.token_hex(2)[1:]}-{secrets.token_hex(6)}"
    return f"{PROBE_PREFIX}{instance}-4{cap:03x}-{tail}"


def read_call_id(uuid: str) -> CallId | None:
    """What the UUID says; None if it is not a probe call's."""
    match = _CALL_ID.fullmatch(uuid)
    return CallId(match[1], int(match[2], 16)) if match else None
