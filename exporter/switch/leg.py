"""One leg of a call, as the events of its channel describe it.

A HANGUP_COMPLETE has 140 to 230 headers, and thousands may come in a second. So a `ChannelEvent` reads each
header when it is asked for, and no header that its user does not need.

Facts (facts.md 4, tried.md 3 and 4):
- Times are `Caller-Channel-*-Time`, microseconds by FreeSWITCH's clock, 0 where it did not happen.
- The gateway of an outbound leg is `variable_sip_gateway_name`, already in CHANNEL_CREATE; an inbound leg has
  `variable_sip_gateway` only if the far end called the contact that FreeSWITCH registered.
- `variable_sip_term_status` is set only when the far end ended the call; FreeSWITCH's own CANCEL leaves none.
- `in_mos` reads 4.50 and the loss 0.00 when no packet came at all, so quality counts only with packets.
- `in_jitter_loss_rate` is computed every 5 s and means nothing in shorter calls.
- The UUID may be any text that an originate chose, blanks and `$(...)` included. It goes into commands, so
  one that is not a word counts as none.
- `variable_sip_req_uri` is the number that was dialled, `Caller-Destination-Number` follows the leg through
  the dialplan. `variable_dialed_user` is set where a user of the directory was dialled (mod_dptools.c).
- A leg dialled as `sip:anna:secret@host` has `anna%3Asecret@host` there; one dialled as `anna:secret` through
  a gateway has `anna:secret@proxy`, and `secret` alone as `Caller-Destination-Number`.
- `variable_sofia_profile_name` is the profile of an outbound leg's gateway: its name may stand in several.
- An INVITE that was never authenticated is a leg without CREATE: its end has Channel-Name, Hangup-Cause
  (CALL_REJECTED: wrong password or access list; WRONG_CALL_STATE: the challenge was not answered) and no
  Caller header, since the caller's profile is made after the authentication (sofia.c).
- CHANNEL_DESTROY repeats all headers of CHANNEL_HANGUP_COMPLETE. A dial that FreeSWITCH refused before any
  INVITE (gateway down or unknown) has a DESTROY with `Channel-State: CS_NONE` and no other event.
"""

import math
import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from exporter.esl import Event
from exporter.switch.local_failure import NO_RTP_PORTS, local_failure, refused_without_rtp_port

PROBE_PREFIX: Final = "70726f62-"  # "prob": the UUIDs of any exporter's synthetic calls begin so
MIN_LOSS_SECONDS: Final = 10.0
MIN_SILENT_SECONDS: Final = 5.0
MIN_SENT_PACKETS: Final = 100  # two seconds at 20 ms: FreeSWITCH sent, so the far end had something to answer
STRANGERS_CAUSES: Final = ("CALL_REJECTED", "WRONG_CALL_STATE")
# FreeSWITCH makes one of 36 characters, and takes any `origination_uuid` of up to 255 (facts.md 6.2).
_UUID: Final = re.compile(r"[\w.:@+-]{1,128}", re.ASCII)
_SOFIA_NAME: Final = re.compile(r"sofia/([^/]{1,128})/")
_MAX_NUMBER: Final = 100
_SCHEME: Final = re.compile(r"^(?:sips?|tel):", re.IGNORECASE)
_PASSWORD: Final = re.compile(
    r"((?!\[)(?:(?:sips?|tel)(?::|%3A))?+[^:%]*+(?:%(?!3A)[^:%]*+)*+)(?::|%3A).*", re.IGNORECASE | re.DOTALL
)
_SEPARATORS: Final = re.compile(r"[-.() ]")
_NUMBER: Final = re.compile(r"\+?[0-9]+", re.ASCII)
_RTP_FIRST: Final = b"variable_rtp_audio_in_raw_bytes"


class LegStart(NamedTuple):
    """A leg as its first event shows it. Values are empty where it has none.

    Attributes:
        number: that a leg found in the list of channels calls; empty in events, where `dialled` has it.
    """

    uuid: str
    direction: str
    gateway: str
    remote_ip: str
    number: str = ""


