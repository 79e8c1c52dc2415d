"""Calls that come in: an INVITE arrives, FreeSWITCH answers, the caller hangs up or gives up."""

import random
from dataclasses import replace

from exporter.simulator import ending, incoming
from exporter.simulator.channel import CallSetup
from exporter.simulator.gateways import GatewayConfig
from exporter.simulator.leg import Leg
from exporter.simulator.media import SPEAKING
from exporter.simulator.sip import Sip
from exporter.simulator.switch import Switch


def arrive(switch: Switch, setup: CallSetup, *, to_contact: bool = True) -> Leg | None:
    """An INVITE comes in; None if FreeSWITCH refuses it (pause or session limit).

    Args:
        switch: that it comes to.
        setup: of the leg; its dialog names the gateway it comes through, if any.
        to_contact: it is addressed to the Contact that a gateway registered, not to number@address; only
            then does FreeSWITCH know which gateway it came through.
    """
    if switch.sessions.refuses("inbound"):
        return None
    sip = setup.sip
    gateway = switch.sofia.find(sip.gateway) if sip.gateway else None
    via_gateway = gateway is not None and gateway.config.register and to_contact
    if gateway is not None and via_gateway:
        gateway.calls_in += 1
    else:
        sip.gateway = ""
    setup = replace(setup, context="public" if sip.profile == "external" else "default")
    leg = switch.sessions.make_leg(setup)
    switch.sessions.add(leg)
    addressed_to = f"gw+{sip.gateway}" if via_gateway else setup.number
    incoming.create(leg, addressed_to=addressed_to, via_gateway=via_gateway)
    return leg


def answer(leg: Leg) -> None:
    """FreeSWITCH answers and echoes; without an RTP port it refuses the leg."""
    answering = leg.execute("answer")
    if leg.core.faults.rtp_ports_used_up:
        ending.no_rtp_port(leg)
        return
    incoming.accept(leg)
    leg.complete(answering)
    leg.execute("echo")
    leg.start_sending()


async def serve(leg: Leg, *, answer_after: float, seconds: float, patience: float | None) -> None:
    """An inbound call up to its end.

    Args:
        leg: that has arrived.
        answer_after: seconds until FreeSWITCH answers.
        seconds: from the answer until the caller hangs up.
        patience: seconds after which an unanswered caller gives up; None never.
    """

    def give_up() -> None:
        if not leg.times["answered"]:
            ending.caller_cancels(leg)

    if patience is not None:
        leg.time.at(patience, give_up)
    if not await leg.time.wait(answer_after):
        answer(leg)
        if not leg.hung_up.is_set() and not await leg.time.wait(seconds):
            ending.far_end_hangs_up(leg)


async def loop_back(switch: Switch, leg: Leg) -> None:
    """The provider routed an outbound call back to this switch: it arrives here and is echoed."""
    back = arrive(
        switch,
        CallSetup(
            outbound=False,
            number="+15559990000",
            caller_name=leg.caller_number,
            caller_number=leg.caller_number,
            sip=Sip(switch.core.rng, peer=leg.sip.peer, peer_port=leg.sip.peer_port),
            codec=leg.codec,
            path=SPEAKING,
        ),
    )
    if back is None:
        return
    answer(back)
    await leg.hung_up.wait()
    back.time.catch_up()
    ending.far_end_hangs_up(back)


def dialog(config: GatewayConfig, rng: random.Random) -> Sip:
    """The dialog of a leg through a gateway."""
    host, _, port = config.proxy.partition(":")
    return Sip(
        rng,
        gateway=config.name,
        realm=config.from_domain or config.realm,
        peer=host,
        peer_port=port or "5060",
    )
