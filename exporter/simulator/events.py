"""An event as FreeSWITCH writes it: which headers, in which order, and how they are encoded.

Strategy: an event is an ordered list of (name, value) pairs, because order matters on the wire and names
may repeat (`Hangup-Cause` stands twice in CHANNEL_HANGUP_COMPLETE). Every event begins with the same
thirteen headers; `SOURCES` has the line of FreeSWITCH 1.11.2 that each event names as its origin. The two
encodings, plain and json, are rendered at most once per event, for any number of clients.

Encoding (facts.md 1.5): plain values are percent-encoded but for an existing `%` and two upper-case hex
digits, names never are; json is exact text. A list value is `ARRAY::a|:b` in plain, a list in json.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Final

from exporter.simulator.clock import local_date

Value = str | list[str]
Header = tuple[str, Value]

SOURCES: Final[dict[str, tuple[str, str, int]]] = {
    "API": ("switch_loadable_module.c", "switch_api_execute", 3140),
    "BACKGROUND_JOB": ("mod_event_socket.c", "api_exec", 1580),
    "CALL_UPDATE": ("switch_channel.c", "switch_channel_flip_cid", 3279),
    "CALL_UPDATE sent": ("mod_sofia.c", "sofia_receive_message", 2133),
    "CHANNEL_ANSWER": ("switch_channel.c", "switch_channel_perform_mark_answered", 3848),
    "CHANNEL_BRIDGE": ("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge", 1689),
    "CHANNEL_CALLSTATE": ("switch_channel.c", "switch_channel_perform_set_callstate", 302),
    "CHANNEL_CREATE": ("switch_core_state_machine.c", "switch_core_session_run", 626),
    "CHANNEL_DATA": ("mod_commands.c", "uuid_dump_function", 6495),
    "CHANNEL_DESTROY": ("switch_core_session.c", "switch_core_session_perform_destroy", 1588),
    "CHANNEL_EXECUTE": ("switch_core_session.c", "switch_core_session_exec", 2949),
    "CHANNEL_EXECUTE_COMPLETE": ("switch_core_session.c", "switch_core_session_exec", 2972),
    "CHANNEL_HANGUP": ("switch_channel.c", "switch_channel_perform_hangup", 3447),
    "CHANNEL_HANGUP_COMPLETE": ("switch_core_state_machine.c", "switch_core_session_reporting_state", 943),
    "CHANNEL_ORIGINATE": ("switch_core_state_machine.c", "switch_core_session_run", 632),
    "CHANNEL_OUTGOING": ("switch_core_session.c", "switch_core_session_outgoing_channel", 768),
    "CHANNEL_PARK": ("switch_ivr.c", "switch_ivr_park", 1002),
    "CHANNEL_PROGRESS": ("switch_channel.c", "switch_channel_perform_mark_ring_ready_value", 3507),
    "CHANNEL_PROGRESS_MEDIA": ("switch_channel.c", "switch_channel_perform_mark_pre_answered", 3562),
    "CHANNEL_STATE": ("switch_channel.c", "switch_channel_perform_set_running_state", 2409),
    "CHANNEL_UNBRIDGE": ("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge", 1879),
    "CHANNEL_UNPARK": ("switch_ivr.c", "switch_ivr_park", 1213),
    "CODEC": ("switch_core_codec.c", "switch_core_session_set_real_read_codec", 189),
    "CODEC write": ("switch_core_codec.c", "switch_core_session_set_write_codec", 471),
    "DETECTED_TONE": ("switch_ivr_async.c", "tone_detect_callback", 4271),
    "HEARTBEAT": ("switch_core.c", "send_heartbeat", 95),
    "MEDIA_BUG_START": ("switch_core_media_bug.c", "switch_core_media_bug_add", 1014),
    "MEDIA_BUG_STOP": ("switch_core_media_bug.c", "switch_core_media_bug_destroy", 84),
    "MODULE_LOAD api": ("switch_loadable_module.c", "switch_loadable_module_process", 449),
    "MODULE_LOAD application": ("switch_loadable_module.c", "switch_loadable_module_process", 385),
    "MODULE_LOAD codec": ("switch_loadable_module.c", "switch_loadable_module_process", 298),
    "MODULE_LOAD endpoint": ("switch_loadable_module.c", "switch_loadable_module_process", 227),
    "MODULE_UNLOAD api": ("switch_loadable_module.c", "switch_loadable_module_unprocess", 1358),
    "MODULE_UNLOAD application": ("switch_loadable_module.c", "switch_loadable_module_unprocess", 1301),
    "MODULE_UNLOAD codec": ("switch_loadable_module.c", "switch_loadable_module_unprocess", 1241),
    "MODULE_UNLOAD endpoint": ("switch_loadable_module.c", "switch_loadable_module_unprocess", 1187),
    "PLAYBACK_START": ("switch_ivr_play_say.c", "switch_ivr_play_file", 1649),
    "PLAYBACK_STOP": ("switch_ivr_play_say.c", "switch_ivr_play_file", 2023),
    "PUBLISH": ("sofia.c", "sofia_profile_thread_run", 3433),
    "RELOADXML": ("switch_xml.c", "switch_xml_open_root", 2423),
    "RE_SCHEDULE": ("switch_scheduler.c", "switch_scheduler_execute", 73),
    "SHUTDOWN": ("switch_core.c", "switch_core_destroy", 3033),
    "TRAP": ("switch_core.c", "check_ip", 194),
    "UNPUBLISH": ("sofia.c", "sofia_profile_thread_run", 3543),
    "sendevent": ("mod_event_socket.c", "parse_command", 2283),
    "event application": ("mod_dptools.c", "event_function", 1902),
    "sofia::gateway_add": ("sofia_reg.c", "sofia_reg_add_gateway", 3723),
    "sofia::gateway_delete": ("sofia_reg.c", "sofia_reg_check_gateway", 343),
    "sofia::gateway_state": ("sofia_reg.c", "sofia_reg_fire_custom_gateway_state_event", 156),
    "sofia::profile_start": ("sofia.c", "config_sofia", 6343),
    "sofia::expire": ("sofia_reg.c", "sofia_reg_del_callback", 726),
    "sofia::register": ("sofia_reg.c", "sofia_reg_handle_register_token", 2059),
    "sofia::sip_user_state": ("sofia_reg.c", "sofia_reg_fire_custom_sip_user_state_event", 179),
    "sofia::unregister": ("sofia_reg.c", "sofia_reg_handle_register_token", 2213),
    "sofia::register_failure": ("sofia_reg.c", "sofia_reg_handle_register_token", 1792),
    "sofia::wrong_call_state": ("mod_sofia.c", "sofia_on_hangup", 672),
}

# The event names `event` understands (switch_types.h); any other name is ignored by FreeSWITCH.
EVENT_NAMES: Final = frozenset(
    """
    CUSTOM CLONE CHANNEL_CREATE CHANNEL_DESTROY CHANNEL_STATE CHANNEL_CALLSTATE CHANNEL_ANSWER CHANNEL_HANGUP
    CHANNEL_HANGUP_COMPLETE CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HOLD CHANNEL_UNHOLD
    CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_OUTGOING CHANNEL_PARK
    CHANNEL_UNPARK CHANNEL_APPLICATION CHANNEL_ORIGINATE CHANNEL_UUID API LOG INBOUND_CHAN OUTBOUND_CHAN
    STARTUP SHUTDOWN PUBLISH UNPUBLISH TALK NOTALK SESSION_CRASH MODULE_LOAD MODULE_UNLOAD DTMF MESSAGE
    PRESENCE_IN NOTIFY_IN PRESENCE_OUT PRESENCE_PROBE MESSAGE_WAITING MESSAGE_QUERY ROSTER CODEC
    BACKGROUND_JOB DETECTED_SPEECH DETECTED_TONE PRIVATE_COMMAND HEARTBEAT TRAP ADD_SCHEDULE DEL_SCHEDULE
    EXE_SCHEDULE RE_SCHEDULE RELOADXML NOTIFY PHONE_FEATURE PHONE_FEATURE_SUBSCRIBE SEND_MESSAGE RECV_MESSAGE
    REQUEST_PARAMS CHANNEL_DATA GENERAL COMMAND SESSION_HEARTBEAT CLIENT_DISCONNECTED SERVER_DISCONNECTED
    SEND_INFO RECV_INFO RECV_RTCP_MESSAGE SEND_RTCP_MESSAGE CALL_SECURE NAT RECORD_START RECORD_STOP
    PLAYBACK_START PLAYBACK_STOP CALL_UPDATE FAILURE SOCKET_DATA MEDIA_BUG_START MEDIA_BUG_STOP
    CONFERENCE_DATA_QUERY CONFERENCE_DATA CALL_SETUP_REQ CALL_SETUP_RESULT CALL_DETAIL DEVICE_STATE TEXT
    SHUTDOWN_REQUESTED ALL
    """.split()
)


@dataclass(frozen=True, slots=True)
class Identity:
    """The headers that are the same in every event of one running switch."""

    core_uuid: str
    hostname: str = "vm"
    switchname: str = "lab"
    ipv4: str = "192.0.2.2"
    ipv6: str = "fd00::2"

    def headers(self) -> list[Header]:
        """The five headers that name the switch."""
        return [
            ("Core-UUID", self.core_uuid),
            ("FreeSWITCH-Hostname", self.hostname),
            ("FreeSWITCH-Switchname", self.switchname),
            ("FreeSWITCH-IPv4", self.ipv4),
            ("FreeSWITCH-IPv6", self.ipv6),
        ]


@dataclass(slots=True)
class Event:
    """One event, ready to be written to any number of clients.

    Attributes:
        name: `Event-Name`.
        subclass: `Event-Subclass` of a CUSTOM event, else "".
        headers: every header in wire order, not encoded.
        body: what follows the headers (BACKGROUND_JOB's reply text), mostly "".
        indented: in JSON each header has a line of its own, as FreeSWITCH 1.2 wrote them.
    """

    name: str
    subclass: str
    headers: list[Header]
    body: str = ""
    indented: bool = False
    _frames: dict[str, bytes] = field(default_factory=dict)

    def get(self, name: str) -> Value | None:
        """The first value of header `name`, in any case of letters; filters ask for those in front."""
        name = name.lower()
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    def frame(self, encoding: str) -> bytes:
        """The complete frame as sent to a client that asked for `encoding` ("plain" or "json")."""
        frame = self._frames.get(encoding)
        if frame is None:
            text = self.json() if encoding == "json" else self.plain()
            payload = text.encode("utf-8", "surrogateescape")
            head = f"Content-Length: {len(payload)}\nContent-Type: text/event-{encoding}\n\n"
            frame = self._frames[encoding] = head.encode() + payload
        return frame

    def plain(self) -> str:
        """The payload of a `text/event-plain` frame; also the reply of `uuid_dump`."""
        lines = [f"{name}: {percent_encoded(flat(value))}\n" for name, value in self.headers]
        if self.body:
            length = len(self.body.encode("utf-8", "surrogateescape"))
            return "".join(lines) + f"Content-Length: {length}\n\n{self.body}"
        return "".join(lines) + "\n"

    def json(self) -> str:
        """The payload of a `text/event-json` frame. Repeated names stay repeated."""
        pairs = list(self.headers)
        if self.body:
            length = len(self.body.encode("utf-8", "surrogateescape"))
            pairs += [("Content-Length", str(length)), ("_body", self.body)]
        if self.indented:
            members = [f"\t{_quoted_name(name)}:\t{quoted(value)}" for name, value in pairs]
            return "{\n" + ",\n".join(members) + "\n}"
        members = [
            f"{_quoted_name(name)}:{encode_basestring(value) if type(value) is str else quoted(value)}"
            for name, value in pairs
        ]
        return "{" + ",".join(members) + "}"


_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def quoted(value: Value) -> str:
    """`value` as JSON."""
    return _JSON.encode(value)


@lru_cache(maxsize=2048)
def _quoted_name(name: str) -> str:
    """As `quoted`, of a header's name: there are some hundred, written again and again."""
    return quoted(name)


def flat(value: Value) -> str:
    """A list as FreeSWITCH flattens it outside json."""
    return value if isinstance(value, str) else "ARRAY::" + "|:".join(value)


# switch_utils.h SWITCH_URL_UNSAFE, blanks and all outside printable ASCII; an escape already there stays.
_UNSAFE: Final = re.compile(r"""%[0-9A-F]{2}|[^!$'()*,\-./0-9A-Z_a-z~]""")


def _escape(match: re.Match[str]) -> str:
    text = match.group()
    if len(text) == 3:
        return text
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogateescape"))


def percent_encoded(value: str) -> str:
    """`value` as switch_url_encode writes it, lossy as it is: "100%41" stays and will read as "100A"."""
    return _UNSAFE.sub(_escape, value)


def dates(microseconds: int) -> list[Header]:
    """The three date headers of an event stamped `microseconds` since the epoch."""
    return [
        ("Event-Date-Local", local_date(microseconds)),
        ("Event-Date-GMT", _gmt(microseconds // 1_000_000)),
        ("Event-Date-Timestamp", str(microseconds)),
    ]


@lru_cache(maxsize=16)
def _gmt(seconds: int) -> str:
    """Of the same second there are many events."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


def built(
    identity: Identity,
    name: str,
    *,
    stamp: int,
    sequence: int,
    headers: Iterable[Header] = (),
    body: str = "",
    subclass: str = "",
    source: str = "",
    first: Iterable[Header] = (),
) -> Event:
    """One event with its thirteen common headers.

    Args:
        identity: of the switch.
        name: `Event-Name`.
        stamp: epoch microseconds of the core clock.
        sequence: `Event-Sequence`.
        headers: what follows the common headers.
        body: what follows the headers.
        subclass: of a CUSTOM event; stands before `Event-Name`, as sofia's events have it.
        source: key of `SOURCES` when it is not the subclass or the name.
        first: headers before everything else, where FreeSWITCH fired an event made of a client's command.
    """
    file, function, line = SOURCES[source or subclass or name]
    head: list[Header] = list(first)
    if subclass:
        head.append(("Event-Subclass", subclass))
    head.append(("Event-Name", name))
    head += identity.headers()
    head += dates(stamp)
    head += [
        ("Event-Calling-File", file),
        ("Event-Calling-Function", function),
        ("Event-Calling-Line-Number", str(line)),
        ("Event-Sequence", str(sequence)),
    ]
    head += headers
    return Event(name, subclass, head, body)
