"""Which channel variables FreeSWITCH sets at which step of a call, in which order.

Strategy: setting a variable that exists moves it to the end of the list (EF_UNIQ_HEADERS), so the order of
`variable_*` headers tells the history of a call. Each function here is one step of that history as the
recordings show it and returns what FreeSWITCH sets then; `Leg` applies them. Values that only a SIP stack
knows (tags, branches, SDP) are invented but well-formed.
"""

from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING, Final, Protocol

from exporter.simulator.events import Header, local_date

if TYPE_CHECKING:
    import random

    from exporter.simulator.media import MediaReport

USER_AGENT: Final = "Telnyx SIP Proxy (lab)"
ALLOW: Final = "INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, INFO, UPDATE, REGISTER, REFER, NOTIFY"
_TAG_LETTERS: Final = "0123456789ABCDEFGHJKLMNPQRSTUVXYZabcdefghijkmnpqrstuvxyz"


@dataclass(frozen=True, slots=True)
class Codec:
    """An audio codec as FreeSWITCH names it; `bytes` per 20 ms packet with its RTP header."""

    name: str
    payload_type: int
    rate: int
    bit_rate: int
    bytes: int


PCMU: Final = Codec("PCMU", 0, 8000, 64000, 172)
PCMA: Final = Codec("PCMA", 8, 8000, 64000, 172)
G722: Final = Codec("G722", 9, 16000, 64000, 172)
OPUS: Final = Codec("opus", 102, 48000, 32000, 92)


@dataclass(slots=True)
class Sip:
    """The SIP dialog of one leg: what the two ends call each other.

    Args:
        rng: what tags, ports and the like are drawn from.

    Attributes:
        gateway: name of the gateway, "" for a leg without one.
        realm: domain in our From.
        peer, peer_port: where the INVITE goes or came from.
        profile, profile_url: the sofia profile.
    """

    rng: InitVar["random.Random"]
    gateway: str = ""
    realm: str = ""
    peer: str = "127.0.0.1"
    peer_port: str = "5060"
    profile: str = "external"
    profile_url: str = "sip:mod_sofia@127.0.0.1:5080"
    local_ip: str = "127.0.0.1"
    local_port: str = "5080"
    user_agent: str = USER_AGENT
    from_tag: str = ""
    to_tag: str = ""
    branch: str = ""
    bye_branch: str = ""
    cseq: str = ""
    call_id: str = ""
    media_port: str = ""
    remote_media_port: str = ""
    sdp_id: int = 0
    ssrc: int = 0

    def __post_init__(self, rng: "random.Random") -> None:
        self.from_tag, self.to_tag = _tag(rng), _tag(rng)
        self.branch = "z9hG4bK" + _tag(rng)
        self.bye_branch = "z9hG4bK" + _tag(rng)
        self.cseq = str(123142000 + rng.randrange(9000))
        digits = f"{rng.getrandbits(128):032x}"
        self.call_id = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        self.media_port = str(20000 + 2 * rng.randrange(500))
        self.remote_media_port = str(21000 + 2 * rng.randrange(500))
        self.ssrc = rng.getrandbits(30)
        self.sdp_id = 1795370000 + rng.randrange(3000)

    @property
    def contact(self) -> str:
        """What FreeSWITCH writes into Contact for this gateway."""
        where = f"{self.local_ip}:{self.local_port};transport=udp"
        return (
            f"<sip:gw+{self.gateway}@{where};gw={self.gateway}>"
            if self.gateway
            else f"<sip:mod_sofia@{where}>"
        )


class LegFacts(Protocol):
    """What the tables below read from a leg."""

    uuid: str
    session_id: int
    name: str
    sip: Sip
    codec: Codec
    number: str
    caller_name: str
    caller_number: str
    other_type: str  # "originator" on a leg that another one dialled


def _tag(rng: "random.Random") -> str:
    return "".join(rng.choices(_TAG_LETTERS, k=13))


def local_sdp(sip: Sip) -> str:
    return (
        f"v=0\r\no=FreeSWITCH {sip.sdp_id} {sip.sdp_id + 1} IN IP4 {sip.local_ip}\r\ns=FreeSWITCH\r\n"
        f"c=IN IP4 {sip.local_ip}\r\nt=0 0\r\nm=audio {sip.media_port} RTP/AVP 0 8 101 13\r\n"
        "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        "a=fmtp:101 0-15\r\na=rtpmap:13 CN/8000\r\na=ptime:20\r\na=sendrecv\r\n"
    )


