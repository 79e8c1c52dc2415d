"""Calls over HTTP: as Prometheus asks for them, and as programs do."""

import asyncio
import re
import time
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.probe.lab import until
from tests.probe.settings import ECHO, settings
from tests.probe.test_originate import HOSTILE, WHOLE
from tests.probe.web import Reply, WebLab, served

TARGET = "%2B15550000001"
BUSY = "%2B15550000002"


# -- GET /probe -----------------------------------------------------------------------------------------


async def test_a_probe_as_prometheus_asks_for_it() -> None:
    async with served(settings()) as web:
        before = time.time()
        reply = await web.get("/probe?module=lab-echo&target=" + TARGET)
        assert reply.status == 200
        assert reply.headers["Content-Type"].startswith("text/plain; version=")
        samples = reply.samples
        assert samples["probe_success"] == 1
        assert samples["probe_timeout_seconds"] == 120
        assert samples["probe_sip_status_code"] == 200
        assert samples['probe_hangup_cause_info{cause="NORMAL_CLEARING"}'] == 1
        assert samples["probe_mos"] == 4.5
        assert samples["probe_packets_received"] == pytest.approx(250, abs=30)
        assert samples["probe_cached"] == 0
        assert before <= samples["probe_last_run_timestamp_seconds"] <= time.time()
        phases = {name: value for name, value in samples.items() if name.startswith("probe_phase_seconds")}
        assert sum(phases.values()) == pytest.approx(samples["probe_duration_seconds"], abs=0.01)
        assert not any("failed_phase" in name for name in samples)
        assert len(list(parse_text(reply.text))) == len({name.split("{")[0] for name in samples})


async def test_openmetrics_is_there_for_who_asks() -> None:
    async with served(settings(destination="+15550000002")) as web:
        reply = await web.get("/probe", Accept="application/openmetrics-text; version=1.0.0")
        assert reply.headers["Content-Type"].startswith("application/openmetrics-text")
        parsed = parse_openmetrics(reply.text)  # type: ignore[no-untyped-call]
        families = {family.name: family for family in parsed}
        assert families["probe_success"].samples[0].value == 0


async def test_a_failed_call_is_an_answer() -> None:
    async with served(settings()) as web:
        reply = await web.get("/probe?target=" + BUSY)
        assert reply.status == 200
        samples = reply.samples
        assert samples["probe_success"] == 0
        assert samples['probe_failed_phase_info{phase="originate"}'] == 1
        assert samples['probe_hangup_cause_info{cause="USER_BUSY"}'] == 1
        assert samples["probe_sip_status_code"] == 486
        assert "probe_mos" not in samples


async def test_every_request_has_a_page_of_its_own() -> None:
    async with served(settings()) as web:
        good, bad = await asyncio.gather(web.get("/probe"), web.get("/probe?target=" + BUSY))
        assert (good.samples["probe_success"], bad.samples["probe_success"]) == (1, 0)
        assert set(bad.samples) & {"probe_mos", "probe_packets_received"} == set()


@pytest.mark.parametrize("target", ["%2B15550000002", "+15550000002"])
async def test_the_plus_of_a_target_is_decoded_once(target: str) -> None:
    async with served(settings()) as web:
        assert (await web.get(f"/probe?target={target}")).samples["probe_sip_status_code"] == 486


@pytest.mark.parametrize("target", ["%252B15550000002", "%2B1555%200000002", "15550000002"])
async def test_a_target_decoded_otherwise_is_no_number(target: str) -> None:
    async with served(settings()) as web:
        reply = await web.get(f"/probe?target={target}")
        assert (reply.status, reply.error) == (400, "invalid_number")
        assert web.lab.originates() == []


async def test_without_module_there_must_be_one_probe() -> None:
    async with served(settings(), settings(name="other")) as web:
        reply = await web.get("/probe?target=" + TARGET)
        assert (reply.status, reply.error) == (400, "bad_request")
        assert "module=NAME: lab-echo, other" in reply.body["hint"]
        assert (await web.get("/probe?module=nosuch")).status == 404
        assert (await web.get("/probe?module=other&module=lab-echo")).status == 400


async def test_debug_tells_the_story() -> None:
    async with served(settings()) as web:
        reply = await web.get("/probe?debug=true")
        assert reply.status == 200
        for words in (
            "Logs for the probe:",
            " ringing",
            " answered",
            "probe_success 1.0",
            '"interval": null',
        ):
            assert words in reply.text


@pytest.mark.parametrize(("header", "timeout"), [("30", 29.5), ("15.5", 15.0)])
async def test_prometheus_says_how_long_it_waits(header: str, timeout: float) -> None:
    async with served(settings()) as web:
        reply = await web.get("/probe", **{"X-Prometheus-Scrape-Timeout-Seconds": header})
        assert reply.samples["probe_timeout_seconds"] == timeout


