"""The page as a program reads it: complete without a script, harmless whatever its texts, paged and filtered.

How it looks and behaves in a browser: tests/browser.
"""

import asyncio
import io
import json
import os
from collections.abc import Mapping, Sequence

import pytest

from exporter import __version__
from exporter.config import Config
from exporter.diagnosis.conclusion import Diagnosis, diagnose
from exporter.diagnosis.finding import WITHHELD
from exporter.diagnosis.snapshot import GatewaySeen, Snapshot, SwitchSeen
from exporter.history.past import Past
from exporter.probe.admission import Refused
from exporter.probe.record import CallRecord, MediaRecord, ToneRecord
from exporter.switch.profile import Profile
from exporter.watch.strangers import StrangersSeen
from exporter.watch.top_addresses import Frequent
from exporter.web.gateway_rows import PER_PAGE, find_gateways
from exporter.web.page import load_files, render
from exporter.web.page_view import Pasts, View, make_view
from exporter.web.probes_view import RUNS
from tests.web.fakes import FakeContext, FakeNode, serving
from tests.web.pages import AppContext, Reader, read, seen
from tests.web.test_auth import BEYOND, TOKEN, bearer

HOSTILE = """<script>alert(1)</script><img src=x onerror="alert(1)">'"&amp;"""
ESCAPES = "\x1b[31mred\x1b]0;title\x07\u202egnorw\x00"
POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
UUID = "70726f62-0000-4000-8000-000000000000"


def record(**changes: object) -> CallRecord:
    fields = {
        "call_uuid": UUID,
        "probe": "echo",
        "node": "fs1",
        "gateway": "telnyx",
        "destination": "+15550000001",
        "application": "echo",
        "own": True,
        "started_at": 1.7e9,
        "status": "ended",
        "result": "success",
        "message": "Answered and heard",
        "phases": {"originate": 0.1, "ringing": 1.0, "media": 5.0},
        "media": MediaRecord(packets_received=250, packets_sent=250, packets_expected=250, mos=4.5),
    } | changes
    return CallRecord(**fields)  # type: ignore[arg-type]


async def view_of(
    diagnoses: Sequence[Diagnosis], calls: Sequence[CallRecord] = (), query: Mapping[str, str] | None = None
) -> View:
    """The page of these diagnoses, without a past."""
    pasts = Pasts(lambda *_: Past(), {}, persistent=True)
    table = await find_gateways(diagnoses, query or {})
    return await make_view(diagnoses, table, pasts, {"echo": "telnyx"}, calls, "")


async def test_it_tells_of_nodes_gateways_calls_and_where_the_rest_is() -> None:
    context = AppContext(
        snapshots=[
            seen(
                GatewaySeen(
                    name="telnyx", profile="external", expected=True, active={"outbound": 3}, max_calls=10
                ),
                GatewaySeen(
                    name="carrier",
                    profile="external",
                    problem="auth_rejected",
                    state="FAIL_WAIT",
                    up=False,
                    usable=False,
                    answer_code=403,
                    answer_phrase="Forbidden",
                    in_state=75.0,
                ),
            )
        ],
        calls=[record()],
    )
    async with serving(context) as served:
        async with served.client.get(served.base + "/") as response:
            page = Reader(await response.text())
        for words in (
            "Gateway carrier: the provider rejects the credentials (403 Forbidden)",
            "fs_cli -x 'sofia profile external register carrier'",
            "3 of 10",
            "auth rejected",
            "ringing 1.00 s",
            "MOS 4.5",
            f"freeswitch-exporter {__version__}",
        ):
            assert words in page.text, words
        for link in {link for link in page.links if not link.startswith(("#", "?"))} | set(page.sources):
            async with served.client.get(f"{served.base}/{link}") as response:
                assert response.status in (200, 503), link


