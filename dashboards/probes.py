"""The probes: whether test calls succeed from end to end, and how much budget they use.

Strategy. Probes are few and each run matters, so this dashboard shows runs, not rates: a timeline per probe,
the last run's figures in a table, and counts over an hour. Refused and aborted runs concern the exporter, not
the trunk: they are shown, but not part of the success ratio. The budget is shown too, because a probe without
budget keeps its last good result.
"""

from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import units

from dashboards import looks
from dashboards.frame import (
    FLEET,
    GATEWAY,
    PROBES,
    Row,
    common_marks,
    compose,
    link,
    probe_mark,
    row_link,
    runbook,
    variable,
)
from dashboards.frame import SEVERAL_PROBES as VIEW
from dashboards.panels import Query, Strip, bars, lines, tile, timeline
from dashboards.promql import RANGE, ratio, total
from dashboards.queries import overdue_probes, probe_result, probe_success_ratio
from dashboards.tables import CAUSE, Column, table
from exporter.metrics import families

HOUR = "1h"
"""Window of counts over time: runs are too few for a rate, and a failure should stay visible for a while."""

NO_PROBE = "no probe has run"
LABELS = ("probe", "node", "gateway")
SERIES = "{{probe}} {{node}} {{gateway}}"


def build() -> model.Dashboard:
    """The dashboard."""
    runs = families.PROBE_RUNS.name
    return compose(
        PROBES,
        "Synthetic calls: whether they succeed, their delay and audio quality, and how much budget is left.",
        variables=[
            variable("node", "Node", f"label_values({runs}, node)", several=True),
            variable("gateway", "Gateway", f'label_values({runs}{{node=~"$node"}}, gateway)', several=True),
            variable(
                "probe",
                "Probe",
                f'label_values({runs}{{node=~"$node",gateway=~"$gateway"}}, probe)',
                several=True,
            ),
        ],
        links=[link(FLEET, "Fleet", ("node",)), link(GATEWAY, "One gateway"), runbook()],
        marks=[*common_marks(VIEW, gateways_shown=False), probe_mark(VIEW)],
        rows=[_is_it_ok(), _runs(), _last_run(), _budget()],
        since="now-24h",
    )


def _is_it_ok() -> Row:
    calls_left = ratio(VIEW.value(families.PROBE_BUDGET_CALLS), VIEW.value(families.PROBE_BUDGET_CALLS_LIMIT))
    time_left = ratio(
        VIEW.value(families.PROBE_BUDGET_SECONDS), VIEW.value(families.PROBE_BUDGET_SECONDS_LIMIT)
    )
    return "", [
        tile(
            "Failing",
            "Probes whose last call failed. The tables below show which, and how.",
            units.NoUnit,
            VIEW.or_zero(f"sum(1 - {VIEW.well(families.PROBE_SUCCESS)})"),
            looks.worse_above(*looks.NONE_ALLOWED),
        ),
        tile(
            "Degraded",
            "Probes whose last call succeeded but missed a threshold: slow, or bad audio.",
            units.NoUnit,
            VIEW.or_zero(total(VIEW.value(families.PROBE_DEGRADED))),
            looks.worse_above((1, looks.WARNING)),
        ),
        tile(
            "Overdue",
            "Scheduled probes whose last run is older than two of their intervals and a minute. The trunk is "
            "not tested.",
            units.NoUnit,
            VIEW.or_zero(overdue_probes(VIEW)),
            looks.worse_above((1, looks.WARNING)),
        ),
        tile(
            "Success",
            "Share of runs in the selected range that succeeded, including degraded ones, without refused "
            f"and aborted ones. The objective is {100 * looks.PROBE_OBJECTIVE:g} %.",
            units.PercentUnit,
            probe_success_ratio(VIEW, RANGE),
            looks.better_above(looks.CRITICAL, *looks.PROBE_SUCCESS),
            empty=NO_PROBE,
            decimals=2,
        ),
        tile(
            "Runs",
            "Runs in the selected range, with any result.",
            units.NoUnit,
            VIEW.or_zero(total(VIEW.increase(families.PROBE_RUNS, "result"))),
            looks.plain(),
            decimals=0,
        ),
        tile(
            "Calls left",
            "Share of the day's budget of calls that is left; it is reset at 00:00 UTC. At 0 probes are "
            "refused.",
            units.PercentUnit,
            f"min({calls_left})",
            looks.better_above(looks.CRITICAL, *looks.BUDGET_LEFT),
            decimals=0,
        ),
        tile(
            "Time left",
            "Share of the day's budget of talk time that is left; it is reset at 00:00 UTC.",
            units.PercentUnit,
            f"min({time_left})",
            looks.better_above(looks.CRITICAL, *looks.BUDGET_LEFT),
            decimals=0,
        ),
        tile(
            "Refused",
            "Requests for probe calls that were refused in the selected range. Many refusals: a client or a "
            "schedule requests more than the guard allows.",
            units.NoUnit,
            total(VIEW.increase(families.PROBE_REFUSED, "reason")),
            looks.worse_above((1, looks.NOTICE)),
            decimals=0,
        ),
    ]


