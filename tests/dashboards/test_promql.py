"""What the queries return during faults, evaluated by promtool on made-up series.

Each case gives series as promtool writes them (one value a minute, `5x4` for four repetitions of 5, `_` for a
scrape without the series), a query, and the answer expected after twenty minutes.
"""

import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import looks, queries
from dashboards.frame import SEVERAL, SEVERAL_PROBES, common_marks, probe_mark
from dashboards.promql import per_minute, total
from exporter.metrics import families
from tests.support.tools import program

Series = dict[str, str]
Answer = dict[str, float]

STEPS = 2**20  # in one; a power of two, so that rounding to them is exact

NODE = 'node="fs1"'
GATEWAY = f'{NODE},gateway="telnyx",profile="external"'
OUT = f'{NODE},gateway="telnyx",direction="outbound"'
PROBE = f'{NODE},gateway="telnyx",probe="echo"'
SCRAPED: Series = {f"freeswitch_up{{{NODE}}}": "1x20"}

CHANGED_SINCE: Series = {f"freeswitch_gateway_last_change_timestamp_seconds{{{GATEWAY}}}": "1190x20"}

LOST = SEVERAL.low_in_range(families.UP)

MARKS = {mark.name: mark.expression for mark in common_marks(SEVERAL, gateways_shown=True)}


