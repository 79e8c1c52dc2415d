"""The history of a large installation: how large its file is, and how long a start and a gateway's page take.

It is written through the store, as the daemon does, an hour a batch; the pruning runs.
"""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from exporter.clock import Clock
from exporter.config import HistoryConfig
from exporter.executors import Executor
from exporter.history.model import CallResult, Figures, KeptCall, OtherLeg, Outage, Phase, Sample, Span
from exporter.history.schema import DAY, HOUR, SAMPLE
from exporter.history.store import FILE_NAME, PutHour, PutSample, PutSpan, Store, Subject
from exporter.watch.changes import Change

END = 1_800_000_000.0  # of what is kept
ROUNDS = 20
RESULTS: tuple[CallResult, ...] = ("failed", "failed", "silent", "bad")


class Size(NamedTuple):
    """Of an installation: its gateways, and what is kept of them."""

    days: int
    nodes: int
    gateways: int
    outages: int
    calls: int


LARGE = Size(days=90, nodes=20, gateways=50, outages=20_000, calls=2_000)
"""`gateways` and `calls` are of each node."""


class Figure(NamedTuple):
    """What was measured.

    Attributes:
        size: bytes of the file.
        rows: in it.
        start, page, batch: seconds of opening the file, of all questions of a gateway's page, and of writing
            15 seconds of all gateways: the fastest, the median and the slowest.
        parts: seconds of each question of the page, the median.
    """

    size: int
    rows: dict[str, int]
    start: tuple[float, float, float]
    page: tuple[float, float, float]
    batch: tuple[float, float, float]
    parts: dict[str, float]


