"""Two legs as one call: what a bridge adds to the inbound leg and to the one it dials.

Strategy: each step of a bridge sets the variables that a FreeSWITCH was recorded to set then, on both legs.
The inbound leg shows the other one's profile only once they are joined, the dialled one shows its caller's
from the start. Early media joins them before the answer.

Recorded: ringing, early media, answer, refusal, a gateway that is down. It is the far end that hangs up.
"""

from typing import Final

from exporter.simulator import ending, incoming, outgoing, variables
from exporter.simulator.events import Header
from exporter.simulator.leg import Leg
from exporter.simulator.sip import remote_sdp

_DIALSTATUS: Final = {"USER_BUSY": "BUSY", "NO_ANSWER": "NOANSWER", "ORIGINATOR_CANCEL": "CANCEL"}


def never_dialled(cause: str) -> list[Header]:
    """Set on the inbound leg when no leg could be dialled."""
    return [*_disposition(cause), ("originate_failed_cause", cause)]


class Bridge:
    """The `bridge` application of `caller`, from its INVITE to `callee` on."""

    def __init__(self, caller: Leg, callee: Leg) -> None:
        self.caller = caller
        self.callee = callee
        callee.other, callee.other_type = caller, "originator"
        # The caller's profile is the callee's too, but for the number.
        callee.username, callee.dialplan, callee.source = caller.username, caller.dialplan, caller.source
        callee.dialled_from = caller.sip.peer
        self._announced = False
        self._joined = False

    def ring(self) -> None:
        """The dialled leg rings, and so does the caller's."""
        self.caller.time.catch_up()
        incoming.hear_ringing(self.caller, self.callee.number, self._first())

    def early_media(self) -> None:
        """Audio before the answer: it is passed on, which is a bridge already."""
        self.caller.time.catch_up()
        incoming.hear_early_media(self.caller, self.callee.number, [*self._first(), self._offered()])
        self._join()

    def answer(self) -> None:
        """The far end answered, so FreeSWITCH answers the caller."""
        caller, callee = self.caller, self.callee
        outgoing.answer(callee)
        caller.reached = callee.number
        flows: list[Header] = []
        if not self._joined:
            flows = [
                *self._first(),
                self._offered(),
                ("video_media_flow", "disabled"),
                ("text_media_flow", "disabled"),
                ("audio_media_flow", "sendrecv"),
            ]
        incoming.accept(caller, flows)
        if not self._joined:
            self._join()
        for leg, partner in ((callee, caller), (caller, callee)):
            name = partner.number if partner.outbound else partner.caller_number
            if not leg.outbound:
                leg.set(variables.acknowledged(leg))
            leg.set([("last_sent_callee_id_name", name), ("last_sent_callee_id_number", name)])
            leg.fire(
                "CALL_UPDATE",
                before=[
                    ("Direction", "SEND"),
                    ("Sent-Callee-ID-Name", name),
                    ("Sent-Callee-ID-Number", name),
                    ("Bridged-To", partner.uuid),
                ],
                source="CALL_UPDATE sent",
            )

    def refused(self) -> None:
        """The dialled leg has ended unanswered, and the caller ends with its cause."""
        caller, callee = self.caller, self.callee
        status, phrase = callee.get("sip_invite_failure_status"), callee.get("sip_invite_failure_phrase")
        if not self._announced:
            caller.set(self._first()[2:])
        if status and phrase:
            caller.set([("sip_invite_failure_status", status), ("sip_invite_failure_phrase", phrase)])
            if reason := callee.get("sip_reason"):
                caller.set([("sip_reason", reason)])
            caller.set([("sip_hangup_phrase", phrase)])
        caller.set([("last_bridge_hangup_cause", callee.cause)])
        if specific := callee.get("proto_specific_hangup_cause"):
            caller.set([("last_bridge_proto_specific_hangup_cause", specific)])
        caller.set(_disposition(callee.cause))
        caller.set([("originate_causes", f"{callee.uuid};{callee.cause}")])
        caller.set([("originate_failed_cause", callee.cause)])
        ending.hang_up(caller, callee.cause)

    def callee_hangs_up(self) -> None:
        """BYE from the far end: its leg ends, then the application, then the caller's leg."""
        caller, callee = self.caller, self.callee
        ending.far_end_hangs_up(callee)
        if caller.hung_up.is_set() or caller.application is None:
            return
        caller.variables.pop("bridge_to", None)
        caller.set(
            [
                ("sip_reason", 'Q.850;cause=16;text="NORMAL_CLEARING"'),
                ("sip_hangup_phrase", "OK"),
                ("last_bridge_hangup_cause", callee.cause),
                ("last_bridge_proto_specific_hangup_cause", "sip:200"),
                ("bridge_hangup_cause", callee.cause),
            ]
        )
        caller.fire("CHANNEL_UNBRIDGE", before=self._both())
        caller.complete(caller.application)
        ending.hang_up(caller, "NORMAL_CLEARING")

    def _first(self) -> list[Header]:
        """Set on the caller's leg with the first event that concerns the other one; once."""
        if self._announced:
            return []
        self._announced = True
        callee = self.callee
        return [
            ("originate_disposition", "failure"),
            ("DIALSTATUS", "INVALIDARGS"),
            ("originate_signal_bond", callee.uuid),
            ("originated_legs", f"{callee.uuid};Outbound Call;{callee.number}"),
        ]

    def _offered(self) -> Header:
        return ("switch_m_sdp", remote_sdp(self.callee.sip, self.callee.codec))

    def _join(self) -> None:
        """Audio flows between the two legs."""
        self._joined = True
        caller, callee = self.caller, self.callee
        caller.other, caller.other_type = callee, "originatee"
        caller.variables.pop("originate_signal_bond", None)
        caller.set(_disposition("SUCCESS"))
        caller.set([("originate_causes", f"{callee.uuid};NONE"), ("signal_bond", callee.uuid)])
        for leg, role in ((caller, "originator"), (callee, "originatee")):
            leg.times["bridged"] = leg.stamp()
            leg.bridge_role = role
            leg.start_sending()
        caller.fire("CHANNEL_BRIDGE", before=self._both())
        caller.set(_bridged_to(callee))
        callee.set([("call_uuid", caller.uuid), *_bridged_to(caller)])
        callee.run_state("CS_EXCHANGE_MEDIA")

    def _both(self) -> list[Header]:
        return [("Bridge-A-Unique-ID", self.caller.uuid), ("Bridge-B-Unique-ID", self.callee.uuid)]


def _bridged_to(partner: Leg) -> list[Header]:
    return [
        ("bridge_to", partner.uuid),
        ("last_bridge_to", partner.uuid),
        ("bridge_channel", partner.name),
        ("bridge_uuid", partner.uuid),
        ("signal_bond", partner.uuid),
    ]


def _disposition(cause: str) -> list[Header]:
    return [("originate_disposition", cause), ("DIALSTATUS", _DIALSTATUS.get(cause, cause))]
