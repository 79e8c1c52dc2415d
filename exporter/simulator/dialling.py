"""Calls that FreeSWITCH dials: local refusals, ringing, the answer, and the script after it.

Strategy: FreeSWITCH's local refusals (pause, limits, a uuid in use, an unusable gateway) come first and in
its order; then the far end's script runs until one side hangs up. The reply to an originate is given where
FreeSWITCH gives it, between the leg's events, through `Leg.on_reply`.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from exporter.simulator import apps, arrivals, ending, outgoing
from exporter.simulator.causes import cause_of_status
from exporter.simulator.channel import CallSetup
from exporter.simulator.farends import UNKNOWN_NUMBER, FarEnd
from exporter.simulator.leg import Leg
from exporter.simulator.originate import Originate, Refused, parse
from exporter.simulator.providers import NO_SUCH_NAME, REFUSED_PORT, SILENCE
from exporter.simulator.sip import PCMU, Codec, Sip
from exporter.simulator.switch import Switch

OUT_OF_ORDER: Final = "DESTINATION_OUT_OF_ORDER"
_SOFIA: Final = ("mod_sofia.c", "sofia_outgoing_channel")
INVITE_TIMEOUT: Final = 32.0  # s, sofia's own limit for an INVITE without any answer


def _nothing() -> None:
    """Nothing follows."""


class Dialler:
    """Dials on one switch.

    Args:
        switch: that dials.
        start: runs a call beside the others.
    """

    def __init__(self, switch: Switch, start: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._switch = switch
        self._start = start

    def originate(self, line: str, on_reply: Callable[[str], None]) -> None:
        """The api command; `on_reply` is called exactly once, now or later, with FreeSWITCH's reply."""
        switch = self._switch
        try:
            request = parse(line)
        except Refused as refused:
            if refused.user.partition("@")[0] in switch.telephones.users:
                on_reply(self._no_telephone(refused.user))
                return
            if refused.logged is not None:
                switch.log(*refused.logged)
            if refused.session:
                sip = Sip(switch.core.rng)
                nobody = CallSetup(outbound=True, number="", caller_name="", caller_number="", sip=sip)
                outgoing.drop(switch.sessions.make_leg(nobody))
            on_reply(refused.reply)
            return
        leg_uuid = request.variable("origination_uuid")
        if switch.sessions.refuses("outbound", leg_uuid):
            switch.log("crit", *_SOFIA, 4787, "Error Creating Session")
            on_reply(f"-ERR {OUT_OF_ORDER}\n")
            return
        far_end = switch.far_ends.get(request.number, UNKNOWN_NUMBER)
        leg = self.dial(request, far_end, leg_uuid=leg_uuid)
        if isinstance(leg, str):
            on_reply(f"-ERR {leg}\n")
            return
        leg.on_reply = on_reply
        self._start(self.run(leg, request, far_end))

    def _no_telephone(self, user: str) -> str:
        """The reply to a dial to a user of the directory; it asks for the telephone as a client would."""
        asked = self._switch.core.api_event("sofia_contact", f"*/{user}")
        asked()
        registered = user.partition("@")[0] in self._switch.telephones.rows
        return f"-ERR {'CHAN_NOT_IMPLEMENTED' if registered else 'USER_NOT_REGISTERED'}\n"

    def dial(
        self, request: Originate, far_end: FarEnd, *, leg_uuid: str = "", codec: Codec = PCMU
    ) -> Leg | str:
        """A leg through the request's gateway, or the cause why FreeSWITCH dropped it before the INVITE."""
        switch = self._switch
        gateway = switch.sofia.find(request.gateway)
        rng = switch.core.rng
        leg = switch.sessions.make_leg(
            CallSetup(
                outbound=True,
                number=request.number,
                caller_name=request.caller_name,
                caller_number=request.caller_number,
                sip=arrivals.dialog(gateway.config, rng) if gateway else Sip(rng),
                codec=codec,
                path=far_end.path,
                leg_uuid=leg_uuid,
            )
        )
        if gateway is None:
            switch.log("err", *_SOFIA, 4830, f"Invalid Gateway '{request.gateway}'")
            outgoing.drop(leg)
            return "INVALID_GATEWAY"
        if not gateway.up:
            gateway.failed_calls_out += 1
            switch.log("err", *_SOFIA, 4838, f"Gateway '{gateway.name}' is down!")
            outgoing.drop(leg)
            return "GATEWAY_DOWN"
        gateway.calls_out += 1
        leg.gateway = gateway
        switch.sessions.add(leg)
        return leg

    async def run(
        self, leg: Leg, request: Originate, far_end: FarEnd, *, seconds: float | None = None
    ) -> None:
        """Ring, answer, run the script: an originated leg from its INVITE on.

        Args:
            leg: that was dialled.
            request: that it was dialled for.
            far_end: what answers.
            seconds: from the answer until FreeSWITCH hangs up; None leaves that to the script.
        """
        early_media = not request.waits_for_answer
        if self._switch.core.faults.rtp_ports_used_up:
            outgoing.prepare_without_port(leg, request.variables, early_media=early_media)
            ending.no_rtp_port(leg)
            return
        outgoing.create(
            leg,
            request.variables,
            early_media=early_media,
            on_originate=lambda: apps.execute_on(leg, request.starting_with("execute_on_originate")),
        )
        # Whole-second arithmetic: the limit is reached up to a second early (facts.md 6.3).
        ring_limit = request.ring_seconds - leg.second_fraction()

        def give_up() -> None:
            if not leg.times["answered"] and leg.on_reply is not None:
                ending.hang_up(leg, "NO_ANSWER")

        leg.time.at(ring_limit, give_up)

        def early_media_suffices() -> None:
            """Originate replies at early media, and the script runs on it."""
            self._start(self._talk(leg, request))

        on_early_media = _nothing if request.waits_for_answer else early_media_suffices
        await self.ring(leg, far_end, on_early_media=on_early_media)
        if leg.hung_up.is_set():
            return
        outgoing.answer(
            leg, on_answer=lambda: apps.execute_on(leg, request.starting_with("execute_on_answer"))
        )
        if far_end.loops_back:
            self._start(arrivals.loop_back(self._switch, leg))
        if far_end.hang_up is not None:
            leg.time.at(far_end.hang_up, lambda: ending.far_end_hangs_up(leg))
        if seconds is not None:
            leg.time.at(seconds, lambda: ending.hang_up(leg, "NORMAL_CLEARING"))
        if leg.on_reply is not None:
            await self._talk(leg, request)

    async def _talk(self, leg: Leg, request: Originate) -> None:
        if request.extension:
            leg.reply(f"+OK {leg.uuid}\n")
            outgoing.transfer(leg, request.extension, request.dialplan)
            outgoing.flip(leg)
        else:
            outgoing.flip(leg)
            leg.reply(f"+OK {leg.uuid}\n")
        leg.start_executing()
        if request.script is None:
            ending.hang_up(leg, "NO_ROUTE_DESTINATION")
            return
        await apps.Runner(leg).run(request.script)

    async def ring(
        self,
        leg: Leg,
        far_end: FarEnd,
        *,
        on_early_media: Callable[[], None],
        on_ringing: Callable[[], None] = _nothing,
    ) -> None:
        """Until the far end answers or refuses; returns with the leg unanswered or hung up.

        Args:
            leg: whose INVITE was sent.
            far_end: its script.
            on_early_media: called when early media has come.
            on_ringing: called when it has rung.
        """
        answer = leg.gateway.provider.invite if leg.gateway else None
        if answer in (REFUSED_PORT, NO_SUCH_NAME):
            ending.invite_fails(leg, 503, answer.phrase, "NORMAL_TEMPORARY_FAILURE")
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
                outgoing.ring(leg)
                on_ringing()
            elif step == "early":
                outgoing.early_media(leg)
                on_early_media()
            elif step == "refuse":
                cause = far_end.cause or cause_of_status(far_end.status)
                ending.far_end_refuses(leg, far_end.status, far_end.phrase, cause, far_end.headers)
                return
            else:
                return
        provisional = far_end.ring is not None or far_end.early is not None
        if not provisional and not await leg.time.wait(begun + INVITE_TIMEOUT - leg.time.elapsed()):
            ending.invite_fails(leg, 408, "Request Timeout", "RECOVERY_ON_TIMER_EXPIRE")
        await leg.hung_up.wait()
