"""Calls from dial to hang-up: when each step of a leg happens.

Strategy: one task per call. `originate` is what the api command does; `inbound` and `bridged` are calls of
the switch's own traffic. FreeSWITCH's local refusals (pause, limits, a uuid in use, an unusable gateway)
come first and in its order; then the far end's script runs until somebody hangs up. The reply to an
originate is given where FreeSWITCH gives it, between the leg's events, through `Leg.on_reply`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from exporter.simulator import apps, bridge
from exporter.simulator.causes import cause_of_status
from exporter.simulator.farends import UNKNOWN_NUMBER, FarEnd
from exporter.simulator.gateways import NO_SUCH_NAME, REFUSED_PORT, SILENCE, Gateway, GatewayConfig
from exporter.simulator.leg import Leg
from exporter.simulator.media import SPEAKING, Path
from exporter.simulator.originate import DEFAULT_RING_SECONDS, Originate, Refused, parse
from exporter.simulator.variables import PCMU, Codec, Sip

if TYPE_CHECKING:
    import random

    from exporter.simulator.switch import Switch

OUT_OF_ORDER: Final = "-ERR DESTINATION_OUT_OF_ORDER\n"
INVITE_TIMEOUT: Final = 32.0  # s, sofia's own limit for an INVITE nobody answers


def _nothing() -> None:
    """Nobody wants to know."""


class Calls:
    """The calls of one switch."""

    def __init__(self, switch: "Switch") -> None:
        self._switch = switch
        self._tasks: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Forget every call, as a process that was killed does: nobody is told."""
        for leg in self._switch.legs.values():
            leg.vanish()
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # originate.

    def originate(self, line: str, on_reply: Callable[[str], None]) -> None:
        """The api command; `on_reply` is called exactly once, now or later, with FreeSWITCH's reply."""
        switch = self._switch
        try:
            request = parse(line)
        except Refused as refused:
            on_reply(refused.reply)
            return
        leg_uuid = request.variable("origination_uuid")
        if switch.refuses_session("outbound") or leg_uuid in switch.legs:
            on_reply(OUT_OF_ORDER)
            return
        far_end = switch.far_ends.get(request.number, UNKNOWN_NUMBER)
        leg = self.dial(request, far_end, leg_uuid=leg_uuid)
        if isinstance(leg, str):
            on_reply(f"-ERR {leg}\n")
            return
        leg.on_reply = on_reply

        async def work() -> None:
            await self._outbound(leg, request, far_end)

        self._start(work())

    def dial(
        self, request: Originate, far_end: FarEnd, *, leg_uuid: str = "", codec: Codec = PCMU
    ) -> Leg | str:
        """A leg through the request's gateway, or the cause why FreeSWITCH dropped it before the INVITE."""
        switch = self._switch
        gateway = switch.find_gateway(request.gateway)
        sip = sip_of(gateway.config, switch.rng) if gateway else Sip(switch.rng)
        leg = Leg(
            switch,
            outbound=True,
            number=request.number,
            caller_name=request.caller_name,
            caller_number=request.caller_number,
            sip=sip,
            codec=codec,
            path=far_end.path,
            leg_uuid=leg_uuid,
        )
        if gateway is None or not gateway.up:
            if gateway is not None:
                gateway.failed_calls_out += 1
                switch.log(
                    "err", "mod_sofia.c", "sofia_outgoing_channel", 4857, f"Gateway is down! [{gateway.name}]"
                )
            else:
                switch.log("err", "mod_sofia.c", "sofia_outgoing_channel", 4833, "Invalid Gateway")
            leg.drop()
            return "GATEWAY_DOWN" if gateway else "INVALID_GATEWAY"
        gateway.calls_out += 1
        leg.gateway = gateway
        switch.legs[leg.uuid] = leg
        return leg

    async def _outbound(self, leg: Leg, request: Originate, far_end: FarEnd) -> None:
        """Ring, answer, run the script: an originated leg from its INVITE on."""
        leg.create_outbound(
            request.variables,
            early_media=not request.waits_for_answer,
            on_originate=lambda: apps.execute_on(leg, request.starting_with("execute_on_originate")),
        )
        # Whole-second arithmetic: the limit is reached up to a second early (facts.md 6.3).
        ring_limit = request.ring_seconds - leg.second_fraction()

        def gave_up() -> None:
            if not leg.times["answered"] and leg.on_reply is not None:
                leg.end_by_us("NO_ANSWER")

        leg.time.at(ring_limit, gave_up)

        def promoted() -> None:
            """originate is content with early media: it replies, and the script runs on it."""
            self._start(self._talk(leg, request))

        await self._ring(leg, far_end, promoted=_nothing if request.waits_for_answer else promoted)
        if leg.hung_up.is_set():
            return
        leg.answer(on_answer=lambda: apps.execute_on(leg, request.starting_with("execute_on_answer")))
        if far_end.loops_back:
            self._start(self._looped(leg))
        if far_end.hang_up is not None:
            leg.time.at(far_end.hang_up, leg.end_by_bye)
        if leg.on_reply is not None:
            await self._talk(leg, request)

    async def _talk(self, leg: Leg, request: Originate) -> None:
        if request.extension:
            leg.reply(f"+OK {leg.uuid}\n")
            leg.transfer(request.extension, request.dialplan)
            leg.flip()
        else:
            leg.flip()
            leg.reply(f"+OK {leg.uuid}\n")
        leg.start_executing()
        if request.script is None:
            leg.end_by_us("NO_ROUTE_DESTINATION")
            return
        await apps.Runner(leg).run(request.script)

    async def _ring(
        self,
        leg: Leg,
        far_end: FarEnd,
        *,
        promoted: Callable[[], None],
        rings: Callable[[], None] = _nothing,
    ) -> None:
        """Until the far end answers or refuses; returns with the leg unanswered or hung up.

        Args:
            promoted: called when early media has come.
            rings: called when it has rung.
        """
        answer = leg.gateway.provider.invite if leg.gateway else None
        if answer in (REFUSED_PORT, NO_SUCH_NAME):
            leg.end_by_refusal(503, answer.phrase, "NORMAL_TEMPORARY_FAILURE", reason=False)
            return
        if answer == SILENCE:
            far_end = FarEnd()
        elif answer is not None:
            far_end = FarEnd(refuse=0.02, status=answer.code, phrase=answer.phrase)
        steps = [
            (far_end.ring, "ring"),
            (far_end.early, "early"),
            (far_end.refuse, "refuse"),
            (far_end.answer, "answer"),
        ]
        begun = leg.time.elapsed()
        for moment, step in sorted((moment, step) for moment, step in steps if moment is not None):
            if await leg.time.wait(max(0.0, begun + moment - leg.time.elapsed())):
                return
            if step == "ring":
                leg.ring()
                rings()
            elif step == "early":
                leg.early_media()
                promoted()
            elif step == "refuse":
                cause = far_end.cause or cause_of_status(far_end.status)
                leg.end_by_refusal(far_end.status, far_end.phrase, cause)
                return
            else:
                return
        heard_of = far_end.ring is not None or far_end.early is not None
        if not heard_of and not await leg.time.wait(begun + INVITE_TIMEOUT - leg.time.elapsed()):
            leg.end_by_refusal(408, "Request Timeout", "RECOVERY_ON_TIMER_EXPIRE", reason=False)
        await leg.hung_up.wait()

    async def _looped(self, leg: Leg) -> None:
        """The provider routed the call back to our own number: it arrives here and is echoed."""
        sip = Sip(self._switch.rng, peer=leg.sip.peer, peer_port=leg.sip.peer_port)
        back = self.arrive(
            sip,
            caller=leg.caller_number,
            called="+15559990000",
            display=leg.caller_number,
            codec=leg.codec,
            path=SPEAKING,
        )
        if back is None:
            return
        self._answer_inbound(back)
        await leg.hung_up.wait()
        back.time.catch_up()
        back.end_by_bye()

    # Calls of the switch's own traffic.

    def arrive(
        self,
        sip: Sip,
        *,
        caller: str,
        called: str,
        display: str = "",
        to_contact: bool = True,
        codec: Codec = PCMU,
        path: Path = SPEAKING,
    ) -> Leg | None:
        """An INVITE comes in; None if FreeSWITCH refuses it (pause or session limit).

        Args:
            to_contact: it is addressed to the Contact a gateway registered, not to number@address; only
                then does FreeSWITCH know which gateway it came by.
        """
        switch = self._switch
        if switch.refuses_session("inbound"):
            return None
        gateway = switch.find_gateway(sip.gateway) if sip.gateway else None
        via_gateway = gateway is not None and gateway.config.register and to_contact
        if gateway is not None and via_gateway:
            gateway.calls_in += 1
        else:
            sip.gateway = ""
        leg = Leg(
            switch,
            outbound=False,
            number=called,
            caller_name=display,
            caller_number=caller,
            sip=sip,
            codec=codec,
            path=path,
            context="public" if sip.profile == "external" else "default",
        )
        switch.legs[leg.uuid] = leg
        addressed_to = f"gw+{sip.gateway}" if via_gateway else called
        leg.create_inbound(addressed_to=addressed_to, via_gateway=via_gateway)
        return leg

    def _answer_inbound(self, leg: Leg) -> None:
        answering = leg.execute("answer")
        leg.accept()
        leg.complete(answering)
        leg.execute("echo")
        leg.start_sending()

    def inbound(
        self,
        gateway: str,
        *,
        caller: str,
        called: str,
        seconds: float,
        codec: Codec = PCMU,
        path: Path = SPEAKING,
        answer_after: float = 0.02,
        to_contact: bool = True,
        patience: float | None = None,
    ) -> Leg | None:
        """A call comes in through `gateway`, is answered, and the caller hangs up after `seconds`.

        Args:
            patience: seconds after which a caller who was not answered gives up.
        """
        found = self._switch.find_gateway(gateway)
        if found is None:
            return None
        leg = self.arrive(
            sip_of(found.config, self._switch.rng),
            caller=caller,
            called=called,
            to_contact=to_contact,
            codec=codec,
            path=path,
        )
        if leg is None:
            return None

        def gave_up() -> None:
            if not leg.times["answered"]:
                leg.end_by_cancel()

        if patience is not None:
            leg.time.at(patience, gave_up)

        async def work() -> None:
            if not await leg.time.wait(answer_after):
                self._answer_inbound(leg)
                if not await leg.time.wait(seconds):
                    leg.end_by_bye()

        self._start(work())
        return leg

    def outbound(
        self,
        gateway: str,
        number: str,
        far_end: FarEnd,
        *,
        caller: str,
        seconds: float,
        codec: Codec = PCMU,
        ring_seconds: int = 30,
    ) -> Leg | str:
        """A call goes out and, once answered, we hang up after `seconds` (unless the far end does first)."""
        request = Originate(
            variables=[
                ("origination_caller_id_number", caller),
                ("call_direction", "outbound"),
                ("ignore_early_media", "true"),
            ],
            gateway=gateway,
            number=number,
            script=[("echo", "")],
            caller_name="",
            caller_number=caller,
            ring_seconds=ring_seconds,
        )
        if self._switch.refuses_session("outbound"):
            return "DESTINATION_OUT_OF_ORDER"
        leg = self.dial(request, far_end, codec=codec)
        if isinstance(leg, str):
            return leg
        leg.on_reply = lambda _: None

        async def work() -> None:
            talk = asyncio.get_running_loop().create_task(self._outbound(leg, request, far_end))
            self._tasks.add(talk)
            talk.add_done_callback(self._tasks.discard)
            while not leg.times["answered"]:
                if await leg.time.wait(0.1):
                    return
            if not await leg.time.wait(seconds):
                leg.end_by_us("NORMAL_CLEARING")

        self._start(work())
        return leg

    def bridged(
        self, gateway: str, number: str, far_end: FarEnd, *, caller: str, seconds: float, codec: Codec = PCMU
    ) -> Leg | None:
        """A telephone of ours calls out: an inbound leg without gateway, bridged to one through `gateway`.

        The far end hangs up `seconds` after its answer.
        """
        sip = Sip(
            self._switch.rng,
            profile="internal",
            profile_url="sip:mod_sofia@127.0.0.1:5060",
            local_port="5060",
            user_agent="Phone",
        )
        leg = self.arrive(sip, caller=caller, called=number, codec=codec)
        if leg is None:
            return None
        self._start(self._bridge(leg, gateway, number, far_end, seconds, codec))
        return leg

    async def _bridge(
        self, leg: Leg, gateway: str, number: str, far_end: FarEnd, seconds: float, codec: Codec
    ) -> None:
        request = Originate([], gateway, number, [], leg.shown_name, leg.caller_number, DEFAULT_RING_SECONDS)
        leg.execute("bridge", f"sofia/gateway/{gateway}/{number}")
        other: Leg | str = "DESTINATION_OUT_OF_ORDER"
        if not self._switch.refuses_session("outbound"):
            other = self.dial(request, far_end, codec=codec)
        if isinstance(other, str):
            leg.set(bridge.never_dialled(other))
            leg.end_by_us(other)
            return
        pair = bridge.Bridge(leg, other)
        other.create_outbound([], early_media=True)

        def gave_up() -> None:
            if not other.times["answered"]:
                other.end_by_us("NO_ANSWER")

        other.time.at(request.ring_seconds, gave_up)
        await self._ring(other, far_end, rings=pair.ring, promoted=pair.early_media)
        leg.time.catch_up()
        if other.hung_up.is_set():
            pair.refused()
            return
        if leg.hung_up.is_set():
            other.end_by_us("ORIGINATOR_CANCEL")
            return
        pair.answer()
        await leg.time.wait(seconds)
        other.time.catch_up()
        pair.callee_hangs_up()


def sip_of(config: GatewayConfig, rng: "random.Random") -> Sip:
    """The dialog of a leg through a gateway."""
    host, _, port = config.proxy.partition(":")
    return Sip(
        rng,
        gateway=config.name,
        realm=config.from_domain or config.realm,
        peer=host,
        peer_port=port or "5060",
    )


def count_end(leg: Leg, gateway: Gateway) -> None:
    """FailedCallsOUT: every outbound leg that ended unanswered; FailedCallsIN never moves (facts.md 2.4)."""
    if leg.outbound and not leg.times["answered"]:
        gateway.failed_calls_out += 1
