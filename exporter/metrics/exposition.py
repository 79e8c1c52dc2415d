"""Samples to text: a page of metrics in Prometheus' text format or OpenMetrics.

A scrape must not delay events, whatever its size. So a page is written in units: the samples of one gateway,
one node or one probe. A unit reads its values in one step, so that they agree with each other. Between units
other tasks run (`render`). A unit writes plain lines whose labels were escaped beforehand. A sample line is
the same in both formats, except for exemplars, which only OpenMetrics has.

The tests read these pages with prometheus_client's parsers and compare them with its own rendering.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, cast

from prometheus_client.utils import floatToGoString

from exporter.clock import Clock

SLICE: Final = 0.005  # seconds of writing after which other tasks run

number: Final = cast(Callable[[float], str], floatToGoString)


@dataclass(frozen=True, eq=False)
class Family:
    """One metric family.

    Attributes:
        name: as in the text format; a counter's ends in `_total`.
        type: gauge, counter or histogram.
        help: what a person should conclude from it, fewer than 120 characters.
        labels: the label names, in the order they are written.
        buckets: upper bounds of a histogram, without +Inf.
    """

    name: str
    type: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def header(self, openmetrics: bool) -> str:
        """The HELP and TYPE lines."""
        text = self.help.replace("\\", r"\\").replace("\n", r"\n")
        name = self.name
        if openmetrics:
            text = text.replace('"', r"\"")
            if self.type == "counter":
                name = name.removesuffix("_total")
        return f"# HELP {name} {text}\n# TYPE {name} {self.type}\n"


class Exemplar(NamedTuple):
    """The call from which a value comes.

    Attributes:
        call_uuid: matches `[0-9a-f-]{36}`.
        timestamp: when the value was observed, epoch seconds.
    """

    call_uuid: str
    timestamp: float

    def after(self, value: float) -> str:
        """The text that follows a sample of which the call with this `value` is an example."""
        return f' # {{call_uuid="{self.call_uuid}"}} {number(value)} {self.timestamp:.3f}'


class Histogram:
    """Observations counted into the buckets of a family."""

    __slots__ = ("bounds", "counts", "exemplars", "sum")

    def __init__(self, family: Family) -> None:
        self.bounds = family.buckets
        self.counts = [0] * (len(family.buckets) + 1)
        self.exemplars: dict[int, tuple[float, Exemplar]] = {}
        self.sum = 0.0

    @property
    def total(self) -> int:
        """How many values were counted."""
        return sum(self.counts)

    def observe(self, value: float, exemplar: Exemplar | None = None) -> None:
        """Count one value."""
        bucket = bisect_left(self.bounds, value)
        self.counts[bucket] += 1
        self.sum += value
        if exemplar is not None:
            self.exemplars[bucket] = value, exemplar


def escape(value: str) -> str:
    """A label value as it is written between the quotes."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def labels(**pairs: str) -> str:
    """Label pairs as they are written between the braces."""
    return ",".join([f'{name}="{escape(value)}"' for name, value in pairs.items()])


class Page:
    """Collects sample lines by family, in any order.

    Args:
        families: the families that samples may have, in the order in which they are written.
        openmetrics: write OpenMetrics, with exemplars; else the text format.
        names: sample names to keep (`?name[]=`); None keeps all.
    """

    def __init__(
        self, families: Iterable[Family], *, openmetrics: bool, names: frozenset[str] | None = None
    ) -> None:
        self._lines: dict[Family, list[str]] = {family: [] for family in families}
        self._openmetrics = openmetrics
        self._names = names

    def add(self, family: Family, labels: str, value: float, exemplar: Exemplar | None = None) -> None:
        """Add a sample of a gauge, or of a counter with the call that raised it last."""
        if self._names is None or family.name in self._names:
            tail = exemplar.after(1.0) if exemplar is not None and self._openmetrics else ""
            braced = f"{{{labels}}}" if labels else ""
            self._lines[family].append(f"{family.name}{braced} {number(value)}{tail}\n")

    def stateset(self, family: Family, labels: str, label: str, values: Sequence[str], current: str) -> None:
        """Add one sample per value: 1 for the current one, 0 for the others."""
        if self._names is None or family.name in self._names:
            head = f"{family.name}{{{labels},{label}=" if labels else f"{family.name}{{{label}="
            self._lines[family].append(
                "".join([f'{head}"{value}"}} {"1.0" if value == current else "0.0"}\n' for value in values])
            )

    def histogram(self, family: Family, labels: str, histogram: Histogram) -> None:
        """Add the buckets, count and sum of one histogram."""
        names = self._names
        lines = self._lines[family]
        comma = "," if labels else ""
        total = 0
        bucket_wanted = names is None or f"{family.name}_bucket" in names
        for index, count in enumerate(histogram.counts):
            total += count
            if bucket_wanted:
                bounds = histogram.bounds
                bound = number(bounds[index]) if index < len(bounds) else "+Inf"
                example = histogram.exemplars.get(index) if self._openmetrics else None
                tail = example[1].after(example[0]) if example is not None else ""
                lines.append(f'{family.name}_bucket{{{labels}{comma}le="{bound}"}} {number(total)}{tail}\n')
        braced = f"{{{labels}}}" if labels else ""
        if names is None or f"{family.name}_count" in names:
            lines.append(f"{family.name}_count{braced} {number(total)}\n")
        if names is None or f"{family.name}_sum" in names:
            lines.append(f"{family.name}_sum{braced} {number(histogram.sum)}\n")

    def chunks(self) -> Iterator[bytes]:
        """The page as bytes, one piece per family that has samples."""
        for family, lines in self._lines.items():
            if lines:
                yield (family.header(self._openmetrics) + "".join(lines)).encode()
        if self._openmetrics:
            yield b"# EOF\n"


Unit = Callable[[Page], None]


class Source(Protocol):
    """A collector of samples.

    Attributes:
        node: the node that the samples describe; None for the exporter's own.
    """

    @property
    def node(self) -> str | None: ...

    def units(self) -> Iterable[Unit]:
        """The functions that write its samples; each writes samples that must agree with each other."""
        ...


class Turns:
    """Lets other tasks run once SLICE seconds of work have passed since they last did."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()

    async def give(self) -> None:
        """To be called between two pieces of work."""
        if self._clock.monotonic() - self._began > SLICE:
            await asyncio.sleep(0)
            self._began = self._clock.monotonic()


async def render(page: Page, sources: Iterable[Source], clock: Clock) -> list[bytes]:
    """Write the units of all sources to the page; other tasks run every SLICE seconds."""
    turns = Turns(clock)
    for source in sources:
        for unit in list(source.units()):
            unit(page)
            await turns.give()
    pieces = []
    for piece in page.chunks():
        pieces.append(piece)
        await turns.give()
    return pieces
