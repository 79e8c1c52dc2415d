"""The history over HTTP: the keys of the contract, filters, pages, formats, refusals, a store that fails."""

import asyncio
import csv
import io
import itertools
from collections.abc import Callable
from typing import Any, Final

import pytest
from yarl import URL

from exporter.config import Config, HistoryConfig
from exporter.executors import QueueFull
from exporter.history.entries import Entry, PutSpan, PutStrangers, Subject
from exporter.history.model import Phase, Span
from exporter.history.store import Store, StoreUnavailable
from exporter.watch.top_addresses import Frequent
from exporter.web import history
from exporter.web.asked import MAX_LIMIT
from tests.history.pasts import BEGAN, FULL_CALL, HOUR, at, call, change, hour, outage
from tests.web.fakes import FakeContext, FakeHistory, serving
from tests.web.pasts import NOW, Asking, StoppedClock, past
from tests.web.test_auth import BEYOND, TOKEN, bearer

PATHS: Final = ("/api/history", "/api/availability", "/api/calls")


def began(answer: Any) -> list[float]:
    return [at(one["began"]) for one in answer["outages"]]


def times(answer: Any, rows: str = "calls") -> list[float]:
    return [at(one["at"]) for one in answer[rows]]


# -- the contract -------------------------------------------------------------------------------------


async def test_history_has_the_keys_of_the_contract() -> None:
    before = change(-40.0, "gateway_changed", subject="telnyx", before="192.0.2.1", after="192.0.2.2")
    made = outage(
        12.5,
        420.25,
        course=(
            Phase(BEGAN + 12.5, "registering"),
            Phase(BEGAN + 15.0, "unreachable", "503 Service Unavailable"),
            Phase(BEGAN + 30.0, "registering"),
        ),
        calls_failed=3,
        dials_refused=2,
        probes_failed=1,
        changes_before=(before,),
    )
    async with past(before, made, PutSpan("fs1", Span(BEGAN - HOUR, NOW))) as asking:
        answer = await asking.get("/api/history", since="1d")
    said = {
        "at": "2026-11-26T02:59:20+00:00",
        "node": "fs1",
        "what": "gateway_changed",
        "subject": "telnyx",
        "from": "192.0.2.1",
        "to": "192.0.2.2",
    }
    assert answer == {
        "version": 1,
        "since": "2026-11-25T15:00:00+00:00",
        "until": "2026-11-26T15:00:00+00:00",
        "watchedSince": "2026-11-26T02:00:00+00:00",
        "outages": [
            {
                "id": made.id,
                "layer": "gateway",
                "node": "fs1",
                "gateway": "telnyx",
                "profile": "external",
                "problem": "unreachable",
                "problems": ["registering", "unreachable"],
                "detail": "503 Service Unavailable",
                "began": "2026-11-26T03:00:12+00:00",
                "ended": "2026-11-26T03:07:12+00:00",
                "seconds": 420.25,
                "endedUnwatched": False,
                "callsFailed": 3,
                "dialsRefused": 2,
                "probesFailed": 1,
                "changesBefore": [said],
                "course": [
                    {"problem": "registering", "detail": "", "at": "2026-11-26T03:00:12+00:00"},
                    {
                        "problem": "unreachable",
                        "detail": "503 Service Unavailable",
                        "at": "2026-11-26T03:00:15+00:00",
                    },
                    {"problem": "registering", "detail": "", "at": "2026-11-26T03:00:30+00:00"},
                ],
                "times": 1,
            }
        ],
        "changes": [said],
        "strangers": [],
        "watched": [{"node": "fs1", "from": "2026-11-26T02:00:00+00:00", "to": "2026-11-26T15:00:00+00:00"}],
        "next": None,
    }


async def test_an_outage_that_lasts_has_no_end() -> None:
    lost = outage(HOUR, None, layer="switch", gateway="", seconds=7.5, course=(Phase(BEGAN, "refused"),))
    async with past(lost) as asking:
        [one] = (await asking.get("/api/history"))["outages"]
    assert one["ended"] is None
    assert one["seconds"] == 7.5, "as it was watched so far"
    assert (one["layer"], one["gateway"], one["problem"]) == ("switch", "", "refused")


