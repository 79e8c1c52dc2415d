"""What is put into the history is found in it again: in a file, in memory, in the next process."""

import asyncio
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from exporter.history.entries import MAX_WAITING, ROOM, Waiting
from exporter.history.model import STRANGERS_KEPT, Figures, GatewaySteps, Sample, Span, Step, Stranger
from exporter.history.store import (
    FILE_NAME,
    Entry,
    PutHour,
    PutSample,
    PutSpan,
    PutStrangers,
    Rename,
    Store,
    StoreUnavailable,
    Subject,
)
from exporter.watch.changes import Change
from exporter.watch.top_addresses import Frequent
from tests.history.stores import DAY, GATEWAY, HOUR, NOW, call, figures, listed, opened, outage
from tests.support.tools import ROOT

ALWAYS: dict[str, Any] = {"since": 0.0, "until": math.inf}


@pytest.fixture(params=["memory", "file"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path if request.param == "file" else None


async def put(store: Store, *entries: Entry) -> None:
    """Write entries."""
    for entry in entries:
        store.put(entry)
    await store.flush()
    assert store.problem == ""


async def test_outages_by_time_and_subject(folder: Path | None) -> None:
    other = Subject("fs1", "other", "external")
    switch = Subject("fs2", "", "")
    found = [
        outage(1, NOW - 500, NOW - 400),
        outage(2, NOW - 300, NOW - 200, other),
        outage(3, NOW - 150, None, switch),
        outage(4, NOW - 100, None),
    ]
    async with opened(folder) as store:
        await put(store, *found)
        assert await store.outages(**ALWAYS) == found[::-1]
        assert await store.open_outages() == found[2:]
        assert await store.outages(since=NOW - 400, until=NOW - 150) == [found[1], found[0]]
        assert await store.outages(since=NOW - 10, until=NOW) == [found[3], found[2]]
        assert await store.outages(**ALWAYS, node="fs1") == [found[3], found[1], found[0]]
        assert await store.outages(**ALWAYS, gateway="provider", profile="external") == [found[3], found[0]]
        assert await store.outages(**ALWAYS, gateway="provider", profile="") == []
        assert await store.outages(**ALWAYS, node="fs2", gateway="", profile="") == [found[2]]
        assert await store.outages(**ALWAYS, before=NOW - 100, limit=2) == [found[2], found[1]]
        assert store.rows["outage"] == 4


async def test_an_outage_replaces_the_one_of_its_id(folder: Path | None) -> None:
    lasting = outage(7, NOW - 100, None)
    async with opened(folder) as store:
        await put(store, lasting)
        over = replace(lasting, ended=NOW, seconds=100.0, calls_failed=3)
        await put(store, replace(lasting, seconds=50.0), over)
        assert await store.outages(**ALWAYS) == [over]
        assert await store.open_outages() == []
        assert store.rows["outage"] == 1


async def test_changes(folder: Path | None) -> None:
    found = [
        Change(NOW - 3, "fs1", "gateway_changed", "provider", "sip:a", "sip:b"),
        Change(NOW - 2, "", "exporter_reloaded", "history.keep"),
        Change(NOW - 1, "fs2", "restarted"),
    ]
    async with opened(folder) as store:
        await put(store, *found)
        assert await store.changes(**ALWAYS) == found[::-1]
        assert await store.changes(**ALWAYS, node="fs1") == [found[1], found[0]]
        assert await store.changes(since=NOW - 2, until=NOW - 1) == [found[1]]
        assert await store.changes(**ALWAYS, before=NOW - 1, limit=1) == [found[1]]


async def test_calls(folder: Path | None) -> None:
    found = [
        call(NOW - 4, "failed", "a"),
        call(NOW - 3, "silent", "b"),
        call(NOW - 2, "failed", "c", Subject("fs2", "provider", "")),
        replace(call(NOW - 1, "bad", "d"), gateway="other", direction="inbound", mos=2.5),
    ]
    async with opened(folder) as store:
        await put(store, *found)
        assert await store.calls(**ALWAYS) == found[::-1]
        assert await store.calls(**ALWAYS, result="failed") == [found[2], found[0]]
        assert await store.calls(**ALWAYS, node="fs1", gateway="provider") == [found[1], found[0]]
        assert await store.calls(**ALWAYS, direction="inbound") == [found[3]]
        assert await store.calls(since=NOW - 3, until=NOW - 2) == [found[1]]
        assert await store.calls(**ALWAYS, before=NOW - 1, limit=2) == [found[2], found[1]]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_leave_nothing_out_of_what_happened_at_one_moment(limit: int) -> None:
    times = [NOW - 3, *[NOW - 2] * 5, NOW - 1]
    async with opened(None) as store:
        await put(store, *(outage(number, at, None) for number, at in enumerate(times, 1)))
        await put(store, *(Change(at, "fs1", "limits", str(number)) for number, at in enumerate(times)))
        await put(store, *(call(at, uuid=str(number)) for number, at in enumerate(times)))
        outages, changes, calls = set[int](), set[str](), set[str]()
        before = math.inf
        while page := await store.outages(**ALWAYS, before=before, limit=limit):
            assert not outages & {found.id for found in page}
            outages |= {found.id for found in page}
            before = page[-1].began
        before = math.inf
        while listed := await store.changes(**ALWAYS, before=before, limit=limit):
            changes |= {found.subject for found in listed}
            before = listed[-1].at
        before = math.inf
        while kept := await store.calls(**ALWAYS, before=before, limit=limit):
            calls |= {found.call_uuid for found in kept}
            before = kept[-1].at
    assert (len(outages), len(changes), len(calls)) == (7, 7, 7)


async def test_figures_add_up_to_hours_and_days(folder: Path | None) -> None:
    midnight = NOW // DAY * DAY
    async with opened(folder) as store:
        await put(store, PutHour(GATEWAY, midnight - HOUR, Figures(watched=3600.0, usable=3500.0)))
        for _ in range(3):
            await put(
                store,
                *[PutHour(GATEWAY, midnight, Figures(watched=15.5, usable=15.0, calls=2, failed=1))] * 2,
            )
        await put(store, PutHour(GATEWAY, midnight + HOUR, Figures(outages=1)))
        await put(store, PutHour(GATEWAY, midnight + 2 * HOUR, Figures()))
        before = Step(midnight - HOUR, Figures(watched=3600.0, usable=3500.0))
        first = Step(midnight, Figures(watched=93.0, usable=90.0, calls=12, failed=6))
        second = Step(midnight + HOUR, Figures(outages=1))
        day = Step(midnight, Figures(watched=93.0, usable=90.0, calls=12, failed=6, outages=1))

        def steps(*found: Step) -> list[GatewaySteps]:
            return [GatewaySteps(**GATEWAY._asdict(), steps=found)]

        assert await store.steps("1h", **ALWAYS) == steps(before, first, second)
        assert await store.steps("1h", since=midnight + 1, until=midnight + HOUR) == steps(first)
        assert await store.steps("1h", since=midnight + HOUR, until=NOW, gateway="provider") == steps(second)
        assert await store.steps("1d", since=midnight, until=NOW) == steps(day)
        assert await store.steps("1d", since=NOW + DAY, until=NOW + 2 * DAY) == []
        assert await store.steps("1h", **ALWAYS, node="fs2") == []
        assert store.rows["hour"] == 3


async def test_figures_of_many_gateways_are_by_their_names(folder: Path | None) -> None:
    everyone = [Subject(node, name, "external") for node in ("fs2", "fs1") for name in ("b", "a")]
    async with opened(folder) as store:
        for number, subject in enumerate(everyone):
            await put(
                store, PutHour(subject, NOW, figures(calls=number)), PutHour(subject, NOW + HOUR, figures())
            )
        found = await store.steps("1h", **ALWAYS)
        assert [(steps.node, steps.gateway) for steps in found] == [
            (s.node, s.gateway) for s in sorted(everyone)
        ]
        assert [steps.steps[0].figures.calls for steps in found] == [3, 2, 1, 0]
        for subject in everyone:
            (alone,) = await store.steps("1h", **ALWAYS, **subject._asdict())
            assert alone in found
        assert len(await store.steps("1h", **ALWAYS, node="fs1")) == 2


async def test_gateways_of_which_something_is_kept(folder: Path | None) -> None:
    other, lost = Subject("fs2", "backup", ""), Subject("fs1", "", "")
    async with opened(folder) as store:
        await put(
            store,
            PutHour(other, NOW - HOUR, figures()),
            outage(1, NOW - 60, NOW, GATEWAY),
            outage(2, NOW - 60, NOW, lost),
        )
        assert await store.subjects() == [GATEWAY, other]
        assert await store.subjects(node="fs2") == [other]
        assert await store.subjects(gateway="provider", profile="external") == [GATEWAY]
        assert await store.subjects(gateway="provider", profile="internal") == []


async def test_a_caller_may_go_on_with_the_figures_it_gave(folder: Path | None) -> None:
    async with opened(folder) as store:
        growing = Figures(calls=1)
        store.put(PutHour(GATEWAY, NOW, growing))
        growing.calls = 50
        await store.flush()
        (steps,) = await store.steps("1h", **ALWAYS)
        assert steps.steps[0].figures.calls == 1


async def test_the_first_hour_of_each_gateway(folder: Path | None) -> None:
    other = GATEWAY._replace(gateway="other")
    async with opened(folder) as store:
        for subject, at in (
            (GATEWAY, NOW - 5 * HOUR),
            (other, NOW),
            (GATEWAY, NOW - 30 * HOUR),
            (other, NOW + HOUR),
        ):
            store.put(PutHour(subject, at, figures()))
        store.put(PutHour(GATEWAY._replace(node="fs2"), NOW - 90 * HOUR, figures()))
        await store.flush()
        assert await store.first_hours("fs1") == {GATEWAY: NOW - 30 * HOUR, other: NOW}
        assert await store.first_hours("fs3") == {}


async def test_samples(folder: Path | None) -> None:
    async with opened(folder) as store:
        await put(store, *(PutSample(GATEWAY, Sample(NOW + 300 * n, None, n, 0, 0)) for n in (0, 1, 3)))
        await put(store, PutSample(GATEWAY, Sample(NOW + 300.5, 0.02, 9, 8, 7)))
        await put(store, PutSample(GATEWAY._replace(node="fs2"), Sample(NOW, None, 5, 0, 0)))
        first, second = Sample(NOW, None, 0, 0, 0), Sample(NOW + 300, 0.02, 9, 8, 7)
        assert await store.samples(GATEWAY, 0.0) == [first, second, Sample(NOW + 900, None, 3, 0, 0)]
        assert await store.samples(GATEWAY, NOW + 1) == [second, Sample(NOW + 900, None, 3, 0, 0)]
        assert await store.samples(GATEWAY, NOW + 1200) == []
        assert await store.samples(GATEWAY._replace(profile=""), 0.0) == []


async def test_spans_that_touch_are_one(folder: Path | None) -> None:
    async with opened(folder) as store:
        assert await store.watched_since() is None
        await put(store, PutSpan("fs1", Span(NOW, NOW + 10)), PutSpan("fs1", Span(NOW + 10, NOW + 20)))
        await put(store, PutSpan("fs1", Span(NOW, NOW + 30)), PutSpan("fs2", Span(NOW + 5, NOW + 7)))
        await put(store, PutSpan("fs1", Span(NOW + 40, NOW + 41)), PutSpan("fs1", Span(NOW + 50, NOW + 51)))
        await put(store, PutSpan("fs1", Span(NOW + 51, NOW + 60)))
        spans = [Span(NOW, NOW + 30), Span(NOW + 40, NOW + 41), Span(NOW + 50, NOW + 60)]
        assert await store.spans("fs1", **ALWAYS) == spans
        assert await store.spans("fs1", since=NOW + 30, until=NOW + 50) == [spans[1]]
        assert await store.spans("fs2", **ALWAYS) == [Span(NOW + 5, NOW + 7)]
        assert await store.watched_since() == NOW


async def test_spans_written_after_the_clock_was_set_back_are_told_once() -> None:
    async with opened(None) as store:
        await put(store, PutSpan("fs1", Span(NOW, NOW + 10)), PutSpan("fs1", Span(NOW + 50, NOW + 90)))
        await put(store, PutSpan("fs1", Span(NOW - 5, NOW + 2)))
        await put(store, PutSpan("fs1", Span(NOW + 40, NOW + 60)))
        assert await store.spans("fs1", **ALWAYS) == [Span(NOW - 5, NOW + 10), Span(NOW + 40, NOW + 90)]


@pytest.mark.parametrize("known", [False, True], ids=["the new one is not known", "both are known"])
async def test_a_gateway_gets_its_profile(folder: Path | None, known: bool) -> None:
    old = GATEWAY._replace(profile="")
    async with opened(folder) as store:
        await put(
            store,
            outage(1, NOW - 20, NOW - 10, old),
            PutHour(old, NOW, Figures(watched=10.0, calls=2)),
            PutHour(old, NOW + 2 * HOUR, Figures(watched=7.0)),
            PutSample(old, Sample(NOW, 0.1, 1, 1, 1)),
        )
        if known:
            await put(store, PutHour(GATEWAY, NOW, Figures(watched=20.0, calls=3)), outage(2, NOW - 5, None))
        await put(store, Rename(old, GATEWAY), PutHour(GATEWAY, NOW + 2 * HOUR, Figures(watched=1.0)))
        await put(store, Rename(old, GATEWAY), Rename(GATEWAY, GATEWAY))
        assert [found.profile for found in await store.outages(**ALWAYS)] == ["external"] * (1 + known)
        (hours,) = await store.steps("1h", **ALWAYS)
        (day,) = await store.steps("1d", **ALWAYS)
        assert hours.profile == day.profile == "external"
        assert [step.figures.watched for step in hours.steps] == [10.0 + 20.0 * known, 8.0]
        assert day.steps[0].figures.watched == 18.0 + 20.0 * known
        assert await store.samples(GATEWAY, 0.0) == [Sample(NOW, 0.1, 1, 1, 1)]
        assert await store.samples(old, 0.0) == []
        assert store.rows["hour"] == 2


async def test_the_next_process_reads_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await put(store, outage(1, NOW - 20, None), PutHour(GATEWAY, NOW, figures()), call(NOW))
        store.put(Change(NOW, "fs1", "restarted"))  # with the last flush, of `close`
    async with opened(tmp_path) as store:
        assert store.persistent
        assert store.rows == {"outage": 1, "change": 1, "call": 1, "hour": 1}
        assert await store.open_outages() == [outage(1, NOW - 20, None)]
        assert await store.changes(**ALWAYS) == [Change(NOW, "fs1", "restarted")]
    assert listed(tmp_path) == [FILE_NAME]
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


async def test_a_closed_store_answers_no_more(folder: Path | None) -> None:
    async with opened(folder) as store:
        await store.close()
        store.put(call(NOW))
        await store.flush()
        with pytest.raises(StoreUnavailable, match="closed"):
            await store.calls(**ALWAYS)
        assert store.problem == ""


async def test_without_a_file_it_is_not_persistent() -> None:
    async with opened(None) as store:
        assert not store.persistent
        assert store.problem == ""


# -- what waits ----------------------------------------------------------------------------------------


async def test_too_much_that_waits_is_given_up_and_counted(folder: Path | None) -> None:
    async with opened(folder) as store:
        for number in range(MAX_WAITING + 10):
            store.put(call(NOW + number, uuid=str(number)))
        assert store.dropped == 10
        for number in range(ROOM + 5):
            store.put(Change(NOW, "fs1", "limits", str(number)))
        assert store.dropped == 15
        await put(store)
        assert store.rows["change"] == ROOM
        store.put(call(NOW))
        assert store.dropped == 15


async def test_spans_that_do_not_touch_are_bounded_too() -> None:
    async with opened(None) as store:
        for number in range(MAX_WAITING + ROOM + 3):
            store.put(PutSpan("fs1", Span(NOW + 10 * number, NOW + 10 * number + 1)))
        assert store.dropped == 3


async def test_what_adds_up_or_replaces_takes_no_room(folder: Path | None) -> None:
    async with opened(folder) as store:
        for number in range(MAX_WAITING + ROOM + 1):
            store.put(PutHour(GATEWAY, NOW, Figures(calls=1)))
            store.put(PutSample(GATEWAY, Sample(NOW, None, number, 0, 0)))
            store.put(PutSpan("fs1", Span(NOW + number, NOW + number + 1)))
            store.put(outage(1, NOW, NOW + number))
        await put(store)
        assert store.dropped == 0
        (hours,) = await store.steps("1h", **ALWAYS)
        assert hours.steps[0].figures.calls == MAX_WAITING + ROOM + 1
        assert (await store.samples(GATEWAY, 0.0))[0].active == MAX_WAITING + ROOM
        assert await store.spans("fs1", **ALWAYS) == [Span(NOW, NOW + MAX_WAITING + ROOM + 1)]
        assert (await store.outages(**ALWAYS))[0].ended == NOW + MAX_WAITING + ROOM


BAD = {
    "no time": Change(math.nan, "fs1", "limits"),
    "half a character": Change(NOW, "fs1", "limits", "\ud800"),
    "a number past 64 bits": PutHour(GATEWAY, NOW, Figures(calls=2**64)),
    "no number": PutHour(GATEWAY, NOW, Figures(watched=math.nan)),
    "a time past all": PutHour(GATEWAY, math.inf, Figures(watched=1.0)),
    "an id past 64 bits": outage(2**64, NOW, None),
    "half a character in an outage": replace(outage(1, NOW, None), gateway="\ud800"),
    "half a character in a call": replace(call(NOW), cause="\ud800"),
    "a sample at no time": PutSample(GATEWAY, Sample(math.nan, None, 0, 0, 0)),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
async def test_an_entry_that_cannot_be_written_keeps_back_no_other(bad: Entry) -> None:
    async with opened(None) as store:
        with capture_logs() as lines:
            await put(store, call(NOW, uuid="before"), bad, call(NOW + 1, uuid="after"))
        assert store.dropped == 1
        assert [found.call_uuid for found in await store.calls(**ALWAYS)] == ["after", "before"]
        assert store.rows == {"outage": 0, "change": 0, "call": 2, "hour": 0}
        assert [line["event"] for line in lines] == ["the history does not accept some entries"]


# -- a process that is killed ------------------------------------------------------------------------------

WRITER = """
import asyncio, sys
from pathlib import Path
from exporter.clock import Clock
from exporter.config import HistoryConfig
from exporter.executors import Executor
from exporter.history.store import Store
from exporter.watch.changes import Change
from exporter.watch.top_addresses import Frequent

async def main():
    store = Store(Path(sys.argv[1]), HistoryConfig(), Clock(), Executor("history"))
    await store.open()
    batch = 0
    while not store.problem:
        batch += 1
        for _ in range(200):
            store.put(Change(float(batch), "fs1", "limits", "x" * 100))
        await store.flush()
        print(batch, flush=True)

asyncio.run(main())
"""


async def test_a_process_that_is_killed_loses_no_batch_and_leaves_none_in_part(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, path, cwd=ROOT, stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    try:
        while int(await writer.stdout.readline()) < 20:
            pass
    finally:
        writer.kill()
    rest, _ = await writer.communicate()
    written = [20, *map(int, rest.split())][-1]
    assert path.with_name(FILE_NAME + "-wal").stat().st_size > 0, "it did not come to close the file"
    async with opened(tmp_path) as store:
        assert store.problem == ""
        by_batch = await store._run(
            lambda db: dict(db.execute("SELECT at, count(*) FROM changes GROUP BY at"))
        )
        assert set(by_batch.values()) == {200}
        assert list(by_batch) == list(range(1, len(by_batch) + 1))
        assert len(by_batch) in (written, written + 1)
        assert store.rows["change"] == 200 * len(by_batch)


def strangers(at: float, *came: tuple[str, int], node: str = "fs1") -> PutStrangers:
    return PutStrangers(node, at, tuple(Frequent(*one) for one in came))


async def test_strangers_are_added_up_by_hour_and_address(folder: Path | None) -> None:
    async with opened(folder) as store:
        await put(store, strangers(NOW - HOUR, ("192.0.2.1", 5), ("192.0.2.2", 1)))
        await put(store, strangers(NOW - HOUR + 60, ("192.0.2.1", 2)), strangers(NOW, ("192.0.2.1", 1)))
        await put(store, strangers(NOW, ("2001:db8::1", 4), node="fs2"))
        most = Stranger("fs1", "192.0.2.1", 8, NOW - HOUR, NOW)
        found = await store.strangers(**ALWAYS)
        assert found == [
            most,
            Stranger("fs2", "2001:db8::1", 4, NOW, NOW),
            Stranger("fs1", "192.0.2.2", 1, NOW - HOUR, NOW - HOUR),
        ]
        assert await store.strangers(**ALWAYS, limit=1) == [most]
        assert await store.strangers(**ALWAYS, node="fs2") == found[1:2]
        (only,) = await store.strangers(since=NOW - 2 * HOUR, until=NOW, node="fs1", limit=1)
        assert only.times == 7


async def test_of_any_number_of_strangers_the_most_frequent_of_each_hour_are_kept(
    folder: Path | None,
) -> None:
    async with opened(folder) as store:
        for turn in range(10):
            many = ((f"10.{turn}.{number}", 1 + number % 2) for number in range(100))
            await put(store, strangers(NOW, ("192.0.2.1", 9), *many))
        found = await store.strangers(**ALWAYS, limit=10_000)
    assert len(found) == STRANGERS_KEPT
    assert (found[0].address, found[0].times) == ("192.0.2.1", 90)
    assert {one.times for one in found[1:]} == {2}


async def test_while_the_disk_is_full_the_strangers_of_an_hour_are_one_entry() -> None:
    waiting = Waiting()
    for turn in range(100):
        many = ((f"10.{turn}.{number}", 1) for number in range(100))
        waiting.put(strangers(NOW, ("192.0.2.1", 2), *many))
    (entry,) = waiting.take()
    assert isinstance(entry, PutStrangers)
    assert entry.came[0] == ("192.0.2.1", 200)
    assert len(entry.came) == STRANGERS_KEPT