class LegEnd(NamedTuple):
    """How a leg ended.

    Attributes:
        cause: FreeSWITCH's cause name as received.
        talk_seconds: answer to hang-up; None if it was never answered.
        gateway: of an outbound leg that was never answered; else empty.
        profile: that gateway's; empty where the event has none.
        sip_code: final SIP status of an unanswered leg, as received; empty if there is none. It is the far
            end's unless `local_failure` says otherwise.
        media: the RTP figures; None if it was never answered or RTP never started.
        local_failure: why FreeSWITCH itself failed the leg, a word of local_failure.LOCAL_FAILURES, for an
            inbound leg only `no_rtp_ports`; empty where it did not.
    """

    uuid: str
    cause: str
    talk_seconds: float | None
    gateway: str
    profile: str
    sip_code: str
    media: "Media | None"
    local_failure: str = ""


class Media(NamedTuple):
    """RTP figures of an answered leg.

    Attributes:
        mos: 1 to 4.5; None without packets.
        jitter_seconds: worst running deviation of arrival; None without packets.
        loss_ratio: 0 to 1; None without packets or in calls of 10 s and less.
        silent: the leg should have received audio and received no packet (tried.md, 4).
    """

    packets_in: int
    packets_out: int
    mos: float | None
    jitter_seconds: float | None
    loss_ratio: float | None
    silent: bool


class ChannelEvent:
    """A CHANNEL_* event; each method reads what it returns from the event.

    Attributes:
        uuid: the leg's; empty if the event has none, or one that could not stand in a command.
    """

    __slots__ = ("_event", "uuid")

    def __init__(self, event: Event) -> None:
        self._event = event
        uuid = event.get(b"Unique-ID")
        self.uuid = uuid if uuid is not None and is_leg_uuid(uuid) else ""

    @property
    def raw(self) -> Event:
        """The event itself, for what else this package reads of it."""
        return self._event

    @property
    def stamp(self) -> float:
        """When FreeSWITCH made the event, epoch seconds by its own clock; 0.0 if it does not say."""
        return self._event.timestamp

    @property
    def sequence(self) -> int:
        """The number of the event: FreeSWITCH counts them as they happen, from 1 in each of its runs."""
        return self._event.get_int(b"Event-Sequence") or 0

    @property
    def never_began(self) -> bool:
        """The CHANNEL_DESTROY of a dial that FreeSWITCH refused before any INVITE."""
        return self._event.get(b"Channel-State") == "CS_NONE"

    @property
    def inbound(self) -> bool:
        """The far end called."""
        return self._event.get(b"Call-Direction") == "inbound"

    @property
    def strangers(self) -> bool:
        """The end of an inbound leg whose INVITE was never authenticated; it never was a call."""
        event = self._event
        return (
            event.get(b"Hangup-Cause") in STRANGERS_CAUSES
            and event.get(b"Call-Direction") == "inbound"
            and event.get(b"Caller-Unique-ID") is None
        )

    @property
    def scanned_profile(self) -> str | None:
        """Where a challenge was not answered, if the leg ended so; empty if it does not say."""
        event = self._event
        if event.get(b"Hangup-Cause") != "WRONG_CALL_STATE":
            return None
        found = _SOFIA_NAME.match(event.get(b"Channel-Name") or "")
        return found[1] if found is not None else ""

    def start(self) -> LegStart:
        """The leg; in a CHANNEL_CREATE and every later event with variables."""
        event = self._event
        direction = "inbound" if self.inbound else "outbound"
        if direction == "outbound":
            return LegStart(self.uuid, direction, event.get(b"variable_sip_gateway_name") or "", "")
        gateway = event.get(b"variable_sip_gateway") or ""
        remote_ip = "" if gateway else event.get(b"variable_sip_received_ip") or ""
        return LegStart(self.uuid, direction, gateway, remote_ip)

    def dialled(self) -> str:
        """The number that an outbound leg calls, or the name as received; in every event with variables."""
        address = self._event.get_late(b"variable_sip_req_uri")
        if address:
            return plain_number(user_part(address))
        return plain_number(without_password(self._event.get(b"Caller-Destination-Number") or ""))

    @property
    def in_house(self) -> bool:
        """It calls a user of the directory, or another leg of this FreeSWITCH: it leaves by no trunk."""
        event = self._event
        return bool(event.get(b"variable_dialed_user")) or event.get_late(b"variable_sip_req_uri") is None

    def post_dial_delay(self) -> float | None:
        """Seconds from start to the first ringing or early media, in any event after it."""
        return self._seconds_from_start(
            b"Caller-Channel-Progress-Time", b"Caller-Channel-Progress-Media-Time"
        )

    def answer_delay(self) -> float | None:
        """Seconds from start to answer."""
        return self._seconds_from_start(b"Caller-Channel-Answered-Time")

    def end(self) -> LegEnd:
        """How the leg ended; in CHANNEL_HANGUP_COMPLETE and CHANNEL_DESTROY."""
        event = self._event
        cause = event.get(b"Hangup-Cause") or ""
        answered = event.get_int(b"Caller-Channel-Answered-Time")
        if not answered:
            outbound = event.get(b"Call-Direction") == "outbound"
            gateway = (event.get(b"variable_sip_gateway_name") or "") if outbound else ""
            profile = (event.get(b"variable_sofia_profile_name") or "") if gateway else ""
            code = event.get(b"variable_sip_term_status") or ""
            if outbound:
                local = local_failure(event)
            else:
                local = NO_RTP_PORTS if refused_without_rtp_port(event) else ""
            return LegEnd(self.uuid, cause, None, gateway, profile, code, None, local)
        ended = event.get_int(b"Caller-Channel-Hangup-Time") or answered
        talk = max(ended - answered, 0) / 1e6
        return LegEnd(self.uuid, cause, talk, "", "", "", self._media(talk))

    def _seconds_from_start(self, *stamps: bytes) -> float | None:
        """Seconds from the leg's creation to the earliest of the named stamps that happened."""
        created = self._event.get_int(b"Caller-Channel-Created-Time")
        happened = [at for stamp in stamps if (at := self._event.get_int(stamp))]
        if not created or not happened:
            return None
        return max(min(happened) - created, 0) / 1e6

    def _media(self, talk: float) -> Media | None:
        rtp = self._event.after(_RTP_FIRST)
        if rtp is None:
            return None
        packets_in = rtp.get_int(b"variable_rtp_audio_in_packet_count") or 0
        packets_out = rtp.get_int(b"variable_rtp_audio_out_packet_count") or 0
        if packets_in > 0:
            mos = rtp.get_float(b"variable_rtp_audio_in_mos")
            variance = rtp.get_float(b"variable_rtp_audio_in_jitter_max_variance")
            jitter = math.sqrt(variance) / 1000 if variance is not None and variance >= 0 else None
            loss = (
                rtp.get_float(b"variable_rtp_audio_in_jitter_loss_rate") if talk > MIN_LOSS_SECONDS else None
            )
            return Media(packets_in, packets_out, mos, jitter, loss, silent=False)
        silent = (
            talk >= MIN_SILENT_SECONDS
            and packets_out >= MIN_SENT_PACKETS
            and self._event.get(b"variable_remote_audio_media_flow") in (None, "sendrecv")
        )
        return Media(packets_in, packets_out, None, None, None, silent)


