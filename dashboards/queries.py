"""Expressions that several panels share: ratios over calls, availability, numbers of faulty gateways."""

from collections.abc import Sequence

from dashboards.promql import MOST_LINES, RANGE, View, share, total
from exporter.metrics import families
from exporter.metrics.exposition import Family

RECENT = "15m"
"""Window of the top row: long enough to contain calls, short enough to end soon after a fault."""

USER_CAUSES = (
    "NORMAL_CLEARING",
    "USER_BUSY",
    "BUSY_EVERYWHERE",
    "NO_ANSWER",
    "NO_PICKUP",
    "NO_USER_RESPONSE",
    "SUBSCRIBER_ABSENT",
    "UNALLOCATED_NUMBER",
    "INVALID_NUMBER_FORMAT",
    "NUMBER_CHANGED",
    "DOES_NOT_EXIST_ANYWHERE",
    "REDIRECTION_TO_NEW_DESTINATION",
    "ORIGINATOR_CANCEL",
    "DECLINE",
    "REJECT_ALL",
    "UNWANTED",
    "LOSE_RACE",
    "PICKED_OFF",
    "MANAGER_REQUEST",
    "ALLOTTED_TIMEOUT",
    "BLIND_TRANSFER",
    "ATTENDED_TRANSFER",
    "USER_CHALLENGE",
)
"""Causes of unanswered calls that caller or callee produce; the recording rules have the same list.

From ITU-T E.425: its network effectiveness ratio (NER) does not count busy, unanswered and abandoned calls as
network failures. CALL_REJECTED is not in the list: FreeSWITCH uses it for 603, but also for 401, 402, 403 and
407, which are rejections by the provider.
"""

NO_PROBLEM = "none|unmonitored"
"""Verdicts that are no outage; the alerts and the history have the same list."""

GATEWAY = ("node", "gateway", "profile")
SAME_GATEWAY = "on (node, gateway, profile)"

OUTBOUND = 'direction="outbound"'
INBOUND = 'direction="inbound"'


def call_attempts(view: View, window: str, *by: str) -> str:
    """Outbound calls started, and the dials that FreeSWITCH refused because the gateway was down.

    Refused dials cause no call event; only freeswitch_gateway_refused_calls_total counts them.
    """
    started = total(view.increase(families.CALLS_STARTED, where=OUTBOUND, window=window), *by)
    return _sum_of_either(view, started, _refused(view, window, *by), by)


def network_failures(view: View, window: str, *by: str) -> str:
    """Outbound calls that failed by the network: refused dials, and causes that are not USER_CAUSES."""
    where = f'{OUTBOUND},answered="false",cause!~"{"|".join(USER_CAUSES)}"'
    failed = total(view.increase(families.CALL_HANGUPS, "cause", where=where, window=window), *by)
    return _sum_of_either(view, failed, _refused(view, window, *by), by)


def network_failure_ratio(view: View, window: str, *by: str) -> str:
    """The share (0-1) of outbound call attempts that failed by the network: 1 - NER."""
    return share(f"({network_failures(view, window, *by)})", f"({call_attempts(view, window, *by)})")


def outbound_answer_ratio(view: View, window: str, *by: str) -> str:
    """ASR (0-1) outbound: the share of call attempts that were answered."""
    answered = total(view.increase(families.CALLS_ANSWERED, where=OUTBOUND, window=window), *by)
    return share(answered, f"({call_attempts(view, window, *by)})")


def inbound_answer_ratio(view: View, window: str, *by: str) -> str:
    """ASR (0-1) inbound: the share of calls received that were answered."""
    answered = total(view.increase(families.CALLS_ANSWERED, where=INBOUND, window=window), *by)
    started = total(view.increase(families.CALLS_STARTED, where=INBOUND, window=window), *by)
    return share(answered, started)


def availability(view: View, window: str = RANGE) -> str:
    """The share (0-1) of the watched time in which a gateway was usable; a lost node is not watched."""
    return share(
        view.increase(families.GATEWAY_USABLE_SECONDS, window=window),
        view.increase(families.GATEWAY_WATCHED_SECONDS, window=window),
    )


def per_gateway(view: View, by_node_and_gateway: str) -> str:
    """Join a figure of calls, which have no profile label, to the gateways of that node and name."""
    each = f"({view.value(families.GATEWAY_WATCHED_SECONDS)} >= bool 0)"
    return f"({by_node_and_gateway}) * on (node, gateway) group_right () {each}"


