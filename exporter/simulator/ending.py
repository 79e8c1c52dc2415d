"""The end of a leg: who ended it and how, from CHANNEL_HANGUP to the channel's last event.

Strategy: one function for each kind of end. Each sets its own variables, then `_hang_up` and `_conclude` do
what every end has in common. A leg that has ended already stays unchanged. The originate that waits for the
leg gets its reply where FreeSWITCH gives it: behind CHANNEL_HANGUP when FreeSWITCH ended the leg, behind
CHANNEL_HANGUP_COMPLETE when the far end did.
"""

from collections.abc import Iterable

from exporter.simulator import report, variables
from exporter.simulator.causes import Q850, shown_q850
from exporter.simulator.channel_headers import media_bug_headers
from exporter.simulator.events import Header
from exporter.simulator.leg import STATE_NUMBERS, Leg


def hang_up(leg: Leg, cause: str) -> None:
    """FreeSWITCH hangs up: BYE once answered, CANCEL before."""
    if leg.hung_up.is_set():
        return
    answered = leg.times["answered"]
    disposition = "send_bye" if answered else ("send_cancel" if leg.outbound else "send_refuse")
    _hang_up(leg, cause)
    leg.reply(f"-ERR {cause}\n")
    late: list[Header] = [("sip_hangup_disposition", disposition)]
    if disposition == "send_cancel":
        late += [("sip_invite_failure_status", "487"), ("sip_invite_failure_phrase", "CANCEL")]
    _conclude(leg, late)


def far_end_refuses(leg: Leg, status: int, phrase: str, cause: str) -> None:
    """The far end refused the INVITE.

    Args:
        leg: unanswered.
        status: SIP status.
        phrase: reason phrase.
        cause: the hang-up cause, also in a `Reason: Q.850` header.
    """
    if leg.hung_up.is_set():
        return
    leg.addressed = True
    number = Q850.get(cause, 0)
    text = f'Q.850;cause={number};text="{cause}"'
    leg.set(variables.refused(leg, status, phrase, text, number))
    _hang_up(leg, cause)
    _conclude(leg, [])


def invite_fails(leg: Leg, status: int, phrase: str, cause: str) -> None:
    """A timer or the transport ended the INVITE; nothing came from the network. Arguments as above."""
    if leg.hung_up.is_set():
        return
    leg.set(variables.gave_up(leg, status, phrase, Q850.get(cause, 0)))
    _hang_up(leg, cause)
    _conclude(leg, [])


def no_rtp_port(leg: Leg) -> None:
    """FreeSWITCH has no RTP port for the leg: an outbound one sends no INVITE, an inbound one gets 502."""
    source = ("switch_core_media.c", "switch_core_media_choose_port")
    leg.core.log("crit", *source, 8191, "No audio RTP ports available!")
    if leg.outbound:
        leg.core.log("err", "sofia_glue.c", "sofia_glue_do_invite", 1153, "Port Error!")
    _hang_up(leg, "DESTINATION_OUT_OF_ORDER")
    if leg.outbound:
        # Originate announces the leg after its end, and waits for the last event of it.
        leg.fire("CHANNEL_CREATE")
        leg.fire("CHANNEL_ORIGINATE")
        _conclude(leg, [])
    else:
        _conclude(leg, [("sip_hangup_disposition", "send_refuse")])


def far_end_hangs_up(leg: Leg, cause: str = "NORMAL_CLEARING") -> None:
    """The far end sent BYE."""
    if leg.hung_up.is_set():
        return
    number = Q850.get(cause, 16)
    reason = f'Q.850;cause={number};text="{cause}"'
    leg.set(variables.bye_received(leg, inbound=not leg.outbound, reason=reason, term_cause=number))
    if leg.bridge_role:
        leg.set([("last_bridge_role", leg.bridge_role)])
    _hang_up(leg, cause, [("sip_user_agent", leg.sip.user_agent), ("sip_hangup_disposition", "recv_bye")])
    _conclude(leg, [])


def caller_cancels(leg: Leg) -> None:
    """The caller of an inbound leg gave up before FreeSWITCH answered."""
    if leg.hung_up.is_set():
        return
    _hang_up(leg, "ORIGINATOR_CANCEL", [("sip_hangup_disposition", "recv_cancel")])
    _conclude(leg, [])


def _hang_up(leg: Leg, cause: str, late: Iterable[Header] = ()) -> None:
    leg.stop_sending()
    leg.silent = leg.silent or leg.core.faults.ends_unsent()
    leg.cause = cause
    leg.state_number = STATE_NUMBERS["CS_HANGUP"]
    leg.answer_state = "hangup"
    leg.fire("CHANNEL_HANGUP")
    leg.set(late)


def _conclude(leg: Leg, late: Iterable[Header]) -> None:
    """From CHANNEL_HANGUP to the channel's last event."""
    leg.variables.pop("bridge_to", None)
    application = leg.application
    if application is not None:
        if application.on_hangup:
            application.on_hangup()
        leg.complete(application, "FILE PLAYED" if "playback" in application.name else "_none_")
    leg.run_state("CS_HANGUP")
    if leg.media_bug:
        leg.fire("MEDIA_BUG_STOP", before=media_bug_headers(leg.media_bug))
    leg.times["ended"] = leg.stamp()
    leg.enter_call_state("HANGUP")
    leg.run_state("CS_REPORTING")
    name, number = leg.caller_id
    last_app, last_arg = leg.applications[-1] if leg.applications else ("", "")
    leg.set(
        report.reported(
            report.Times(**leg.times),
            cause=leg.cause,
            q850=shown_q850(leg.cause),
            last_app=last_app,
            last_arg=last_arg,
            caller_id=f'"{name}" <{number}>' if name else number,
        )
    )
    leg.set(late)
    if leg.media in ("early", "answered"):
        leg.set(report.media_report(leg.media_report()))
    leg.fire("CHANNEL_HANGUP_COMPLETE", before=[("Hangup-Cause", leg.cause)])
    leg.reply(f"-ERR {leg.cause}\n")
    if leg.bridge_role == "originatee":
        leg.set([("call_uuid", leg.uuid)])
    leg.state_number = STATE_NUMBERS["CS_DESTROY"]
    leg.fire("CHANNEL_DESTROY")
    leg.state = "CS_DESTROY"
    leg.fire("CHANNEL_STATE")
    leg.finish()