@pytest.mark.parametrize("header", ["9", "0", "-1", "nan", "inf", "soon", ""])
async def test_a_timeout_that_leaves_no_time_is_refused(header: str) -> None:
    async with served(settings()) as web:
        reply = await web.get("/probe", **{"X-Prometheus-Scrape-Timeout-Seconds": header})
        assert (reply.status, reply.error) == (400, "bad_request")
        if header == "9":
            assert "scrape_timeout: 10.5s" in reply.body["hint"]
        assert web.lab.originates() == []


async def test_a_hasty_scrape_lets_it_ring_shorter() -> None:
    async with served(settings(ring_timeout=60.0)) as web:
        await web.get("/probe", **{"X-Prometheus-Scrape-Timeout-Seconds": "14"})
        assert "originate_timeout=7|" in web.lab.originates()[0]  # 14 - 0.5 - 5 - 2 = 6.5


async def test_two_prometheus_servers_get_one_call() -> None:
    async with served(settings(), min_interval=30.0) as web:
        replies = await asyncio.gather(*(web.get("/probe") for _ in range(2)))
        assert [reply.samples["probe_success"] for reply in replies] == [1, 1]
        later = await web.get("/probe")
        assert (later.samples["probe_success"], later.samples["probe_cached"]) == (1, 1)
        assert len(web.lab.originates()) == 1


# -- POST /api/calls/test-echo ----------------------------------------------------------------------------


async def test_a_call_is_placed_and_can_be_followed() -> None:
    async with served(settings(), min_interval=30.0) as web:
        reply = await web.post({"destinationNumber": ECHO})
        assert reply.status == 202
        uuid = reply.body["callUuid"]
        assert re.fullmatch(r"70726f62-beef-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", uuid)
        assert reply.body == {
            "callUuid": uuid,
            "agentFsId": 0,
            "destination": ECHO,
            "status": "initiated",
            "message": f"GET /api/calls/{uuid} reports its progress.",
        }
        await until(lambda: not web.lab.runner.under_way())
        record = (await web.get(f"/api/calls/{uuid}")).body
        told = {key: record[key] for key in ("callUuid", "status", "result", "cause", "sipCode", "hungUpBy")}
        assert told == {
            "callUuid": uuid,
            "status": "ended",
            "result": "success",
            "cause": "NORMAL_CLEARING",
            "sipCode": 200,
            "hungUpBy": "us",
        }
        again = await web.post({"destinationNumber": ECHO})
        assert (again.status, again.body["status"], again.body["callUuid"]) == (200, "cached", uuid)


async def test_a_thousand_requests_get_one_call() -> None:
    async with served(settings(), speed=1.0) as web:
        replies = await asyncio.gather(*(web.post({"destinationNumber": ECHO}) for _ in range(1000)))
        assert {reply.status for reply in replies} == {202}
        assert len({reply.body["callUuid"] for reply in replies}) == 1
        assert len(web.lab.originates()) == 1


async def test_freeswitchs_own_refusal_is_a_bad_gateway() -> None:
    async with served(settings()) as web:
        web.lab.switch.provider("telnyx").rejects(403, "Forbidden")
        web.lab.switch.gateway("telnyx").ask_register()
        await web.lab.switch.gateway_reaches("telnyx", "FAIL_WAIT")
        reply = await web.post({"destinationNumber": ECHO})
        assert (reply.status, reply.error) == (502, "GATEWAY_DOWN")
        assert reply.body["hint"]


async def test_a_busy_number_is_placed() -> None:
    async with served(settings()) as web:
        reply = await web.post({"destinationNumber": "+15550000002"})
        assert reply.status == 202


async def test_a_lost_node_is_said_so() -> None:
    async with served(settings()) as web:
        await web.lab.switch.refuse_connections()
        await until(lambda: not web.lab.node.connected)
        for reply in (await web.post({"destinationNumber": ECHO}), await web.get("/probe")):
            assert (reply.status, reply.error) == (503, "not_connected")


async def test_refusals_say_when_to_ask_again() -> None:
    async with served(settings(), settings(name="other"), min_interval=30.0) as web:
        await web.get("/probe?module=lab-echo")
        reply = await web.get("/probe?module=other")
        assert (reply.status, reply.error) == (429, "rate")
        assert 1 <= int(reply.headers["Retry-After"]) <= 30


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/calls/70726f62-beef-4010-8abc-0123456789ab", 404),
        ("/api/calls/nosuch", 404),
        ("/api/calls/%27%3B--", 404),
    ],
)
async def test_calls_nobody_knows(path: str, status: int) -> None:
    async with served(settings()) as web:
        assert (await web.get(path)).status == status


