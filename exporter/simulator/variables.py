"""Which channel variables FreeSWITCH sets at which step of a call, in which order.

Strategy: each function here is one step as the recordings show it, and returns what FreeSWITCH sets then. The
report at the end of a leg is in report.py.
"""

from collections.abc import Iterable

from exporter.simulator.channel import Channel
from exporter.simulator.events import Header
from exporter.simulator.sip import ALLOW, Codec, codec_string, local_sdp, remote_sdp


def created(leg: Channel, *, outbound: bool) -> list[Header]:
    """A session was made; a dial refused for its gateway sets nothing more."""
    pairs: list[Header] = [("direction", "outbound" if outbound else "inbound")]
    if outbound:
        pairs.append(("is_outbound", "true"))
    return [*pairs, ("uuid", leg.uuid), ("call_uuid", leg.uuid), ("session_id", str(leg.session_id))]


def dialled(
    leg: Channel, given: list[tuple[str, str]], *, early_media: bool, originator: Channel | None
) -> list[Header]:
    """mod_sofia and originate prepare an outbound leg.

    Args:
        leg: that is dialled.
        given: the variables of the dial string.
        early_media: early media counts as an answer.
        originator: the leg that dials this one, in a bridge.
    """
    sip = leg.sip
    gateway: list[Header] = []
    if sip.gateway:
        gateway = [("sip_gateway_name", sip.gateway), ("sip_invite_domain", sip.realm)]
    for_bridge: list[Header] = []
    if originator is not None:
        for_bridge = [
            ("max_forwards", "69"),
            ("originator_codec", _plain_codec(originator.codec)),
            ("originator", originator.uuid),
            ("signal_bond", originator.uuid),
            ("switch_m_sdp", remote_sdp(originator.sip, originator.codec)),
            ("call_uuid", originator.uuid),
        ]
    return [
        *gateway,
        ("sip_local_network_addr", sip.local_ip),
        ("sip_profile_name", "gateway" if sip.gateway else sip.profile),
        ("video_media_flow", "disabled"),
        ("audio_media_flow", "disabled"),
        ("text_media_flow", "disabled"),
        ("channel_name", leg.name),
        ("sip_destination_url", f"sip:{leg.number}@{sip.peer}:{sip.peer_port}"),
        *for_bridge,
        *given,
        ("originate_early_media", "true" if early_media else "false"),
        *([("originating_leg_uuid", originator.uuid)] if originator is not None else []),
        ("originate_endpoint", "sofia"),
    ]


def _plain_codec(codec: Codec) -> str:
    return f"{codec.name}@{codec.rate}h@20i"


def _offered(leg: Channel) -> str:
    """The codecs that FreeSWITCH offers: the profile's, or the caller's own where one leg dials another."""
    return _plain_codec(leg.codec) if leg.other_type == "originator" else "PCMU,PCMA"


def offered(leg: Channel) -> list[Header]:
    """What FreeSWITCH would offer, before it looks for a port."""
    return [("rtp_use_codec_string", _offered(leg))]


def invited(leg: Channel) -> list[Header]:
    """The INVITE is written."""
    sip = leg.sip
    return [
        *offered(leg),
        ("local_media_ip", sip.local_ip),
        ("local_media_port", sip.media_port),
        ("advertised_media_ip", sip.local_ip),
        ("audio_media_flow", "sendrecv"),
        *([("video_media_flow", "disabled")] if leg.other_type == "originator" else []),
        ("rtp_local_sdp_str", local_sdp(sip)),
        ("sip_outgoing_contact_uri", sip.contact),
        ("sip_req_uri", f"{leg.number}@{sip.peer}:{sip.peer_port}"),
        ("sip_to_host", f"{sip.peer}:{sip.peer_port}"),
        ("sip_from_host", sip.realm or sip.local_ip),
        ("sofia_profile_name", sip.profile),
        ("recovery_profile_name", sip.profile),
        ("sofia_profile_url", sip.profile_url),
    ]


