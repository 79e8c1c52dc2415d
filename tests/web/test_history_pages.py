"""The pages of the past as a program reads them: one gateway, and the history of all."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.config import Config, Listen, Secret
from exporter.diagnosis.snapshot import GatewaySeen, Snapshot
from exporter.history.model import Outage, Phase
from exporter.history.past import Past
from exporter.history.store import Store, StoreUnavailable
from exporter.history.times import time_of_day
from exporter.watch.changes import Change
from exporter.web.timeline_view import ENTRIES
from tests.support.made_up_past import kept_call, outage, telnyx
from tests.support.stores import kept
from tests.web.fakes import FakeNode, serving
from tests.web.pages import AppContext, PastHistory, Reader, read, seen
from tests.web.test_page import ESCAPES, HOSTILE, POLICY

PATH = "/gateways/fs1/external/telnyx"
DOWN = GatewaySeen(
    name="telnyx",
    profile="external",
    expected=True,
    problem="unreachable",
    usable=False,
    up=False,
    state="FAIL_WAIT",
    in_state=75.0,
    answer_code=503,
    answer_phrase="Service Unavailable",
    answer_at=1.7e9,
    responses={200: 812, 503: 7},
    proxy="sip:sip.example.com",
)


async def context(path: Path | None, *gateways: GatewaySeen, **changes: object) -> AppContext:
    """A daemon on whose node fs1 telnyx has been down for seven minutes."""
    now = time.time()
    store = await kept(telnyx(now), path)
    newest = max((one for one in await outages(store, now) if one.gateway), key=lambda one: one.began)
    history = PastHistory(store, {"telnyx": Past(outage=newest, today=3, day=17)})
    fields: dict[str, object] = {
        "snapshots": [seen(*(gateways or (DOWN,)), taken_at=now)],
        "nodes": [FakeNode("fs1")],
        "history": history,
    }
    return AppContext(**(fields | changes))  # type: ignore[arg-type]


async def outages(store: Store, now: float) -> list[Outage]:
    return await store.outages(since=0.0, until=now, limit=1000)


async def test_the_page_of_a_gateway_answers_the_questions_of_everyone_on_duty(tmp_path: Path) -> None:
    page = await read(await context(tmp_path / "h"), PATH)
    for words in (
        "Down for 7 min (503), since ",
        "3 outages today",
        "unreachable: 503 Service Unavailable",
        "40 s before: XML reloaded",
        "sofia profile external register telnyx",
        "registration",
        "FAIL_WAIT for 1 min",
        "down 14 times between ",
        "3 calls failed, 12 dials refused, 1 probe failed",
        "not connected for 1 min",
        "Gateway telnyx changed: proxy 192.0.2.9 → proxy 192.0.2.10",
        "D1: Outbound channel limit reached",
        "answered, no audio received, 34 s",
        "MOS 2.1",
        "Copy for the provider",
        "812",
        "Last failure: 503 Service Unavailable",
        "Ping: longest round trip in 5 minutes",
        "100 ms",
        "available, 30 d",
    ):
        assert words in page.text, words
    assert {"svg", "polyline", "desc", "caption", "pre"} <= page.tags
    assert "lost with the exporter" not in page.text


async def test_the_text_for_the_provider_is_in_the_page(tmp_path: Path) -> None:
    page = await read(await context(tmp_path / "h"), PATH)
    assert "SIP Call-ID" in page.text
    assert "-4b5a-1239-8c9d-0242ac110002" in page.text


async def test_calls_are_chosen_by_kind_and_paged(tmp_path: Path) -> None:
    made = await context(tmp_path / "h")
    page = await read(made, f"{PATH}?result=silent")
    assert "answered, no audio received" in page.text
    assert "MOS 2.1" not in page.text
    now = time.time()
    for number in range(25):
        made.history.store.put(kept_call(now - 10_000 - number))
    await made.history.store.flush()
    page = await read(await context_with(made), PATH)
    assert "MOS 2.1" not in page.text
    (older,) = [link for link in page.links if "before=" in link]
    page = await read(await context_with(made), PATH + older.partition("#")[0])
    assert "MOS 2.1" in page.text
    assert page.text.count("Copy for the provider") == 9


async def context_with(made: AppContext) -> AppContext:
    """The same daemon, to be served once more."""
    return AppContext(snapshots=made.snapshots, nodes=made.nodes, history=made.history)


@pytest.mark.parametrize(
    ("config", "headers", "shown"),
    [
        ({}, {}, True),
        ({"listen": (Listen(host="0.0.0.0", port=0),)}, {}, False),
        (
            {"listen": (Listen(host="0.0.0.0", port=0),), "token": Secret("right-token")},
            {"Authorization": "Bearer right-token"},
            True,
        ),
        (
            {"listen": (Listen(host="0.0.0.0", port=0),), "token": Secret("right-token")},
            {"Authorization": "Bearer wrong"},
            False,
        ),
    ],
)
async def test_kept_calls_are_for_those_who_may_see_them(
    tmp_path: Path, config: Mapping[str, object], headers: Mapping[str, str], shown: bool
) -> None:
    fields = {"listen": (Listen(host="127.0.0.1", port=0),)} | dict(config)
    made = await context(tmp_path / "h", config=Config(**fields))  # type: ignore[arg-type]
    async with (
        serving(made) as served,
        served.client.get(served.base + PATH, headers=headers) as response,
    ):
        text = await response.text()
    assert ("+1949543xxxx" in text) is shown
    assert ("api/calls?" in text) is shown
    assert ("is private" in text) is not shown


async def test_a_gateway_that_is_gone_keeps_its_past(tmp_path: Path) -> None:
    made = await context(tmp_path / "h", GatewaySeen(name="other", profile="external"))
    made.history = PastHistory(made.history.store)
    page = await read(made, PATH)
    assert "Not listed by FreeSWITCH" in page.text
    assert "down 14 times" in page.text


@pytest.mark.parametrize("path", ["/gateways/fs1/external/nobody", "/gateways/fs2/external/telnyx"])
async def test_a_gateway_that_never_was_is_not_found(tmp_path: Path, path: str) -> None:
    async with (
        serving(await context(tmp_path / "h")) as served,
        served.client.get(served.base + path) as response,
    ):
        assert response.status == 404


async def test_a_gateway_is_found_without_its_profile_and_before_its_profile_is_known(tmp_path: Path) -> None:
    assert "Down for 7 min" in (await read(await context(tmp_path / "h"), "/gateways/fs1/-/telnyx")).text
    unknown = GatewaySeen(name="early", profile="", expected=True)
    page = await read(await context(tmp_path / "i", unknown), "/gateways/fs1/external/early")
    assert "profile -" in page.text


@pytest.mark.parametrize("name", ["a/b?c#d", "100%", "ünï", "..x", "a b+c&d"])
async def test_any_name_leads_from_the_table_to_its_page_and_back(tmp_path: Path, name: str) -> None:
    made = await context(tmp_path / "h", GatewaySeen(name=name, profile="external"))
    async with serving(made) as served:
        async with served.client.get(served.base + "/") as response:
            links = Reader(await response.text()).links
        (link,) = [link for link in links if link.startswith("gateways/")]
        async with served.client.get(f"{served.base}/{link}") as response:
            page = Reader(await response.text())
            assert response.status == 200
        assert f"Gateway {name}" in page.text
        for back in {link for link in page.links if not link.startswith(("#", "?"))} | set(page.sources):
            async with served.client.get(f"{served.base}/{link}/../{back}") as response:
                assert response.status == 200, back


async def test_without_a_state_dir_it_says_what_one_would_add() -> None:
    for path in ("/", PATH, "/history"):
        page = await read(await context(None), path)
        assert "With state_dir in the config it outlives a restart" in page.text, path
    assert "available, 30 d" not in (await read(await context(None), PATH)).text


@pytest.mark.parametrize("path", ["/", PATH, "/history"])
async def test_a_store_that_cannot_be_read_costs_the_past_only(tmp_path: Path, path: str) -> None:
    made = await context(tmp_path / "h")

    async def unreadable(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is full")

    for question in ("outages", "changes", "calls", "steps", "samples", "spans", "watched_since"):
        setattr(made.history.store, question, unreadable)
    page = await read(made, path)
    assert "the disk is full" in page.text
    assert path == "/history" or "down for 7 min (503)" in page.text.lower()


async def test_a_store_that_hangs_does_not_hold_up_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.web.day_views.WAIT", 0.05)
    monkeypatch.setattr("exporter.web.history_pages.WAIT", 0.05)
    made = await context(tmp_path / "h")

    async def hangs(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    for question in ("outages", "spans"):
        setattr(made.history.store, question, hangs)
    for path in ("/", PATH, "/history"):
        page = await read(await context_with(made), path)
        assert "slow to answer" in page.text, path


@pytest.mark.parametrize("text", [HOSTILE, ESCAPES, "x" * 10_000, "'\"`{{ 7*7 }}{% raw %}"])
async def test_hostile_texts_are_shown_as_text(tmp_path: Path, text: str) -> None:
    now = time.time()
    name = text[:150].replace("\x00", "")
    bad = outage(
        now - 50,
        None,
        now,
        gateway=name,
        course=(Phase(now - 50, "rejected", text), Phase(now - 40, "rejected", text)),
        changes_before=(Change(now - 60, "fs1", "gateway_changed", text, text, text),),
    )
    call = kept_call(
        now - 40,
        gateway=name,
        from_=text,
        to=text,
        sip_phrase=text,
        reason=text,
        user_agent=text,
        provider_meaning=text,
        call_uuid=text,
        sip_call_id=text,
    )
    made = await context(
        tmp_path / "h", GatewaySeen(name=name, profile="external", problem="rejected", usable=False)
    )
    made.history.store.put(bad)
    made.history.store.put(call)
    made.history.store.put(Change(now - 30, "fs1", "gateway_changed", text, text, text))
    await made.history.store.flush()
    async with serving(made) as served:
        async with served.client.get(served.base + "/") as response:
            (link,) = {one for one in Reader(await response.text()).links if one.startswith("gateways/")}
        for path in (
            link,
            f"{link}?result={HOSTILE}&before={HOSTILE}",
            "history",
            f"history?gateway={HOSTILE}",
        ):
            async with served.client.get(f"{served.base}/{path}") as response:
                raw = await response.text()
                assert response.status == 200, (path, raw)
                assert set(response.headers["Content-Security-Policy"].split("; ")) == POLICY
            page = Reader(raw)
            assert "img" not in page.tags
            assert not page.handlers
            assert not page.scripted.strip()
            assert len(page.sources) == 1
            assert len(raw) < 200_000
            for line in raw.splitlines():
                assert line.isprintable(), line
            assert "49" not in text or "{{" in text


async def test_the_history_of_all(tmp_path: Path) -> None:
    page = await read(await context(tmp_path / "h"), "/history")
    for words in (
        "18 outages and 6 changes in the last 7 days",
        "XML reloaded",
        "FreeSWITCH upgraded: 1.10.12 → 1.11.2",
        "down 14 times",
        "not connected for 1 min",
        "ping overdue",
        "It was over at the first look",
        "The history begins ",
    ):
        assert words in page.text, words
    assert "gateways/fs1/external/telnyx" in page.links


@pytest.mark.parametrize(
    ("query", "there", "away"),
    [
        ("kind=change", "XML reloaded", "down 14 times"),
        ("kind=outage", "down 14 times", "module_loaded"),
        ("since=1h", "XML reloaded", "down 14 times"),
        ("since=nonsense&kind=x&before=x", "down 14 times", "nonsense"),
        ("node=fs1", "down 14 times", "Nothing is kept"),
        ("node=fs9", "Nothing is kept that this filter finds", "down 14 times"),
        ("gateway=telnyx&kind=outage", "down 14 times", "not connected for"),
        ("gateway=other&kind=outage", "Nothing is kept that this filter finds", "down 14 times"),
    ],
)
async def test_filters_of_the_history(tmp_path: Path, query: str, there: str, away: str) -> None:
    made = await context(tmp_path / "h")
    page = await read(made, f"/history?{query}")
    if query == "node=fs9":
        assert "exporter" in page.text
        return
    assert there in page.text
    assert away not in page.text


async def test_what_a_node_out_of_the_config_left_is_not_taken_for_another_s(tmp_path: Path) -> None:
    made = await context(tmp_path / "h")
    assert "on fs1" not in (await read(made, "/history")).text, "there is one node only"
    made.history.store.put(Change(time.time() - 500, "gone", "xml_reloaded"))
    await made.history.store.flush()
    page = await read(await context_with(made), "/history")
    assert "on fs1" in page.text
    assert "gone" in page.text


async def test_the_history_is_paged(tmp_path: Path) -> None:
    made = await context(tmp_path / "h")
    now = time.time()
    for number in range(70):
        made.history.store.put(Change(now - 500 - number, "fs1", "limits", f"limit {number}"))
    await made.history.store.flush()
    first = await read(await context_with(made), "/history?kind=change&since=1h")
    assert first.rows == ENTRIES + 1
    (older,) = {link for link in first.links if "before=" in link}
    second = await read(await context_with(made), "/history" + older.partition("#")[0])
    assert second.rows == 71 - ENTRIES + 1
    assert "XML reloaded" not in second.text
    assert [link for link in second.links if link.startswith("?") and "before" not in link]


async def test_the_table_shows_since_when_the_day_and_availability(tmp_path: Path) -> None:
    page = await read(await context(tmp_path / "h"), "/")
    for words in (
        "down for 7 min (503)",
        "FAIL_WAIT",
        "17 outages (",
        "not watched",
        "Available 30 d",
    ):
        assert words in page.text, words
    assert {"rect", "line", "desc", "caption"} <= page.tags


async def test_before_the_first_five_minutes_are_over_there_are_no_curves(tmp_path: Path) -> None:
    made = await context(tmp_path / "h", GatewaySeen(name="young", profile="external"))
    page = await read(made, "/gateways/fs1/external/young")
    assert "once the exporter has watched for five minutes" in page.text
    assert "polyline" not in page.tags


async def test_a_lost_node_is_not_watched(tmp_path: Path) -> None:
    now = time.time()
    down = replace(DOWN, was="REGED", problem="unknown", state="UNKNOWN", ping_seconds=0.031)
    lost = Snapshot(node="fs1", problem="refused", since=now - 245, taken_at=now, gateways=(down,))
    page = await read(await context(tmp_path / "h", snapshots=[lost]), PATH)
    since = time_of_day(now - 245, now)
    assert f"Unknown since {since} (was REGED)" in page.text
    overview = await read(await context(tmp_path / "o", snapshots=[lost]))
    assert f"unknown since {since} (was REGED)" in overview.text
    for stale in ("31 ms", "of 10", "FAIL_WAIT"):
        assert stale not in overview.text


async def test_code_between_backquotes_is_shown_as_code(tmp_path: Path) -> None:
    """The texts of the diagnosis are for a terminal, too."""
    overdue = replace(DOWN, problem="ping_failed", ping_interval=25)
    for path in (PATH, "/"):
        page = await read(await context(tmp_path / path.replace("/", "-"), overdue), path)
        assert "remove ping from the gateway" in page.text
        assert "code" in page.tags


@pytest.mark.parametrize("text", [HOSTILE, "`<b>x</b>`", "``", "`", "a `b` `<i>c` d`"])
async def test_code_is_escaped_as_any_text(text: str, tmp_path: Path) -> None:
    named = replace(DOWN, name=text)
    made = await context(tmp_path / "h", named)
    page = await read(made)
    assert text.replace("`", "") in page.text.replace("`", "")
    assert not {"b", "i", "img"} & page.tags
    assert "alert" not in page.scripted


async def test_since_when_a_gateway_is_up_is_not_told_for_more_than_was_seen(tmp_path: Path) -> None:
    up = GatewaySeen(name="telnyx", profile="external")
    for past, words in (
        (Past(well_since=1.8e9), r"Up for at least \d+ s, no outage seen since "),
        (Past(well_since=1.8e9, last=outage(1.7e9, 60, 1.8e9)), r"Up for \d+ s, since "),
    ):
        made = await context(tmp_path / str(past.last is None), up)
        made.snapshots = [seen(up, taken_at=1.8e9 + 20)]
        made.history = PastHistory(made.history.store, {"telnyx": past})
        assert re.search(words, (await read(made, PATH)).text)


@pytest.mark.parametrize(
    "gateways",
    [(), (GatewaySeen(name="telnyx", expected=True, problem="unknown", usable=False, up=False),)],
    ids=["not known", "of the config"],
)
async def test_of_a_node_that_was_never_connected_nothing_is_said_to_be_gone(
    tmp_path: Path, gateways: tuple[GatewaySeen, ...]
) -> None:
    now = time.time()
    lost = Snapshot(node="fs1", problem="refused", since=now - 245, taken_at=now, gateways=gateways)
    page = await read(await context(tmp_path / "h", snapshots=[lost]), PATH)
    assert "list this gateway" not in page.text
    assert "Not listed" not in page.text
    assert "Unknown since" in page.text
    assert "The exporter is not connected to fs1." in page.text