async def test_availability_has_the_keys_of_the_contract() -> None:
    entries = (
        hour(0, 3600.0, 3000.0, outages=2, calls=10, failed=3),
        hour(HOUR, 1800.0, 1800.0, calls=1),
        hour(2 * HOUR, 0.0, 0.0, Subject("fs2", "carrier", "")),
    )
    async with past(*entries) as asking:
        answer = await asking.get("/api/availability", since="1d")
        of_days = await asking.get("/api/availability")
    assert {**answer, "gateways": [answer["gateways"][0]]} == {
        "version": 1,
        "step": "1h",
        "since": "2026-11-25T15:00:00+00:00",
        "until": "2026-11-26T15:00:00+00:00",
        "gateways": [
            {
                "node": "fs1",
                "gateway": "telnyx",
                "profile": "external",
                "watchedSeconds": 5400.0,
                "usableSeconds": 4800.0,
                "availability": 0.888889,
                "outages": 2,
                "steps": [
                    {
                        "from": "2026-11-26T03:00:00+00:00",
                        "watchedSeconds": 3600.0,
                        "usableSeconds": 3000.0,
                        "outages": 2,
                        "calls": 10,
                        "failed": 3,
                    },
                    {
                        "from": "2026-11-26T04:00:00+00:00",
                        "watchedSeconds": 1800.0,
                        "usableSeconds": 1800.0,
                        "outages": 0,
                        "calls": 1,
                        "failed": 0,
                    },
                ],
            }
        ],
        "next": None,
    }
    assert of_days["step"] == "1d"
    [step] = of_days["gateways"][0]["steps"]
    assert (step["from"], step["watchedSeconds"]) == ("2026-11-26T00:00:00+00:00", 5400.0)


async def test_without_a_look_there_is_no_availability() -> None:
    async with past(hour(0, 0.0, 0.0, calls=1)) as asking:
        for one in (await asking.get("/api/availability", since="1d"))["gateways"]:
            assert (one["watchedSeconds"], one["availability"]) == (0.0, None)


async def test_calls_have_the_keys_of_the_contract() -> None:
    async with past(FULL_CALL, call()) as asking:
        answer = await asking.get("/api/calls", since="1d")
    full, other = answer["calls"]
    contract = (
        "at node gateway direction from to callUuid sipCallId sipStatus sipPhrase q850 reason providerCode "
        "providerMeaning cause origin endedBy postDialDelaySeconds talkSeconds remoteSipAddress "
        "remoteMediaAddress codec userAgent packetsIn packetsOut mos otherLeg"
    ).split()
    assert [key for key in full if key in contract] == contract
    assert full["at"] == "2026-11-26T03:00:05+00:00"
    assert (full["from"], full["to"]) == ("+1949533xxxx", "+1555000xxxx"), "as stored"
    assert (full["postDialDelaySeconds"], full["mos"], full["result"]) == (1.235, 4.5, "failed")
    assert full["otherLeg"] == {
        "callUuid": "ffffffff-4b5a-6978-8796-a5b4c3d2e1f0",
        "gateway": "carrier",
        "direction": "inbound",
        "from": "+1",
        "to": "+2",
        "sipCallId": "def@192.0.2.9",
        "cause": "NORMAL_CLEARING",
    }
    assert other["otherLeg"] is None
    assert other["talkSeconds"] is None
    assert list(answer) == ["version", "since", "until", "calls", "next"]


async def test_the_other_paths_below_calls_stay_what_they_were() -> None:
    async with past() as asking:
        assert (await asking.get("/api/calls/health"))["connected"] is True
        unknown = "/api/calls/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
        assert (await asking.ask(unknown))[0] in (404, 500), "the record of a synthetic call"
        assert (await asking.ask("/api/calls/"))[0] == 404


