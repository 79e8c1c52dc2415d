"""The curves in words: scales with units, what they show, gaps, and the same by the hour."""

import pytest

from exporter.history.model import Sample
from exporter.web.chart_view import calls_chart, hours_table, live_chart, ping_chart
from exporter.web.svg import DAY, SLOT
from tests.support.zone import in_zone

NOW = 1_800_000_000.0
BEGIN = NOW - DAY


def day(*changed: tuple[int, float | None]) -> list[Sample]:
    pings = dict(changed)
    return [Sample(BEGIN + n * SLOT, pings.get(n, 0.03), n % 5, 3, n % 2) for n in range(288)]


def test_a_ping_curve_has_a_scale_in_milliseconds_and_says_what_it_shows() -> None:
    chart = ping_chart(day((10, 0.08), (287, 0.025), (4, None), (5, None)), NOW)
    assert chart is not None
    assert chart.values == ("100 ms", "50 ms", "0 ms")
    assert chart.text == "25 to 80 ms, the latest 25 ms, no answer for 10 min"
    assert ("missing", "no answer") in chart.legend
    assert len(chart.times) == 5


def test_without_pings_there_is_no_curve() -> None:
    assert ping_chart([Sample(BEGIN, None, 0, 0, 0)], NOW) is None
    assert ping_chart([], NOW) is None


def test_time_without_a_look_is_said() -> None:
    chart = live_chart(day()[:-12], NOW)
    assert chart.text == "at most 4 calls at a time, not watched for 1 h"
    assert ("gap", "not watched") in chart.legend


def test_before_the_first_look_the_curve_is_not_there_rather_than_broken() -> None:
    with in_zone("UTC"):
        assert live_chart(day()[-24:], NOW).text == "at most 4 calls at a time, from 06:00 on"
        gaps = [*day()[24:100], *day()[150:]]
        assert live_chart(gaps, NOW).text == "at most 4 calls at a time, not watched for 6 h 10 min"


def test_a_day_without_calls() -> None:
    samples = [Sample(BEGIN + n * SLOT, 0.03, 0, 0, 0) for n in range(288)]
    assert live_chart(samples, NOW).text == "no calls"
    chart = calls_chart(samples, NOW)
    assert chart.text == "no call ended"
    assert chart.values == ("2", "1", "0")


def test_ended_calls_and_those_that_failed() -> None:
    chart = calls_chart(day(), NOW)
    assert chart.text == "864 calls ended, 144 of them failed"
    assert chart.values == ("4", "2", "0")


@pytest.mark.parametrize("samples", [[], day()])
def test_the_table_has_the_hours_that_were_watched(samples: list[Sample]) -> None:
    assert len(hours_table(samples, NOW)) == (25 if samples and NOW % 3600 else 24 if samples else 0)


def test_an_hour_sums_what_its_samples_have() -> None:
    hour = BEGIN - BEGIN % 3600 + 3600
    samples = [
        Sample(hour, 0.03, 2, 10, 1),
        Sample(hour + SLOT, None, 7, 5, 0),
        Sample(hour + 3600, None, 0, 0, 0),
    ]
    newest, oldest = hours_table(samples, NOW)
    assert (oldest.ping, oldest.active, oldest.calls, oldest.failed) == ("30 ms", "7", "15", "1")
    assert newest.ping == ""
