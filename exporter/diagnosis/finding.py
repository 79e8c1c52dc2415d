"""The result of a check: a status, the fault's word, what was seen, and what to do about it.

Everything in a finding is safe to show: texts from the network went through `shown`, and commands are built
from checked names only (`remedies`). The tables of statuses and the forms of times are here, once, for the
terminal, the page and the checks.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from exporter.esl.errors import quoted

Status = Literal["pass", "warn", "fail", "not_checked"]
CheckName = Literal[
    "port",
    "password",
    "commands",
    "events",
    "profile",
    "gateway",
    "registration",
    "provider",
    "calls",
    "log",
    "backend",
    "call",
    "database",
]

SEVERITY: Final[dict[Status, int]] = {"fail": 0, "warn": 1, "not_checked": 2, "pass": 3}
"""Every status, worst first: a key for sorting."""

STATUS_WORDS: Final[dict[Status, str]] = {
    "pass": "ok",
    "warn": "warning",
    "fail": "problem",
    "not_checked": "skipped",
}
"""Every status as people read it, on the terminal and on the page."""

SHOWN: Final = 120  # characters of one text from elsewhere


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do.

    Attributes:
        advice: sentences for people; empty if there is nothing to do.
        commands: to type, in this order, on FreeSWITCH's host unless the advice says otherwise.
    """

    advice: str = ""
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One result of one check.

    Attributes:
        check: the check's name, a row of conclusion.CHECKS.
        fault: what is wrong, in one word; empty unless the status is warn or fail. With `check` it names the
            fault; for a gateway it is the word of `freeswitch_gateway_problem`.
        gateway: the gateway it is about; empty if it is about the node.
        summary: one sentence without a full stop.
        seen: the evidence; for `not_checked` the reason.
    """

    check: CheckName
    status: Status
    summary: str
    fault: str = ""
    gateway: str = ""
    seen: str = ""
    remedy: Remedy = Remedy()

    @property
    def is_problem(self) -> bool:
        """The status is warn or fail."""
        return self.status in ("warn", "fail")


def passed(check: CheckName, summary: str, seen: str = "") -> Finding:
    """The check found nothing wrong."""
    return Finding(check=check, status="pass", summary=summary, seen=seen)


def not_checked(check: CheckName, reason: str) -> Finding:
    """The check was skipped; `reason` is a sentence without a full stop."""
    return Finding(check=check, status="not_checked", summary="Skipped", seen=reason)


# -- how values are shown -----------------------------------------------------------------------------


def shown(text: str, limit: int = SHOWN) -> str:
    """A text from elsewhere as one short printable line."""
    line = quoted(text)
    return line if len(line) <= limit else line[:limit] + "..."


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


def local_time(epoch: float) -> datetime:
    """A moment in this machine's time zone."""
    return datetime.fromtimestamp(epoch, UTC).astimezone()


def time_of_day(epoch: float, now: float) -> str:
    """A moment (epoch seconds) in this machine's time zone: the time if it was today, else date and time."""
    moment = local_time(epoch)
    today = moment.date() == local_time(now).date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")
