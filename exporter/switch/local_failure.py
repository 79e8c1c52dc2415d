"""Calls that FreeSWITCH itself failed, though the cause reads like a refusal by the far end.

An outbound leg to which nothing came from the network has no `sip_reply_host` (facts-more.md E). What ended
it is FreeSWITCH's own: a timer or the transport, as a SIP status that it made up, or no INVITE was sent.

=====================  ===============================================================================
no_answer_to_invite    408: nothing came for 32 s, not even 100 Trying
refused_port           503: the port is closed, or the connection (TCP, TLS) could not be made
dns                    503 DNS Error: the name of the far end has no address
no_rtp_ports           no INVITE: every port of rtp-start-port to rtp-end-port is in use
other                  another status of FreeSWITCH's own, or no INVITE for another reason
=====================  ===============================================================================

FreeSWITCH's CANCEL is none of them: somebody gave up before it was known.

No RTP port: FreeSWITCH hangs the leg up with DESTINATION_OUT_OF_ORDER, before it has a local media port. For
outbound legs that is the first step of their INVITE, and no other can fail before it (sofia_glue_do_invite,
switch_core_media_choose_port). An inbound leg gets its port when it is answered or hears early media, and is
refused with 502. The dialplan can refuse one with that cause too (`hangup`, `respond`), or pass on that of
the leg it was to be bridged to; those have run such an application last.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from exporter.esl import Event

LOCAL_FAILURES: Final = ("no_answer_to_invite", "refused_port", "dns", "no_rtp_ports", "other")
"""All of them."""
NO_RTP_PORTS: Final = "no_rtp_ports"
NO_RTP_PORTS_CAUSE: Final = "DESTINATION_OUT_OF_ORDER"


class Explained(NamedTuple):
    """A reason for people: what happened, and what to do, a sentence each."""

    meaning: str
    remedy: str


EXPLAINED: Final[Mapping[str, Explained]] = MappingProxyType(
    {
        "no_answer_to_invite": Explained(
            "Nothing came back for the INVITE, not even 100 Trying: FreeSWITCH gave up after 32 s.",
            "Check that SIP reaches the provider's address: firewall, NAT, transport, the gateway's proxy.",
        ),
        "refused_port": Explained(
            "Nothing takes SIP at the provider's address: its port is closed, or no connection can be made.",
            "Check proxy, port and transport of the gateway, the firewall, and the provider's status page.",
        ),
        "dns": Explained(
            "The provider's name has no address in DNS.",
            "Check the proxy of the gateway, and name servers and firewall of FreeSWITCH's machine.",
        ),
        NO_RTP_PORTS: Explained(
            "FreeSWITCH has no RTP port left, so it sent no INVITE.",
            "Widen rtp-start-port to rtp-end-port in switch.conf.xml, two ports for each call.",
        ),
        "other": Explained(
            "FreeSWITCH failed the call itself; nothing came from the network.",
            "Look for the call's UUID in FreeSWITCH's log.",
        ),
    }
)
"""What each of LOCAL_FAILURES means: none is an answer of the provider's."""

_OF_SOFIA: Final = "sofia/"
_PASS_ON: Final = ("hangup", "respond", "bridge")
_STATUSES: Final = {"408": "no_answer_to_invite", "503": "refused_port"}
_NO_NAME: Final = "DNS Error"


def local_failure(event: Event) -> str:
    """The reason, a word of LOCAL_FAILURES, in the last event of an outbound leg that was never answered.

    Empty where the far end answered in any way, where FreeSWITCH cancelled, and for legs of other endpoints.
    """
    if event.get(b"variable_sip_reply_host"):
        return ""
    status = event.get(b"variable_sip_term_status")
    if status:
        if status == "503" and event.get(b"variable_sip_invite_failure_phrase") == _NO_NAME:
            return "dns"
        return _STATUSES.get(status, "other")
    # An INVITE that was sent leaves a Call-ID, unless FreeSWITCH cancelled it; that leaves a disposition.
    if event.get(b"variable_sip_hangup_disposition") or event.get(b"variable_sip_call_id"):
        return ""
    name = event.get(b"Channel-Name") or ""
    if event.get(b"Hangup-Cause") != NO_RTP_PORTS_CAUSE or not name.startswith(_OF_SOFIA):
        return ""
    return "other" if event.get(b"variable_local_media_port") else NO_RTP_PORTS


def refused_without_rtp_port(event: Event) -> bool:
    """Whether FreeSWITCH refused an inbound leg, never answered, since it had no RTP port for it."""
    return (
        event.get(b"Hangup-Cause") == NO_RTP_PORTS_CAUSE
        and event.get(b"variable_sip_hangup_disposition") == "send_refuse"
        and not event.get(b"variable_local_media_port")
        and not event.get(b"variable_originate_disposition")
        and event.get(b"variable_last_app") not in (None, *_PASS_ON)
    )
