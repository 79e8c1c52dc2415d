"""The last day of a gateway, asked of the store as rarely as possible, and what it is made of."""

import asyncio
from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from exporter.clock import Clock
from exporter.history.model import Figures, Span, Step
from exporter.history.past import Past
from exporter.history.store import Entry, PutHour, PutSpan, StoreUnavailable, Subject
from exporter.web.day_past import DayPast, Share, day_past, watched_times
from exporter.web.day_view import day_view
from exporter.web.day_views import KEPT, DayViews
from tests.support.made_up_past import outage
from tests.support.zone import in_zone
from tests.web.fakes import FakeHistory

HOUR = 3600.0
DAY = 24 * HOUR
NOW = 1_800_000_000.0 + 1800
TELNYX = Subject("fs1", "telnyx", "external")
OTHER = Subject("fs1", "other", "external")


class StandingClock(Clock):
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def monotonic(self) -> float:
        return self.now

    def epoch(self) -> float:
        return self.now


class CountingHistory(FakeHistory):
    """Counts the questions about outages; `past_now` is what is known from memory."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        super().__init__()
        for entry in entries:
            self.store.put(entry)
        self.past_now = Past()
        self.asked = 0
        answer = self.store.outages

        async def outages(**about: object) -> object:
            self.asked += 1
            return await answer(**about)  # type: ignore[arg-type]

        self.store.outages = outages  # type: ignore[method-assign,assignment]

    def past(self, node: str, gateway: str, profile: str) -> Past:
        return self.past_now


def hour(ago: int, watched: float = HOUR, usable: float = HOUR) -> PutHour:
    return PutHour(TELNYX, (NOW // HOUR - ago) * HOUR, Figures(watched=watched, usable=usable))


async def test_the_same_answer_serves_for_a_while_and_everyone() -> None:
    clock, history = StandingClock(), CountingHistory()
    pasts = DayViews(clock)
    await asyncio.gather(*(pasts.of(history, [TELNYX]) for _ in range(5)))
    assert history.asked == 1
    clock.now += KEPT + 1
    await pasts.of(history, [TELNYX])
    assert history.asked == 2


async def test_an_outage_that_begins_or_ends_is_shown_at_once() -> None:
    clock, history = StandingClock(), CountingHistory()
    pasts = DayViews(clock)
    await pasts.of(history, [TELNYX])
    history.past_now = Past(outage=outage(NOW - 5, None, NOW), day=1)
    days, _ = await pasts.of(history, [TELNYX])
    assert days[TELNYX].outages == "1 outage (5 s)"
    history.past_now = Past(last=outage(NOW - 5, 5, NOW), day=1)
    await pasts.of(history, [TELNYX])
    assert history.asked == 3


async def test_only_what_is_shown_is_asked_for() -> None:
    history = CountingHistory()
    subjects = [Subject("fs1", f"gw{number}", "external") for number in range(1000)]
    days, problem = await DayViews(StandingClock()).of(history, subjects[:50])
    assert (history.asked, len(days), problem) == (50, 50, "")


async def test_of_very_many_gateways_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.web.day_views.MAX_KEPT", 3)
    history, views = CountingHistory(), DayViews(StandingClock())
    subjects = [Subject("fs1", f"gw{number}", "external") for number in range(5)]
    asked = []
    for shown in (subjects[:2], subjects[2:], subjects[:2], subjects[2:], subjects[2:]):
        days, _ = await views.of(history, shown)
        assert len(days) == len(shown)
        asked.append(history.asked)
    assert asked == [2, 5, 7, 9, 9]  # of the second pair one was still there


async def test_a_store_that_cannot_be_read_costs_the_days_only() -> None:
    history = CountingHistory()

    async def unreadable(*_: object, **__: object) -> list[Span]:
        raise StoreUnavailable("the disk is full")

    clock = StandingClock()
    views = DayViews(clock)
    await views.of(history, [TELNYX])
    clock.now += KEPT + 1
    history.store.spans = unreadable  # type: ignore[method-assign]
    days, problem = await views.of(history, [TELNYX, OTHER])
    assert list(days) == [TELNYX]  # as it was
    assert problem == "The history cannot be read: the disk is full"


async def test_a_store_that_hangs_costs_a_page_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.web.day_views.WAIT", 0.05)
    history = CountingHistory()

    async def hangs(*_: object, **__: object) -> list[Span]:
        await asyncio.Event().wait()
        return []

    answers = history.store.spans
    history.store.spans = hangs  # type: ignore[method-assign]
    pasts = DayViews(StandingClock())
    found = await asyncio.gather(*(pasts.of(history, [TELNYX]) for _ in range(3)))
    assert all(days == {} and "slow" in problem for days, problem in found)
    history.store.spans = answers  # type: ignore[method-assign]
    days, problem = await pasts.of(history, [TELNYX])
    assert (len(days), problem) == (1, "")


async def test_a_day_with_its_outages_shares_and_looks() -> None:
    history = CountingHistory(
        [
            *(hour(ago) for ago in range(1, 30)),
            hour(0, 1800, 900),
            PutSpan("fs1", Span(NOW - 30 * HOUR, NOW - 5)),
            outage(NOW - 900, 300, NOW),
            outage(NOW - DAY - 600, 900, NOW, times=3),
        ]
    )
    await history.store.flush()
    spans = await history.store.spans("fs1", since=NOW - DAY, until=NOW)
    day = await day_past(history, TELNYX, Past(day=1), spans, NOW)
    assert day.count == 4
    assert day.down == 600
    assert day.watched == ((NOW - DAY, NOW),)
    last_day = day.shares[0]
    assert last_day.figures.watched == pytest.approx(DAY)
    assert last_day.figures.usable == pytest.approx(DAY - 900)
    seen = day_view(day, NOW, persistent=True)
    assert [percent.text for percent in seen.percents] == ["98.95 %", "99.15 %", "99.15 %"]
    assert [percent.watched for percent in seen.percents] == ["", "watched 17 %", "watched 4 %"]
    assert seen.text == "4 outages (10 min)"
    assert len(day_view(day, NOW, persistent=False).percents) == 1


async def test_a_gateway_that_came_at_noon_was_not_watched_before() -> None:
    spans = [Span(NOW - 10 * DAY, NOW)]
    hours = [Step((NOW // HOUR - ago) * HOUR, Figures(watched=HOUR)) for ago in range(4)]
    assert watched_times(spans, hours, NOW) == (((NOW // HOUR - 3) * HOUR, NOW),)


async def test_a_look_is_as_long_as_it_was_but_for_what_is_not_written_yet() -> None:
    hours = [Step((NOW // HOUR - ago) * HOUR, Figures(watched=HOUR)) for ago in range(25)]
    spans = [Span(NOW - 5 * HOUR, NOW - 2 * HOUR), Span(NOW - HOUR, NOW - 20)]
    assert watched_times(spans, hours, NOW) == ((NOW - 5 * HOUR, NOW - 2 * HOUR), (NOW - HOUR, NOW))
    lost = [Span(NOW - HOUR, NOW - 300)]
    assert watched_times(lost, hours, NOW) == ((NOW - HOUR, NOW - 300),)


async def test_nothing_watched_has_no_availability() -> None:
    day = await day_past(CountingHistory(), TELNYX, Past(), [], NOW)
    assert day.shares[0] == Share(DAY, Figures())
    seen = day_view(day, NOW, persistent=True)
    assert [percent.text for percent in seen.percents] == ["", "", ""]
    assert seen.text == "no outage, not watched"
    assert [segment.state for segment in seen.segments] == ["unwatched"]


async def test_what_was_not_watched_is_no_part_of_an_outage() -> None:
    """Neither of one that lasts nor of one that has ended: beside `8 h not watched` no `1 outage (1 d)`."""
    spans = [Span(NOW - 3 * DAY, NOW - 16 * HOUR), Span(NOW - 8 * HOUR, NOW)]
    hours = [hour(ago) for ago in range(30) if not 8 <= ago < 16]
    lasts = replace(outage(NOW - 2 * DAY, None, NOW), seconds=2 * DAY - 8 * HOUR)
    over = replace(outage(NOW - 2 * DAY, 2 * DAY - HOUR, NOW), seconds=2 * DAY - 9 * HOUR)
    for one, down in ((lasts, 16 * HOUR), (over, 15 * HOUR)):
        history = CountingHistory([*hours, one])
        await history.store.flush()
        day = await day_past(history, TELNYX, Past(), spans, NOW)
        assert day.down == pytest.approx(down, abs=HOUR)  # hours of the table are whole
        assert day.down + 8 * HOUR <= DAY


def test_in_the_first_seconds_what_is_counted_already_was_watched() -> None:
    for count, watched in ((1, 0.0), (0, 5.0)):
        share = Share(DAY, Figures(watched=watched))
        seen = day_view(DayPast((), count, 5.0 * count, (), (share, share, share)), NOW, persistent=True)
        assert "not watched" not in seen.text


@pytest.mark.parametrize(
    ("watched", "text"),
    [
        ([(NOW - 20, NOW)], "no outage, watched since 08:29"),
        ([(NOW - 600, NOW)], "no outage, watched since 08:20"),
        ([(NOW - 2 * HOUR, NOW)], "no outage, watched since 06:30"),
        ([(NOW - 5 * HOUR, NOW - 3 * HOUR), (NOW - HOUR, NOW)], "no outage, 21 h not watched"),
        ([(NOW - 5 * HOUR, NOW - HOUR)], "no outage, 20 h not watched"),
        ([], "no outage, not watched"),
    ],
)
def test_what_was_not_watched_before_the_first_look_is_told_as_its_time(
    watched: list[tuple[float, float]], text: str
) -> None:
    """A new exporter was not away for a day: it has watched since it came."""
    share = Share(DAY, Figures())
    day = DayPast((), 0, 0.0, tuple(watched), (share, share, share))
    with in_zone("UTC"):
        assert day_view(day, NOW, persistent=True).text == text