def _runs() -> Row:
    results = {"refused": looks.NOTICE, "aborted": looks.UNKNOWN, **looks.RESULTS}
    failure = ("probe", "phase", "cause")
    return "Runs", [
        table(
            "Last run of each probe",
            "One row per probe. Empty cells: the run ended before that phase. Click a gateway for details.",
            LABELS,
            Column("result", probe_result(VIEW), units.NoUnit, words=looks.RESULTS),
            Column("when", f"1000 * {VIEW.value(families.PROBE_LAST_RUN)}", units.DateTimeFromNow),
            Column(
                "success in range",
                probe_success_ratio(VIEW, RANGE, *LABELS),
                units.PercentUnit,
                limits=looks.better_above(looks.CRITICAL, *looks.PROBE_SUCCESS),
                decimals=1,
            ),
            Column("SIP status", VIEW.value(families.PROBE_SIP_STATUS), units.NoUnit, decimals=0),
            Column("time to answer", _phase("answer"), units.Seconds, decimals=2),
            Column("MOS", VIEW.value(families.PROBE_MOS), units.NoUnit, decimals=2),
            Column("loss", VIEW.value(families.PROBE_PACKET_LOSS), units.PercentUnit, decimals=1),
            Column("jitter", VIEW.value(families.PROBE_JITTER), units.Seconds, decimals=1),
            links={"gateway": ("Show this gateway", row_link(GATEWAY, "node", "gateway"))},
            sort_by="result",
            descending=True,
            empty=NO_PROBE,
            height=9,
        ),
        timeline(
            "Results",
            "Result of each probe's last run, over time. A strip ends when its probe no longer runs.",
            Strip(probe_result(VIEW), SERIES, looks.RESULTS),
            height=8,
        ),
        bars(
            "Runs in the hour before",
            "Runs by result. refused and aborted concern the exporter (guard, lost switch), not the trunk.",
            units.Short,
            Query(
                VIEW.or_none(
                    total(VIEW.increase(families.PROBE_RUNS, "result", window=HOUR), "result"), "result"
                ),
                "{{result}}",
            ),
            colours=results,
            empty=NO_PROBE,
            width=6,
        ),
        table(
            "Failures",
            "Failed runs in the selected range by phase and FreeSWITCH's cause. originate: rejected, or no "
            "response; ringing: not answered; media: answered, but silent.",
            failure,
            Column(
                "runs",
                f"{total(VIEW.increase(families.PROBE_FAILURES, 'phase', 'cause'), *failure)} > 0.5",
                units.NoUnit,
                decimals=0,
            ),
            sort_by="runs",
            descending=True,
            widths={"cause": CAUSE},
            empty="none known",
            width=11,
        ),
        lines(
            "Success over a day",
            "Share of the runs of the last 24 hours that succeeded; the line is the objective.",
            units.PercentUnit,
            Query(probe_success_ratio(VIEW, "1d", *LABELS), SERIES),
            limits=((0.99, looks.WELL),),
            top=1,
            highest=1,
            lowest=None,
            empty=NO_PROBE,
            width=7,
        ),
    ]


