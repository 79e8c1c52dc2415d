"""What every page has: title, heading, headline, the links between pages, and what is said of the history."""

from dataclasses import dataclass
from typing import Final, Literal

from exporter import __version__
from exporter.diagnosis.finding import Status, shown
from exporter.history.store import Store
from exporter.history.times import iso, local_time

STATE_DIR_ADDS: Final = (
    "The past is kept in memory, for 24 hours at most, and is lost with the exporter. With state_dir in the "
    "config it outlives a restart and goes back for months: availability of 7 and 30 days, and more calls as "
    "evidence."
)
Here = Literal["overview", "history", "runbook", ""]


@dataclass(frozen=True, slots=True)
class HistoryNote:
    """A sentence about the history."""

    status: Status
    text: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The parts of a page that all pages have.

    Attributes:
        headline: the answer to the question for which the page is opened; empty: there is none.
        announced: more of the answer, for those who hear the page.
        taken: when, in the time zone of the exporter's machine and in UTC; empty: it shows no moment.
        taken_iso: the same for programs.
        root: what leads from the page to /, such as `../`.
        here: which of the links between the pages leads to this one.
        every: seconds between two refreshes; 0: the page does not change.
        skip: where the link for keyboards leads, and its text.
    """

    title: str
    heading: str
    headline: str
    announced: str
    status: Status
    taken: str
    taken_iso: str
    root: str
    here: Here
    every: int
    skip: tuple[str, str]
    version: str = __version__


def frame(
    *,
    title: str,
    heading: str,
    here: Here,
    skip: tuple[str, str],
    headline: str = "",
    announced: str = "",
    status: Status = "not_checked",
    now: float | None = None,
    every: int = 0,
    root: str = "",
) -> Frame:
    """The frame of a page that shows what was known at the epoch `now`; None: it shows no moment."""
    taken, taken_iso = (taken_text(now), iso(now)) if now is not None else ("", "")
    return Frame(title, heading, headline, announced, status, taken, taken_iso, root, here, every, skip)


def taken_text(now: float) -> str:
    """`2026-11-26 22:20:37 CET, 21:20:37 UTC`; once where the machine's time is UTC."""
    local = local_time(now)
    text = f"{local:%Y-%m-%d %H:%M:%S %Z}"
    return text if not local.utcoffset() else f"{text}, {iso(now)[11:19]} UTC"


def history_notes(store: Store, problem: str = "") -> tuple[HistoryNote, ...]:
    """What is to be said about the history: why it is incomplete, and what a state_dir would add.

    Args:
        store: the store.
        problem: why a question was not answered.
    """
    notes = []
    if store.problem:
        text = f"The history cannot be read or written: {shown(store.problem, 200)}"
        notes.append(HistoryNote("warn", text))
    elif problem:
        notes.append(HistoryNote("warn", shown(problem, 200)))
    if not store.persistent and not store.problem:
        notes.append(HistoryNote("not_checked", STATE_DIR_ADDS))
    return tuple(notes)
