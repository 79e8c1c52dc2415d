"""The JSON of the history's answers: outages, changes, kept calls. The daemon writes, the commands read it.

The names of the keys are a promise (docs/history.md). Each type here is one JSON object, its fields in the
order of the keys; `of` makes it from what is kept. Times are ISO 8601 in UTC, in whole seconds; durations are
seconds with three decimals. Texts are as they were kept: printable and cut, but still strangers' text.

CSV has the same columns as the JSON has keys, with what is nested in one cell or in columns of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

import msgspec

from exporter.history.model import (
    CallResult,
    Direction,
    KeptCall,
    Layer,
    OtherLeg,
    Outage,
    Phase,
    Span,
    Stranger,
)
from exporter.history.times import epoch, iso
from exporter.watch.changes import Change

VERSION: Final = 1


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An object whose keys are in camelCase."""


class ChangeAnswer(Answer, frozen=True):
    """One change; `node` is empty for one of the exporter itself."""

    at: str
    node: str
    what: str
    subject: str
    from_: str = msgspec.field(name="from")
    to: str

    @classmethod
    def of(cls, change: Change) -> "ChangeAnswer":
        """As JSON has it."""
        return cls(
            at=iso(change.at),
            node=change.node,
            what=change.what,
            subject=change.subject,
            from_=change.before,
            to=change.after,
        )

    def kept(self) -> Change:
        """What it was made from, to the second."""
        return Change(epoch(self.at), self.node, self.what, self.subject, self.from_, self.to)


class PhaseAnswer(Answer, frozen=True):
    """One problem that an outage went through."""

    problem: str
    detail: str
    at: str

    @classmethod
    def of(cls, phase: Phase) -> "PhaseAnswer":
        """As JSON has it."""
        return cls(problem=phase.problem, detail=phase.detail, at=iso(phase.at))

    def kept(self) -> Phase:
        """What it was made from, to the second."""
        return Phase(epoch(self.at), self.problem, self.detail)


class StrangerAnswer(Answer, frozen=True):
    """An address that strangers came from; `first` and `last` are when those hours begin."""

    node: str
    address: str
    times: int
    first: str
    last: str

    @classmethod
    def of(cls, stranger: Stranger) -> "StrangerAnswer":
        """As JSON has it."""
        return cls(
            node=stranger.node,
            address=stranger.address,
            times=stranger.times,
            first=iso(stranger.first),
            last=iso(stranger.last),
        )


class OutageAnswer(Answer, frozen=True):
    """One outage; `ended` is null while it lasts."""

    id: int
    layer: Layer
    node: str
    gateway: str
    profile: str
    problem: str
    problems: tuple[str, ...]
    detail: str
    began: str
    ended: str | None
    seconds: float
    ended_unwatched: bool
    calls_failed: int
    dials_refused: int
    probes_failed: int
    changes_before: tuple[ChangeAnswer, ...]
    course: tuple[PhaseAnswer, ...]
    times: int

    @classmethod
    def of(cls, outage: Outage) -> "OutageAnswer":
        """As JSON has it."""
        return cls(
            id=outage.id,
            layer=outage.layer,
            node=outage.node,
            gateway=outage.gateway,
            profile=outage.profile,
            problem=outage.problem,
            problems=outage.problems,
            detail=outage.detail,
            began=iso(outage.began),
            ended=None if outage.ended is None else iso(outage.ended),
            seconds=round(outage.seconds, 3),
            ended_unwatched=outage.ended_unwatched,
            calls_failed=outage.calls_failed,
            dials_refused=outage.dials_refused,
            probes_failed=outage.probes_failed,
            changes_before=tuple(map(ChangeAnswer.of, outage.changes_before)),
            course=tuple(map(PhaseAnswer.of, outage.course)),
            times=outage.times,
        )

    def kept(self) -> Outage:
        """What it was made from, to the second."""
        return Outage(
            id=self.id,
            layer=self.layer,
            node=self.node,
            gateway=self.gateway,
            profile=self.profile,
            began=epoch(self.began),
            ended=None if self.ended is None else epoch(self.ended),
            seconds=self.seconds,
            ended_unwatched=self.ended_unwatched,
            course=tuple(phase.kept() for phase in self.course),
            times=self.times,
            calls_failed=self.calls_failed,
            dials_refused=self.dials_refused,
            probes_failed=self.probes_failed,
            changes_before=tuple(change.kept() for change in self.changes_before),
        )


class WatchedAnswer(Answer, frozen=True):
    """A time in which a node was watched."""

    node: str
    from_: str = msgspec.field(name="from")
    to: str

    @classmethod
    def of(cls, node: str, span: Span) -> "WatchedAnswer":
        """As JSON has it."""
        return cls(node=node, from_=iso(span.began), to=iso(span.ended))