# -- bad input: a 4xx with a hint, no byte to FreeSWITCH, never a second call -------------------------------


BODIES: list[object] = [
    b"",
    b"[]",
    b'"+15550000001"',
    b"{",
    b"\xff",
    b"[" * 5000,
    b'{"destinationNumber":"' + b"1" * 20_000 + b'"}',
    {},
    {"destinationNumber": 15550000001},
    {"destinationNumber": None},
    {"destinationNumber": [ECHO]},
    {"destinationNumber": ECHO, "gateway": {"name": "telnyx"}},
    {"destinationNumber": ECHO, "gatway": "telnyx"},
    {"destinationNumber": ECHO, "gateway": "nosuch"},
    {"destinationNumber": ECHO, "gateway": "telnyx/+19005551234"},
    {"destinationNumber": ECHO, "node": "nosuch"},
    {"destinationNumber": ECHO, "probe": "nosuch"},
    {"destinationNumber": "+19005551234"},
    *({"destinationNumber": number} for number in HOSTILE),
]


async def test_bad_input() -> None:
    async with served(settings()) as web:
        for body in BODIES:
            reply = await web.post(body)
            assert 400 <= reply.status < 500, body
            assert reply.error, body
            assert reply.body["hint"], body
        assert web.lab.originates() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://attacker.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "attacker.example"},
        {"Content-Type": "text/plain"},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_foreign_pages_place_no_call(headers: dict[str, str]) -> None:
    async with served(settings()) as web:
        reply = await web.post({"destinationNumber": ECHO}, **headers)
        assert (reply.status, reply.error) == (403, "cross_site")
        if "Content-Type" not in headers:
            assert (await web.get("/probe", **headers)).status == 403
        assert web.lab.originates() == []
        assert set(web.context.refusals) == {"cross_site"}


NUMBERS = st.one_of(
    st.sampled_from([*HOSTILE, ECHO, "+15550000002", "+19005551234", "+15559990000"]),
    st.from_regex(r"\+1555000[0-9]{4}", fullmatch=True),
    st.text(max_size=40),
)
NAMES = st.one_of(
    st.none(), st.sampled_from(["telnyx", "fs1", "lab-echo", "nosuch", ""]), st.text(max_size=20)
)
FIELDS = st.one_of(NUMBERS, NAMES, st.integers(), st.lists(st.text(max_size=3), max_size=2))
ASKED = st.one_of(
    st.fixed_dictionaries(
        {"destinationNumber": NUMBERS}, optional={"gateway": NAMES, "node": NAMES, "probe": NAMES}
    ),
    st.dictionaries(st.text(max_size=20), FIELDS, max_size=4),
    st.binary(max_size=60),
)
QUERY = st.one_of(
    NUMBERS.map(lambda text: ("target", text)),
    NAMES.map(lambda text: ("module", text or "")),
    st.tuples(st.text(max_size=8), st.text(max_size=8)),
)
ALLOWED = re.compile(r"sofia/gateway/telnyx/\+1555000[0-9]{1,11} ")


async def test_whatever_is_asked_one_well_formed_originate_reaches_the_switch_or_none() -> None:
    async with served(settings(ring_timeout=3.0, talk_time=1.0), speed=100.0, allow=("+1555000*",)) as web:
        loop = asyncio.get_running_loop()
        placed: list[str] = []

        async def ask(body: object, query: list[tuple[str, str]] | None) -> None:
            web.lab.switch.commands_seen.clear()
            reply = await (_ask_probe(web, query) if query is not None else web.post(body))
            await until(lambda: not web.lab.runner.under_way())
            lines = [line.partition(" ")[2] for line in web.lab.originates()]
            assert len(lines) == (reply.status in (200, 202, 502)), (reply.status, lines)
            for line in lines:
                assert WHOLE.fullmatch(line)
                assert ALLOWED.search(line)
            placed.extend(lines)

        @hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
        @given(body=ASKED, query=st.one_of(st.none(), st.lists(QUERY, max_size=3)))
        def everything(body: object, query: list[tuple[str, str]] | None) -> None:
            asyncio.run_coroutine_threadsafe(ask(body, query), loop).result(30)

        await asyncio.to_thread(everything)
        assert placed, "no request was good: the test shows nothing"


async def _ask_probe(web: WebLab, query: list[tuple[str, str]]) -> Reply:
    text = "&".join(
        f"{quote(name, errors='replace')}={quote(value, errors='replace')}" for name, value in query
    )
    return await web.get(f"/probe?{text}")
