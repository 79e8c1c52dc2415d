"""The fleet's first screen: what is broken, since when, and how many calls it costs."""

from grafana_foundation_sdk.models import units

from dashboards import looks
from dashboards.frame import GATEWAY, Row, row_link
from dashboards.frame import SEVERAL as VIEW
from dashboards.panels import Strip, tile, timeline
from dashboards.promql import RANGE, total
from dashboards.queries import (
    RECENT,
    SAME_GATEWAY,
    broken_switches,
    faulty_gateways,
    faulty_in_range,
    faulty_since,
    gateways_without,
    network_failure_ratio,
    network_failures,
    per_gateway,
    refusing_switches,
)
from dashboards.tables import Column, table
from exporter.metrics import families

NONE_KNOWN = "none known (tiles without numbers: is the exporter scraped?)"


def is_it_ok() -> Row:
    """The tiles."""
    success = VIEW.well(families.PROBE_SUCCESS)
    in_time = f"suffix: in {RECENT}"
    return "", [
        tile(
            "Switches lost",
            "FreeSWITCH processes that do not answer, reject the exporter or no longer send events. The "
            "table below has the reason.",
            units.Short,
            f"sum(1 - {VIEW.well(families.UP)})",
            looks.worse_above(*looks.NONE_ALLOWED),
        ),
        tile(
            "Refusing calls",
            "Switches that refuse new calls themselves (limit reached, paused, shutting down, no RTP ports), "
            "while the provider's ping stays green. The table below has the reason.",
            units.Short,
            f"sum({refusing_switches(VIEW)})",
            looks.worse_above(*looks.NONE_ALLOWED),
            empty="unknown",
        ),
        tile(
            "Gateways out",
            "Gateways that FreeSWITCH would not dial through, or that are missing, on a stopped profile or "
            "do not answer. Gateways of a lost switch count as out.",
            units.Short,
            gateways_without(VIEW, families.GATEWAY_USABLE),
            looks.worse_above(*looks.NONE_ALLOWED),
            empty="no gateways",
        ),
        tile(
            "Calls failed",
            f"Outbound calls of the last {RECENT} that failed because of the network: rejections, timeouts "
            "and dials refused because the gateway was down, without busy, unanswered, cancelled or wrong "
            "numbers.",
            in_time,
            network_failures(VIEW, RECENT),
            looks.worse_above((1, looks.WARNING), (20, looks.CRITICAL)),
            decimals=0,
        ),
        tile(
            "Share failed",
            f"The same as a share of the outbound calls of the last {RECENT}.",
            units.PercentUnit,
            network_failure_ratio(VIEW, RECENT),
            looks.worse_above(*looks.NETWORK_FAILURES),
            empty="no calls",
            decimals=1,
        ),
        tile(
            "Silent calls",
            "Running answered calls in whose last 10 s nothing was heard though it should: their audio died, "
            "of those looked at (live_quality.calls of each switch at most, taken in turn).",
            units.Short,
            total(VIEW.value(families.LIVE_CALLS_SILENT)),
            looks.worse_above((1, looks.WARNING), (3, looks.CRITICAL)),
            empty="not looked at",
        ),
        tile(
            "Probes failing",
            "Probes whose last test call failed. A single failure can be transient; see the probes "
            "dashboard.",
            units.Short,
            f"sum(1 - {success})",
            looks.worse_above((1, looks.WARNING), (2, looks.CRITICAL)),
            empty="no probes",
        ),
        tile(
            "Calls now",
            "Call legs up now, ringing ones included, on the selected gateways. 0 in a busy hour means that "
            "calls do not arrive; no threshold covers that.",
            units.Short,
            total(VIEW.value(families.CALLS_ACTIVE)),
            looks.plain(),
            empty="unknown",
        ),
    ]


