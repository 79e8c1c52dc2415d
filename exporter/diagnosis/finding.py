"""The result of a check: a status, the fault's word, what was seen, and what to do about it.

Everything in a finding is safe to show: texts from the network went through `shown`, and commands are built
from checked names only (`remedies`). The tables of statuses are here, once, for the terminal, the page and
the checks, and beside them the forms of times (exporter/history/times.py).
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

from exporter.esl.errors import quoted
from exporter.history.times import duration as duration
from exporter.history.times import lately as lately
from exporter.history.times import local_time as local_time
from exporter.history.times import time_of_day as time_of_day
from exporter.watch.changes import Change

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
    "strangers",
    "subscribers",
    "reload",
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

WITHHELD: Final = "where is shown on loopback, to basic_auth_users, and with the token"

SHOWN: Final = 120  # characters of one text from elsewhere


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do.

    Attributes:
        advice: sentences for people; empty if there is nothing to do.
        commands: to type, in this order, on FreeSWITCH's host unless the advice says otherwise.
        note: what the commands need beside themselves: fs_cli a password.
        section: heading of the runbook that explains more; empty: none.
    """

    advice: str = ""
    commands: tuple[str, ...] = ()
    note: str = ""
    section: str = ""

    @property
    def anchor(self) -> str:
        """The section's anchor on /runbook and in docs/runbook.md."""
        return self.section.lower().replace(" ", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """The outage that a finding is about, as the history knows it (exporter.diagnosis.since).

    Attributes:
        text: since when, how often lately, what changed just before: one sentence without a full stop.
        since: when it began (epoch seconds).
        times_today: outages begun since midnight UTC, this one included. times_last_day: in 24 hours.
        changes: of the switch and the exporter in the ten minutes before, newest first.
    """

    text: str
    since: float
    times_today: int
    times_last_day: int
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One result of one check.

    Attributes:
        check: the check's name, a row of conclusion.CHECKS.
        fault: what is wrong, in one word; empty unless the status is warn or fail. With `check` it names the
            fault; for a gateway it is the word of `freeswitch_gateway_problem`.
        gateway: the gateway it is about; empty if it is about the node, or about several.
        gateways: those several; empty if it is about one or none.
        summary: one sentence without a full stop.
        seen: the evidence; for `not_checked` the reason.
        private: evidence that says where strangers or telephones are; only for those who may see it.
        lasting: the outage; None if it is about none, or the history does not know it.
        failed: calls of the last minutes that it ended, and calls that are up and silent, as far as this
            check counts them.
        alike: what it says of its gateway, for several such gateways in one line; empty: it stands alone.
    """

    check: CheckName
    status: Status
    summary: str
    fault: str = ""
    gateway: str = ""
    gateways: tuple[str, ...] = ()
    seen: str = ""
    private: str = ""
    remedy: Remedy = Remedy()
    lasting: Lasting | None = None
    failed: int = 0
    alike: str = ""

    @property
    def text(self) -> str:
        """The summary and, of an outage, since when: one or two sentences without the last full stop."""
        return f"{self.summary}. {self.lasting.text}" if self.lasting is not None else self.summary

    @property
    def is_problem(self) -> bool:
        """The status is warn or fail."""
        return self.status in ("warn", "fail")

    @property
    def evidence(self) -> str:
        """What was seen, and what is private of it."""
        return "; ".join(filter(None, (self.seen, self.private)))

    def public(self) -> "Finding":
        """Without what is private."""
        return replace(self, seen=f"{self.seen}; {WITHHELD}", private="") if self.private else self


def passed(check: CheckName, summary: str, seen: str = "") -> Finding:
    """The check found nothing wrong."""
    return Finding(check=check, status="pass", summary=summary, seen=seen)


def not_checked(check: CheckName, reason: str) -> Finding:
    """The check was skipped; `reason` is a sentence without a full stop."""
    return Finding(check=check, status="not_checked", summary="Skipped", seen=reason)


# -- how values are shown -----------------------------------------------------------------------------


def heading(name: str, host: str, port: int) -> str:
    """A node's name, and where its event socket is."""
    where = f"{shown(host)}:{port}"
    return shown(name) if shown(name) == where else f"{shown(name)} ({where})"


def shown(text: str, limit: int = SHOWN) -> str:
    """A text from elsewhere as one short printable line."""
    line = quoted(text)
    return line if len(line) <= limit else line[:limit] + "..."