def user_part(address: str) -> str:
    """The user of `user:password;parameters@host`."""
    return without_password(address.partition("@")[0].partition(";")[0])


def without_password(user: str) -> str:
    """The user of `user:password`, whether the colon is escaped or not."""
    if ":" not in user and "%3" not in user:
        return user
    found = _PASSWORD.fullmatch(user)
    return user if found is None else found[1]


def plain_number(text: str) -> str:
    """A number without scheme, escapes and visual separators; any other text as it is.

    A far end reads `%2B1-555-000-0009` as it reads +15550000009 (RFC 3261 19.1.4, RFC 3966 5.1.1).
    """
    if text.isdecimal() or text[1:].isdecimal():
        return text
    plain = _SEPARATORS.sub("", _SCHEME.sub("", unquote(text[:_MAX_NUMBER])))
    return plain if _NUMBER.fullmatch(plain) is not None else text


def leg_uuid(event: Event) -> str:
    """The UUID of the leg an event is about; empty if it has none, or one that is not a word."""
    return ChannelEvent(event).uuid


def is_leg_uuid(text: str) -> bool:
    """A UUID that can stand in a command."""
    return _UUID.fullmatch(text) is not None


def is_probe(uuid: str) -> bool:
    """True for the legs of synthetic calls, which are kept out of the call families."""
    return uuid.startswith(PROBE_PREFIX)