def addressed(leg: Channel) -> list[Header]:
    """Any answer came: FreeSWITCH knows where from."""
    sip = leg.sip
    return [
        ("sip_local_network_addr", sip.local_ip),
        ("sip_reply_host", sip.peer),
        ("sip_reply_port", sip.peer_port),
        ("sip_network_ip", sip.peer),
        ("sip_network_port", sip.peer_port),
    ]


def responded(leg: Channel, *, early_sdp: bool = False) -> list[Header]:
    """A 180, 183 or 200 was read; `early_sdp` when the dialog saw its first SDP in a 183."""
    sip = leg.sip
    domain = sip.realm or sip.local_ip
    display: list[Header] = [("sip_from_display", leg.caller_name)] if leg.caller_name else []
    quoted = f'"{leg.caller_name}" ' if leg.caller_name else ""
    via = f"SIP/2.0/UDP {sip.local_ip}:{sip.local_port};rport={sip.local_port};branch={sip.branch}"
    return [
        *addressed(leg),
        *([("ep_codec_string", codec_string(leg.codec))] if early_sdp else []),
        ("sip_user_agent", sip.user_agent),
        ("sip_allow", ALLOW),
        ("sip_recover_contact", f"<sip:{leg.number}@{sip.peer}:{sip.peer_port};transport=udp>"),
        ("sip_full_via", via),
        ("sip_recover_via", via),
        *display,
        ("sip_full_from", f"{quoted}<sip:{leg.caller_number}@{domain}>;tag={sip.from_tag}"),
        ("sip_full_to", f"<sip:{leg.number}@{sip.peer}:{sip.peer_port}>;tag={sip.to_tag}"),
        ("sip_from_user", leg.caller_number),
        ("sip_from_uri", f"{leg.caller_number}@{domain}"),
        ("sip_from_host", domain),
        ("sip_to_user", leg.number),
        ("sip_to_port", sip.peer_port),
        ("sip_to_uri", f"{leg.number}@{sip.peer}:{sip.peer_port}"),
        ("sip_to_host", sip.peer),
        ("sip_contact_params", "transport=udp"),
        ("sip_contact_user", leg.number),
        ("sip_contact_port", sip.peer_port),
        ("sip_contact_uri", f"{leg.number}@{sip.peer}:{sip.peer_port}"),
        ("sip_contact_host", sip.peer),
        ("sip_to_tag", sip.to_tag),
        ("sip_from_tag", sip.from_tag),
        ("sip_cseq", sip.cseq),
        ("sip_call_id", sip.call_id),
    ]


def negotiated(leg: Channel, *, early: bool) -> list[Header]:
    """The audio stream is set up from the far end's SDP, `early` when that came with a 183."""
    return [
        ("ep_codec_string", codec_string(leg.codec)),
        ("rtp_use_codec_string", _offered(leg)),
        ("remote_video_media_flow", "inactive"),
        ("remote_text_media_flow", "inactive"),
        ("remote_audio_media_flow", "sendrecv"),
        *([("audio_media_flow", "sendrecv")] if early else []),
        *_codec_chosen(leg.codec),
        *_rtp_started(leg),
        ("remote_media_ip", leg.sip.peer),
        ("remote_media_port", leg.sip.remote_media_port),
    ]


def _codec_chosen(codec: Codec) -> list[Header]:
    return [
        ("rtp_audio_recv_pt", str(codec.payload_type)),
        ("rtp_use_codec_name", codec.name),
        ("rtp_use_codec_rate", str(codec.rate)),
        ("rtp_use_codec_ptime", "20"),
        ("rtp_use_codec_channels", "1"),
        ("rtp_last_audio_codec_string", f"{codec.name}@{codec.rate}h@20i@1c"),
        ("read_codec", codec.name),
        ("original_read_codec", codec.name),
        ("read_rate", str(codec.rate)),
        ("original_read_rate", str(codec.rate)),
        ("write_codec", codec.name),
        ("write_rate", str(codec.rate)),
        ("dtmf_type", "rfc2833"),
    ]