def broken() -> Row:
    """The tables and timelines."""
    faulty = f"{SAME_GATEWAY} {faulty_gateways(VIEW)}"
    problem = VIEW.code(families.GATEWAY_PROBLEM, "problem", list(looks.PROBLEMS))
    connection = VIEW.code(families.CONNECTION_PROBLEM, "problem", list(looks.CONNECTION_PROBLEMS))
    refusal = VIEW.code(families.REFUSAL_REASON, "reason", list(looks.REFUSALS))
    of_broken = f"and on (node) ({broken_switches(VIEW)})"
    lost_in_range = f"min_over_time({VIEW.series(families.UP)}[{RANGE}] @ end()) == 0"
    by = ("node", "gateway")

    def of_faulty(expression: str) -> str:
        return f"({per_gateway(VIEW, expression)}) and {faulty}"

    return "What is broken, since when, and how many calls it costs", [
        table(
            "Gateways with a problem",
            "Only gateways with a verdict that calls for a repair; the runbook has a section for each. "
            f"failed: outbound calls of the last {RECENT} that failed by the network, refused dials "
            "included. Click a gateway for its details.",
            ("node", "gateway"),
            Column("problem", f"{problem} and {faulty}", units.Short, words=looks.PROBLEMS),
            Column("since", f"1000 * ({faulty_since(VIEW)}) and {faulty}", units.DateTimeFromNow),
            Column(
                f"failed, {RECENT}",
                of_faulty(network_failures(VIEW, RECENT, *by)),
                units.Short,
                limits=looks.worse_above((1, looks.WARNING), (20, looks.CRITICAL)),
                decimals=0,
                empty="no calls",
            ),
            Column(
                "share",
                of_faulty(network_failure_ratio(VIEW, RECENT, *by)),
                units.PercentUnit,
                decimals=0,
                empty="no calls",
            ),
            Column(
                "outages/day",
                f"({VIEW.increase(families.GATEWAY_OUTAGES, window='1d')}) and {faulty}",
                units.Short,
                decimals=0,
            ),
            hidden=("profile",),
            links={"gateway": ("Show this gateway", row_link(GATEWAY, "node", "gateway"))},
            sort_by=f"failed, {RECENT}",
            descending=True,
            empty=NONE_KNOWN,
            width=13,
        ),
        table(
            "Switches lost, or refusing calls",
            "connection: why the exporter cannot watch it. refuses: why FreeSWITCH refuses new calls. "
            "Lost calls, in the last hour: legs that were up when the switch was lost.",
            ("node",),
            Column(
                "connection",
                f"{connection} {of_broken}",
                units.Short,
                words=looks.CONNECTION_PROBLEMS,
                empty="?",
            ),
            Column(
                "last event", f"1000 * {VIEW.value(families.LAST_EVENT)} {of_broken}", units.DateTimeFromNow
            ),
            Column(
                "refuses",
                f"max by (node) ({refusal}) {of_broken}",
                units.Short,
                words=looks.REFUSALS,
                empty="?",
            ),
            Column(
                "lost calls",
                f"({total(VIEW.increase(families.CALLS_LOST, window='1h'), 'node')}) {of_broken}",
                units.Short,
                decimals=0,
            ),
            sort_by="connection",
            descending=True,
            empty=NONE_KNOWN,
            width=11,
        ),
        timeline(
            "Gateways with a problem, over time",
            "The worst verdict of all gateways, and the verdict of each that had a problem in the selected "
            "range. In a gap its switch was lost.",
            Strip(f"max({problem})", "worst of all", looks.PROBLEMS),
            Strip(
                f"{problem} and {SAME_GATEWAY} ({faulty_in_range(VIEW)})",
                "{{node}} {{gateway}}",
                looks.PROBLEMS,
            ),
            width=13,
            height=8,
        ),
        timeline(
            "Lost switches, over time",
            "Why the exporter could not watch FreeSWITCH: the worst of all, and each that was lost in the "
            "selected range. hung: no command is answered; events_stalled: commands are answered, but no "
            "event arrives.",
            Strip(f"max({connection})", "worst of all", looks.CONNECTION_PROBLEMS),
            Strip(f"{connection} and on (node) ({lost_in_range})", "{{node}}", looks.CONNECTION_PROBLEMS),
            width=11,
            height=8,
        ),
    ]
