"""Times as people write and read them: `7d`, ISO 8601, epoch seconds; UTC in answers, local on a terminal.

Everything else in the package has times as epoch seconds and durations as seconds.
"""

import re
from datetime import UTC, datetime, tzinfo
from typing import Final

from exporter.config import InvalidValue, values
from exporter.config.problems import show

MAX_AGO: Final = 3650 * 86400.0  # the longest `history.keep`
_EARLIEST: Final = 1e9  # 2001; a number below is no moment but a duration without its unit
_LATEST: Final = 253370764800.0  # the year 9999
_DATE: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_NUMBER: Final = re.compile(r"\d{1,15}(?:\.\d{1,15})?", re.ASCII)
_WRITE: Final = "write 7d, 90m or 1h (before now), a time such as 2026-11-26T03:12:40Z, or epoch seconds"


def moment(text: str, now: float, zone: tzinfo | None = UTC) -> float:
    """The moment that `text` means: a duration before now, ISO 8601, or epoch seconds.

    Args:
        text: as a person wrote it.
        now: epoch seconds.
        zone: of a time that names none; None: this machine's.

    Raises:
        InvalidValue: it is none of them; the message says what to write.
    """
    if _NUMBER.fullmatch(text):
        seconds = float(text)
        if not _EARLIEST <= seconds <= _LATEST:
            raise InvalidValue(f"is {show(text)}, which lacks a unit or is no epoch time; {_WRITE}")
        return seconds
    if _DATE.fullmatch(text):
        try:
            written = datetime.fromisoformat(text)
            if written.tzinfo is None:
                written = written.replace(tzinfo=zone) if zone is not None else written.astimezone()
            return min(max(written.timestamp(), 0.0), _LATEST)
        except (ValueError, OverflowError):
            raise InvalidValue(f"is {show(text)}, which is no date; {_WRITE}") from None
    try:
        return now - values.duration(0, MAX_AGO)(text)
    except InvalidValue:
        raise InvalidValue(f"is {show(text)}; {_WRITE}") from None


def iso(epoch: float) -> str:
    """A moment in UTC as ISO 8601, in whole seconds: `2026-11-26T03:12:40+00:00`."""
    return datetime.fromtimestamp(int(epoch), UTC).isoformat()


def epoch(text: str) -> float:
    """The moment that `iso` wrote.

    Raises:
        ValueError: it is no such text.
    """
    return datetime.fromisoformat(text).timestamp()


# -- for people ---------------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """Seconds as people say them: `45 s`, `12 min`, `3 h 20 min`, `5 d 2 h`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def lately(seconds: float) -> str:
    """`in the last 12 min`, `in the last minute`."""
    words = {"1 s": "second", "1 min": "minute", "1 h": "hour", "1 d": "day"}
    length = duration(seconds)
    return f"in the last {words.get(length, length)}"


def local_time(epoch: float) -> datetime:
    """A moment in this machine's time zone."""
    return datetime.fromtimestamp(epoch, UTC).astimezone()


def time_of_day(epoch: float, now: float) -> str:
    """A moment (epoch seconds) in this machine's time zone: the time if it was today, else date and time."""
    moment = local_time(epoch)
    today = moment.date() == local_time(now).date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")