async def test_every_gateway_in_trouble_is_red_and_has_a_line_with_its_remedy() -> None:
    gateways = [
        GatewaySeen(
            name=problem, profile="trunk", expected=True, listed=listed, problem=problem, usable=False
        )
        for problem, listed in (("missing", False), ("unregistered", True))
    ]
    view = await view_of([diagnose(seen(*gateways))])
    assert {row.name: row.status for row in view.rows} == dict.fromkeys(("missing", "unregistered"), "fail")
    assert len(view.problems) == 2
    assert all(line.remedy.commands and line.remedy.section for line in view.problems)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ping_pending": 4.2}, "unanswered for 4 s"),
        ({"ping_seconds": 0.0312}, "31 ms"),
        ({"ping_interval": 25}, "no answer"),
        ({}, "off"),
    ],
)
async def test_pings_are_told_in_words(changes: dict[str, float], words: str) -> None:
    gateway = GatewaySeen(name="telnyx", **changes)  # type: ignore[arg-type]
    (row,) = (await view_of([diagnose(seen(gateway))])).rows
    assert row.ping == words


async def test_calls_show_their_quality_and_those_under_way_their_state() -> None:
    tone = ToneRecord(returned=True, before_ours=False, round_trip_seconds=0.24)
    media = MediaRecord(packets_received=9, packets_sent=9, packets_expected=9, packet_loss_ratio=0.031)
    calls = [
        record(tone=tone, media=media),
        record(result=None, status="ringing", phases={}, media=None, probe=""),
        record(result="degraded", message=""),
    ]
    echo, on_demand = (await view_of([], calls)).probes
    assert echo.quality == "9 packets received, 3.1 % lost, round trip 240 ms"
    assert (on_demand.result, on_demand.status, on_demand.name) == ("ringing", "not_checked", "on demand")
    assert echo.runs == ("warn", "pass")  # the oldest first
    assert echo.runs_text == "last 2 runs: 1 succeeded, 1 degraded"
    assert sum(phase.length for phase in echo.phases) == 1000


async def test_a_failed_call_shows_the_call_id_that_the_provider_finds_it_by() -> None:
    failed = record(result="failed", media=None, sip_call_id="70726f62-<b>")
    (echo,) = (await view_of([], [failed])).probes
    assert echo.quality == "SIP Call-ID 70726f62-<b>"


async def test_a_probe_that_has_not_run_yet_has_its_row() -> None:
    (echo,) = (await view_of([])).probes
    assert (echo.name, echo.gateway, echo.runs_text, echo.result) == ("echo", "telnyx", "no run yet", "")


async def test_of_a_probe_the_last_runs_are_bars_and_only_the_latest_is_told() -> None:
    calls = [record(call_uuid=f"{number:036}", message=f"run {number}") for number in range(40)]
    (echo,) = (await view_of([], calls)).probes
    assert len(echo.runs) == RUNS
    assert echo.message == "run 0"


async def test_a_node_that_is_lost_says_why_and_what_to_do() -> None:
    snapshot = Snapshot(node="fs1", problem="acl_denied", reason="FreeSWITCH's ACL refuses 192.0.2.7")
    page = await read(AppContext(snapshots=[snapshot]))
    assert "access list rejects this machine's address" in page.text
    assert "reloadacl" in page.text


async def test_before_the_first_attempt_it_says_so() -> None:
    page = await read(AppContext(snapshots=[Snapshot(node="fs1", problem="")]))
    assert "Nothing could be checked yet." in page.text


async def test_a_history_that_cannot_be_read_costs_the_history_only() -> None:
    refusal = Refused("state_dir", "The record of probe calls cannot be read.", "")
    page = await read(AppContext(snapshots=[seen()], refusal=refusal))
    assert "The record of probe calls cannot be read." in page.text