def remote_sdp(sip: Sip, codec: Codec) -> str:
    return (
        f"v=0\r\no=FreeSWITCH {sip.sdp_id - 400} {sip.sdp_id - 399} IN IP4 {sip.peer}\r\ns=FreeSWITCH\r\n"
        f"c=IN IP4 {sip.peer}\r\nt=0 0\r\n"
        f"m=audio {sip.remote_media_port} RTP/AVP {codec.payload_type} 101 13\r\n"
        f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.rate}\r\na=rtpmap:101 telephone-event/8000\r\n"
        "a=fmtp:101 0-15\r\na=rtpmap:13 CN/8000\r\na=ptime:20\r\n"
    )


def codec_string(codec: Codec) -> str:
    return f"CORE_PCM_MODULE.{codec.name}@{codec.rate}h@20i@{codec.bit_rate}b"


def created(leg: LegFacts, *, outbound: bool) -> list[Header]:
    """A session was made; all that a dial refused for its gateway ever gets."""
    pairs: list[Header] = [("direction", "outbound" if outbound else "inbound")]
    if outbound:
        pairs.append(("is_outbound", "true"))
    return [*pairs, ("uuid", leg.uuid), ("call_uuid", leg.uuid), ("session_id", str(leg.session_id))]


def dialled(
    leg: LegFacts, given: list[tuple[str, str]], *, early_media: bool, originator: LegFacts | None
) -> list[Header]:
    """mod_sofia and originate prepare an outbound leg.

    Args:
        given: the variables of the dial string.
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


def _offered(leg: LegFacts) -> str:
    """The codecs we offer: the profile's, or the caller's own where one leg dials another."""
    return _plain_codec(leg.codec) if leg.other_type == "originator" else "PCMU,PCMA"


def invited(leg: LegFacts) -> list[Header]:
    """The INVITE is written."""
    sip = leg.sip
    return [
        ("rtp_use_codec_string", _offered(leg)),
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


def addressed(leg: LegFacts) -> list[Header]:
    """Any answer came: FreeSWITCH knows where from."""
    sip = leg.sip
    return [
        ("sip_local_network_addr", sip.local_ip),
        ("sip_reply_host", sip.peer),
        ("sip_reply_port", sip.peer_port),
        ("sip_network_ip", sip.peer),
        ("sip_network_port", sip.peer_port),
    ]


def responded(leg: LegFacts, *, early_sdp: bool = False) -> list[Header]:
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


def negotiated(leg: LegFacts, *, early: bool) -> list[Header]:
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


def _rtp_started(leg: LegFacts) -> list[Header]:
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


def arrived(leg: LegFacts, *, addressed_to: str, via_gateway: bool, stamp: int) -> list[Header]:
    """An INVITE arrived and its SDP was read: an inbound leg as its CHANNEL_CREATE has it.

    Args:
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


def accepted(leg: LegFacts) -> list[Header]:
    """We answer an inbound leg."""
    return [
        ("rtp_local_sdp_str", local_sdp(leg.sip)),
        *_rtp_started(leg),
        ("remote_media_ip", leg.sip.peer),
        ("remote_media_port", leg.sip.remote_media_port),
    ]


def acknowledged(leg: LegFacts) -> list[Header]:
    """The caller of an inbound leg acknowledged our 200."""
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


def refused(leg: LegFacts, status: int, phrase: str, reason: str, term_cause: int) -> list[Header]:
    """The far end refused the INVITE; `reason` is its Reason header, "" when it sent none."""
    return [
        ("sip_call_id", leg.sip.call_id),
        *addressed(leg),
        ("sip_hangup_disposition", "recv_refuse"),
        ("sip_invite_failure_status", str(status)),
        ("sip_invite_failure_phrase", phrase),
        *([("sip_reason", reason)] if reason else []),
        *terminated(status, term_cause),
    ]


def terminated(status: int, term_cause: int) -> list[Header]:
    """The far end ended it, with this SIP status and Q.850 cause."""
    return [
        ("sip_term_status", str(status)),
        ("proto_specific_hangup_cause", f"sip:{status}"),
        ("sip_term_cause", str(term_cause)),
    ]


def bye_received(leg: LegFacts, *, inbound: bool, reason: str, term_cause: int) -> list[Header]:
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


@dataclass(frozen=True, slots=True)
class Times:
    """Microseconds since the epoch of a leg's steps; 0 for one that did not happen."""

    created: int
    progress: int
    progress_media: int
    answered: int
    bridged: int
    ended: int


