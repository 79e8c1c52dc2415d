"""The page /history in words: the filters, and outages and changes as one list. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar
from urllib.parse import urlencode

from exporter.diagnosis.finding import shown
from exporter.history.model import Outage, Stranger
from exporter.watch.changes import Change
from exporter.web.frame import Frame, HistoryNote, frame
from exporter.web.past_words import Moment, moment, times_text
from exporter.web.timeline_view import Timeline, timeline

EVERY: Final = 15  # seconds between two refreshes
MAX_FILTER: Final = 200  # characters
Kind = Literal["", "outage", "change"]
KINDS: Final[dict[Kind, str]] = {
    "": "outages and changes",
    "outage": "outages",
    "change": "changes",
}
SINCE: Final = {
    "1h": ("hour", 3600.0),
    "24h": ("24 hours", 86400.0),
    "7d": ("7 days", 7 * 86400.0),
    "30d": ("30 days", 30 * 86400.0),
    "90d": ("90 days", 90 * 86400.0),
}
"""The times to choose from: what is sent, its text after "the last", its seconds."""
DEFAULT_SINCE: Final = "7d"

_Word = TypeVar("_Word", bound=str)


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """What is asked for. Times are epoch seconds.

    Attributes:
        node, gateway: empty: all.
        since: a key of SINCE.
        before: what is older than this; None: the newest.
    """

    node: str = ""
    gateway: str = ""
    kind: Kind = ""
    since: str = DEFAULT_SINCE
    before: float | None = None

    @property
    def seconds(self) -> float:
        """How far back it goes."""
        return SINCE[self.since][1]

    @property
    def filtered(self) -> bool:
        """It leaves out something that is in its time."""
        return bool(self.node or self.gateway or self.kind)

    def link(self, before: float | None = None) -> str:
        """The query that asks for the same, from another place on."""
        values = {
            "node": self.node,
            "gateway": self.gateway,
            "kind": self.kind,
            "since": self.since,
            "before": "" if before is None else repr(before),
        }
        return "?" + urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True, slots=True)
class Option:
    """One to choose from in a form."""

    value: str
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class StrangerRow:
    """An address that strangers came from; `last`: the hour of the last time."""

    address: str
    node: str
    times: str
    last: Moment


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """The page.

    Attributes:
        timeline: None if the store did not answer.
        newest, following: queries; empty if the page is the newest, or the last.
        watched_since: the beginning of what is kept.
        csv: where the outages are served as CSV.
        strangers: None if they may not be seen.
    """

    frame: Frame
    query: HistoryQuery
    gateway: str
    nodes: tuple[Option, ...]
    kinds: tuple[Option, ...]
    times: tuple[Option, ...]
    timeline: Timeline | None
    several: bool
    newest: str
    following: str
    watched_since: Moment | None
    csv: str
    notes: tuple[HistoryNote, ...]
    strangers: tuple[StrangerRow, ...] | None


def read_history_query(query: Mapping[str, str]) -> HistoryQuery:
    """The filters of a request; what makes no sense is left out."""
    kind: Kind = next((kind for kind in KINDS if kind == query.get("kind")), "")
    since = query.get("since", "")
    return HistoryQuery(
        node=query.get("node", "")[:MAX_FILTER].strip(),
        gateway=query.get("gateway", "")[:MAX_FILTER].strip(),
        kind=kind,
        since=since if since in SINCE else DEFAULT_SINCE,
        before=read_epoch(query.get("before", "")),
    )


def read_epoch(text: str) -> float | None:
    """Epoch seconds as a link of a page has them; None if they are not."""
    if len(text) > 30 or not text.isascii() or not text.replace(".", "", 1).isdigit():
        return None
    return float(text)


def history_page_view(
    query: HistoryQuery,
    found: tuple[Sequence[Outage], Sequence[Change]] | None,
    *,
    horizon: float,
    nodes: Sequence[str],
    now: float,
    watched_since: float | None,
    strangers: Sequence[Stranger] | None = (),
    notes: Sequence[HistoryNote] = (),
) -> HistoryPage:
    """The page in words.

    Args:
        query: what was asked for.
        found: outages and changes, newest first; None if the store did not answer.
        horizon: what is older may be incomplete; -inf if nothing was left out.
        nodes: those of the config.
        now: epoch seconds.
        watched_since: when what is kept begins.
        strangers: the most frequent first; None if the request may not see them.
        notes: what is to be said about the history.
    """
    made = None if found is None else timeline(*found, now, horizon=horizon)
    names = _node_names(nodes, found, query.node)
    return HistoryPage(
        frame=frame(
            title="History - freeswitch-exporter",
            heading="History",
            headline=_headline(query, found, complete=made is not None and made.following is None),
            status="not_checked",
            now=now,
            here="history",
            every=EVERY,
            skip=("timeline", "Skip to the list"),
        ),
        query=query,
        gateway=shown(query.gateway),
        nodes=_options({"": "all nodes", **{name: shown(name) for name in names}}, query.node),
        kinds=_options(KINDS, query.kind),
        times=_options({value: f"the last {text}" for value, (text, _) in SINCE.items()}, query.since),
        timeline=made,
        several=len(names) > 1,
        newest=query.link() if query.before is not None else "",
        following=query.link(made.following) if made is not None and made.following is not None else "",
        watched_since=moment(watched_since, now) if watched_since is not None else None,
        csv="api/history" + query.link() + "&format=csv",
        notes=tuple(notes),
        strangers=None if strangers is None else tuple(_stranger(one, now) for one in strangers),
    )


def _stranger(one: Stranger, now: float) -> StrangerRow:
    return StrangerRow(shown(one.address), shown(one.node), f"{one.times:,}", moment(one.last, now))


def _node_names(
    nodes: Sequence[str], found: tuple[Sequence[Outage], Sequence[Change]] | None, chosen: str
) -> list[str]:
    """Those of the config, and those that it no longer has: what was found is of them, or one was chosen."""
    outages, changes = found or ((), ())
    past = {chosen, *(outage.node for outage in outages), *(change.node for change in changes)}
    return [*nodes, *sorted(past - {"", *nodes})]


def _options(texts: Mapping[_Word, str], chosen: str) -> tuple[Option, ...]:
    return tuple(Option(value, text, value == chosen) for value, text in texts.items())


def _headline(
    query: HistoryQuery, found: tuple[Sequence[Outage], Sequence[Change]] | None, *, complete: bool
) -> str:
    if found is None:
        return "The history cannot be read at the moment."
    outages, changes = found
    counted = []
    if query.kind != "change":
        counted.append(times_text(sum(outage.times for outage in outages), "outage"))
    if query.kind != "outage":
        counted.append(times_text(len(changes), "change"))
    text = " and ".join(counted)
    more = "" if complete else " or more"
    place = f"in the last {SINCE[query.since][0]}" if query.before is None else "further back"
    return f"{text[0].upper()}{text[1:]}{more} {place}"