@pytest.mark.parametrize("text", [HOSTILE, ESCAPES, "x" * 10_000, "'\"`{{ 7*7 }}{% raw %}"])
async def test_hostile_texts_are_shown_as_text_cut_and_harmless(text: str) -> None:
    gateway = GatewaySeen(
        name=text,
        profile=text,
        expected=True,
        problem="rejected",
        state=text,
        answer_code=499,
        answer_phrase=text,
        proxy=f"sip:{text}",
        realm=text,
    )
    switch = SwitchSeen(version=text, profiles=(Profile(text, text, "RUNNING", True, 0, (), ()),))
    context = AppContext(
        snapshots=[
            seen(gateway, node=text, host=text, switch=switch),
            Snapshot(node=text, problem="refused", reason=text, host=text),
        ],
        calls=[record(probe=text, gateway=text, message=text, sip_phrase=text, cause=text)],
    )
    async with serving(context) as served:
        async with served.client.get(served.base + "/") as response:
            raw = await response.text()
        async with served.client.get(served.base + "/api/diagnosis") as response:
            answer = await response.json()
    page = Reader(raw)
    assert "img" not in page.tags
    assert not page.handlers
    assert not page.scripted.strip()
    assert len(page.sources) == 1
    assert len(raw) < 110_000
    for line in raw.splitlines():
        assert line.isprintable(), line
    assert "49" not in page.text.replace("499", "") or "7*7" not in text
    for said in json.dumps(answer, ensure_ascii=False).split('"'):
        assert said.isprintable()
        assert len(said) < 1000


async def test_no_command_ever_carries_a_name_that_is_not_plain() -> None:
    name = "x'; reboot; '"
    gateway = GatewaySeen(name=name, profile=name, expected=True, problem="unregistered", state="DOWN")
    page = await view_of([diagnose(seen(gateway))])
    commands = [command for line in page.problems for command in line.remedy.commands]
    assert commands
    assert not any("reboot" in command for command in commands)


async def test_the_policy_allows_this_origin_and_nothing_inline() -> None:
    async with serving(FakeContext()) as served, served.client.get(served.base + "/") as response:
        assert set(response.headers["Content-Security-Policy"].split("; ")) == POLICY
        assert response.headers["X-Frame-Options"] == "DENY"


async def test_only_the_pages_own_files_are_served() -> None:
    async with serving(FakeContext()) as served:
        for path in ("static/page.html", "static/..%2fpage.py", "static/", "static/%2e%2e/app.py"):
            async with served.client.get(f"{served.base}/{path}") as response:
                assert response.status == 404, path


def many(count: int) -> list[GatewaySeen]:
    problems = {7: "auth_rejected", 123: "unmonitored", 400: "unreachable"}
    return [
        GatewaySeen(
            name=f"gw{number:03}",
            profile="external",
            problem=problems.get(number, "none"),
            usable=number not in problems,
        )
        for number in range(count)
    ]


async def shown(query: Mapping[str, str]) -> list[str]:
    return [row.name for row in (await view_of([diagnose(seen(*many(500)))], query=query)).rows]


async def test_of_many_gateways_the_worst_come_first_and_the_rest_by_pages() -> None:
    view = await view_of([diagnose(seen(*many(500)))])
    assert [row.name for row in view.rows[:4]] == ["gw007", "gw400", "gw123", "gw000"]
    assert (len(view.rows), view.table.pages, view.table.total) == (PER_PAGE, 10, 500)
    assert (view.table.previous, view.table.following) == ("", "?page=2")
    everywhere = [name for page in range(1, 11) for name in await shown({"page": str(page)})]
    assert sorted(everywhere) == [f"gw{number:03}" for number in range(500)]


async def test_a_filter_finds_by_name_state_and_problem() -> None:
    assert await shown({"q": "GW12"}) == ["gw123", *(f"gw12{digit}" for digit in "012456789")]
    assert await shown({"q": "unreachable"}) == ["gw400"]
    assert await shown({"only": "problems"}) == ["gw007", "gw400", "gw123"]
    assert await shown({"q": "reged gw4 nothing"}) == []
    paged = await find_gateways(
        [diagnose(seen(*many(500)))], {"q": "gw & x=?", "only": "problems", "page": "1"}
    )
    assert paged.query == "gw & x=?"


@pytest.mark.parametrize("number", ["", "0", "-1", "x", "99999", "1e9", "²", "0001", "9" * 400])
async def test_any_page_number_gives_some_page(number: str) -> None:
    assert 1 <= (await find_gateways([diagnose(seen(*many(60)))], {"page": number})).page <= 2