def _rtp_started(leg: Channel) -> list[Header]:
    return [
        ("local_media_ip", leg.sip.local_ip),
        ("local_media_port", leg.sip.media_port),
        ("advertised_media_ip", leg.sip.local_ip),
        ("rtp_use_timer_name", "soft"),
        ("rtp_use_pt", str(leg.codec.payload_type)),
        ("rtp_use_ssrc", str(leg.sip.ssrc)),
        ("rtp_2833_send_payload", "101"),
        ("rtp_2833_recv_payload", "101"),
    ]


def arrived(leg: Channel, *, addressed_to: str, via_gateway: bool, stamp: int) -> list[Header]:
    """An INVITE arrived and its SDP was read: an inbound leg as its CHANNEL_CREATE has it.

    Args:
        leg: that arrived.
        addressed_to: user part of the request URI.
        stamp: microseconds since the epoch when the INVITE came.
        via_gateway: the URI carried the Contact that FreeSWITCH registered, so `sip_gateway` is known.
    """
    sip = leg.sip
    caller, peer = leg.caller_number, f"{sip.peer}:{sip.peer_port}"
    here = f"{sip.local_ip}:{sip.local_port}"
    parameters = f"transport=udp;gw={sip.gateway}"
    to_uri = f"<sip:{addressed_to}@{here};{parameters}>" if via_gateway else f"<sip:{addressed_to}@{here}>"
    quoted = f'"{leg.caller_name}" ' if leg.caller_name else ""
    display: list[Header] = [("sip_from_display", leg.caller_name)] if leg.caller_name else []
    return [
        ("sip_from_user", caller),
        ("sip_from_uri", f"{caller}@{sip.peer}"),
        ("sip_from_host", sip.peer),
        ("video_media_flow", "disabled"),
        ("text_media_flow", "disabled"),
        ("channel_name", leg.name),
        ("sip_call_id", sip.call_id),
        ("sip_local_network_addr", sip.local_ip),
        ("sip_network_ip", sip.peer),
        ("sip_network_port", sip.peer_port),
        ("sip_invite_stamp", str(stamp)),
        ("sip_received_ip", sip.peer),
        ("sip_received_port", sip.peer_port),
        ("sip_via_protocol", "udp"),
        *([("sip_from_user_stripped", caller.lstrip("+"))] if caller.startswith("+") else []),
        ("sip_from_tag", sip.from_tag),
        ("sofia_profile_name", sip.profile),
        ("sofia_profile_url", sip.profile_url),
        ("recovery_profile_name", sip.profile),
        ("sip_Remote-Party-ID", f"{quoted}<sip:{caller}@{sip.peer}>;party=calling;screen=yes;privacy=off"),
        ("sip_cid_type", "rpid"),
        ("sip_full_via", f"SIP/2.0/UDP {peer};rport={sip.peer_port};branch={sip.branch}"),
        *display,
        ("sip_full_from", f"{quoted}<sip:{caller}@{sip.peer}>;tag={sip.from_tag}"),
        ("sip_full_to", to_uri),
        ("sip_allow", ALLOW),
        *([("sip_req_params", parameters)] if via_gateway else []),
        ("sip_req_user", addressed_to),
        ("sip_req_port", sip.local_port),
        ("sip_req_uri", f"{addressed_to}@{here}"),
        ("sip_req_host", sip.local_ip),
        *([("sip_to_params", parameters)] if via_gateway else []),
        ("sip_to_user", addressed_to),
        ("sip_to_port", sip.local_port),
        ("sip_to_uri", f"{addressed_to}@{here}"),
        ("sip_to_host", sip.local_ip),
        ("sip_contact_user", "mod_sofia"),
        ("sip_contact_port", sip.peer_port),
        ("sip_contact_uri", f"mod_sofia@{peer}"),
        ("sip_contact_host", sip.peer),
        ("sip_user_agent", sip.user_agent),
        ("sip_via_host", sip.peer),
        ("sip_via_port", sip.peer_port),
        ("sip_via_rport", sip.peer_port),
        ("max_forwards", "70" if via_gateway else "69"),
        *([("sip_gateway", sip.gateway)] if via_gateway else []),
        ("switch_r_sdp", remote_sdp(sip, leg.codec)),
        ("ep_codec_string", codec_string(leg.codec)),
        ("rtp_use_codec_string", "PCMU,PCMA"),
        ("remote_video_media_flow", "inactive"),
        ("remote_text_media_flow", "inactive"),
        ("remote_audio_media_flow", "sendrecv"),
        ("audio_media_flow", "sendrecv"),
        ("remote_media_ip", sip.peer),
        ("remote_media_port", sip.remote_media_port),
        *_codec_chosen(leg.codec),
        ("endpoint_disposition", "RECEIVED"),
    ]


