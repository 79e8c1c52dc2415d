"""The SIP dialog of one leg: codecs, addresses, tags and SDP.

Values that only a SIP stack knows (tags, branches, ports) are drawn at random and well-formed.
"""

import random
from dataclasses import InitVar, dataclass
from typing import Final

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
        realm: domain in FreeSWITCH's From.
        peer, peer_port: where the INVITE goes or came from.
        profile, profile_url: the sofia profile.
    """

    rng: InitVar[random.Random]
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

    def __post_init__(self, rng: random.Random) -> None:
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


def _tag(rng: random.Random) -> str:
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
