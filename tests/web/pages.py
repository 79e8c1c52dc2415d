"""Pages as a program reads them, and a daemon with these snapshots, calls and this past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

from exporter.diagnosis.conclusion import Diagnosis, diagnose
from exporter.diagnosis.snapshot import GatewaySeen, Snapshot, SwitchSeen
from exporter.history.past import Past
from exporter.history.store import Store
from exporter.probe.admission import Refused
from exporter.probe.record import CallRecord
from exporter.switch.profile import Profile
from tests.web.fakes import FakeContext, FakeHistory, serving

EXTERNAL = Profile("external", "sip:mod_sofia@127.0.0.1:5080", "RUNNING", True, 0, (), ())


class Reader(HTMLParser):
    """Tags, texts, links and inline code of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.links: list[str] = []
        self.sources: list[str] = []
        self.handlers: list[str] = []
        self.scripted = ""
        self.rows = 0
        self.ids: list[str] = []
        self._in_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.rows += tag == "tr"
        self._in_script = tag in ("script", "style")
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")
            if name == "src":
                self.sources.append(value or "")
            if name.startswith("on") or name == "style":
                self.handlers.append(name)

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_script:
            self.scripted += data


@dataclass
class AppContext(FakeContext):
    """A daemon with these snapshots and calls."""

    snapshots: Sequence[Snapshot] = ()
    calls: Sequence[CallRecord] = field(default_factory=list)
    refusal: Refused | None = None

    async def diagnoses(self, *, wait: bool = False) -> Sequence[Diagnosis]:
        return [diagnose(snapshot) for snapshot in self.snapshots]

    async def latest_calls(self, count: int) -> Sequence[CallRecord]:
        if self.refusal is not None:
            raise self.refusal
        return self.calls[:count]


def seen(*gateways: GatewaySeen, **changes: object) -> Snapshot:
    """A connected node with these gateways."""
    switch = SwitchSeen(version="1.11.2", profiles=(EXTERNAL,), round_trip=0.01)
    fields = {"node": "fs1", "switch": switch, "gateways": gateways, "names": {}} | changes
    return Snapshot(**fields)  # type: ignore[arg-type]


class PastHistory(FakeHistory):
    """A past that a test made up: the store, and what is known at once of gateways of node fs1."""

    def __init__(self, store: Store, pasts: Mapping[str, Past] | None = None) -> None:
        super().__init__(store)
        self.pasts = pasts or {}

    def past(self, node: str, gateway: str, profile: str) -> Past:
        return self.pasts.get(gateway, Past()) if node == "fs1" else Past()


async def read(context: FakeContext, path: str = "/") -> Reader:
    async with serving(context) as served, served.client.get(served.base + path) as response:
        assert (response.status, response.content_type) == (200, "text/html")
        page = Reader(await response.text())
    assert len(page.ids) == len(set(page.ids)), page.ids
    return page
