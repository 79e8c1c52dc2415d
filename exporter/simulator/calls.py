"""The calls of one switch: those that api commands originate, and those of its own traffic.

Strategy: one task per call. `originate` is what the api command does; `inbound`, `outbound` and `bridged` are
ordinary calls, for tests and for background traffic. How a call comes in is in arrivals.py, how one is
dialled in dialling.py, what joins two legs in bridge.py.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from exporter.simulator import arrivals, bridge, ending, outgoing
from exporter.simulator.channel import CallSetup
from exporter.simulator.dialling import OUT_OF_ORDER, Dialler
from exporter.simulator.farends import FarEnd
from exporter.simulator.leg import Leg
from exporter.simulator.media import SPEAKING, Path
from exporter.simulator.originate import DEFAULT_RING_SECONDS, Originate
from exporter.simulator.sip import PCMU, Codec, Sip
from exporter.simulator.switch import Switch


class Calls:
    """The calls of one switch."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._tasks: set[asyncio.Task[None]] = set()
        self._dialler = Dialler(switch, self._start)

    def stop(self) -> None:
        """End every call without an event, as a killed process does."""
        self._switch.sessions.end()
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def originate(self, line: str, on_reply: Callable[[str], None]) -> None:
        """The api command; `on_reply` is called exactly once, now or later, with FreeSWITCH's reply."""
        self._dialler.originate(line, on_reply)

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
        """A call comes in through `gateway`, is answered, and the caller hangs up.

        Args:
            gateway: by name.
            caller: number.
            called: number.
            seconds: from the answer until the caller hangs up.
            codec: of its audio.
            path: of its audio.
            answer_after: seconds until FreeSWITCH answers.
            to_contact: see `arrivals.arrive`.
            patience: seconds after which an unanswered caller gives up; None never.

        Returns:
            The leg, or None where FreeSWITCH has no such gateway or makes no session.
        """
        found = self._switch.sofia.find(gateway)
        if found is None:
            return None
        setup = CallSetup(
            outbound=False,
            number=called,
            caller_name="",
            caller_number=caller,
            sip=arrivals.dialog(found.config, self._switch.core.rng),
            codec=codec,
            path=path,
        )
        leg = arrivals.arrive(self._switch, setup, to_contact=to_contact)
        if leg is not None:
            serving = arrivals.serve(leg, answer_after=answer_after, seconds=seconds, patience=patience)
            self._start(serving)
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
        """A call goes out and, once answered, FreeSWITCH hangs up (unless the far end does first).

        Args:
            gateway: by name.
            number: dialled.
            far_end: what answers.
            caller: number.
            seconds: from the answer until FreeSWITCH hangs up.
            codec: of its audio.
            ring_seconds: limit until the answer.

        Returns:
            The leg, or the cause for which FreeSWITCH refused the dial.
        """
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
        if self._switch.sessions.refuses("outbound"):
            return OUT_OF_ORDER
        leg = self._dialler.dial(request, far_end, codec=codec)
        if isinstance(leg, str):
            return leg
        leg.on_reply = lambda _: None
        self._start(self._dialler.run(leg, request, far_end, seconds=seconds))
        return leg

    def bridged(
        self, gateway: str, number: str, far_end: FarEnd, *, caller: str, seconds: float, codec: Codec = PCMU
    ) -> Leg | None:
        """A local telephone calls out: an inbound leg without gateway, bridged to one through `gateway`.

        Args:
            gateway: by name.
            number: dialled.
            far_end: what answers.
            caller: number of the telephone.
            seconds: from the answer until the far end hangs up.
            codec: of both legs.

        Returns:
            The inbound leg, or None where FreeSWITCH makes no session.
        """
        sip = Sip(
            self._switch.core.rng,
            profile="internal",
            profile_url="sip:mod_sofia@127.0.0.1:5060",
            local_port="5060",
            user_agent="Phone",
        )
        setup = CallSetup(
            outbound=False,
            number=number,
            caller_name="",
            caller_number=caller,
            sip=sip,
            codec=codec,
            path=SPEAKING,
        )
        leg = arrivals.arrive(self._switch, setup)
        if leg is not None:
            self._start(self._bridge(leg, gateway, far_end, seconds))
        return leg

    async def _bridge(self, leg: Leg, gateway: str, far_end: FarEnd, seconds: float) -> None:
        number = leg.number
        request = Originate([], gateway, number, [], leg.shown_name, leg.caller_number, DEFAULT_RING_SECONDS)
        leg.execute("bridge", f"sofia/gateway/{gateway}/{number}")
        other: Leg | str = OUT_OF_ORDER
        if not self._switch.sessions.refuses("outbound"):
            other = self._dialler.dial(request, far_end, codec=leg.codec)
        if isinstance(other, str):
            leg.set(bridge.never_dialled(other))
            ending.hang_up(leg, other)
            return
        dialled = other
        pair = bridge.Bridge(leg, dialled)
        if self._switch.core.faults.rtp_ports_used_up:
            outgoing.prepare_without_port(dialled, [], early_media=True)
            ending.no_rtp_port(dialled)
            pair.refused()
            return
        outgoing.create(dialled, [], early_media=True)

        def give_up() -> None:
            if not dialled.times["answered"]:
                ending.hang_up(dialled, "NO_ANSWER")

        dialled.time.at(request.ring_seconds, give_up)
        await self._dialler.ring(dialled, far_end, on_ringing=pair.ring, on_early_media=pair.early_media)
        leg.time.catch_up()
        if dialled.hung_up.is_set():
            pair.refused()
            return
        if leg.hung_up.is_set():
            ending.hang_up(dialled, "ORIGINATOR_CANCEL")
            return
        pair.answer()
        await leg.time.wait(seconds)
        dialled.time.catch_up()
        pair.callee_hangs_up()
