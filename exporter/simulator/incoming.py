"""The steps of a leg that calls FreeSWITCH, from the INVITE to FreeSWITCH's answer."""

from collections.abc import Iterable

from exporter.simulator import variables
from exporter.simulator.events import Header
from exporter.simulator.leg import STATE_NUMBERS, Leg


def create(leg: Leg, *, addressed_to: str, via_gateway: bool) -> None:
    """From the INVITE to the dialplan.

    Args:
        leg: just made.
        addressed_to: user part of the request URI.
        via_gateway: the URI carried the Contact that FreeSWITCH registered.
    """
    leg.addressed = False
    leg.run_state("CS_NEW")
    leg.addressed = leg.profiled = True
    leg.media = "negotiated"
    leg.fire_codecs()
    leg.run_state("CS_INIT")
    leg.set(variables.created(leg, outbound=False))
    leg.set(variables.arrived(leg, addressed_to=addressed_to, via_gateway=via_gateway, stamp=leg.stamp()))
    leg.state_number = STATE_NUMBERS["CS_ROUTING"]
    leg.fire("CHANNEL_CREATE")
    leg.state = "CS_ROUTING"
    leg.enter_call_state("RINGING")
    leg.fire("CHANNEL_STATE")
    leg.set([("DP_MATCH", [leg.number, leg.number])])
    leg.start_executing()


def accept(leg: Leg, before: Iterable[Header] = ()) -> None:
    """FreeSWITCH answers the leg (inside the `answer` application or a bridge, which sets `before`)."""
    leg.times["answered"] = leg.stamp()
    early = leg.media == "early"
    leg.media = "answered"
    leg.set(before)
    leg.set(variables.accepted(leg)[: 1 if early else None])
    leg.answer_state = "answered"
    leg.fire("CHANNEL_ANSWER")
    leg.enter_call_state("ACTIVE")
    leg.set([("endpoint_disposition", "ANSWER")])


def hear_ringing(leg: Leg, number: str, before: Iterable[Header]) -> None:
    """The leg that this one dialled, at `number`, rings; the bridge sets `before`."""
    leg.reached = number
    leg.times["progress"] = leg.stamp()
    leg.set(before)
    leg.set([("sip_to_tag", leg.sip.to_tag)])
    leg.fire("CHANNEL_PROGRESS")


def hear_early_media(leg: Leg, number: str, before: Iterable[Header]) -> None:
    """The leg that this one dialled, at `number`, has audio before its answer; the bridge sets `before`."""
    leg.reached = number
    leg.times["progress_media"] = leg.stamp()
    leg.answer_state = "early"
    leg.media = "early"
    leg.set(before)
    leg.set(variables.accepted(leg))
    leg.set([("endpoint_disposition", "EARLY MEDIA")])
    leg.fire("CHANNEL_PROGRESS_MEDIA")
    leg.enter_call_state("EARLY")
