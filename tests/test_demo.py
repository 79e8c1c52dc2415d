"""The demo with a real Prometheus: its first minute.

All tests of this file use one demo and one Prometheus, in the order in which the data appears.
"""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from exporter.metrics.families import FAMILIES
from tests.dashboards.test_queries import FILES, panel_expressions
from tests.support import demo, prometheus
from tests.support.openmetrics import families as read_families
from tests.support.tools import program

VERDICTS = {
    "telnyx": "none",
    "rejected": "auth_rejected",
    "unmonitored": "unmonitored",
}
FLAPPING = {"ping_failed", "unreachable", "ping_overdue", "registering"}
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with demo.running() as url:
        yield url


@pytest.fixture(scope="module")
def prometheus_base(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Scrape the demo under two names, like two exporters that watch one switch."""
    address = base.removeprefix("http://")
    targets = [address, address.replace("127.0.0.1", "localhost")]
    with prometheus.running(tmp_path_factory.mktemp("prometheus"), targets) as url:
        yield url


def verdicts(text: str) -> dict[str, str]:
    found = re.findall(
        r'^freeswitch_gateway_problem\{.*?gateway="(\w+)".*problem="(\w+)"\} 1\.0', text, re.MULTILINE
    )
    return dict(found)


def test_four_gateways_with_four_verdicts_within_a_minute(base: str, prometheus_base: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        seen = verdicts(demo.get(f"{base}/metrics"))
        flapping = seen.pop("flapping", "")
        if seen == VERDICTS and flapping in FLAPPING:
            break
        assert time.monotonic() < deadline, (seen, flapping)
        time.sleep(0.2)
    assert prometheus_base


def test_calls_begin_and_end_with_their_causes(base: str) -> None:
    text = demo.until(f"{base}/metrics", r"^freeswitch_call_hangups_total.*NORMAL_CLEARING", 60)
    assert re.search(r'^freeswitch_calls_active\{.*gateway="telnyx".*\} [1-9]', text, re.MULTILINE)


def test_promtool_accepts_the_metrics(base: str) -> None:
    text = demo.get(f"{base}/metrics")
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"], input=text, text=True, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_strict_parser_accepts_openmetrics_with_exemplars(base: str) -> None:
    text = demo.until(f"{base}/metrics", r"^freeswitch_call_mos_count", 60)
    text = demo.get(f"{base}/metrics", Accept=OPENMETRICS)
    families = {family.name: family for family in read_families(text)}
    known = {name.removesuffix("_total") for name in FAMILIES} | set(FAMILIES)
    assert set(families) <= known
    hangups = families["freeswitch_call_hangups"].samples
    assert all(
        sample.exemplar and re.fullmatch(r"[0-9a-f-]{36}", sample.exemplar.labels["call_uuid"])
        for sample in hangups
    )
    assert any(sample.exemplar for sample in families["freeswitch_call_mos"].samples)


def test_call_counters_add_up_in_every_scrape(base: str) -> None:
    for _ in range(20):
        sums: dict[tuple[str, str], float] = {}
        for family in read_families(demo.get(f"{base}/metrics", Accept=OPENMETRICS)):
            sign = {
                "freeswitch_calls_started": 1,
                "freeswitch_calls_learned": 1,
                "freeswitch_call_hangups": -1,
                "freeswitch_calls_lost": -1,
                "freeswitch_calls_active": -1,
            }.get(family.name, 0)
            for sample in family.samples if sign else []:
                key = (sample.labels["gateway"], sample.labels["direction"])
                sums[key] = sums.get(key, 0) + sign * sample.value
        assert len(sums) >= 10
        assert set(sums.values()) == {0}


def test_a_real_prometheus_scrapes_it_and_answers(prometheus_base: str) -> None:
    deadline = time.monotonic() + 30
    while not (up := prometheus.ask(prometheus_base, "up == 1")) or len(up) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    [state] = prometheus.ask(
        prometheus_base, 'max without(instance) (freeswitch_gateway_state{gateway="telnyx",state="REGED"})'
    )
    assert state["value"][1] == "1"


def test_prometheus_returns_an_exemplar(base: str, prometheus_base: str) -> None:
    demo.until(f"{base}/metrics", r"^freeswitch_call_hangups_total", 60)
    deadline = time.monotonic() + 30
    while not (found := exemplars(prometheus_base, "freeswitch_call_hangups_total")):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    labels = found[0]["exemplars"][0]["labels"]
    assert re.fullmatch(r"[0-9a-f-]{36}", labels["call_uuid"])


def exemplars(base: str, query: str) -> list[dict[str, Any]]:
    """Prometheus' exemplars of the last five minutes."""
    window = {"query": query, "start": time.time() - 300, "end": time.time()}
    with urlopen(f"{base}/api/v1/query_exemplars?{urlencode(window)}", timeout=30) as answer:
        data: list[dict[str, Any]] = json.load(answer)["data"]
        return data


def test_probes_run_and_succeed(base: str) -> None:
    for probe in ("telnyx-echo", "telnyx-tone"):
        demo.until(f"{base}/metrics", rf'^freeswitch_probe_success\{{.*probe="{probe}".*\}} 1\.0', 90)


def test_a_running_call_goes_silent_and_is_seen(base: str) -> None:
    silent = r'^freeswitch_live_calls_silent\{.*gateway="telnyx".*direction="outbound".*\} [1-9]'
    demo.until(f"{base}/metrics", silent, 120)


# Queries that have no data while all is well: no switch is lost or refuses calls, the trunk, the profiles and
# the exporter work, no probe fails, no password has been guessed; and without a state_dir.
ALL_IS_WELL: Final = re.compile(
    r"Up or down for B|Switches lost, or refusing calls [A-D]|Lost switches, over time B|Passwords guessed A"
    r"|SIP profiles B|Whether new calls are refused, and why B|Memory, backlog B|Failures A"
    r"|What the exporter does without [BCDFH]"
)


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_no_panel_is_without_data(base: str, prometheus_base: str, file: Path) -> None:
    asked = {where: query for where, query in panel_expressions(file) if not ALL_IS_WELL.fullmatch(where)}
    deadline = time.monotonic() + 90
    while asked:
        asked = {where: query for where, query in asked.items() if not prometheus.ask(prometheus_base, query)}
        assert time.monotonic() < deadline, f"no data: {list(asked)}"
        time.sleep(1)
    assert base