async def test_other_tasks_run_between_nodes_and_while_many_are_rendered() -> None:
    """A page of many nodes must not hold up FreeSWITCH's events."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    diagnoses = [diagnose(seen(*many(50), node=f"fs{number}")) for number in range(60)]
    files = load_files()
    counting = asyncio.create_task(count())
    view = await view_of(diagnoses)
    between, turns = turns, 0
    page = await render(files, "page.html", view)
    counting.cancel()
    assert between >= len(diagnoses)
    assert page.count("<article") == len(diagnoses)
    assert turns >= 5


async def test_a_request_reads_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(AppContext(snapshots=[seen(*many(3))])) as served:
        monkeypatch.setattr(io, "open", None)
        monkeypatch.setattr(os, "open", None)
        monkeypatch.setattr("builtins.open", None)
        for path in ("/", "/static/page.css", "/static/page.js", "/static/icon.svg"):
            async with served.client.get(served.base + path) as response:
                assert response.status == 200, path


async def test_rows_of_two_nodes_are_told_apart() -> None:
    snapshots = [seen(*many(1), node="east"), seen(*many(1), node="west")]
    page = await read(AppContext(snapshots=snapshots))
    assert page.rows == 3
    assert "external on east" in page.text
    assert "external on west" in page.text


async def test_the_diagnosis_is_served_for_the_nodes_asked_for() -> None:
    context = AppContext(
        nodes=[FakeNode("east"), FakeNode("west")], snapshots=[seen(node="east"), seen(node="west")]
    )
    async with serving(context) as served:
        async with served.client.get(served.base + "/api/diagnosis?node=west") as response:
            answer = await response.json()
            assert response.headers["Cache-Control"] == "no-store"
        assert [node["node"] for node in answer["nodes"]] == ["west"]
        async with served.client.get(served.base + "/api/diagnosis?node=north") as response:
            assert response.status == 404


async def test_where_strangers_come_from_is_shown_to_those_who_may_see_it() -> None:
    strangers = StrangersSeen(600.0, 500, 0, (Frequent("198.51.100.7", 500),), 0, "", None)
    context = AppContext(snapshots=[seen(strangers=strangers)])
    shown = {"loopback": True, "open": False, "token": True}
    async with serving(context) as served:
        for who, config, headers in (
            ("loopback", Config(), {}),
            ("open", Config(listen=BEYOND, token=TOKEN), {}),
            ("token", Config(listen=BEYOND, token=TOKEN), bearer("t0ken")),
        ):
            context.config = config
            for path in ("/", "/api/diagnosis"):
                async with served.client.get(served.base + path, headers=headers) as response:
                    text = await response.text()
                    assert response.status == 200
                    assert "500 wrong passwords" in text
                    assert ("198.51.100.7" in text) is shown[who], (who, path)
                    assert (WITHHELD in text) is not shown[who], (who, path)


async def test_a_node_that_came_with_a_reload_a_moment_ago_is_not_ready() -> None:
    context = AppContext(nodes=[FakeNode("east"), FakeNode("new")], snapshots=[seen(node="east")])
    async with (
        serving(context) as served,
        served.client.get(served.base + "/api/diagnosis?node=new") as response,
    ):
        assert response.status == 503


async def test_what_the_message_of_a_call_says_is_not_said_again() -> None:
    said = "Answered and heard: 250 packets received, 250 sent, MOS 4.5."
    (row,) = (await view_of([], [record(message=said)])).probes
    assert (row.message, row.quality) == (said, "")


@pytest.mark.parametrize(
    ("count", "query", "words"),
    [
        (0, "", "no gateway"),
        (1, "", "1 gateway"),
        (2, "", "2 gateways, worst first"),
        (2, "q=g1", "1 of 2 gateways"),
        (65, "", "65 gateways, page 1 of 2, worst first"),
        (65, "q=g6", "6 of 65 gateways, worst first"),
    ],
)
async def test_how_many_gateways_are_found(count: int, query: str, words: str) -> None:
    gateways = [GatewaySeen(name=f"g{number}", profile="external", listed=True) for number in range(count)]
    name, _, value = query.partition("=")
    table = await find_gateways([diagnose(seen(*gateways))], {name: value})
    assert table.found_text == words