def ask(folder: Path, series: Series, query: str, answer: Answer) -> None:
    """Fail unless the query on these series returns exactly this answer."""
    for variable, value in {"$node": ".*", "$gateway": ".*", "$probe": ".*"}.items():
        query = query.replace(variable, value)
    query = query.replace("$__rate_interval", "4m").replace("$__range", "20m")
    if all(labels.startswith("{") for labels in answer):  # calculated: versions differ in the last bit
        query = f"round({query}, {1 / STEPS})"
        answer = {labels: math.floor(value * STEPS + 0.5) / STEPS for labels, value in answer.items()}
    samples = [{"labels": labels, "value": value} for labels, value in answer.items()]
    case: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": query, "eval_time": "20m", "exp_samples": samples}],
    }
    file = folder / "case.yml"
    file.write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [case]}), encoding="utf-8")
    ran = subprocess.run(
        [program("promtool"), "test", "rules", file], capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def stateset(family: str, label: str, labels: str, words: dict[str, str]) -> Series:
    return {f'{family}{{{labels},{label}="{word}"}}': values for word, values in words.items()}


def outage(values: str, changed: int) -> Series:
    """Whether the gateway was in an outage, and when that changed last."""
    return {
        f"freeswitch_gateway_outage{{{GATEWAY}}}": values,
        f"freeswitch_gateway_outage_change_timestamp_seconds{{{GATEWAY}}}": f"{changed}x20",
    }


def probe_failed(values: str) -> Series:
    """Whether the probe succeeded, and when it ran last: 50 s ago."""
    return {
        f"freeswitch_probe_success{{{PROBE}}}": values,
        f"freeswitch_probe_last_run_timestamp_seconds{{{PROBE}}}": "1150x20",
    }


CASES: dict[str, tuple[Series, str, Answer]] = {
    "two exporters that watch one switch count once": (
        {f'freeswitch_calls_active{{{OUT},instance="{name}"}}': "7x20" for name in "ab"},
        total(SEVERAL.value(families.CALLS_ACTIVE)),
        {"{}": 7},
    ),
    "so do their counters, though they started at different times": (
        {
            f'freeswitch_calls_started_total{{{OUT},instance="a"}}': "100+6x20",
            f'freeswitch_calls_started_total{{{OUT},instance="b"}}': "0+6x20",
        },
        per_minute(total(SEVERAL.rate(families.CALLS_STARTED))),
        {"{}": 6},
    ),
    "of two exporters the one that lost the switch is shown": (
        {f'freeswitch_up{{{NODE},instance="a"}}': "1x20", f'freeswitch_up{{{NODE},instance="b"}}': "0x20"},
        f"sum(1 - {SEVERAL.well(families.UP)})",
        {"{}": 1},
    ),
    "of two exporters the worse verdict is shown": (
        stateset(
            "freeswitch_gateway_problem",
            "problem",
            f'{GATEWAY},instance="a"',
            {"none": "1x20", "ping_overdue": "0x20"},
        )
        | stateset(
            "freeswitch_gateway_problem",
            "problem",
            f'{GATEWAY},instance="b"',
            {"none": "0x20", "ping_overdue": "1x20"},
        ),
        SEVERAL.code(families.GATEWAY_PROBLEM, "problem", list(looks.PROBLEMS)),
        {f"{{{GATEWAY}}}": list(looks.PROBLEMS).index("ping_overdue")},
    ),
    "a state is its index in the list of states": (
        stateset(
            "freeswitch_gateway_state", "state", GATEWAY, {"REGED": "0x20", "NOREG": "0x20", "DOWN": "1x20"}
        ),
        SEVERAL.code(families.GATEWAY_STATE, "state", list(looks.STATES)),
        {f"{{{GATEWAY}}}": list(looks.STATES).index("DOWN")},
    ),
    "the gateway of a lost switch is not usable": (
        {
            f"freeswitch_up{{{NODE}}}": "1x9 0x10",
            f"freeswitch_gateway_usable{{{GATEWAY}}}": "1x9 stale",
            f"freeswitch_gateway_watched_seconds_total{{{GATEWAY}}}": "0+60x9 540x10",
        },
        queries.gateways_without(SEVERAL, families.GATEWAY_USABLE),
        {"{}": 1},
    ),
    "a usable gateway is not counted": (
        SCRAPED
        | {
            f"freeswitch_gateway_usable{{{GATEWAY}}}": "1x20",
            f"freeswitch_gateway_watched_seconds_total{{{GATEWAY}}}": "0+60x20",
        },
        queries.gateways_without(SEVERAL, families.GATEWAY_USABLE),
        {"{}": 0},
    ),
    "a node without gateways gives no result": (
        SCRAPED,
        queries.gateways_without(SEVERAL, families.GATEWAY_USABLE),
        {},
    ),
    "a gateway is faulty if one of two exporters says so; unmonitored is no fault": (
        {
            f'freeswitch_gateway_problem{{{GATEWAY},instance="a",problem="none"}}': "1x20",
            f'freeswitch_gateway_problem{{{GATEWAY},instance="b",problem="unreachable"}}': "1x20",
            f'freeswitch_gateway_problem{{{NODE},gateway="b",profile="p",problem="unmonitored"}}': "1x20",
        },
        queries.faulty_gateways(SEVERAL),
        {f"{{{GATEWAY}}}": 1},
    ),
    "a gateway that was faulty in the range stays in the timeline": (
        stateset(
            "freeswitch_gateway_problem", "problem", GATEWAY, {"none": "1x20", "rejected": "0x5 1x2 0x11"}
        ),
        f"{queries.faulty_in_range(SEVERAL)} > bool 0",
        {f"{{{GATEWAY}}}": 1},
    ),
    "so does a switch that was lost, by either of two exporters": (
        {
            f'freeswitch_up{{{NODE},instance="a"}}': "1x20",
            f'freeswitch_up{{{NODE},instance="b"}}': "1x5 0x6 1x7",
            'freeswitch_up{node="fs2"}': "1x20",
        },
        f"{LOST} > bool 0",
        {f"{{{NODE}}}": 1},
    ),
    "of many that were lost it has those that were for the longest time": (
        {f'freeswitch_up{{node="{number}"}}': "1x19 0" for number in range(20)}
        | {'freeswitch_up{node="fs1"}': "0x20"},
        f"count({LOST}) + count({LOST} == 1)",
        {"{}": 12 + 1},
    ),
    "a graph of gateways has those with most calls": (
        {
            f'freeswitch_calls_active{{node="fs1",gateway="{number}",direction="outbound"}}': f"{number}x20"
            for number in range(20)
        },
        f"min({queries.calls_by_gateway(SEVERAL)}) + count({queries.calls_by_gateway(SEVERAL)})",
        {"{}": 12 + 8},
    ),
    "a gateway is faulty since its outage began": (
        outage("0x9 1x10", 600)
        | {f"freeswitch_gateway_last_change_timestamp_seconds{{{GATEWAY}}}": "1190x20"},
        queries.faulty_since(SEVERAL),
        {f"{{{GATEWAY}}}": 600},
    ),
    "without an outage, since its state changed": (
        outage("0x20", 0) | CHANGED_SINCE,
        queries.faulty_since(SEVERAL),
        {f"{{{GATEWAY}}}": 1190},
    ),
    "a switch is broken if it is lost, or refuses calls in one direction": (
        {
            'freeswitch_up{node="lost"}': "0x20",
            'freeswitch_up{node="paused"}': "1x20",
            'freeswitch_accepting_calls{node="paused",direction="inbound"}': "0x20",
            'freeswitch_accepting_calls{node="paused",direction="outbound"}': "1x20",
            'freeswitch_up{node="well"}': "1x20",
            'freeswitch_accepting_calls{node="well",direction="inbound"}': "1x20",
        },
        queries.broken_switches(SEVERAL),
        {'{node="lost"}': 0, '{node="paused"}': 1},
    ),
    "calls without a gateway have a name; gateways without calls are left out": (
        {
            f'freeswitch_calls_active{{{NODE},gateway="",direction="inbound"}}': "2x20",
            f"freeswitch_calls_active{{{OUT}}}": "0x20",
        },
        queries.calls_by_gateway(SEVERAL),
        {'{node="fs1",gateway="(no gateway)"}': 2},
    ),
    "without calls nothing has failed": (
        SCRAPED,
        queries.network_failures(SEVERAL, "15m"),
        {"{}": 0},
    ),
    "and there is nothing of which it is a share": (
        SCRAPED,
        queries.network_failure_ratio(SEVERAL, "15m"),
        {},
    ),
    "without a scrape there is no result": (
        {},
        queries.network_failures(SEVERAL, "15m"),
        {},
    ),
    "calls that began before the window and failed in it do not make a share above 1": (
        SCRAPED
        | {
            f"freeswitch_calls_started_total{{{OUT}}}": "0 9x9 9+1x10",
            f'freeswitch_call_hangups_total{{{OUT},cause="CALL_REJECTED",answered="false"}}': "0x9 0+2x10",
        },
        queries.network_failure_ratio(SEVERAL, "5m"),
        {"{}": 1},
    ),
    "busy is not a failure by the network, a rejection and a refused dial are": (
        SCRAPED
        | {
            f"freeswitch_calls_started_total{{{OUT}}}": "0+6x20",
            f'freeswitch_call_hangups_total{{{OUT},cause="USER_BUSY",answered="false"}}': "0+3x20",
            f'freeswitch_call_hangups_total{{{OUT},cause="CALL_REJECTED",answered="false"}}': "0+1x20",
            f'freeswitch_call_hangups_total{{{OUT},cause="NORMAL_CLEARING",answered="true"}}': "0+2x20",
            f"freeswitch_gateway_refused_calls_total{{{GATEWAY}}}": "0+2x20",
        },
        queries.network_failure_ratio(SEVERAL, "15m"),
        {"{}": 3 / 8},
    ),
    "a gateway that is down, without any call event, has a failure ratio of 1": (
        SCRAPED | {f"freeswitch_gateway_refused_calls_total{{{GATEWAY}}}": "0+2x20"},
        queries.network_failure_ratio(SEVERAL, "15m", "node", "gateway"),
        {'{node="fs1",gateway="telnyx"}': 1},
    ),
    "refused dials lower the answer ratio": (
        SCRAPED
        | {
            f"freeswitch_calls_started_total{{{OUT}}}": "0+6x20",
            f"freeswitch_calls_answered_total{{{OUT}}}": "0+3x20",
            f"freeswitch_gateway_refused_calls_total{{{GATEWAY}}}": "0+6x20",
        },
        queries.outbound_answer_ratio(SEVERAL, "15m"),
        {"{}": 0.25},
    ),
    "answered calls that began before the window give no more than 1": (
        SCRAPED
        | {
            f'freeswitch_calls_started_total{{{NODE},gateway="",direction="inbound"}}': "0+1x20",
            f'freeswitch_calls_answered_total{{{NODE},gateway="",direction="inbound"}}': "0+2x20",
        },
        queries.inbound_answer_ratio(SEVERAL, "15m"),
        {"{}": 1},
    ),
    "two gateways of one name share the calls of that name": (
        {f"freeswitch_calls_active{{{OUT}}}": "4x20"}
        | {
            f'freeswitch_gateway_watched_seconds_total{{{NODE},gateway="telnyx",profile="{name}"}}': "0+60x20"
            for name in ("external", "internal")
        },
        queries.per_gateway(SEVERAL, total(SEVERAL.value(families.CALLS_ACTIVE), "node", "gateway")),
        {
            f'{{{NODE},gateway="telnyx",profile="external"}}': 4,
            f'{{{NODE},gateway="telnyx",profile="internal"}}': 4,
        },
    ),
    "a restart of the exporter does not change availability": (
        {
            f"freeswitch_gateway_usable_seconds_total{{{GATEWAY}}}": "1000+30x10 0+30x9",
            f"freeswitch_gateway_watched_seconds_total{{{GATEWAY}}}": "9000+60x10 0+60x9",
        },
        queries.availability(SEVERAL),
        {f"{{{GATEWAY}}}": 0.5},
    ),
    "a counter without series is 0 with the label none": (
        SCRAPED,
        SEVERAL.or_none(total(SEVERAL.rate(families.CALL_SIP_RESPONSES, "code"), "code"), "code"),
        {'{code="none"}': 0},
    ),
    "a counter with series has no label none": (
        SCRAPED | {f'freeswitch_call_sip_responses_total{{{OUT},code="403"}}': "0+60x20"},
        SEVERAL.or_none(total(SEVERAL.rate(families.CALL_SIP_RESPONSES, "code"), "code"), "code"),
        {'{code="403"}': 1},
    ),
    "its series that stand at 0 are left out": (
        SCRAPED
        | {
            f'freeswitch_call_sip_responses_total{{{OUT},code="403"}}': "0+60x20",
            f'freeswitch_call_sip_responses_total{{{OUT},code="503"}}': "7x20",
        },
        SEVERAL.or_none(total(SEVERAL.rate(families.CALL_SIP_RESPONSES, "code"), "code"), "code"),
        {'{code="403"}': 1},
    ),
    "a successful probe": (
        {f"freeswitch_probe_success{{{PROBE}}}": "1x20", f"freeswitch_probe_degraded{{{PROBE}}}": "0x20"},
        queries.probe_result(SEVERAL_PROBES),
        {f"{{{PROBE}}}": 0},
    ),
    "a degraded probe": (
        {f"freeswitch_probe_success{{{PROBE}}}": "1x20", f"freeswitch_probe_degraded{{{PROBE}}}": "1x20"},
        queries.probe_result(SEVERAL_PROBES),
        {f"{{{PROBE}}}": 1},
    ),
    "a probe that failed": (
        {f"freeswitch_probe_success{{{PROBE}}}": "0x20", f"freeswitch_probe_degraded{{{PROBE}}}": "0x20"},
        queries.probe_result(SEVERAL_PROBES),
        {f"{{{PROBE}}}": 2},
    ),
    "refused and aborted runs are not failures": (
        {
            f'freeswitch_probe_runs_total{{{PROBE},result="{result}"}}': "0+1x20"
            for result in ("success", "degraded", "failed", "refused", "aborted")
        },
        queries.probe_success_ratio(SEVERAL_PROBES, "$__range"),
        {"{}": 2 / 3},
    ),
    "a probe that ran twelve minutes ago is not overdue at one in ten": (
        {
            f"freeswitch_probe_last_run_timestamp_seconds{{{PROBE}}}": "480x20",
            f"freeswitch_probe_interval_seconds{{{PROBE}}}": "600x20",
        },
        queries.overdue_probes(SEVERAL_PROBES),
        {"{}": 0},
    ),
    "at one in five it is": (
        {
            f"freeswitch_probe_last_run_timestamp_seconds{{{PROBE}}}": "480x20",
            f"freeswitch_probe_interval_seconds{{{PROBE}}}": "300x20",
        },
        queries.overdue_probes(SEVERAL_PROBES),
        {"{}": 1},
    ),
    "only the memory of exporters is shown": (
        {
            'process_resident_memory_bytes{job="fs",instance="a"}': "5x20",
            'process_resident_memory_bytes{job="prometheus",instance="b"}': "9x20",
            'freeswitch_exporter_build_info{job="fs",instance="a",version="1"}': "1x20",
        },
        queries.of_exporters("process_resident_memory_bytes"),
        {'process_resident_memory_bytes{job="fs",instance="a"}': 5},
    ),
    "a gateway that has just failed is marked at the time it did, in milliseconds": (
        outage("0x18 1x1", 1110),
        MARKS["Gateway failed"],
        {f"{{{GATEWAY}}}": 1_110_000},
    ),
    "one that failed long ago is not marked again": (outage("1x20", 0), MARKS["Gateway failed"], {}),
    "one that flaps is marked once, not at each failure": (
        outage("0x15 1 0 1 0 1", 1190),
        MARKS["Gateway failed"],
        {},
    ),
    "one that has been well for five minutes is marked where it recovered": (
        outage("0x9 1x3 0x6", 810),
        MARKS["Gateway recovered"],
        {f"{{{GATEWAY}}}": 810_000},
    ),
    "one that has just recovered may fail again, and is not marked yet": (
        outage("0x9 1x8 0x1", 1110),
        MARKS["Gateway recovered"],
        {},
    ),
    "one that never failed is not marked": (outage("0x20", 850), MARKS["Gateway recovered"], {}),
    "a probe that begins to fail is marked at the end of the run, in milliseconds": (
        probe_failed("1x18 0x1"),
        probe_mark(SEVERAL_PROBES).expression,
        {f"{{{PROBE}}}": 1_150_000},
    ),
    "one that keeps failing is not marked at each run": (
        probe_failed("1x10 0x9"),
        probe_mark(SEVERAL_PROBES).expression,
        {},
    ),
    "nor is one that fails by turns": (
        probe_failed("1 0 1x12 0 1 1 1 0 0"),
        probe_mark(SEVERAL_PROBES).expression,
        {},
    ),
    "a lost switch is a region": (
        {f"freeswitch_up{{{NODE}}}": "0x20"},
        MARKS["FreeSWITCH lost"],
        {f"{{{NODE}}}": 1},
    ),
}


@pytest.mark.parametrize(("series", "query", "answer"), CASES.values(), ids=CASES)
def test_answers(tmp_path: Path, series: Series, query: str, answer: Answer) -> None:
    ask(tmp_path, series, query, answer)
