"""The steps of a leg that FreeSWITCH dials, from the session to the dialplan after the answer."""

import uuid
from collections.abc import Callable

from exporter.simulator import variables
from exporter.simulator.leg import STATE_NUMBERS, Leg
from exporter.simulator.sip import remote_sdp


def drop(leg: Leg) -> None:
    """The dial is refused before it is a call: a session made and thrown away (facts.md 4.1)."""
    leg.name = "N/A"
    leg.profiled = False
    leg.set(variables.created(leg, outbound=True))
    leg.state, leg.state_number = "CS_NONE", 0
    leg.fire("CHANNEL_DESTROY")
    leg.state = "CS_DESTROY"
    leg.fire("CHANNEL_STATE")
    leg.finish()


def create(
    leg: Leg,
    given: list[tuple[str, str]],
    *,
    early_media: bool,
    on_originate: Callable[[], None] = lambda: None,
) -> None:
    """From the session to the INVITE.

    Args:
        leg: just made.
        given: the variables of the dial string.
        early_media: `originate_early_media`: early media counts as an answer.
        on_originate: what `execute_on_originate` does, before the INVITE.
    """
    _prepare(leg, given, early_media=early_media, on_originate=on_originate)
    leg.set(variables.invited(leg))
    leg.state_number = STATE_NUMBERS["CS_ROUTING"]
    leg.fire("CHANNEL_CREATE")
    leg.fire("CHANNEL_ORIGINATE")
    leg.run_state("CS_ROUTING")
    leg.run_state("CS_CONSUME_MEDIA")


def prepare_without_port(leg: Leg, given: list[tuple[str, str]], *, early_media: bool) -> None:
    """From the session to the media port, which FreeSWITCH does not have; arguments as of `create`."""
    _prepare(leg, given, early_media=early_media, on_originate=lambda: None)
    leg.set(variables.offered(leg))


def _prepare(
    leg: Leg, given: list[tuple[str, str]], *, early_media: bool, on_originate: Callable[[], None]
) -> None:
    leg.set(variables.created(leg, outbound=True))
    leg.state, leg.state_number = "CS_NONE", 1
    leg.fire("CHANNEL_OUTGOING")
    leg.set(variables.dialled(leg, given, early_media=early_media, originator=leg.other))
    leg.sip.call_id = dict(given).get("sip_invite_call_id", leg.sip.call_id)
    on_originate()
    leg.run_state("CS_INIT", 1)


def ring(leg: Leg) -> None:
    """180 Ringing."""
    leg.addressed = True
    leg.callee_name = leg.number
    leg.times["progress"] = leg.stamp()
    leg.set(variables.responded(leg))
    leg.fire("CHANNEL_PROGRESS")
    leg.enter_call_state("RINGING")


def early_media(leg: Leg) -> None:
    """183 with SDP: audio before the answer."""
    leg.addressed = True
    leg.callee_name = leg.number
    leg.answer_state = "early"
    leg.times["progress_media"] = leg.stamp()
    leg.set(variables.responded(leg, early_sdp=True))
    leg.set([("switch_r_sdp", remote_sdp(leg.sip, leg.codec))])
    leg.set([("endpoint_disposition", "EARLY MEDIA")])
    leg.fire("CHANNEL_PROGRESS_MEDIA")
    leg.enter_call_state("EARLY")
    leg.media = "early"
    leg.fire_codecs()
    leg.set(variables.negotiated(leg, early=True))
    leg.set([("endpoint_disposition", "EARLY MEDIA")])


def answer(leg: Leg, on_answer: Callable[[], None] = lambda: None) -> None:
    """200 OK: the far end answered. `on_answer` is what `execute_on_answer` does."""
    leg.times["answered"] = leg.stamp()
    if not leg.addressed or leg.media == "early":
        leg.addressed = True
        leg.callee_name = leg.number
        leg.set(variables.responded(leg, early_sdp=leg.media == "early"))
    leg.set([("switch_r_sdp", remote_sdp(leg.sip, leg.codec))])
    if not leg.media:
        leg.media = "answered"
        leg.fire_codecs()
        leg.set(variables.negotiated(leg, early=False))
    leg.answer_state = "answered"
    leg.fire("CHANNEL_ANSWER")
    leg.set([("endpoint_disposition", "ANSWER")])
    on_answer()
    leg.enter_call_state("ACTIVE")


def transfer(leg: Leg, extension: str, dialplan: str) -> None:
    """Originate hands the answered leg to a dialplan, as a second caller profile."""
    leg.transferred = leg.stamp()
    leg.dialplan = dialplan
    leg.destination = extension
    source = f"{leg.transferred // 1_000_000}:{uuid.uuid4()}:bl_xfer:{extension}/default/{dialplan}"
    leg.transfer_source = source
    leg.run_state("CS_ROUTING")
    leg.set(
        [
            ("max_forwards", "70"),
            ("transfer_history", source),
            ("transfer_source", source),
            ("call_uuid", leg.uuid),
        ]
    )


def flip(leg: Leg) -> None:
    """Originate is done: caller and callee of the leg are exchanged."""
    leg.destination = leg.number
    leg.hit_dialplan = True
    leg.flipped = True
    if leg.caller_name:
        leg.set([("pre_transfer_caller_id_name", leg.caller_name)])
    leg.set([("pre_transfer_caller_id_number", leg.caller_number), ("channel_cid_flipped", "yes")])
    leg.fire("CALL_UPDATE", before=[("Direction", "RECV")])