class Then(Clock):
    """A clock that is moved."""

    now = END

    def epoch(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


def subjects(size: Size) -> list[Subject]:
    """The gateways."""
    return [
        Subject(f"fs{node:02}", f"provider-{number:02}", "external")
        for node in range(size.nodes)
        for number in range(size.gateways)
    ]


async def fill(store: Store, clock: Then, size: Size) -> None:
    """Write the history of an installation, the hour of END the last."""
    chance = random.Random(1)  # noqa: S311
    everyone = subjects(size)
    hours = size.days * 24
    first = END // HOUR * HOUR - (hours - 1) * HOUR
    for number in range(hours):
        clock.now = first + number * HOUR
        for subject in everyone:
            watched = HOUR - chance.random()
            calls = chance.randrange(900)
            store.put(
                PutHour(
                    subject,
                    clock.now,
                    Figures(watched=watched, usable=watched - 1, calls=calls, failed=calls // 9),
                )
            )
        for node in range(size.nodes):
            store.put(PutSpan(f"fs{node:02}", Span(clock.now, clock.now + HOUR)))
            store.put(Change(clock.now, f"fs{node:02}", "xml_reloaded"))
        for index in range(number * size.outages // hours, (number + 1) * size.outages // hours):
            store.put(outage(chance.choice(everyone), index + 1, clock.now + chance.uniform(0, HOUR), chance))
        await store.flush()
        if clock.now >= END - 2 * DAY:
            await _fill_samples(store, clock.now, everyone, chance)
    for node in range(size.nodes):
        gateways = everyone[node * size.gateways : (node + 1) * size.gateways]
        for index in range(size.calls):
            store.put(
                call(
                    chance.choice(gateways),
                    RESULTS[index % len(RESULTS)],
                    END - chance.uniform(0, DAY),
                    chance,
                )
            )
        await store.flush()
    clock.now = END


async def _fill_samples(store: Store, hour: float, everyone: list[Subject], chance: random.Random) -> None:
    for at in range(int(hour), int(hour) + HOUR, SAMPLE):
        for subject in everyone:
            store.put(PutSample(subject, Sample(at, chance.random() / 10, chance.randrange(40), 70, 3)))
        await store.flush()


def outage(subject: Subject, number: int, began: float, chance: random.Random) -> Outage:
    """One that is over, with the evidence that such have."""
    return Outage(
        id=number, layer="gateway", **subject._asdict(), began=began, ended=began + chance.uniform(4, 900),
        seconds=400.0, calls_failed=chance.randrange(50), dials_refused=3, probes_failed=1,
        course=(
            Phase(began, "registering"),
            Phase(began + 2.5, "registration_rejected", "503 Service Unavailable"),
            Phase(began + 30.0, "unreachable", "408 Request Timeout"),
        ),
        changes_before=(Change(began - 40, subject.node, "xml_reloaded"),),
    )  # fmt: skip


def call(subject: Subject, result: CallResult, at: float, chance: random.Random) -> KeptCall:
    """One with every value that a kept call can have."""
    return KeptCall(
        at=at, node=subject.node, result=result, gateway=subject.gateway, direction="outbound",
        from_="+4930123xxxx", to="+4989456xxxx", call_uuid=_hex(chance),
        sip_call_id=f"{_hex(chance)}@192.0.2.17", sip_status=403, sip_phrase="Forbidden", q850=21,
        reason='Q.850;cause=21;text="D1 call rejected: number not allowed"', provider_code="D1",
        provider_meaning="The provider does not allow this caller number", cause="CALL_REJECTED",
        origin="far_end", ended_by="far_end", post_dial_delay=0.812, talk=0.0,
        remote_sip="198.51.100.4:5060", remote_media="198.51.100.5:31044", codec="PCMA",
        user_agent="Provider SBC 9.2", packets_in=4711, packets_out=4700, mos=4.31,
        other_leg=OtherLeg(
            call_uuid=_hex(chance), direction="inbound", from_="2001", to="+4989456xxxx",
            sip_call_id=f"{_hex(chance)}@192.0.2.90", cause="CALL_REJECTED",
        ),
    )  # fmt: skip


def _hex(chance: random.Random) -> str:
    return f"{chance.getrandbits(128):032x}"


def page_of(store: Store, subject: Subject, end: float) -> dict[str, Callable[[], Awaitable[object]]]:
    """The questions that a gateway's page asks."""
    names = subject._asdict()
    return {
        "outages of 30 days": lambda: store.outages(since=end - 30 * DAY, until=end, **names),
        "hours of a day": lambda: store.steps("1h", since=end - DAY, until=end, **names),
        "days of 30": lambda: store.steps("1d", since=end - 30 * DAY, until=end, **names),
        "samples of a day": lambda: store.samples(subject, end - DAY),
        "calls": lambda: store.calls(since=end - DAY, until=end, node=subject.node, gateway=subject.gateway),
        "changes": lambda: store.changes(since=end - DAY, until=end, node=subject.node),
        "spans of a day": lambda: store.spans(subject.node, since=end - DAY, until=end),
        "oldest span": store.watched_since,
    }


async def _measure(size: Size, folder: Path) -> Figure:
    clock, executor, path = Then(), Executor("history"), folder / FILE_NAME
    store = Store(path, HistoryConfig(), clock, executor)
    await store.open()
    await fill(store, clock, size)
    await store.close()
    chosen = random.Random(2).sample(subjects(size), ROUNDS)  # noqa: S311
    starts, pages, batches = [], [], []
    parts: dict[str, list[float]] = {}
    for subject in chosen:
        store = Store(path, HistoryConfig(), clock, executor)
        began = time.perf_counter()
        await store.open()
        starts.append(time.perf_counter() - began)
        began = time.perf_counter()
        for name, question in page_of(store, subject, END).items():
            asked = time.perf_counter()
            answer = await question()
            assert answer, name
            parts.setdefault(name, []).append(time.perf_counter() - asked)
        pages.append(time.perf_counter() - began)
        rows = dict(store.rows)
        for one in subjects(size):
            store.put(PutHour(one, END, Figures(watched=15.001, usable=15.001, calls=3)))
        began = time.perf_counter()
        await store.flush()
        batches.append(time.perf_counter() - began)
        await store.close()
    executor.shutdown()
    medians = {name: statistics.median(spent) for name, spent in parts.items()}
    return Figure(path.stat().st_size, rows, _spread(starts), _spread(pages), _spread(batches), medians)


def _spread(seconds: list[float]) -> tuple[float, float, float]:
    return min(seconds), statistics.median(seconds), max(seconds)


def measure(size: Size = LARGE) -> Figure:
    """Fill a file in a folder for temporary ones, and ask."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(size, Path(folder)))