def reported(
    times: Times, *, cause: str, q850: int, last_app: str, last_arg: str, caller_id: str
) -> list[Header]:
    """The report FreeSWITCH writes in CS_REPORTING, before CHANNEL_HANGUP_COMPLETE."""
    stamps: list[Header] = [("start_stamp", local_date(times.created))]
    stamps.append(("profile_start_stamp", local_date(times.created)))
    for name, moment in (
        ("answer_stamp", times.answered),
        ("bridge_stamp", times.bridged),
        ("progress_stamp", times.progress),
        ("progress_media_stamp", times.progress_media),
        ("end_stamp", times.ended),
    ):
        if moment:
            stamps.append((name, local_date(moment)))
    return [
        ("hangup_cause", cause),
        ("hangup_cause_q850", str(q850)),
        ("digits_dialed", "none"),
        *stamps,
        *_epochs(times),
        *([("last_app", last_app)] if last_app else []),
        *([("last_arg", last_arg)] if last_arg else []),
        ("caller_id", caller_id),
        *_durations(times),
    ]


def _epochs(times: Times) -> list[Header]:
    def pair(name: str, moment: int) -> list[Header]:
        return [(f"{name}_epoch", str(moment // 1_000_000)), (f"{name}_uepoch", str(moment))]

    return [
        *pair("start", times.created),
        *pair("profile_start", times.created),
        *pair("answer", times.answered),
        *pair("bridge", times.bridged),
        *pair("last_hold", 0),
        ("hold_accum_seconds", "0"),
        ("hold_accum_usec", "0"),
        ("hold_accum_ms", "0"),
        *pair("resurrect", 0),
        *pair("progress", times.progress),
        *pair("progress_media", times.progress_media),
        *pair("end", times.ended),
    ]


def _durations(times: Times) -> list[Header]:
    """Seconds are differences of whole seconds, so ±1 s; milliseconds and microseconds are exact."""
    spans = (
        ("duration", times.created, times.ended),
        ("bill", times.answered, times.ended),
        ("progress", times.created, times.progress),
        ("answer", times.created, times.answered),
        ("wait", times.created, times.bridged),
        ("progress_media", times.created, times.progress_media),
        ("flow_bill", times.answered and times.created, times.ended),
    )
    pairs: list[Header] = []
    for infix, divisor in (("sec", 1_000_000), ("msec", 1_000), ("usec", 1)):
        for name, begin, end in spans:
            length = 0
            if begin and end:
                length = (
                    end // divisor - begin // divisor
                    if divisor == 1_000_000
                    else round((end - begin) / divisor)
                )
            if name == "duration":
                name = {"sec": "duration", "msec": "mduration", "usec": "uduration"}[infix]
                pairs.append((name, str(length)))
            else:
                pairs.append((name + infix, str(length)))
    return pairs


def media_report(report: "MediaReport") -> list[Header]:
    """The RTP statistics of a leg whose RTP ever started (facts.md 4.4)."""
    in_, out = "rtp_audio_in_", "rtp_audio_out_"
    return [
        (in_ + "raw_bytes", str(report.in_raw_bytes)),
        (in_ + "media_bytes", str(report.in_media_bytes)),
        (in_ + "packet_count", str(report.in_packets)),
        (in_ + "media_packet_count", str(report.in_media_packets)),
        (in_ + "skip_packet_count", str(report.in_skipped)),
        (in_ + "jitter_packet_count", "0"),
        (in_ + "dtmf_packet_count", "0"),
        (in_ + "cng_packet_count", "0"),
        (in_ + "flush_packet_count", str(report.in_flushed)),
        (in_ + "largest_jb_size", "0"),
        (in_ + "jitter_min_variance", f"{report.jitter_min_variance:.2f}"),
        (in_ + "jitter_max_variance", f"{report.jitter_max_variance:.2f}"),
        (in_ + "jitter_loss_rate", f"{report.loss_rate:.2f}"),
        (in_ + "jitter_burst_rate", "0.00"),
        (in_ + "mean_interval", f"{report.mean_interval:.2f}"),
        (in_ + "flaw_total", str(report.flaws)),
        (in_ + "quality_percentage", f"{report.quality:.2f}"),
        (in_ + "mos", f"{report.mos:.2f}"),
        (out + "raw_bytes", str(report.out_raw_bytes)),
        (out + "media_bytes", str(report.out_raw_bytes)),
        (out + "packet_count", str(report.out_packets)),
        (out + "media_packet_count", str(report.out_packets)),
        (out + "skip_packet_count", "0"),
        (out + "dtmf_packet_count", "0"),
        (out + "cng_packet_count", "0"),
        ("rtp_audio_rtcp_packet_count", "0"),
        ("rtp_audio_rtcp_octet_count", "0"),
    ]