def accepted(leg: Channel) -> list[Header]:
    """FreeSWITCH answers an inbound leg."""
    return [
        ("rtp_local_sdp_str", local_sdp(leg.sip)),
        *_rtp_started(leg),
        ("remote_media_ip", leg.sip.peer),
        ("remote_media_port", leg.sip.remote_media_port),
    ]


def acknowledged(leg: Channel) -> list[Header]:
    """The caller of an inbound leg acknowledged the 200."""
    sip = leg.sip
    via = f"SIP/2.0/UDP {sip.peer}:{sip.peer_port};rport={sip.peer_port};branch={sip.bye_branch}"
    return [
        ("sip_to_tag", sip.to_tag),
        ("sip_from_tag", sip.from_tag),
        ("sip_cseq", sip.cseq),
        ("sip_call_id", sip.call_id),
        ("sip_full_via", via),
        ("sip_full_from", f"<sip:{leg.caller_number}@{sip.peer}>;tag={sip.from_tag}"),
        ("sip_full_to", f"<sip:{leg.number}@{sip.local_ip}:{sip.local_port}>;tag={sip.to_tag}"),
    ]


def refused(
    leg: Channel, status: int, phrase: str, reason: str, term_cause: int, headers: Iterable[Header] = ()
) -> list[Header]:
    """The far end refused the INVITE; `reason` is its Reason header, "" when it sent none."""
    return [
        ("sip_call_id", leg.sip.call_id),
        *addressed(leg),
        ("sip_hangup_disposition", "recv_refuse"),
        ("sip_invite_failure_status", str(status)),
        ("sip_invite_failure_phrase", phrase),
        *([("sip_reason", reason)] if reason else []),
        *((f"sip_rh_{name}", value) for name, value in headers),
        *terminated(status, term_cause),
    ]


def gave_up(leg: Channel, status: int, phrase: str, term_cause: int) -> list[Header]:
    """FreeSWITCH gave up the INVITE, to which nothing came, with a status of its own."""
    return [
        ("sip_call_id", leg.sip.call_id),
        ("sip_local_network_addr", leg.sip.local_ip),
        ("sip_reply_port", "0"),
        ("sip_network_port", "0"),
        ("sip_hangup_disposition", "recv_refuse"),
        ("sip_invite_failure_status", str(status)),
        ("sip_invite_failure_phrase", phrase),
        *terminated(status, term_cause),
    ]


def terminated(status: int, term_cause: int) -> list[Header]:
    """The far end ended it, with this SIP status and Q.850 cause."""
    return [
        ("sip_term_status", str(status)),
        ("proto_specific_hangup_cause", f"sip:{status}"),
        ("sip_term_cause", str(term_cause)),
    ]


def bye_received(leg: Channel, *, inbound: bool, reason: str, term_cause: int) -> list[Header]:
    """The far end sent BYE. Only an inbound leg takes the dialog's names from it anew."""
    sip = leg.sip
    peer = f"{sip.peer}:{sip.peer_port}"
    dialog: list[Header] = [
        ("sip_to_tag", sip.to_tag),
        ("sip_from_tag", sip.from_tag),
        ("sip_cseq", sip.cseq),
        ("sip_call_id", sip.call_id),
        ("sip_full_via", f"SIP/2.0/UDP {peer};rport={sip.peer_port};branch={sip.bye_branch}"),
        ("sip_full_from", f"<sip:{leg.caller_number}@{sip.peer}>;tag={sip.from_tag}"),
        ("sip_full_to", f"{sip.contact};tag={sip.to_tag}"),
    ]
    return [
        *(dialog if inbound else []),
        *([("sip_reason", reason)] if reason else []),
        *terminated(200, term_cause),
    ]
