"""What the last event of a leg says for a ticket to the provider: who, when, where, which answer.

A leg is asked for it only if its call is kept.

Facts (facts-more.md E; traps that a reader of the headers would fall into):
- `Caller-Caller-ID-Number` is what the INVITE has as its caller, `effective_caller_id_number` included, until
  an answered leg runs a dialplan itself: then it is that of the far end, and `pre_transfer_*` has what it was
  (switch_channel.c: switch_channel_flip_cid). `Caller-Orig-*` of an outbound leg is the extension behind the
  call, which the provider never saw. `sip_from_user` of an outbound leg is set from 18x and 200 on only, and
  may be the user name of the gateway.
- `Caller-Destination-Number` follows the leg through the dialplan; `sip_req_uri` is what was dialled. The far
  end of an inbound leg may have dialled the contact that FreeSWITCH registered (`gw+NAME`).
- `sip_reply_host` is empty as long as nothing came from the network: then a 408 or 503 is FreeSWITCH's own,
  though the disposition reads `recv_refuse`.
- The first leg of a bridge gets `sip_invite_failure_*`, `sip_reason` and `sip_rh_*` of the second one copied.
  So status and phrase are those of outbound legs, and a Reason counts only where the far end ended the leg.
- A password may have been dialled (`user:password@host`, leg.py). The first leg of a bridge then has it alone
  as the number of the second one. It is never kept.
- `hangup_cause_q850` is 16 for every cause that Q.850 does not have.
- A leg that was never authenticated (a scanner, an address that the ACL refuses) has no times: it is no call.
"""

from typing import Final, Literal, NamedTuple

from exporter.esl import Event
from exporter.esl.errors import printable, without_passwords_in_addresses
from exporter.switch.cause import CAUSES
from exporter.switch.leg import ChannelEvent, without_password
from exporter.switch.whole_event import read_whole

Direction = Literal["inbound", "outbound"]

_CREATED: Final = b"Caller-Channel-Created-Time"
_LAST_Q850: Final = 127
_LOWEST_STATUS: Final = 100
_HIGHEST_STATUS: Final = 999  # 904 is one that FreeSWITCH's SIP stack adds (exporter.switch.sip)
_CONTACT: Final = "gw+"  # the user part of the contact with which FreeSWITCH registers a gateway
_DIALLED: Final = (b"variable_last_arg", b"variable_current_application_data")  # of a bridge
_OTHER_UUIDS: Final = (
    b"Other-Leg-Unique-ID",
    b"variable_bridge_uuid",
    b"variable_signal_bond",
    b"variable_originator",
    b"variable_originate_signal_bond",
)


class OtherEvidence(NamedTuple):
    """What a leg says of the one that it was bridged to, or was to be bridged to; empty: it says nothing.

    Attributes:
        direction: as reported; where it is not, the opposite of the leg's own.
    """

    uuid: str
    direction: Direction
    from_number: str
    to_number: str
    cause: str


class Evidence(NamedTuple):
    """One leg that ended. Texts are printable and cut, empty where the event has none.

    Attributes:
        seconds: from its start to its end.
        from_number, to_number: the user parts of the addresses: numbers, or names.
        sip_status, sip_phrase: the refusal of FreeSWITCH's INVITE, FreeSWITCH's own where `local`.
        q850: the number of the cause, 1 to 127.
        reason: the Reason header with which the far end refused or ended it.
        local: nothing came from the network, or FreeSWITCH refused an inbound call itself.
        ended_by: `far_end`, `freeswitch`, or empty.
        post_dial_delay: seconds to ringing or early media, else to the answer.
        remote_sip, remote_media, local_media: `ip:port`.
    """

    seconds: float
    direction: Direction
    from_number: str
    to_number: str
    sip_call_id: str
    sip_status: int | None
    sip_phrase: str
    cause: str
    q850: int | None
    reason: str
    local: bool
    ended_by: Literal["", "far_end", "freeswitch"]
    post_dial_delay: float | None
    remote_sip: str
    remote_media: str
    local_media: str
    codec: str
    user_agent: str
    other: OtherEvidence | None


def is_call(event: ChannelEvent) -> bool:
    """False for what a stranger left behind, whom FreeSWITCH never let make a call."""
    return bool(event.raw.get_int(_CREATED))