class OtherLegAnswer(Answer, frozen=True):
    """The leg that a kept call was bridged to."""

    call_uuid: str
    gateway: str
    direction: Direction
    from_: str = msgspec.field(name="from")
    to: str
    sip_call_id: str
    cause: str

    @classmethod
    def of(cls, leg: OtherLeg) -> "OtherLegAnswer":
        """As JSON has it."""
        return cls(
            call_uuid=leg.call_uuid,
            gateway=leg.gateway,
            direction=leg.direction,
            from_=leg.from_,
            to=leg.to,
            sip_call_id=leg.sip_call_id,
            cause=leg.cause,
        )


class CallAnswer(Answer, frozen=True):
    """One kept call. Null, or an empty text: the events did not say."""

    at: str
    node: str
    gateway: str
    direction: Direction
    from_: str = msgspec.field(name="from")
    to: str
    call_uuid: str
    sip_call_id: str
    sip_status: int | None
    sip_phrase: str
    q850: int | None
    reason: str
    provider_code: str
    provider_meaning: str
    cause: str
    origin: Literal["far_end", "local"]
    ended_by: str
    post_dial_delay_seconds: float | None
    talk_seconds: float | None
    remote_sip_address: str
    remote_media_address: str
    codec: str
    user_agent: str
    packets_in: int | None
    packets_out: int | None
    mos: float | None
    other_leg: OtherLegAnswer | None
    result: CallResult
    started: str | None
    local_media_address: str
    packet_loss_ratio: float | None

    @classmethod
    def of(cls, call: KeptCall) -> "CallAnswer":
        """As JSON has it."""
        return cls(
            at=iso(call.at),
            node=call.node,
            gateway=call.gateway,
            direction=call.direction,
            from_=call.from_,
            to=call.to,
            call_uuid=call.call_uuid,
            sip_call_id=call.sip_call_id,
            sip_status=call.sip_status,
            sip_phrase=call.sip_phrase,
            q850=call.q850,
            reason=call.reason,
            provider_code=call.provider_code,
            provider_meaning=call.provider_meaning,
            cause=call.cause,
            origin=call.origin,
            ended_by=call.ended_by,
            post_dial_delay_seconds=_rounded(call.post_dial_delay),
            talk_seconds=_rounded(call.talk),
            remote_sip_address=call.remote_sip,
            remote_media_address=call.remote_media,
            codec=call.codec,
            user_agent=call.user_agent,
            packets_in=call.packets_in,
            packets_out=call.packets_out,
            mos=_rounded(call.mos),
            other_leg=None if call.other_leg is None else OtherLegAnswer.of(call.other_leg),
            result=call.result,
            started=None if call.started is None else iso(call.started),
            local_media_address=call.local_media,
            packet_loss_ratio=_rounded(call.packet_loss),
        )


class HistoryAnswer(Answer, frozen=True):
    """`GET /api/history`. `next`: what to send as `before` for what is older; null at the end."""

    version: int
    since: str
    until: str
    watched_since: str | None
    outages: list[OutageAnswer]
    changes: list[ChangeAnswer]
    watched: list[WatchedAnswer]
    next: float | None


class CallsAnswer(Answer, frozen=True):
    """`GET /api/calls`. `next` as in HistoryAnswer."""

    version: int
    since: str
    until: str
    calls: list[CallAnswer]
    next: float | None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


# -- CSV ----------------------------------------------------------------------------------------------

Row = Sequence[object]


def columns(answer: type[msgspec.Struct]) -> list[str]:
    """The names of the columns of such objects; those of the other leg begin with `otherLeg.`."""
    names = []
    for field in msgspec.structs.fields(answer):
        if field.name == "other_leg":
            names += [f"otherLeg.{one.encode_name}" for one in msgspec.structs.fields(OtherLegAnswer)]
        else:
            names.append(field.encode_name)
    return names


def row(answer: msgspec.Struct) -> Row:
    """The cells of one object, in the order of `columns`."""
    return list(_cells(answer))


def _cells(answer: msgspec.Struct) -> Iterator[object]:
    for name, value in zip(answer.__struct_fields__, msgspec.structs.astuple(answer), strict=True):
        if name == "other_leg":
            legs = len(OtherLegAnswer.__struct_fields__)
            yield from msgspec.structs.astuple(value) if value is not None else ("",) * legs
        elif value is None:
            yield ""
        elif isinstance(value, bool):
            yield "true" if value else "false"
        elif isinstance(value, tuple):
            yield "; ".join(_in_cell(value))
        else:
            yield value


def _in_cell(values: Iterable[object]) -> Iterator[str]:
    """Each of several values, as words: those of a change or phase in their order, without the empty ones."""
    for value in values:
        words = msgspec.structs.astuple(value) if isinstance(value, msgspec.Struct) else (value,)
        yield " ".join(str(word) for word in words if word != "")
