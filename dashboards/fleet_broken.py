"""The fleet's first screen: what is broken, since when, and how many calls it costs."""

from grafana_foundation_sdk.models import units

from dashboards import looks
from dashboards.frame import GATEWAY, Row, row_link
from dashboards.frame import SEVERAL as VIEW
from dashboards.panels import Strip, tile, timeline
from dashboards.promql import MOST_STRIPS, total
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
    in_time = f"suffix:in {RECENT}"
    return "", [
        tile(
            "Switches",
            "How many are lost: FreeSWITCH processes that do not answer, reject the exporter or no longer "
            "send events. The table below has the reason.",
            "suffix:lost",
            f"sum(1 - {VIEW.well(families.UP)})",
            looks.worse_above(*looks.NONE_ALLOWED),
        ),
        tile(
            "Refusing",
            "Switches that refuse new calls themselves (limit reached, paused, shutting down, no RTP ports), "
            "while the provider's ping stays green. The table below has the reason.",
            units.NoUnit,
            f"sum({refusing_switches(VIEW)})",
            looks.worse_above(*looks.NONE_ALLOWED),
            empty="unknown",
        ),
        tile(
            "Gateways",
            "How many are out: gateways that FreeSWITCH would not dial through, or that are missing, on a "
            "stopped profile or do not answer. Gateways of a lost switch count as out.",
            "suffix:out",
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
            "Failed",
            f"Share of the outbound calls of the last {RECENT} that failed because of the network.",
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
            units.NoUnit,
            total(VIEW.value(families.LIVE_CALLS_SILENT)),
            looks.worse_above((1, looks.WARNING), (3, looks.CRITICAL)),
            empty="not looked at",
        ),
        tile(
            "Probes",
            "How many fail: probes whose last test call failed. A single failure can be transient; see the "
            "probes dashboard.",
            "suffix:failing",
            f"sum(1 - {success})",
            looks.worse_above((1, looks.WARNING), (2, looks.CRITICAL)),
            empty="no probes",
        ),
        tile(
            "Calls now",
            "Call legs up now, ringing ones included, on the selected gateways. 0 in a busy hour means that "
            "calls do not arrive; no threshold covers that.",
            units.NoUnit,
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
    lost_in_range = VIEW.low_in_range(families.UP)
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
            Column("problem", f"{problem} and {faulty}", units.NoUnit, words=looks.PROBLEMS),
            Column("since", f"1000 * ({faulty_since(VIEW)}) and {faulty}", units.DateTimeFromNow),
            Column(
                "failed",
                of_faulty(network_failures(VIEW, RECENT, *by)),
                units.NoUnit,
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
            hidden=("profile",),
            links={"gateway": ("Show this gateway", row_link(GATEWAY, "node", "gateway"))},
            sort_by="failed",
            descending=True,
            empty=NONE_KNOWN,
            width=13,
        ),
        table(
            "Switches lost, or refusing calls",
            "connection: why the exporter cannot watch it. refuses: why FreeSWITCH refuses new calls. "
            "calls: legs that were up when the switch was lost, in the last hour.",
            ("node",),
            Column(
                "connection",
                f"{connection} {of_broken}",
                units.NoUnit,
                words=looks.CONNECTION_PROBLEMS,
                empty="?",
            ),
            Column(
                "last event", f"1000 * {VIEW.value(families.LAST_EVENT)} {of_broken}", units.DateTimeFromNow
            ),
            Column(
                "refuses",
                f"max by (node) ({refusal}) {of_broken}",
                units.NoUnit,
                words=looks.REFUSALS,
                empty="?",
            ),
            Column(
                "calls",
                f"({total(VIEW.increase(families.CALLS_LOST, window='1h'), 'node')}) {of_broken}",
                units.NoUnit,
                decimals=0,
            ),
            sort_by="connection",
            descending=True,
            empty=NONE_KNOWN,
            width=11,
        ),
        timeline(
            "Gateways with a problem, over time",
            f"The worst verdict of all gateways, and the verdicts of the {MOST_STRIPS} that had a problem "
            "for the longest time of the selected range. In a gap the switch was lost.",
            Strip(f"max({problem})", "worst of all", looks.PROBLEMS),
            Strip(
                f"{problem} and {SAME_GATEWAY} {faulty_in_range(VIEW)}",
                "{{node}} {{gateway}}",
                looks.PROBLEMS,
            ),
            width=13,
            height=8,
        ),
        timeline(
            "Lost switches, over time",
            f"Why the exporter could not watch FreeSWITCH: the worst of all, and the {MOST_STRIPS} that were "
            "lost for the longest time of the selected range. hung: no command is answered; events_stalled: "
            "commands are answered, but no event arrives.",
            Strip(f"max({connection})", "worst of all", looks.CONNECTION_PROBLEMS),
            Strip(
                f"{connection} and on (node) {lost_in_range}",
                "{{node}}",
                looks.CONNECTION_PROBLEMS,
            ),
            width=11,
            height=8,
        ),
    ]
