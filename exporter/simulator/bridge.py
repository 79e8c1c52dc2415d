"""Two legs as one call: what a bridge adds to the leg that came in and to the one it dials.

Strategy: as everywhere here, the order of `variable_*` headers tells the history, so each step of a bridge
sets what a FreeSWITCH was recorded to set then, on both legs. The leg that came in shows the other one's
profile only once they are joined, the dialled one shows its caller's from the start. Early media joins them
before the answer.

Recorded: ringing, early media, answer, refusal, a gateway that is down. It is the far end that hangs up.
"""

from typing import Final

from exporter.simulator import variables
from exporter.simulator.events import Header
from exporter.simulator.leg import Leg

_DIALSTATUS: Final = {"USER_BUSY": "BUSY", "NO_ANSWER": "NOANSWER", "ORIGINATOR_CANCEL": "CANCEL"}


def never_dialled(cause: str) -> list[Header]:
    """On the leg that came in: there was nothing to dial."""
    return [*_disposition(cause), ("originate_failed_cause", cause)]


class Bridge:
    """The `bridge` application of `caller`, from its INVITE to `callee` on."""

    def __init__(self, caller: Leg, callee: Leg) -> None:
        self.caller = caller
        self.callee = callee
        callee.dialled_by(caller)
        self._told = False
        self._joined = False

    def ring(self) -> None:
        """The dialled leg rings, so the caller hears it ring."""
        self.caller.time.catch_up()
        self.caller.hear_ringing(self.callee.number, self._first())

    def early_media(self) -> None:
        """Audio before the answer: it is passed on, which is a bridge already."""
        self.caller.time.catch_up()
        self.caller.hear_early_media(self.callee.number, [*self._first(), self._offered()])
        self._join()

    def answer(self) -> None:
        """The far end answered, so we answer the caller."""
        caller, callee = self.caller, self.callee
        callee.answer()
        caller.reach(callee.number)
        flows: list[Header] = []
        if not self._joined:
            flows = [
                *self._first(),
                self._offered(),
                ("video_media_flow", "disabled"),
                ("text_media_flow", "disabled"),
                ("audio_media_flow", "sendrecv"),
            ]
        caller.accept(flows)
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
        if not self._told:
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
        caller.end_by_us(callee.cause)

    def callee_hangs_up(self) -> None:
        """BYE from the far end: its leg ends, then the application, then the caller's leg."""
        caller, callee = self.caller, self.callee
        callee.end_by_bye()
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
        caller.end_by_us("NORMAL_CLEARING")

    # Inside.

    def _first(self) -> list[Header]:
        """What the caller's leg gets with the first it hears of the other one."""
        if self._told:
            return []
        self._told = True
        callee = self.callee
        return [
            ("originate_disposition", "failure"),
            ("DIALSTATUS", "INVALIDARGS"),
            ("originate_signal_bond", callee.uuid),
            ("originated_legs", f"{callee.uuid};Outbound Call;{callee.number}"),
        ]

    def _offered(self) -> Header:
        return ("switch_m_sdp", variables.remote_sdp(self.callee.sip, self.callee.codec))

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
        callee.exchange_media()

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