def _last_run() -> Row:
    return "Measurements", [
        lines(
            "Phases",
            "Duration of each phase of the last run, of the slowest probe selected. Compare it with its own "
            "past: slow answers often come before failures.",
            units.Seconds,
            Query(f"max by (phase) ({VIEW.value(families.PROBE_PHASE, 'phase')})", "{{phase}}"),
            top=1,
            empty=NO_PROBE,
        ),
        lines(
            "Duration of a run",
            "From originate to hang-up: median and 95th percentile.",
            units.Seconds,
            Query(VIEW.quantile(0.5, families.PROBE_DURATION), "50 % within"),
            Query(VIEW.quantile(0.95, families.PROBE_DURATION), "95 % within"),
            top=1,
            empty=NO_PROBE,
        ),
        lines(
            "Audio quality (MOS)",
            "FreeSWITCH's estimate for the returned audio, from 1 to 4.5. Below 3.6 people complain.",
            units.NoUnit,
            Query(VIEW.value(families.PROBE_MOS), SERIES),
            limits=((3.6, looks.WARNING),),
            lowest=1,
            top=5,
            highest=5,
            empty="no run received audio",
        ),
        lines(
            "Packet loss",
            "Share of packets lost in the last run. Above 5 % is audible.",
            units.PercentUnit,
            Query(VIEW.value(families.PROBE_PACKET_LOSS), SERIES),
            limits=((0.05, looks.WARNING),),
            top=0.1,
            highest=1,
            empty="no run received audio",
        ),
        lines(
            "Jitter and round trip",
            "Worst jitter of the last run; for probes that send a tone, also its round trip.",
            units.Seconds,
            Query(VIEW.value(families.PROBE_JITTER), f"jitter {SERIES}"),
            Query(VIEW.value(families.PROBE_ROUND_TRIP), f"round trip {SERIES}"),
            top=0.1,
            empty="no run received audio",
        ),
        lines(
            "Packets received",
            "Media packets received in the last run, normally 50 per second of talk time. 0: a silent call.",
            units.Short,
            Query(VIEW.value(families.PROBE_PACKETS), SERIES),
            top=50,
            empty="no run was answered",
        ),
    ]


def _budget() -> Row:
    return "Budget", [
        lines(
            "Calls left today",
            "Probe calls left of the day's budget, and the budget. It is reset at 00:00 UTC.",
            units.Short,
            Query(VIEW.value(families.PROBE_BUDGET_CALLS), "{{instance}} left"),
            Query(VIEW.value(families.PROBE_BUDGET_CALLS_LIMIT), "{{instance}} budget"),
            top=10,
        ),
        lines(
            "Talk time left today",
            "Minutes of probe talk time left of the day's budget, and the budget. It is reset at 00:00 UTC.",
            "suffix:min",
            Query(f"{VIEW.value(families.PROBE_BUDGET_SECONDS)} / 60", "{{instance}} left"),
            Query(f"{VIEW.value(families.PROBE_BUDGET_SECONDS_LIMIT)} / 60", "{{instance}} budget"),
            top=10,
        ),
        bars(
            "Refused in the hour before",
            "Requests for probe calls that were refused, by reason. unauthorized and cross_site are attempts "
            "without permission.",
            units.Short,
            Query(
                VIEW.or_none(
                    total(VIEW.increase(families.PROBE_REFUSED, "reason", window=HOUR), "reason"), "reason"
                ),
                "{{reason}}",
            ),
        ),
    ]


def _phase(name: str) -> str:
    return VIEW.value(families.PROBE_PHASE, where=f'phase="{name}"')