async def test_everything_up_to_now_is_written_first_and_once_for_many() -> None:
    async with past() as asking:
        asking.context.clock = clock = StoppedClock()
        for count, path in enumerate(PATHS, 1):
            for _ in range(3):
                await asking.get(path)
            assert asking.context.history.refreshed == count
            clock.now += history.FRESH


@pytest.mark.parametrize("path", PATHS)
async def test_head(path: str) -> None:
    async with (
        past(outage(), call(), hour()) as asking,
        asking.served.client.head(asking.served.base + path) as answer,
    ):
        assert (answer.status, await answer.read()) == (200, b"")


# -- filters ------------------------------------------------------------------------------------------


async def test_times_limit_what_is_answered() -> None:
    entries = [outage(number * HOUR, 600.0) for number in range(4)]
    changes = [change(number * HOUR) for number in range(4)]
    calls = [call(number * HOUR) for number in range(4)]
    since, until = "2026-11-26T04:05:00+00:00", "2026-11-26T05:05:00Z"
    async with past(*entries, *changes, *calls) as asking:
        answer = await asking.get("/api/history", since=since, until=until)
        assert began(answer) == [2 * HOUR, HOUR], "those that overlap the time"
        assert times(answer, "changes") == [2 * HOUR]
        assert times(await asking.get("/api/calls", since=since, until=until)) == [2 * HOUR]
        assert times(await asking.get("/api/calls")) == [], "the last hour"
        assert times(await asking.get("/api/calls", since=f"{BEGAN + 3 * HOUR:.0f}")) == [3 * HOUR]
        assert len((await asking.get("/api/calls", since="13h", until=""))["calls"]) == 4


async def test_filters() -> None:
    fs2 = {"node": "fs2", "gateway": "carrier", "profile": "internal"}
    entries = (
        outage(0),
        outage(1, **fs2),
        outage(2, profile="second"),
        change(0),
        change(1, node="fs2"),
        change(2, "exporter_started", node=""),
        call(0),
        call(1, direction="inbound", result="silent"),
        call(2, node="fs2", gateway="carrier", result="bad"),
        hour(0),
        hour(0, subject=Subject("fs2", "carrier", "internal")),
    )
    async with past(*entries) as asking:
        for query, outages, changes in (
            ({}, [2, 1, 0], [2, 1, 0]),
            ({"node": "fs1"}, [2, 0], [2, 0]),
            ({"node": "fs2"}, [1], [2, 1]),
            ({"gateway": "telnyx"}, [2, 0], [2, 1, 0]),
            ({"gateway": "telnyx", "profile": "second"}, [2], [2, 1, 0]),
            ({"gateway": "none"}, [], [2, 1, 0]),
            ({"kind": "outage"}, [2, 1, 0], []),
            ({"kind": "change"}, [], [2, 1, 0]),
        ):
            answer = await asking.get("/api/history", **query)
            assert (began(answer), times(answer, "changes")) == (outages, changes), query
        for query, calls in (
            ({}, [2, 1, 0]),
            ({"result": "failed"}, [0]),
            ({"result": "silent"}, [1]),
            ({"result": "bad"}, [2]),
            ({"direction": "inbound"}, [1]),
            ({"node": "fs2"}, [2]),
            ({"gateway": "carrier"}, [2]),
            ({"gateway": "telnyx", "direction": "outbound"}, [0]),
        ):
            assert times(await asking.get("/api/calls", since="1d", **query)) == calls, query
        for query, gateways in (
            ({}, ["telnyx", "carrier"]),
            ({"node": "fs2"}, ["carrier"]),
            ({"gateway": "telnyx"}, ["telnyx"]),
            ({"profile": "internal"}, ["carrier"]),
        ):
            found = await asking.get("/api/availability", since="1d", **query)
            assert [one["gateway"] for one in found["gateways"]] == gateways, query


@pytest.mark.parametrize("path", PATHS)
async def test_a_node_that_never_was_is_a_404(path: str) -> None:
    async with past() as asking:
        status, _, body = await asking.ask(path, node="fs9")
    assert (status, body["error"], body["hint"]) == (404, "unknown_node", "Known nodes: fs1, fs2.")


