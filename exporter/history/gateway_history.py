"""One gateway's past as it happens: its outages, and the growth of its counters by hours and samples.

The counters are those of its `GatewayWatch` and of the calls through it. They are read when somebody needs
them, and what they have grown by is added up here: so a counter that restarts, because a reload replaced the
node, loses nothing that was read before.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from msgspec.structs import replace

from exporter.clock import Clock
from exporter.history.entries import Entry, PutHour, PutSample, Subject
from exporter.history.model import Figures, Outage, Sample
from exporter.history.outage import Evidence, OutageTracker
from exporter.history.schema import HOUR
from exporter.watch.call_stats import CallStats
from exporter.watch.calls import DIRECTIONS
from exporter.watch.changes import Change
from exporter.watch.gateway import GatewayWatch

CallsByGateway = Mapping[tuple[str, str], CallStats]
"""The counters of calls, by the gateway's name and the direction."""


class _Counters(NamedTuple):
    """The counters of a gateway, as they are or as they have grown."""

    watched: float = 0.0
    usable: float = 0.0
    calls: int = 0
    failed: int = 0
    refused: int = 0

    def plus(self, new: "_Counters", old: "_Counters") -> "_Counters":
        """These, grown from `old` to `new`; calls are counted from 0 again once their gateway was gone."""
        began_again = new.calls < old.calls
        return _Counters(
            self.watched + new.watched - old.watched,
            self.usable + new.usable - old.usable,
            self.calls + new.calls - (0 if began_again else old.calls),
            self.failed + new.failed - (0 if began_again else old.failed),
            self.refused + new.refused - old.refused,
        )


_ZERO: Final = _Counters()


class GatewayHistory:
    """What the history has of one gateway.

    Args:
        subject: under which it is kept.
        clock: the time.
        put: takes figures and samples.
        put_outage: takes outages.
        changes: the changes before a moment (monotonic seconds) that concern it.
        late: seconds after its end in which refused dials still belong to an outage.

    Attributes:
        subject: as given; `rename` replaces it.
        tracker: its outages.
        watch: the gateway; None while there is only a past.
        probes_failed: synthetic calls.
    """

    __slots__ = (
        "_calls",
        "_clock",
        "_grown",
        "_kept",
        "_put",
        "_read_last",
        "_sample",
        "_sampled",
        "probes_failed",
        "subject",
        "tracker",
        "watch",
    )

    def __init__(
        self,
        subject: Subject,
        clock: Clock,
        *,
        put: Callable[[Entry], None],
        put_outage: Callable[[Outage], None],
        changes: Callable[[float, Subject], tuple[Change, ...]],
        late: float,
    ) -> None:
        self.subject = subject
        self.watch: GatewayWatch | None = None
        self.probes_failed = 0
        self._clock = clock
        self._put = put
        self._calls: CallsByGateway = {}
        self._grown = self._read_last = _ZERO
        self._kept = _ZERO  # `_grown` when figures were put last
        self._sampled = _ZERO  # `_grown` when the present sample began
        self._sample: Sample | None = None
        self.tracker = OutageTracker(
            "gateway",
            subject,
            put=put_outage,
            on_begun=self._count_outage,
            read=self._evidence,
            changes=lambda now: changes(now, self.subject),
            late=late,
        )

    def bind(self, watch: GatewayWatch, calls: CallsByGateway) -> None:
        """It is watched from now on; counters are read from their present values on."""
        self.watch, self._calls = watch, calls
        self._read_last = self._counters(watch)

    def unbind(self) -> None:
        """It is watched no longer; what its counters grew by has been read."""
        self.watch = None
        self._calls = {}

    def rename(self, subject: Subject) -> None:
        """Keep it under another subject from now on."""
        self.subject = self.tracker.subject = subject

    def put_figures(self, hour: float, *, with_calls: bool) -> None:
        """Hand on what has grown since the last time.

        Args:
            hour: the beginning of the hour to which it is added (epoch).
            with_calls: calls are counted under this gateway, and not under another of its name.
        """
        self._read()
        figures = self._figures(self._kept, with_calls=with_calls)
        if figures.watched or figures.calls:
            self._put(PutHour(self.subject, hour, figures))
        self._kept = self._grown

    def take_sample(self, at: float, *, with_calls: bool) -> None:
        """A look at what curves show; growth across the end of a sample belongs to it.

        Args:
            at: the beginning of the sample (epoch); with the first look of the next, the last is handed on.
            with_calls: as in `put_figures`.
        """
        watch, sample = self.watch, self._sample
        if watch is None:
            return
        figures = self._figures(self._sampled, with_calls=with_calls)
        if sample is not None and sample.at != at:
            self._put(PutSample(self.subject, replace(sample, calls=figures.calls, failed=figures.failed)))
            sample = None
        if sample is None:
            sample, figures = Sample(at, None, 0, 0, 0), Figures()
            self._sampled = self._grown
        status = watch.status if watch.listed and watch.readable else None
        pings = (sample.ping, status.ping_seconds if status is not None else None)
        self._sample = Sample(
            at,
            max((ping for ping in pings if ping is not None), default=None),
            max(sample.active, self._active(watch)),
            figures.calls,
            figures.failed,
        )

    def put_sample(self) -> None:
        """Hand on the present sample as it is so far."""
        if self._sample is not None:
            self._put(PutSample(self.subject, self._sample))

    # -- inside ---------------------------------------------------------------------------------------

    def _count_outage(self, began: float) -> None:
        self._put(PutHour(self.subject, began // HOUR * HOUR, Figures(outages=1)))

    def _evidence(self) -> Evidence:
        self._read()
        return Evidence(self._grown.failed, self._grown.refused, self.probes_failed)

    def _read(self) -> None:
        """Add what the counters have grown by since they were last read."""
        if self.watch is not None:
            self.watch.advance(self._clock.monotonic())
            counters = self._counters(self.watch)
            self._grown = self._grown.plus(counters, self._read_last)
            self._read_last = counters

    def _counters(self, watch: GatewayWatch) -> _Counters:
        ended = failed = 0
        for direction in DIRECTIONS:
            counted = self._calls.get((watch.name, direction))
            if counted is not None:
                ended += sum(legs for legs, _ in counted.hangups.values())
                failed += counted.failed
        return _Counters(watch.watched_seconds, watch.usable_seconds, ended, failed, watch.refused.total)

    def _figures(self, before: _Counters, *, with_calls: bool) -> Figures:
        grown = self._grown
        figures = Figures(watched=grown.watched - before.watched, usable=grown.usable - before.usable)
        if with_calls:
            figures.calls = grown.calls - before.calls
            figures.failed = grown.failed - before.failed
        return figures

    def _active(self, watch: GatewayWatch) -> int:
        found = [self._calls.get((watch.name, direction)) for direction in DIRECTIONS]
        return sum(counted.active for counted in found if counted is not None)