def read_evidence(event: ChannelEvent) -> Evidence:
    """The evidence in a leg's CHANNEL_HANGUP_COMPLETE or CHANNEL_DESTROY."""
    raw = read_whole(event.raw)
    outbound = raw.get(b"Call-Direction") == "outbound"
    answered = bool(raw.get_int(b"Caller-Channel-Answered-Time"))
    disposition = _text(raw, b"variable_sip_hangup_disposition")
    if outbound:
        remote_sip = _address(raw, b"variable_sip_reply_host", b"variable_sip_reply_port")
        local = not remote_sip
    else:
        remote_sip = _address(raw, b"variable_sip_network_ip", b"variable_sip_network_port")
        local = not answered and not disposition.startswith("recv_")
    status = raw.get_int(b"variable_sip_term_status") if outbound and not answered else None
    if status is not None and not _LOWEST_STATUS <= status <= _HIGHEST_STATUS:
        status = None
    cause = _text(raw, b"Hangup-Cause")
    number = CAUSES.get(cause, 0)
    created = raw.get_int(_CREATED) or 0
    ended = raw.get_int(b"Caller-Channel-Hangup-Time") or created
    return Evidence(
        seconds=max(ended - created, 0) / 1e6,
        direction="outbound" if outbound else "inbound",
        from_number=_caller(raw) if outbound else _calling(raw),
        to_number=printable(event.dialled()) if outbound else _called(raw),
        sip_call_id=_text(raw, b"variable_sip_call_id") or _text(raw, b"variable_sip_invite_call_id"),
        sip_status=status,
        sip_phrase=_text(raw, b"variable_sip_invite_failure_phrase") if status else "",
        cause=cause,
        q850=number if 1 <= number <= _LAST_Q850 else None,
        reason=_text(raw, b"variable_sip_reason") if disposition.startswith("recv_") else "",
        local=local,
        ended_by=_ended_by(disposition, local=local),
        post_dial_delay=_post_dial_delay(ChannelEvent(raw), answered=answered),
        remote_sip=remote_sip,
        remote_media=_address(raw, b"variable_remote_media_ip", b"variable_remote_media_port"),
        local_media=_address(raw, b"variable_advertised_media_ip", b"variable_local_media_port"),
        codec=_text(raw, b"variable_rtp_use_codec_name") or _text(raw, b"variable_read_codec"),
        user_agent=_text(raw, b"variable_sip_user_agent"),
        other=_other(raw, outbound=outbound),
    )


def _text(raw: Event, header: bytes) -> str:
    return printable(raw.get(header) or "")


def _user(raw: Event, header: bytes) -> str:
    return printable(without_password(raw.get(header) or ""))


def _caller(raw: Event) -> str:
    """The number that FreeSWITCH's INVITE had."""
    return _user(raw, b"variable_pre_transfer_caller_id_number") or _user(raw, b"Caller-Caller-ID-Number")


def _calling(raw: Event) -> str:
    """The number that the far end called from."""
    return (
        _user(raw, b"Caller-Orig-Caller-ID-Number")
        or _user(raw, b"variable_sip_from_user")
        or _user(raw, b"Caller-Caller-ID-Number")
    )


def _called(raw: Event) -> str:
    """The number that the far end called."""
    for header in (b"variable_sip_req_user", b"variable_sip_to_user"):
        user = _user(raw, header)
        if user and not user.startswith(_CONTACT):
            return user
    return _user(raw, b"Caller-Destination-Number")


def _address(raw: Event, host_header: bytes, port_header: bytes) -> str:
    host = _text(raw, host_header)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    port = raw.get_int(port_header)
    return f"{host}:{port}" if host and port else host


def _ended_by(disposition: str, *, local: bool) -> Literal["", "far_end", "freeswitch"]:
    if disposition.startswith("send_") or (disposition and local):
        return "freeswitch"
    return "far_end" if disposition.startswith("recv_") else ""


def _post_dial_delay(event: ChannelEvent, *, answered: bool) -> float | None:
    delay = event.post_dial_delay()
    return event.answer_delay() if delay is None and answered else delay


def _other(raw: Event, *, outbound: bool) -> OtherEvidence | None:
    # FreeSWITCH writes a leg that was originated as `uuid;name;number`, and how it ended as `uuid;cause`.
    originated = _text(raw, b"variable_originated_legs").split(";")
    uuid = next((found for header in _OTHER_UUIDS if (found := _text(raw, header))), originated[0])
    if not uuid:
        return None
    opposite = "inbound" if outbound else "outbound"
    inbound = (raw.get(b"Other-Leg-Direction") or opposite) == "inbound"
    ended = _text(raw, b"variable_originate_causes").split(";")
    cause = ended[-1] if ended[0] == uuid and ended[-1] != "NONE" else ""
    callers = (b"Other-Leg-Orig-Caller-ID-Number", b"Other-Leg-Caller-ID-Number")
    if raw.get(b"Other-Type") == "originatee":
        callers = (callers[1], callers[0])  # an INVITE of FreeSWITCH's
    return OtherEvidence(
        uuid=uuid,
        direction="inbound" if inbound else "outbound",
        from_number=_user(raw, callers[0]) or _user(raw, callers[1]),
        to_number=_not_a_password(
            raw,
            _user(raw, b"Other-Leg-Destination-Number")
            or (originated[-1] if originated[0] == uuid and len(originated) > 1 else ""),
        ),
        cause=cause or _text(raw, b"variable_last_bridge_hangup_cause"),
    )


def _not_a_password(raw: Event, number: str) -> str:
    """The number that the leg bridged to; empty if the bridge had it as a password only."""
    for header in _DIALLED:
        dialled = raw.get(header) or ""
        if number in dialled and number not in without_passwords_in_addresses(dialled):
            return ""
    return number
