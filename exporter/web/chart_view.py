"""The curves of a gateway's last 24 hours with their axes and their text, and the same as a table of hours.

Pure functions. A picture has numbers with units at its edges, a sentence that says what it shows, and gaps
where the exporter did not watch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exporter.history.model import Sample
from exporter.history.times import duration, local_time
from exporter.web.past_words import clock_time, listed, times_text
from exporter.web.svg import DAY, SLOT, SLOTS, Curve, beginning, columns, curve

_HOUR: Final = 3600.0
_TIMES: Final = 5  # labels of the axis of time


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture.

    Attributes:
        key: for its ids.
        values: the labels of its vertical axis, from the top, at equal distances; times: the other axis.
        text: what it shows, for those who do not see it.
        legend: what its signs mean.
    """

    key: str
    title: str
    curve: Curve
    values: tuple[str, ...]
    times: tuple[str, ...]
    text: str
    legend: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class HourRow:
    """One hour as words; empty where nothing is known."""

    begins: str
    ping: str
    active: str
    calls: str
    failed: str


def ping_chart(samples: Sequence[Sample], now: float) -> Chart | None:
    """The longest round trip of an OPTIONS in each five minutes; None if none was ever answered."""
    values = [sample.ping for sample in samples if sample.ping is not None]
    if not values:
        return None
    drawn = curve(now, [(sample.at, sample.ping) for sample in samples])
    silent = duration(len(drawn.missing) * SLOT) if drawn.missing else ""
    return Chart(
        key="chart-ping",
        title="Ping: longest round trip in 5 minutes",
        curve=drawn,
        values=_axis(drawn.top * 1000, "ms"),
        times=_times(now),
        text=listed(
            (
                f"{min(values) * 1000:.0f} to {max(values) * 1000:.0f} ms",
                f"the latest {values[-1] * 1000:.0f} ms",
                f"no answer for {silent}" if silent else "",
                _unwatched(drawn, now),
            )
        ),
        legend=_legend(drawn, ("line", "round trip"), ("missing", "no answer") if drawn.missing else None),
    )


def live_chart(samples: Sequence[Sample], now: float) -> Chart:
    """The most calls that were up at one moment of each five minutes."""
    drawn = curve(now, [(sample.at, float(sample.active)) for sample in samples], least=2)
    most = max((sample.active for sample in samples), default=0)
    return Chart(
        key="chart-active",
        title="Active calls: most in 5 minutes",
        curve=drawn,
        values=_axis(drawn.top, ""),
        times=_times(now),
        text=listed(
            (f"at most {times_text(most, 'call')} at a time" if most else "no calls", _unwatched(drawn, now))
        ),
        legend=_legend(drawn, ("line", "active calls"), None),
    )


def calls_chart(samples: Sequence[Sample], now: float) -> Chart:
    """The calls that ended in each five minutes, and how many of them had failed."""
    drawn = columns(
        now,
        [(sample.at, float(sample.calls)) for sample in samples],
        [(sample.at, float(sample.failed)) for sample in samples],
        least=2,
    )
    calls = sum(sample.calls for sample in samples)
    failed = sum(sample.failed for sample in samples)
    return Chart(
        key="chart-calls",
        title="Calls ended in 5 minutes",
        curve=drawn,
        values=_axis(drawn.top, ""),
        times=_times(now),
        text=listed(
            (
                f"{times_text(calls, 'call')} ended",
                f"{failed:,} of them failed" if calls else "",
                _unwatched(drawn, now),
            )
        ),
        legend=_legend(drawn, ("column", "ended"), ("failed", "failed")),
    )


def hours_table(samples: Sequence[Sample], now: float) -> tuple[HourRow, ...]:
    """The same by the hour, newest first; hours without a sample are left out."""
    hours: dict[float, list[Sample]] = {}
    for sample in samples:
        hours.setdefault(sample.at // _HOUR * _HOUR, []).append(sample)
    return tuple(_hour(begins, hours[begins], now) for begins in sorted(hours, reverse=True))


def _hour(begins: float, samples: Sequence[Sample], now: float) -> HourRow:
    pings = [sample.ping for sample in samples if sample.ping is not None]
    return HourRow(
        begins=clock_time(begins, now),
        ping=f"{max(pings) * 1000:.0f} ms" if pings else "",
        active=f"{max(sample.active for sample in samples):,}",
        calls=f"{sum(sample.calls for sample in samples):,}",
        failed=f"{sum(sample.failed for sample in samples):,}",
    )


def _axis(top: float, unit: str) -> tuple[str, ...]:
    return tuple(f"{value:g} {unit}".strip() for value in (round(top, 6), round(top / 2, 6), 0.0))


def _times(now: float) -> tuple[str, ...]:
    begin = beginning(now)
    return tuple(f"{local_time(begin + DAY * part / (_TIMES - 1)):%H:%M}" for part in range(_TIMES))


def _unwatched(drawn: Curve, now: float) -> str:
    if len(drawn.gaps) == 1 and drawn.gaps[0][0] == 0 and drawn.gaps[0][1] < SLOTS:
        return f"from {clock_time(beginning(now) + drawn.gaps[0][1] * SLOT, now)} on"
    slots = sum(length for _, length in drawn.gaps)
    return f"not watched for {duration(slots * SLOT)}" if slots else ""


def _legend(drawn: Curve, *signs: tuple[str, str] | None) -> tuple[tuple[str, str], ...]:
    unwatched = ("gap", "not watched") if drawn.gaps else None
    return tuple(sign for sign in (*signs, unwatched) if sign is not None)