async def test_a_node_out_of_the_config_keeps_its_past() -> None:
    span = Span(BEGAN - HOUR, BEGAN)
    made = (
        outage(0.0, 60.0, node="gone"),
        hour(subject=Subject("gone", "telnyx", "external")),
        call(0.0, node="gone"),
    )
    async with past(*made, PutSpan("gone", span)) as asking:
        for query in ({}, {"node": "gone"}):
            answer = await asking.get("/api/history", since="1d", **query)
            assert began(answer) == [0.0]
            assert [(one["node"], at(one["from"])) for one in answer["watched"]] == [("gone", -HOUR)]
            assert len((await asking.get("/api/availability", since="1d", **query))["gateways"]) == 1
            assert len((await asking.get("/api/calls", since="1d", **query))["calls"]) == 1


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("since=yesterday", "Write 7d, 90m or 1h (before now), a time such as"),
        ("until=24", "Write 7d, 90m or 1h (before now)"),
        ("before=x", "Write 7d, 90m or 1h (before now)"),
        ("since=2026-11-26&until=2026-11-25", "Give the earlier time as since."),
        ("since=1h&until=2h", "Give the earlier time as since."),
        ("limit=0", f"Write a whole number from 1 to {MAX_LIMIT}."),
        ("limit=501", f"Write a whole number from 1 to {MAX_LIMIT}."),
        ("limit=1e2", "Write a whole number from 1"),
        ("limit=%D9%A7", "Write a whole number from 1"),
        ("limit=" + "9" * 4000, "Write a whole number from 1"),
        ("offset=-1", "Write a whole number from 0"),
        ("format=xml", "Write json"),
        ("kind=outages", "Write outage, change or stranger."),
        ("step=1m", "Write 1h or 1d."),
        ("result=busy", "Write failed, silent or bad."),
        ("direction=in", "Write inbound or outbound."),
        ("node=fs1&node=fs2", "Give it once."),
        ("gateway=" + "x" * 201, "Write at most 200 characters."),
        ("sinse=7d", "It takes since, until, node, gateway, profile,"),
    ],
)
async def test_a_value_that_cannot_be_used_is_refused_with_what_to_write(query: str, hint: str) -> None:
    name = query.partition("=")[0]
    async with past() as asking:
        asked = 0
        for path, own in (
            ("/api/history", ("kind", "before", "limit", "format")),
            ("/api/availability", ("step", "offset", "format")),
            ("/api/calls", ("result", "direction", "before", "limit", "format")),
        ):
            if name not in ("since", "until", "node", "gateway", "sinse", *own):
                continue
            asked += 1
            async with asking.served.client.get(
                URL(f"{asking.served.base}{path}?{query}", encoded=True)
            ) as answer:
                body = await answer.json()
                assert (answer.status, body["error"]) == (400, "bad_request"), body
                assert body["hint"].startswith(hint), body
                assert len(body["message"]) < 300
        assert asked


async def test_formats_are_those_of_the_path() -> None:
    async with past() as asking:
        assert (await asking.ask("/api/history", format="ticket"))[2]["hint"] == "Write json or csv."
        hint = (await asking.ask("/api/calls", format="pdf"))[2]["hint"]
    assert hint == "Write json, csv or ticket."


# -- pages --------------------------------------------------------------------------------------------


async def every_page(asking: Asking, path: str, rows: str, **query: object) -> list[list[Any]]:
    pages = []
    before: object = ""
    while before is not None:
        answer = await asking.get(path, before=before, **query)
        pages.append(answer[rows])
        before = answer["next"]
        assert len(pages) < 50
    return pages


async def test_pages_have_every_call_once() -> None:
    fractions = [number * 0.1 for number in range(25)]
    async with past(*map(call, fractions)) as asking:
        pages = await every_page(asking, "/api/calls", "calls", since="1d", limit=10)
    assert [len(page) for page in pages] == [10, 10, 5]
    uuids = [one["callUuid"] for one in itertools.chain(*pages)]
    assert uuids == [call(fraction).call_uuid for fraction in reversed(fractions)]


