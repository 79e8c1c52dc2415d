"""What every page has: title, heading, headline, the links between pages, and what is said of the history."""

from dataclasses import dataclass
from typing import Final, Literal

from exporter import __version__
from exporter.diagnosis.finding import Status, shown
from exporter.history.store import Store
from exporter.history.times import local_time

STATE_DIR_ADDS: Final = (
    "The past is kept in memory, for 24 hours at most, and is lost with the exporter. With state_dir in the "
    "config it outlives a restart and goes back for months: availability of 7 and 30 days, and more calls as "
    "evidence."
)


@dataclass(frozen=True, slots=True)
class HistoryNote:
    """A sentence about the history."""

    status: Status
    text: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The parts of a page that all pages have.

    Attributes:
        headline: the answer to the question for which the page is opened.
        taken: when, in the time zone of the exporter's machine.
        root: what leads from the page to /, such as `../`.
        here: which of the links between the pages leads to this one.
        every: seconds between two refreshes.
        skip: where the link for keyboards leads, and its text.
    """

    title: str
    heading: str
    headline: str
    status: Status
    taken: str
    root: str
    here: Literal["overview", "history", ""]
    every: int
    skip: tuple[str, str]
    version: str = __version__


def frame(
    *,
    title: str,
    heading: str,
    headline: str,
    status: Status,
    now: float,
    here: Literal["overview", "history", ""],
    every: int,
    skip: tuple[str, str],
    root: str = "",
) -> Frame:
    """The frame of a page that shows what was known at the epoch `now`."""
    taken = f"{local_time(now):%Y-%m-%d %H:%M:%S %Z}"
    return Frame(title, heading, headline, status, taken, root, here, every, skip)


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
