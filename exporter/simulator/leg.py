"""One call leg: the channel FreeSWITCH would have, and the events it fires at each step.

Strategy: a `Leg` holds what the recordings show of a channel (its caller profile, variables, times) and has
one method per step of a call: `create`, `ring`, `early_media`, `answer`, `execute`, `end`, ... Each applies
the variables of that step (variables.py) and fires the events in the order they were recorded. Nothing
here waits; when a step happens is decided by calls.py.

Times: a leg is created at the wall clock. From then on its time runs `speed` times as fast as ours, and
everything in its events (`Caller-*-Time`, `*_uepoch`, `Event-Date-Timestamp`) is that time: a call that
claims five seconds shows five seconds, however quickly a test ran it (timeline.py). At speed 1 both are the
same.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Protocol

from exporter.simulator import variables
from exporter.simulator.causes import Q850, shown_q850
from exporter.simulator.clock import quantized
from exporter.simulator.events import Header, Value
from exporter.simulator.media import SILENT, MediaReport, Path, measured
from exporter.simulator.timeline import Timeline
from exporter.simulator.variables import PCMU, Codec, Sip, Times

if TYPE_CHECKING:
    import random

    from exporter.simulator.gateways import Gateway

# Events that carry the channel's variables (facts.md 4.1); the others have the channel's headers only.
WITH_VARIABLES: Final = frozenset(
    """
    CHANNEL_CREATE CHANNEL_ORIGINATE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_BRIDGE
    CHANNEL_UNBRIDGE CHANNEL_PARK CHANNEL_UNPARK CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_DESTROY
    CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CALL_UPDATE PLAYBACK_START PLAYBACK_STOP MEDIA_BUG_START
    MEDIA_BUG_STOP CUSTOM CHANNEL_DATA
    """.split()
)

STATE_NUMBERS: Final = {
    "CS_NEW": 0,
    "CS_INIT": 1,
    "CS_ROUTING": 2,
    "CS_EXECUTE": 4,
    "CS_EXCHANGE_MEDIA": 5,
    "CS_CONSUME_MEDIA": 7,
    "CS_HANGUP": 10,
    "CS_REPORTING": 11,
    "CS_DESTROY": 12,
}
CALL_STATE_NUMBERS: Final = {"RINGING": 2, "EARLY": 3, "ACTIVE": 4, "HANGUP": 7}


class Core(Protocol):
    """What a leg needs of the switch it belongs to."""

    speed: float
    rng: "random.Random"

    def fire_named_late(
        self, name: str, subclass: str, headers: list[Header], given: dict[str, str], stamp: int
    ) -> None: ...
    def wants(self, name: str, subclass: str) -> bool: ...
    def stamp(self) -> int: ...
    def next_session(self) -> int: ...
    def fire(
        self,
        name: str,
        headers: Iterable[Header] = (),
        *,
        subclass: str = "",
        source: str = "",
        stamp: int | None = None,
    ) -> None: ...
    def forget(self, leg: "Leg") -> None: ...
    def ends_unsent(self) -> bool: ...


class Application:
    """A dialplan application while it runs on a leg."""

    def __init__(self, name: str, data: str) -> None:
        self.name = name
        self.data = data
        self.uuid = str(uuid.uuid4())
        self.on_hangup: Callable[[], None] | None = None


class Leg:
    """One channel.

    Attributes:
        number: the number dialled, or the one that called in was sent to.
        username, dialplan, source: of its caller profile.
        path: what comes back as audio.
        time: the leg's own (timeline.py).
        hung_up: set once the leg has ended; its `cause` says why.
        silent: never tells its end (a lost CHANNEL_HANGUP_COMPLETE and CHANNEL_DESTROY).
        media_bug: what listens in on the audio.
        gateway: whose counters the leg moves.
        on_reply: the originate that waits for this leg: called once, with FreeSWITCH's reply.
    """

    def __init__(
        self,
        core: Core,
        *,
        outbound: bool,
        number: str,
        caller_name: str,
        caller_number: str,
        sip: Sip,
        codec: Codec = PCMU,
        path: Path = SILENT,
        leg_uuid: str = "",
        context: str = "default",
    ) -> None:
        self.core = core
        self.outbound = outbound
        self.number = number
        self.caller_name = caller_name
        self.caller_number = caller_number
        self.sip = sip
        self.codec = codec
        self.path = path
        self.uuid = leg_uuid or str(uuid.uuid4())
        self.session_id = core.next_session()
        suffix = "" if outbound else f"@{sip.peer}"
        self.name = f"sofia/{sip.profile}/{number if outbound else caller_number}{suffix}"
        self.context = context
        self.state = "CS_NEW"
        self.state_number = 0
        self.call_state = "DOWN"
        self.answer_state = "ringing"
        self.cause = ""
        self.times = dict.fromkeys(
            ("created", "progress", "progress_media", "answered", "bridged", "ended"), 0
        )
        self.variables: dict[str, Value] = {}
        self.application: Application | None = None
        self.applications: list[tuple[str, str]] = []
        self.hung_up = asyncio.Event()
        self.other: Leg | None = None
        self.silent = False
        self.media_bug = ""
        self.gateway: Gateway | None = None
        self.on_reply: Callable[[str], None] | None = None
        self.time = Timeline(core.speed)
        self._flipped = False
        self._hit_dialplan = not outbound
        self._profiled = outbound  # an inbound leg has no caller profile before it is routed
        self._callee_name = "Outbound Call"
        self.dialplan = "" if outbound else "XML"
        self._destination = number
        self._transfer_source = ""
        self._transferred = 0  # when
        self.username = "" if outbound else caller_number
        self.source = "src/switch_ivr_originate.c" if outbound else "mod_sofia"
        self._network = ""  # where the INVITE of the leg that dialled this one came from
        self._reached = ""  # whom an inbound leg was put through to
        self.bridge_role = ""  # "originator" or "originatee" once bridged
        self._addressed = not outbound
        self._media = ""  # "early" or "answered" once RTP runs
        self._sent = 0.0
        self._sending_since: int | None = None
        self.other_type = ""
        self.times["created"] = core.stamp()

    # Time.

    def stamp(self) -> int:
        """Now, in this leg's time: microseconds since the epoch."""
        return self.times["created"] + quantized(round(self.time.elapsed() * 1_000_000))

    def second_fraction(self) -> float:
        """How far into a second the clock is: FreeSWITCH's timers count whole seconds (facts.md 6.3)."""
        return self.stamp() % 1_000_000 / 1_000_000

    # Variables and headers.

    def set(self, pairs: Iterable[Header]) -> None:
        for name, value in pairs:
            self.variables.pop(name, None)
            self.variables[name] = value

    def get(self, name: str) -> str | None:
        value = self.variables.get(name)
        return value if isinstance(value, str) else None

    @property
    def caller_id(self) -> tuple[str, str]:
        """Name and number as events show them: swapped once an outbound leg is answered."""
        if self._flipped:
            return self.number, self.number
        return self.shown_name, self.caller_number

    @property
    def shown_name(self) -> str:
        """The caller's name; who calls in without one is shown by number."""
        return self.caller_name or ("" if self.outbound else self.caller_number)

    def base_headers(self) -> list[Header]:
        """The channel's headers, in the order of switch_channel_event_set_basic_data."""
        direction = "outbound" if self.outbound else "inbound"
        head: list[Header] = [
            ("Channel-State", self.state),
            ("Channel-Call-State", self.call_state),
            ("Channel-State-Number", str(self.state_number)),
            ("Channel-Name", self.name),
            ("Unique-ID", self.uuid),
            ("Call-Direction", direction),
            ("Presence-Call-Direction", direction),
            ("Channel-HIT-Dialplan", "true" if self._hit_dialplan else "false"),
            ("Channel-Call-UUID", self.get("call_uuid") or self.uuid),
            ("Answer-State", self.answer_state),
        ]
        if self.cause:
            head.append(("Hangup-Cause", self.cause))
        if self._media:
            for way in ("Read", "Write"):
                head += [
                    (f"Channel-{way}-Codec-Name", self.codec.name),
                    (f"Channel-{way}-Codec-Rate", str(self.codec.rate)),
                    (f"Channel-{way}-Codec-Bit-Rate", str(self.codec.bit_rate)),
                ]
        if self._profiled:
            head += self.profile_headers("Caller")
        if self.other is not None:
            head.append(("Other-Type", self.other_type))
            head += self.other.profile_headers("Other-Leg")
        return head

    def profile_headers(self, prefix: str) -> list[Header]:
        """A caller profile as switch_caller_profile_event_set_data writes it; empty values are left out."""
        name, number = self.caller_id
        callee_name, callee_number = self._callee_name, self.number
        if self._flipped:
            callee_name, callee_number = self.caller_name, self.caller_number
        if not self.outbound:
            callee_name = callee_number = self._reached if prefix == "Caller" else ""
        direction = "outbound" if self.outbound else "inbound"
        times = self.times
        pairs: list[Header] = [
            ("Direction", direction),
            ("Logical-Direction", direction),
            ("Username", self.username),
            ("Dialplan", self.dialplan),
            ("Caller-ID-Name", name),
            ("Caller-ID-Number", number),
            ("Orig-Caller-ID-Name", self.shown_name),
            ("Orig-Caller-ID-Number", self.caller_number),
            ("Callee-ID-Name", callee_name),
            ("Callee-ID-Number", callee_number),
            ("Network-Addr", self.sip.peer if self._addressed else self._network),
            ("ANI", self.caller_number),
            ("Destination-Number", self._destination),
            ("Unique-ID", self.uuid),
            ("Source", self.source),
            ("Transfer-Source", self._transfer_source),
            ("Context", self.context),
            ("RDNIS", self.number if self._destination != self.number else ""),
            ("Channel-Name", self.name),
            ("Profile-Index", "" if prefix == "Other-Leg" else "2" if self._transferred else "1"),
            ("Profile-Created-Time", str(self._transferred or times["created"])),
            ("Channel-Created-Time", str(times["created"])),
            ("Channel-Answered-Time", str(times["answered"])),
            ("Channel-Progress-Time", str(times["progress"])),
            ("Channel-Progress-Media-Time", str(times["progress_media"])),
            ("Channel-Hangup-Time", str(times["ended"])),
            ("Channel-Transfer-Time", "0"),
            ("Channel-Resurrect-Time", "0"),
            ("Channel-Bridged-Time", str(times["bridged"])),
            ("Channel-Last-Hold", "0"),
            ("Channel-Hold-Accum", "0"),
            ("Screen-Bit", "true"),
            ("Privacy-Hide-Name", "false"),
            ("Privacy-Hide-Number", "false"),
        ]
        return [(f"{prefix}-{name}", value) for name, value in pairs if value]

    def variable_headers(self) -> list[Header]:
        return [(f"variable_{name}", value) for name, value in self.variables.items()]

    # Events.

    def fire(
        self,
        name: str,
        *,
        before: Iterable[Header] = (),
        after: Iterable[Header] = (),
        subclass: str = "",
        source: str = "",
    ) -> None:
        """Fire one event of this channel.

        Args:
            before: headers between the common ones and the channel's.
            after: headers behind the variables.
        """
        if self.silent and name in ("CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY"):
            return
        headers: list[Header] = []
        if self.core.wants(name, subclass):
            headers = [*before, *self.base_headers()]
            if name in WITH_VARIABLES:
                headers += self.variable_headers()
            headers += after
        self.core.fire(name, headers, subclass=subclass, source=source, stamp=self.stamp())

    def _run(self, state: str, number: int | None = None) -> None:
        """CHANNEL_STATE: the state machine thread took up a state."""
        self.state = state
        self.state_number = STATE_NUMBERS[state] if number is None else number
        self.fire("CHANNEL_STATE")

    def _call_state(self, state: str) -> None:
        before: list[Header] = [
            ("Original-Channel-Call-State", self.call_state),
            ("Channel-Call-State-Number", str(CALL_STATE_NUMBERS[state])),
        ]
        self.call_state = state
        self.fire("CHANNEL_CALLSTATE", before=before)

    def _codecs(self) -> None:
        """Both codecs are set, which is told twice and not in the same letters."""
        codec = self.codec
        self.fire(
            "CODEC",
            after=[
                ("channel-read-codec-name", codec.name),
                ("channel-read-codec-rate", str(codec.rate)),
                ("channel-read-codec-bit-rate", str(codec.bit_rate)),
            ],
        )
        self.fire(
            "CODEC",
            after=[
                ("Channel-Write-Codec-Name", codec.name),
                ("Channel-Write-Codec-Rate", str(codec.rate)),
                ("Channel-Write-codec-bit-rate", str(codec.bit_rate)),
            ],
            source="CODEC write",
        )

    # Steps of a leg.

    def drop(self) -> None:
        """Refused before it was a call: a session made and thrown away (facts.md 4.1)."""
        self.name = "N/A"
        self._profiled = False
        self.set(variables.created(self, outbound=True))
        self.state, self.state_number = "CS_NONE", 0
        self.fire("CHANNEL_DESTROY")
        self.state = "CS_DESTROY"
        self.fire("CHANNEL_STATE")
        self._finish()

    def create_outbound(
        self,
        given: list[tuple[str, str]],
        *,
        early_media: bool,
        on_originate: Callable[[], None] = lambda: None,
    ) -> None:
        """From session to INVITE sent.

        Args:
            given: the variables of the dial string.
            early_media: `originate_early_media`: early media counts as an answer.
            on_originate: what `execute_on_originate` does, before the INVITE.
        """
        self.set(variables.created(self, outbound=True))
        self.state, self.state_number = "CS_NONE", 1
        self.fire("CHANNEL_OUTGOING")
        self.set(variables.dialled(self, given, early_media=early_media, originator=self.other))
        on_originate()
        self._run("CS_INIT", 1)
        self.set(variables.invited(self))
        self.state_number = STATE_NUMBERS["CS_ROUTING"]
        self.fire("CHANNEL_CREATE")
        self.fire("CHANNEL_ORIGINATE")
        self._run("CS_ROUTING")
        self._run("CS_CONSUME_MEDIA")

    def create_inbound(self, *, addressed_to: str, via_gateway: bool) -> None:
        """From INVITE received to the dialplan."""
        self._addressed = False
        self._run("CS_NEW")
        self._addressed = self._profiled = True
        self._media = "negotiated"
        self._codecs()
        self._run("CS_INIT")
        self.set(variables.created(self, outbound=False))
        self.set(
            variables.arrived(self, addressed_to=addressed_to, via_gateway=via_gateway, stamp=self.stamp())
        )
        self.state_number = STATE_NUMBERS["CS_ROUTING"]
        self.fire("CHANNEL_CREATE")
        self.state = "CS_ROUTING"
        self._call_state("RINGING")
        self.fire("CHANNEL_STATE")
        self.set([("DP_MATCH", [self.number, self.number])])
        self.start_executing()

    def ring(self) -> None:
        """180 Ringing."""
        self._addressed = True
        self._callee_name = self.number
        self.times["progress"] = self.stamp()
        self.set(variables.responded(self))
        self.fire("CHANNEL_PROGRESS")
        self._call_state("RINGING")

    def early_media(self) -> None:
        """183 with SDP: audio before the answer."""
        self._addressed = True
        self._callee_name = self.number
        self.answer_state = "early"
        self.times["progress_media"] = self.stamp()
        self.set(variables.responded(self, early_sdp=True))
        self.set([("switch_r_sdp", variables.remote_sdp(self.sip, self.codec))])
        self.set([("endpoint_disposition", "EARLY MEDIA")])
        self.fire("CHANNEL_PROGRESS_MEDIA")
        self._call_state("EARLY")
        self._media = "early"
        self._codecs()
        self.set(variables.negotiated(self, early=True))
        self.set([("endpoint_disposition", "EARLY MEDIA")])

    def answer(self, on_answer: Callable[[], None] = lambda: None) -> None:
        """200 OK: the far end answered. `on_answer` is what `execute_on_answer` does."""
        self.times["answered"] = self.stamp()
        if not self._addressed or self._media == "early":
            self._addressed = True
            self._callee_name = self.number
            self.set(variables.responded(self, early_sdp=self._media == "early"))
        self.set([("switch_r_sdp", variables.remote_sdp(self.sip, self.codec))])
        if not self._media:
            self._media = "answered"
            self._codecs()
            self.set(variables.negotiated(self, early=False))
        self.answer_state = "answered"
        self.fire("CHANNEL_ANSWER")
        self.set([("endpoint_disposition", "ANSWER")])
        on_answer()
        self._call_state("ACTIVE")

    def accept(self, before: Iterable[Header] = ()) -> None:
        """We answer an inbound leg (inside the `answer` application or a bridge, which sets `before`)."""
        self.times["answered"] = self.stamp()
        early = self._media == "early"
        self._media = "answered"
        self.set(before)
        self.set(variables.accepted(self)[: 1 if early else None])
        self.answer_state = "answered"
        self.fire("CHANNEL_ANSWER")
        self._call_state("ACTIVE")
        self.set([("endpoint_disposition", "ANSWER")])

    def transfer(self, extension: str, dialplan: str) -> None:
        """originate hands the answered leg to a dialplan, as a second caller profile."""
        self._transferred = self.stamp()
        self.dialplan = dialplan
        self._destination = extension
        source = f"{self._transferred // 1_000_000}:{uuid.uuid4()}:bl_xfer:{extension}/default/{dialplan}"
        self._transfer_source = source
        self._run("CS_ROUTING")
        self.set(
            [
                ("max_forwards", "70"),
                ("transfer_history", source),
                ("transfer_source", source),
                ("call_uuid", self.uuid),
            ]
        )

    def flip(self) -> None:
        """originate is done: the leg is turned round, so that the callee is now the caller."""
        self._destination = self.number
        self._hit_dialplan = True
        self._flipped = True
        if self.caller_name:
            self.set([("pre_transfer_caller_id_name", self.caller_name)])
        self.set([("pre_transfer_caller_id_number", self.caller_number), ("channel_cid_flipped", "yes")])
        self.fire("CALL_UPDATE", before=[("Direction", "RECV")])

    def start_executing(self) -> None:
        """The dialplan's applications are about to run."""
        self._run("CS_EXECUTE")
        self.set([("call_uuid", self.uuid)])

    def execute(self, name: str, data: str = "") -> Application:
        """An application begins."""
        application = Application(name, data)
        self.application = application
        self.applications.append((name, data))
        self.variables.pop("current_application_data", None)
        self.variables.pop("current_application_response", None)
        self.set([("current_application", name)])
        if data:
            self.set([("current_application_data", data)])
        self.fire("CHANNEL_EXECUTE", after=self._application_headers(application))
        self.set([("current_application", name)])
        return application

    def complete(self, application: Application, response: str = "_none_") -> None:
        """An application returned, or was cut short."""
        self.application = None
        if response != "_none_":
            self.set([("current_application_response", response)])
        self.fire("CHANNEL_EXECUTE_COMPLETE", after=self._application_headers(application, response))

    def _application_headers(self, application: Application, response: str = "") -> list[Header]:
        headers: list[Header] = [("Application", application.name)]
        if application.data:
            headers.append(("Application-Data", application.data))
        if response:
            headers.append(("Application-Response", response))
        headers.append(("Application-UUID", application.uuid))
        return headers

    # A bridge (bridge.py): this leg dialled another, or was dialled by one.

    def dialled_by(self, caller: "Leg") -> None:
        """The caller's profile is this leg's too, but for the number."""
        self.other, self.other_type = caller, "originator"
        self.username, self.dialplan, self.source = caller.username, caller.dialplan, caller.source
        self._network = caller.sip.peer

    def leads(self) -> bool:
        """This leg stands for its call: it dialled the other one, or there is no other."""
        return self.other_type != "originator"

    def hear_ringing(self, number: str, before: Iterable[Header]) -> None:
        """The leg that this inbound one dialled rings."""
        self._reached = number
        self.times["progress"] = self.stamp()
        self.set(before)
        self.set([("sip_to_tag", self.sip.to_tag)])
        self.fire("CHANNEL_PROGRESS")

    def hear_early_media(self, number: str, before: Iterable[Header]) -> None:
        """The leg that this inbound one dialled has audio before its answer."""
        self._reached = number
        self.times["progress_media"] = self.stamp()
        self.answer_state = "early"
        self._media = "early"
        self.set(before)
        self.set(variables.accepted(self))
        self.set([("endpoint_disposition", "EARLY MEDIA")])
        self.fire("CHANNEL_PROGRESS_MEDIA")
        self._call_state("EARLY")

    def reach(self, number: str) -> None:
        """This inbound leg is put through to a number."""
        self._reached = number

    def exchange_media(self) -> None:
        """The dialled leg of a bridge enters its own media state."""
        self._run("CS_EXCHANGE_MEDIA")

    # Audio.

    def add_media_bug(self, target: str) -> None:
        """tone_detect listens in until the leg ends: once, under the name that it was first given."""
        if not self.media_bug:
            self.media_bug = target
            self.fire("MEDIA_BUG_START", before=_media_bug_headers(target))

    def start_sending(self) -> None:
        if self._sending_since is None:
            self._sending_since = self.stamp()

    def stop_sending(self) -> None:
        if self._sending_since is not None:
            self._sent += (self.stamp() - self._sending_since) / 1_000_000
            self._sending_since = None

    def media_report(self) -> MediaReport:
        end = self.times["ended"] or self.stamp()
        answered, progress_media = self.times["answered"], self.times["progress_media"]
        early = ((answered or end) - progress_media) / 1_000_000 if progress_media else 0.0
        sending = (end - self._sending_since) / 1_000_000 if self._sending_since is not None else 0.0
        return measured(
            self.path,
            connected=(end - answered) / 1_000_000 if answered else 0.0,
            early=early,
            early_ignored=self.get("originate_early_media") == "false",
            sent=self._sent + sending,
            packet_bytes=self.codec.bytes,
            rng=self.core.rng,
        )

    # The end.

    def reply(self, text: str) -> None:
        """Tell the originate that waits for this leg, if one still does."""
        on_reply, self.on_reply = self.on_reply, None
        if on_reply:
            on_reply(text)

    def end_by_us(self, cause: str) -> None:
        """FreeSWITCH hangs up: BYE once answered, CANCEL before; originate replies behind CHANNEL_HANGUP."""
        if self.hung_up.is_set():
            return
        answered = self.times["answered"]
        disposition = "send_bye" if answered else ("send_cancel" if self.outbound else "send_refuse")
        self._hang_up(cause)
        self.reply(f"-ERR {cause}\n")
        late: list[Header] = [("sip_hangup_disposition", disposition)]
        if disposition == "send_cancel":
            late += [("sip_invite_failure_status", "487"), ("sip_invite_failure_phrase", "CANCEL")]
        self._conclude(late)

    def end_by_refusal(self, status: int, phrase: str, cause: str, *, reason: bool = True) -> None:
        """The far end refused the INVITE (or a timer or the transport did so in its place).

        Args:
            reason: a `Reason: Q.850` header came with the refusal.
        """
        if self.hung_up.is_set():
            return
        self._addressed = True
        number = Q850.get(cause, 0)
        text = f'Q.850;cause={number};text="{cause}"' if reason else ""
        self.set(variables.refused(self, status, phrase, text, number))
        self._hang_up(cause)
        self._conclude([])

    def end_by_bye(self, cause: str = "NORMAL_CLEARING") -> None:
        """The far end hung up."""
        if self.hung_up.is_set():
            return
        reason = f'Q.850;cause={Q850.get(cause, 16)};text="{cause}"'
        self.set(
            variables.bye_received(
                self, inbound=not self.outbound, reason=reason, term_cause=Q850.get(cause, 16)
            )
        )
        if self.bridge_role:
            self.set([("last_bridge_role", self.bridge_role)])
        self._hang_up(
            cause, [("sip_user_agent", self.sip.user_agent), ("sip_hangup_disposition", "recv_bye")]
        )
        self._conclude([])

    def end_by_cancel(self) -> None:
        """The caller of an inbound leg gave up before we answered."""
        if self.hung_up.is_set():
            return
        self._hang_up("ORIGINATOR_CANCEL", [("sip_hangup_disposition", "recv_cancel")])
        self._conclude([])

    def _hang_up(self, cause: str, late: Iterable[Header] = ()) -> None:
        self.stop_sending()
        self.silent = self.silent or self.core.ends_unsent()
        self.cause = cause
        self.state_number = STATE_NUMBERS["CS_HANGUP"]
        self.answer_state = "hangup"
        self.fire("CHANNEL_HANGUP")
        self.set(late)

    def _conclude(self, late: Iterable[Header]) -> None:
        """From CHANNEL_HANGUP to the channel's last event."""
        self.variables.pop("bridge_to", None)
        application = self.application
        if application is not None:
            if application.on_hangup:
                application.on_hangup()
            self.complete(application, "FILE PLAYED" if "playback" in application.name else "_none_")
        self._run("CS_HANGUP")
        if self.media_bug:
            self.fire("MEDIA_BUG_STOP", before=_media_bug_headers(self.media_bug))
        self.times["ended"] = self.stamp()
        self._call_state("HANGUP")
        self._run("CS_REPORTING")
        times = Times(**self.times)
        name, number = self.caller_id
        last_app, last_arg = self.applications[-1] if self.applications else ("", "")
        self.set(
            variables.reported(
                times,
                cause=self.cause,
                q850=shown_q850(self.cause),
                last_app=last_app,
                last_arg=last_arg,
                caller_id=f'"{name}" <{number}>' if name else number,
            )
        )
        self.set(late)
        if self._media in ("early", "answered"):
            self.set(variables.media_report(self.media_report()))
        self.fire("CHANNEL_HANGUP_COMPLETE", before=[("Hangup-Cause", self.cause)])
        self.reply(f"-ERR {self.cause}\n")
        if self.bridge_role == "originatee":
            self.set([("call_uuid", self.uuid)])
        self.state_number = STATE_NUMBERS["CS_DESTROY"]
        self.fire("CHANNEL_DESTROY")
        self.state = "CS_DESTROY"
        self.fire("CHANNEL_STATE")
        self._finish()

    def _finish(self) -> None:
        self.vanish()
        self.core.forget(self)

    def vanish(self) -> None:
        """Be gone without a word, as when the process dies."""
        self.time.stop()
        self.hung_up.set()


def _media_bug_headers(target: str) -> list[Header]:
    return [("Media-Bug-Function", "tone_detect"), ("Media-Bug-Target", target)]