async def test_a_page_does_not_end_among_calls_of_one_time() -> None:
    made = [call(0, call_uuid="a"), *(call(1, call_uuid=uuid) for uuid in "bcd"), call(2, call_uuid="e")]
    async with past(*made) as asking:
        pages = await every_page(asking, "/api/calls", "calls", since="1d", limit=3)
    assert sorted(one["callUuid"] for one in itertools.chain(*pages)) == ["a", "b", "c", "d", "e"]
    assert [len(page) for page in pages] == [4, 1]


async def test_pages_of_outages_and_changes_go_back_equally_far() -> None:
    entries: list[Entry] = [
        *(outage(2.0 * number, 1.0) for number in range(7)),
        *(change(0.5 * n) for n in range(9)),
    ]
    async with past(*entries) as asking:
        pages = [(began(answer), times(answer, "changes")) for answer in await history_pages(asking, limit=3)]
    assert [one for outages, _ in pages for one in outages] == [12, 10, 8, 6, 4, 2, 0]
    assert [one for _, changes in pages for one in changes] == [4, 3, 3, 2, 2, 1, 1, 0, 0]
    for (_, newer), (outages, _) in itertools.pairwise(pages):
        assert not newer or not outages or min(newer) >= max(outages)


async def history_pages(asking: Asking, **query: object) -> list[Any]:
    answers = []
    before: object = ""
    while before is not None:
        answers.append(await asking.get("/api/history", before=before, **query))
        before = answers[-1]["next"]
        assert len(answers) < 50
    return answers


async def test_the_default_number_of_rows_is_bounded() -> None:
    entries = [call(number) for number in range(history.CALLS + 10)]
    entries_too = [outage(number, 0.5) for number in range(history.ROWS + 10)]
    async with past(*entries, *entries_too) as asking:
        assert len((await asking.get("/api/calls", since="1d"))["calls"]) == history.CALLS
        assert len((await asking.get("/api/history"))["outages"]) == history.ROWS
        assert len((await asking.get("/api/calls", since="1d", limit=MAX_LIMIT))["calls"]) == len(entries)


async def test_pages_of_gateways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_STEPS", 55)
    subjects = [Subject("fs1", f"g{number}", "") for number in range(5)]
    async with past(*(hour(0, subject=subject) for subject in subjects)) as asking:
        pages = []
        offset: object = 0
        while offset is not None:
            answer = await asking.get("/api/availability", since="1d", offset=offset)
            pages.append([one["gateway"] for one in answer["gateways"]])
            offset = answer["next"]
    assert pages == [["g0", "g1"], ["g2", "g3"], ["g4"]]


async def test_many_spans_become_fewer_and_lose_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_SPANS", 4)
    spans = [PutSpan("fs1", Span(BEGAN + n * 100, BEGAN + n * 100 + 50)) for n in range(20)]
    async with past(*spans) as asking:
        watched = (await asking.get("/api/history"))["watched"]
    assert len(watched) <= 4
    assert (at(watched[0]["from"]), at(watched[-1]["to"])) == (0, 1950)


# -- formats ------------------------------------------------------------------------------------------


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_csv_of_outages_and_changes() -> None:
    made = outage(0, 60.5, changes_before=(change(-1.0), change(-2.0, "paused", subject="outbound")))
    async with past(made, change(3.0, before="=1+1")) as asking:
        _, answer, text = await asking.ask("/api/history", format="csv")
        assert answer.content_type == "text/csv"
        assert answer.charset == "utf-8"
        [row] = table(text)
        changed = table((await asking.ask("/api/history", format="csv", kind="change"))[2])
    assert row["began"] == "2026-11-26T03:00:00+00:00"
    assert (row["seconds"], row["endedUnwatched"], row["problems"]) == ("60.5", "false", "unreachable")
    assert row["changesBefore"] == (
        "2026-11-26T02:59:59+00:00 fs1 xml_reloaded; 2026-11-26T02:59:58+00:00 fs1 paused outbound"
    )
    assert changed[-1]["from"] == "'=1+1", "no formula"


