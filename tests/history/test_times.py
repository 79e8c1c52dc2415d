"""Times as people write them: what is understood, what is refused with what to write, what comes out."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import InvalidValue
from exporter.history.times import MAX_AGO, epoch, iso, lately, moment

NOW = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7d", 7 * 86400), ("90m", 5400), ("1h", 3600), ("0s", 0), ("1.5h", 5400), ("3650d", MAX_AGO)],
)
def test_a_duration_is_before_now(text: str, seconds: float) -> None:
    assert moment(text, NOW) == NOW - seconds


@pytest.mark.parametrize(
    ("text", "iso_utc"),
    [
        ("2026-11-26T03:12:40Z", "2026-11-26T03:12:40+00:00"),
        ("2026-11-26T03:12:40+00:00", "2026-11-26T03:12:40+00:00"),
        ("2026-11-26T03:12:40+02:00", "2026-11-26T01:12:40+00:00"),
        ("2026-11-26T03:12:40-0500", "2026-11-26T08:12:40+00:00"),
        ("2026-11-26 03:12", "2026-11-26T03:12:00+00:00"),
        ("2026-11-26T03:12:40.25Z", "2026-11-26T03:12:40+00:00"),
        ("2026-11-26", "2026-11-26T00:00:00+00:00"),
        ("1795000000", "2026-11-18T11:06:40+00:00"),
        ("1795000000.75", "2026-11-18T11:06:40+00:00"),
    ],
)
def test_iso_and_epoch_are_moments(text: str, iso_utc: str) -> None:
    assert iso(moment(text, NOW)) == iso_utc


def test_a_time_without_a_zone_is_of_the_zone_given() -> None:
    east = timezone(timedelta(hours=3))
    assert moment("2026-11-26 03:12", NOW, east) == moment("2026-11-26T03:12+03:00", NOW)
    local = datetime.fromtimestamp(moment("2026-11-26 03:12", NOW, None), UTC).astimezone()
    assert f"{local:%Y-%m-%d %H:%M}" == "2026-11-26 03:12"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "yesterday",
        "7",
        "0",
        "20261126",
        "7 d",
        "-7d",
        "7w",
        "3651d",
        "2026-13-01",
        "2026-02-30T00:00Z",
        "2026-11-26T25:00Z",
        "2026-11-26T03:12:40 00:00",
        "2026-W48-4",
        "nan",
        "inf",
        "1e9",
        "999999999999999",
        "٧d",
        "2026-11-26\n",
        "7d\x1b[31m",
        "9" * 5000,
    ],
)
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"write 7d, 90m or 1h \(before now\)") as refused:
        moment(text, NOW)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


@given(st.text(max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    with contextlib.suppress(InvalidValue):
        assert 0 <= moment(text, NOW) < 1e12


@given(st.integers(0, 253370764800))
def test_iso_comes_back(seconds: int) -> None:
    assert epoch(iso(seconds)) == seconds
    assert iso(seconds).endswith("+00:00")


def test_iso_has_whole_seconds_never_later_than_the_moment() -> None:
    assert iso(1795000000.999) == "2026-11-18T11:06:40+00:00"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (45, "in the last 45 s"),
        (60, "in the last minute"),
        (720, "in the last 12 min"),
        (3600, "in the last hour"),
        (86_400, "in the last day"),
    ],
)
def test_a_window_is_told_as_people_say_it(seconds: float, words: str) -> None:
    assert lately(seconds) == words
