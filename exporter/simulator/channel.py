"""One channel: everything FreeSWITCH knows of a leg, as plain values.

Strategy: the steps of a call (outgoing.py, incoming.py, ending.py) change these values; channel_headers.py
and variables.py turn them into headers. Setting a variable that exists moves it to the end of the list, as
in FreeSWITCH (EF_UNIQ_HEADERS), so the order of `variable_*` headers shows the order of the steps.

Times: a channel is created at the wall clock. From then on its time runs `speed` times as fast as the clock,
and everything in its events (`Caller-*-Time`, `*_uepoch`, `Event-Date-Timestamp`) is that time: a call that
claims five seconds shows five seconds, however quickly a test ran it (timeline.py). At speed 1 both are the
same.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from exporter.simulator.clock import SwitchClock, quantized
from exporter.simulator.events import Header, Value
from exporter.simulator.media import SILENT, Path
from exporter.simulator.sip import PCMU, Codec, Sip
from exporter.simulator.timeline import Timeline

STEPS = ("created", "progress", "progress_media", "answered", "bridged", "ended")


@dataclass(frozen=True, slots=True)
class CallSetup:
    """What is known of a leg before it exists.

    Attributes:
        outbound: FreeSWITCH dials it.
        number: the number dialled, or the one that a caller dialled to reach FreeSWITCH.
        caller_name: of the caller profile, "" for none.
        caller_number: of the caller profile.
        sip: its dialog.
        codec: of its audio.
        path: what comes back as audio.
        leg_uuid: its uuid; "" for a random one.
        context: of the dialplan.
    """

    outbound: bool
    number: str
    caller_name: str
    caller_number: str
    sip: Sip
    codec: Codec = PCMU
    path: Path = SILENT
    leg_uuid: str = ""
    context: str = "default"


@dataclass(slots=True)
class Application:
    """A dialplan application while it runs on a leg.

    Attributes:
        on_hangup: called if the leg ends first.
    """

    name: str
    data: str
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    on_hangup: Callable[[], None] | None = None


class Channel:
    """One channel.

    Args:
        setup: what it is made from.
        session_id: FreeSWITCH's running number.
        speed: how many times faster than the clock its time runs.
        clock: of the switch.

    Attributes:
        time: the channel's own time.
        times: microseconds since the epoch of each step, 0 for one that did not happen.
        other: the channel it is bridged to, or dialled by.
        other_type: "originator" on a leg that another one dialled, "originatee" on the one that dialled.
        bridge_role: "originator" or "originatee" once bridged.
        application: the one that runs now.
        applications: (name, data) of every one that ran.
        username, dialplan, source, destination: of its caller profile.
        dialled_from: where the INVITE of the leg that dialled this one came from.
        reached: number that an inbound leg was connected to.
        flipped: caller and callee are exchanged, as originate does with an answered leg.
        profiled: it has a caller profile; an inbound leg has none before it is routed.
        addressed: the far end's address is known.
        media: "negotiated", and "early" or "answered" once RTP runs.
        transferred: microseconds since the epoch when it was transferred, 0 never.
    """

    def __init__(self, setup: CallSetup, session_id: int, speed: float, clock: SwitchClock) -> None:
        outbound, number = setup.outbound, setup.number
        self.outbound = outbound
        self.number = number
        self.caller_name = setup.caller_name
        self.caller_number = setup.caller_number
        self.sip = setup.sip
        self.session_id = session_id
        self.codec = setup.codec
        self.path = setup.path
        self.context = setup.context
        self.uuid = setup.leg_uuid or str(uuid.uuid4())
        suffix = "" if outbound else f"@{self.sip.peer}"
        self.name = f"sofia/{self.sip.profile}/{number if outbound else self.caller_number}{suffix}"
        self.state = "CS_NEW"
        self.state_number = 0
        self.call_state = "DOWN"
        self.answer_state = "ringing"
        self.cause = ""
        self.variables: dict[str, Value] = {}
        self.application: Application | None = None
        self.applications: list[tuple[str, str]] = []
        self.other: Channel | None = None
        self.other_type = ""
        self.bridge_role = ""
        self.username = "" if outbound else self.caller_number
        self.dialplan = "" if outbound else "XML"
        self.source = "src/switch_ivr_originate.c" if outbound else "mod_sofia"
        self.destination = number
        self.callee_name = "Outbound Call"
        self.transfer_source = ""
        self.transferred = 0
        self.dialled_from = ""
        self.reached = ""
        self.flipped = False
        self.hit_dialplan = not outbound
        self.profiled = outbound
        self.addressed = not outbound
        self.media = ""
        self.times = dict.fromkeys(STEPS, 0)
        self.time = Timeline(speed, clock)
        self.times["created"] = clock.stamp()

    def stamp(self) -> int:
        """Now, in this channel's time: microseconds since the epoch."""
        return self.times["created"] + quantized(round(self.time.elapsed() * 1_000_000))

    def second_fraction(self) -> float:
        """How far into a second the clock is: FreeSWITCH's timers count whole seconds (facts.md 6.3)."""
        return self.stamp() % 1_000_000 / 1_000_000

    @property
    def direction(self) -> str:
        """As FreeSWITCH counts it."""
        return "outbound" if self.outbound else "inbound"

    def set(self, pairs: Iterable[Header]) -> None:
        """Set variables, in this order."""
        for name, value in pairs:
            self.variables.pop(name, None)
            self.variables[name] = value

    def get(self, name: str) -> str | None:
        """The value of a variable, None for a list too."""
        value = self.variables.get(name)
        return value if isinstance(value, str) else None

    @property
    def caller_id(self) -> tuple[str, str]:
        """Name and number as events show them: swapped once an outbound leg is answered."""
        if self.flipped:
            return self.number, self.number
        return self.shown_name, self.caller_number

    @property
    def shown_name(self) -> str:
        """The caller's name; an inbound caller without one is shown by number."""
        return self.caller_name or ("" if self.outbound else self.caller_number)

    def leads(self) -> bool:
        """This leg stands for its call: it dialled the other one, or there is no other."""
        return self.other_type != "originator"
