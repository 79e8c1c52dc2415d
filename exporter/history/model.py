"""The values that the history keeps. Times are epoch seconds, durations seconds by the monotonic clock.

Texts that came from the network (phrases, user agents, addresses) are printable and cut when a value is made
(`exporter.esl.errors.printable`), and are still strangers' text: escape them where they are shown.
"""

from typing import Final, Literal

import msgspec

from exporter.watch.changes import Change

STRANGERS_KEPT: Final = 20
"""Addresses of strangers that are kept of each hour and node."""

Layer = Literal["gateway", "switch"]
CallResult = Literal["failed", "silent", "bad"]
Direction = Literal["inbound", "outbound"]

WELL: Final = frozenset({"none", "unmonitored"})
"""Problems of a gateway that are no outage. For a switch, only `none` is well."""
OUTAGE_AFTER: Final = 3.0  # seconds of watched time
REGISTERING_AFTER: Final = 10.0  # the same, while a gateway is only `registering`
MAX_PHASES: Final = 20
MAX_CHANGES_BEFORE: Final = 20
FIRST_LOOK: Final = 15.0  # seconds from the exporter's start to its first look at a gateway, at most
CHANGES_BEFORE: Final = 600.0  # seconds before an outage in which changes count as its evidence


class Phase(msgspec.Struct, frozen=True):
    """One problem that an outage went through.

    Attributes:
        at: when it began.
        problem: the word of `freeswitch_gateway_problem`, or of `freeswitch_connection_problem`.
        detail: the SIP answer behind it ("403 Forbidden"), or one sentence on a lost connection, or empty.
    """

    at: float
    problem: str
    detail: str = ""


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """One outage, or several of one gateway that followed each other too fast to be kept singly.

    Attributes:
        id: random, 1 to 2**53 - 1.
        layer: of a gateway, or of a switch (then gateway and profile are empty).
        began, ended: `ended` is None while it lasts.
        seconds: how long of it was watched, so far; never negative. Time without a look is not in it: it is
            the rest of what lies between `began` and `ended`.
        ended_unwatched: it was over at the first look after a time without one: `ended` is that look.
        course: the problems it went through, the first MAX_PHASES - 1 and the last.
        times: how many outages this entry stands for.
        calls_failed: legs through a gateway of that name (of a switch: 0) that failed during it.
        dials_refused: dials that FreeSWITCH refused during it without an INVITE.
        probes_failed: synthetic calls that failed during it.
        changes_before: of its switch and of the exporter, within CHANGES_BEFORE, newest first; those of other
            gateways are left out.
    """

    id: int
    layer: Layer
    node: str
    gateway: str = ""
    profile: str = ""
    began: float
    ended: float | None = None
    seconds: float = 0.0
    ended_unwatched: bool = False
    course: tuple[Phase, ...]
    times: int = 1
    calls_failed: int = 0
    dials_refused: int = 0
    probes_failed: int = 0
    changes_before: tuple[Change, ...] = ()

    @property
    def problem(self) -> str:
        """The one that says most: the last that is not merely `registering`."""
        return self._telling.problem

    @property
    def detail(self) -> str:
        """The explanation of `problem`."""
        return self._telling.detail

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems it went through, each once, in the order of their first appearance."""
        return tuple(dict.fromkeys(phase.problem for phase in self.course))

    @property
    def was_there(self) -> bool:
        """It was there when the exporter had just come: nobody knows since when."""
        starts = (change.at for change in self.changes_before if change.what == "exporter_started")
        return any(self.began - at < FIRST_LOOK for at in starts)

    @property
    def _telling(self) -> Phase:
        telling = [phase for phase in self.course if phase.problem != "registering"]
        return (telling or self.course)[-1]


class OtherLeg(msgspec.Struct, frozen=True, kw_only=True):
    """The leg that a kept call was bridged to, or was to be bridged to; empty where nothing is known."""

    call_uuid: str
    gateway: str = ""
    direction: Direction
    from_: str = ""
    to: str = ""
    sip_call_id: str = ""
    cause: str = ""


class KeptCall(msgspec.Struct, frozen=True, kw_only=True):
    """One leg that failed, was silent or sounded bad. None, or an empty text: the events do not say.

    Attributes:
        at: when it ended.
        started: when it began: for a provider, the time of the INVITE.
        result: why it is kept.
        gateway: as in the call families: one that the switch lists, `other`, or empty.
        from_, to: numbers, as `history.numbers` says: masked, complete or left out. So are the numbers in
            `sip_phrase` and `reason`. `sip_call_id` is as it went over the network: the provider finds the
            call by it.
        sip_status, sip_phrase: the final SIP answer of the far end, or FreeSWITCH's own where `origin` is
            local.
        q850: the number of the cause.
        reason: the Reason header of the far end.
        provider_code, provider_meaning: the code that the provider added, and what it means.
        origin: who caused the failure: `local` if nothing came from the network, or FreeSWITCH refused the
            call itself.
        ended_by: `far_end`, `freeswitch`, or empty.
        post_dial_delay, talk: seconds.
        remote_sip, remote_media, local_media: `ip:port`; the local one is what FreeSWITCH asked the far end
            to send audio to.
        mos: 1 to 4.5; None without packets.
        packet_loss: 0 to 1; None without packets, and in calls too short for the figure.
    """

    at: float
    started: float | None = None
    node: str
    result: CallResult
    gateway: str
    direction: Direction
    from_: str = ""
    to: str = ""
    call_uuid: str
    sip_call_id: str = ""
    sip_status: int | None = None
    sip_phrase: str = ""
    q850: int | None = None
    reason: str = ""
    provider_code: str = ""
    provider_meaning: str = ""
    cause: str
    origin: Literal["far_end", "local"]
    ended_by: str = ""
    post_dial_delay: float | None = None
    talk: float | None = None
    remote_sip: str = ""
    remote_media: str = ""
    local_media: str = ""
    codec: str = ""
    user_agent: str = ""
    packets_in: int | None = None
    packets_out: int | None = None
    mos: float | None = None
    packet_loss: float | None = None
    other_leg: OtherLeg | None = None


class Figures(msgspec.Struct, kw_only=True):
    """What is counted of one gateway in a span of time (an hour, a day).

    Attributes:
        watched, usable: seconds. Their ratio is the availability.
        outages: how many began.
        calls: legs that ended. failed: those of them that failed (exporter.switch.provider.has_failed).
    """

    watched: float = 0.0
    usable: float = 0.0
    outages: int = 0
    calls: int = 0
    failed: int = 0


class Step(msgspec.Struct, frozen=True):
    """The figures of one hour or day that begins at `at`."""

    at: float
    figures: Figures


class GatewaySteps(msgspec.Struct, frozen=True, kw_only=True):
    """The hours or days of one gateway, oldest first; steps in which it was not watched are left out."""

    node: str
    gateway: str
    profile: str
    steps: tuple[Step, ...]


class Sample(msgspec.Struct, frozen=True):
    """One gateway in five minutes.

    Attributes:
        at: when they began.
        ping: the longest round trip of an OPTIONS seen, seconds; None if none was answered.
        active: the most calls up at a look.
        calls, failed: as in Figures.
    """

    at: float
    ping: float | None
    active: int
    calls: int
    failed: int


class Span(msgspec.Struct, frozen=True):
    """A time in which a node was watched: connected, its gateways read."""

    began: float
    ended: float


class Stranger(msgspec.Struct, frozen=True):
    """An address that strangers came from.

    Attributes:
        times: wrong passwords and unanswered challenges, at least.
        first, last: when the hours begin in which it came first and last.
    """

    node: str
    address: str
    times: int
    first: float
    last: float