async def test_csv_of_availability() -> None:
    async with past(hour(0, 3600, 1800, failed=2), hour(HOUR)) as asking:
        rows = table((await asking.ask("/api/availability", since="1d", format="csv"))[2])
    assert [row["from"] for row in rows] == ["2026-11-26T03:00:00+00:00", "2026-11-26T04:00:00+00:00"]
    assert (rows[0]["gateway"], rows[0]["usableSeconds"], rows[0]["failed"]) == ("telnyx", "1800.0", "2")


async def test_csv_of_calls() -> None:
    async with past(FULL_CALL, call(1, sip_phrase='=HYPERLINK("http://x")\n')) as asking:
        text = (await asking.ask("/api/calls", since="1d", format="csv"))[2]
        rows = table(text)
        keys = (await asking.get("/api/calls", since="1d"))["calls"][0]
    assert [name for name in rows[0] if "." not in name] == [key for key in keys if key != "otherLeg"]
    assert rows[0]["otherLeg.callUuid"] == "ffffffff-4b5a-6978-8796-a5b4c3d2e1f0"
    assert rows[1]["otherLeg.callUuid"] == ""
    assert rows[1]["sipPhrase"].startswith("'=HYPERLINK")
    assert rows[0]["from"] == "'+1949533xxxx"


async def test_pages_of_csv_are_in_the_link_header() -> None:
    async with past(*map(call, range(5))) as asking:
        url = f"{asking.served.base}/api/calls?since=1d&limit=2&format=csv&gateway=telnyx"
        seen: list[str] = []
        while url:
            async with asking.served.client.get(URL(url, encoded=True)) as answer:
                assert answer.status == 200, await answer.text()
                seen += [row["at"][-11:-6] for row in table(await answer.text())]
                url = str(answer.links["next"]["url"]) if "next" in answer.links else ""
    assert seen == ["00:04", "00:03", "00:02", "00:01", "00:00"]


async def test_a_ticket_is_plain_text() -> None:
    async with past(FULL_CALL, *(call(number) for number in range(40))) as asking:
        _, answer, text = await asking.ask("/api/calls", since="1d", format="ticket")
        few = await asking.get("/api/calls", since="1d", format="ticket", limit=1)
    assert answer.content_type == "text/plain"
    assert text.count("abc@192.0.2.1") == history.CALLS_OF_TICKET
    assert few.count("abc@192.0.2.1") == 1


async def test_hostile_text_is_data_in_json() -> None:
    hostile = '</script>"\\ \u202e=1'
    async with past(call(0, user_agent=hostile, to=hostile)) as asking:
        _, answer, body = await asking.ask("/api/calls", since="1d")
    assert body["calls"][0]["userAgent"] == hostile
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


# -- privacy ------------------------------------------------------------------------------------------


async def test_kept_calls_are_private_and_outages_are_not() -> None:
    async with past(call(), outage(), hour()) as asking:
        asking.context.config = Config(listen=BEYOND, token=TOKEN)
        for format_ in ("json", "csv", "ticket"):
            status, _, body = await asking.ask("/api/calls", since="1d", format=format_)
            assert (status, body["error"]) == (401, "unauthorized")
            assert "Authorization: Bearer" in body["hint"]
        assert began(await asking.get("/api/history")) == [0]
        assert len((await asking.get("/api/availability"))["gateways"]) == 1
        url = f"{asking.served.base}/api/calls?since=1d"
        async with asking.served.client.get(url, headers=bearer("t0ken")) as answer:
            assert len((await answer.json())["calls"]) == 1


STRANGERS: Final = PutStrangers(
    "fs1", BEGAN, (Frequent("192.0.2.1", 1234), Frequent("2001:db8::1", 7), Frequent("<script>", 1))
)