def faulty_gateways(view: View) -> str:
    """1 for each gateway with a verdict that calls for a repair; of two exporters the one that sees it."""
    return f"{view.value(families.GATEWAY_PROBLEM, where=_FAULTY)} == 1"


def faulty_in_range(view: View) -> str:
    """The gateways that had such a verdict in the selected range; those for the longest time."""
    return view.other_in_range(families.GATEWAY_PROBLEM, _FAULTY)


def faulty_since(view: View) -> str:
    """When the outage of each faulty gateway began (epoch seconds); else, when its state changed last."""
    began = view.value(families.GATEWAY_OUTAGE_CHANGE)
    lasting = f"{view.value(families.GATEWAY_OUTAGE)} == 1"
    changed = view.value(families.GATEWAY_LAST_CHANGE)
    return f"({began} and {SAME_GATEWAY} {lasting}) or {changed}"


def refusing_switches(view: View) -> str:
    """1 for each switch that itself refuses new calls, in any direction."""
    return f"min by (node) ({view.series(families.ACCEPTING_CALLS)}) == bool 0"


def broken_switches(view: View) -> str:
    """Each switch that is lost or refuses new calls; the value is of no use."""
    return f"({view.well(families.UP)} == 0) or ({refusing_switches(view)} == 1)"


def calls_by_gateway(view: View) -> str:
    """Calls now by node and gateway, of those that had most in the selected range."""
    return _most_by_gateway(view, families.CALLS_ACTIVE)


def silent_calls(view: View) -> str:
    """Running calls that are silent now, by node and gateway, of those that had most in that range."""
    return _most_by_gateway(view, families.LIVE_CALLS_SILENT)


def no_gateway(expression: str) -> str:
    """Name what calls that use no gateway have as a gateway."""
    return f'label_replace({expression}, "gateway", "(no gateway)", "gateway", "")'


def gateways_without(view: View, family: Family, where: str = "") -> str:
    """How many gateways do not have this gauge at 1. Gateways of a lost node are counted."""
    known = f"count({view.value(families.GATEWAY_WATCHED_SECONDS)})"
    return f"{known} - ({view.or_zero(total(view.well(family, where)))})"


def probe_result(view: View) -> str:
    """Result of the last run, as its index in looks.RESULTS: 0 success, 1 degraded, 2 failed."""
    return f"{view.value(families.PROBE_DEGRADED)} == 1 or 2 * (1 - {view.well(families.PROBE_SUCCESS)})"


def probe_success_ratio(view: View, window: str, *by: str) -> str:
    """The share (0-1) of runs that succeeded: degraded count as success, refused and aborted do not count."""
    good = view.increase(families.PROBE_RUNS, "result", where='result=~"success|degraded"', window=window)
    counted = view.increase(
        families.PROBE_RUNS, "result", where='result=~"success|degraded|failed"', window=window
    )
    return share(total(good, *by), total(counted, *by))


def overdue_probes(view: View) -> str:
    """How many scheduled probes last ran more than two of their intervals and a minute ago."""
    age = f"time() - {view.value(families.PROBE_LAST_RUN)}"
    return f"sum({age} > bool 2 * {view.value(families.PROBE_INTERVAL)} + 60)"


def of_exporters(name: str) -> str:
    """A `process_*` metric of the exporters only; other programs have these metrics too."""
    return f"{name} and on (job, instance) {families.BUILD_INFO.name}"


_FAULTY = f'problem!~"{NO_PROBLEM}"'


def _most_by_gateway(view: View, family: Family) -> str:
    calls = total(view.value(family), "node", "gateway")
    most = total(view.highest_in_range(family), "node", "gateway")
    return no_gateway(f"{calls} and on (node, gateway) topk({MOST_LINES}, {most} > 0)")


def _refused(view: View, window: str, *by: str) -> str:
    return total(view.increase(families.GATEWAY_REFUSED_CALLS, window=window), *by)


def _sum_of_either(view: View, left: str, right: str, by: Sequence[str]) -> str:
    """The sum where both have data, else the one with data: a gateway may have only one kind."""
    if not by:
        return f"({view.or_zero(left)}) + ({view.or_zero(right)})"
    return f"{left} + {right} or {left} or {right}"