async def test_strangers_have_the_keys_that_are_documented() -> None:
    said = {
        "node": "fs1",
        "address": "192.0.2.1",
        "times": 1234,
        "first": "2026-11-26T03:00:00+00:00",
        "last": "2026-11-26T03:00:00+00:00",
    }
    async with past(STRANGERS, outage(), change()) as asking:
        answer = await asking.get("/api/history")
        assert answer["strangers"][0] == said
        assert [len(answer[kind]) for kind in ("strangers", "outages", "changes")] == [3, 1, 1]
        answer = await asking.get("/api/history", kind="stranger", limit=1)
        assert answer["strangers"] == [said]
        assert answer["outages"] == answer["changes"] == []
        assert (await asking.get("/api/history", kind="outage"))["strangers"] == []
        assert (await asking.get("/api/history", until=BEGAN - 1, since=BEGAN - HOUR))["strangers"] == []
        _, _, text = await asking.ask("/api/history", kind="stranger", format="csv")
        assert text.splitlines()[:2] == [
            "node,address,times,first,last",
            "fs1,192.0.2.1,1234,2026-11-26T03:00:00+00:00,2026-11-26T03:00:00+00:00",
        ]


async def test_addresses_of_strangers_are_private() -> None:
    async with past(STRANGERS, outage()) as asking:
        asking.context.config = Config(listen=BEYOND, token=TOKEN)
        answer = await asking.get("/api/history")
        assert answer["strangers"] is None
        assert began(answer) == [0]
        for format_ in ("json", "csv"):
            status, _, body = await asking.ask("/api/history", kind="stranger", format=format_)
            assert (status, body["error"]) == (401, "unauthorized")
        _, _, page = await asking.ask("/history")
        assert "192.0.2.1" not in page
        assert "Where strangers come from is private" in page
        for path, query in (("/api/history", "?kind=stranger"), ("/history", "")):
            url = f"{asking.served.base}{path}{query}"
            async with asking.served.client.get(url, headers=bearer("t0ken")) as shown:
                text = await shown.text()
            assert "192.0.2.1" in text
            assert "<script>" not in text or path == "/api/history"


# -- bad days -----------------------------------------------------------------------------------------


class BadStore(Store):
    """Every question raises, or never ends."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        context = FakeContext()
        super().__init__(None, HistoryConfig(), context.clock, context.executors.history)
        for name in ("outages", "changes", "calls", "steps", "subjects", "spans", "watched_since"):
            setattr(self, name, lambda *_, **__: answer())


async def fails(error: Exception) -> None:
    raise error


async def never() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: fails(StoreUnavailable("the disk is full")), "The history cannot be read: the disk is full"),
        (lambda: fails(QueueFull("x")), "Too many requests wait for the history."),
        (never, "The history did not answer within 0.05 s."),
    ],
)
async def test_a_store_that_does_not_answer_is_a_503_with_the_reason(
    path: str, answer: Callable[[], Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "ANSWER_SECONDS", 0.05)
    context = FakeContext(history=FakeHistory(BadStore(answer)))
    async with serving(context) as served, served.client.get(served.base + path) as response:
        body = await response.json()
        assert (response.status, body["error"], body["message"]) == (503, "history_unavailable", reason)
        assert response.headers["Retry-After"] == "5"
        async with served.client.get(served.base + "/metrics") as others:
            assert others.status == 200


async def test_a_large_answer_lets_events_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """With each look at the clock a slice is over: other tasks run between any two rows."""

    class Fast(StoppedClock):
        looks = 0

        def monotonic(self) -> float:
            self.looks += 1
            return float(self.looks)

    rows = 200
    async with past(*map(call, range(rows))) as asking:
        asking.context.clock = Fast()
        turns = 0
        done = False

        async def count() -> None:
            nonlocal turns
            while not done:
                turns += 1
                await asyncio.sleep(0)

        for format_ in ("json", "csv"):
            done, turns = False, 0
            counting = asyncio.create_task(count())
            await asking.ask("/api/calls", since="1d", limit=rows, format=format_)
            done = True
            await counting
            assert turns > rows
