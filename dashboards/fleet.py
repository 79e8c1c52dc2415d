"""The fleet overview: whether there is a problem, and where.

Strategy. The top row is readable at a glance: eight tiles that are green or blue while there is nothing to
do. Below it, two tables and two timelines name the gateway and the switch, with links to the details. Then
come the effects on callers, the figures of the switches, and at the bottom those of the exporter itself.
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
    row_link,
    runbook,
    variable,
)
from dashboards.frame import SEVERAL as VIEW
from dashboards.panels import Column, Query, Strip, bars, lines, table, tile, timeline
from dashboards.promql import per_minute, ratio, total
from dashboards.queries import (
    RECENT,
    availability,
    gateways_without,
    inbound_answer_ratio,
    network_failure_ratio,
    of_exporters,
    outbound_answer_ratio,
    per_gateway,
)
from exporter.metrics import families


def build() -> model.Dashboard:
    """The dashboard."""
    return compose(
        FLEET,
        "Every FreeSWITCH and every gateway at a glance: whether there is a problem, and where.",
        variables=[
            variable("node", "Node", f"label_values({families.UP.name}, node)", several=True),
            variable(
                "gateway",
                "Gateway",
                f'label_values({families.GATEWAY_WATCHED_SECONDS.name}{{node=~"$node"}}, gateway)',
                several=True,
            ),
        ],
        links=[link(GATEWAY, "One gateway"), link(PROBES, "Probes", ("node",)), runbook()],
        marks=common_marks(VIEW),
        rows=[_is_it_ok(), _where(), _callers(), _switches(), _exporter()],
        since="now-3h",
    )


def _is_it_ok() -> Row:
    lost = f"{total(VIEW.increase(families.EVENTS_DROPPED, 'reason', window=RECENT))}"
    unaccounted = f"{total(VIEW.increase(families.CALLS_UNACCOUNTED, window=RECENT))}"
    success = VIEW.well(families.PROBE_SUCCESS)
    load = ratio(VIEW.value(families.CURRENT_SESSIONS), VIEW.value(families.MAX_SESSIONS))
    return "", [
        tile(
            "Switches lost",
            "FreeSWITCH processes that do not answer, reject the exporter or no longer send events. Above 0, "
            "the timeline of connections below shows the reason.",
            units.Short,
            f"sum(1 - {VIEW.well(families.UP)})",
            looks.worse_above(*looks.NONE_ALLOWED),
        ),
        tile(
            "Gateways not usable",
            "Gateways that FreeSWITCH would not dial through, or that are missing, on a stopped profile or "
            "do not answer. Gateways of a lost switch count as not usable.",
            units.Short,
            gateways_without(VIEW, families.GATEWAY_USABLE),
            looks.worse_above(*looks.NONE_ALLOWED),
            empty="no gateways",
        ),
        tile(
            "Gateways with a problem",
            "Gateways with any verdict other than none, also those that still accept calls. The table below "
            "names each; unmonitored means no registration and no ping.",
            units.Short,
            gateways_without(VIEW, families.GATEWAY_PROBLEM, 'problem="none"'),
            looks.worse_above((1, looks.WARNING)),
            empty="no gateways",
        ),
        tile(
            f"Failed by the network, {RECENT}",
            "Share of outbound calls that failed because of the network: rejections, timeouts and dials "
            "refused because the gateway was down, without busy, unanswered, cancelled or wrong numbers.",
            units.PercentUnit,
            VIEW.or_zero(network_failure_ratio(VIEW, RECENT)),
            looks.worse_above(*looks.NETWORK_FAILURES),
            decimals=1,
        ),
        tile(
            "Probes failing",
            "Probes whose last test call failed. A single failure can be transient; see the probes "
            "dashboard.",
            units.Short,
            VIEW.or_zero(f"sum(1 - {success})"),
            looks.worse_above((1, looks.WARNING), (2, looks.CRITICAL)),
        ),
        tile(
            "Fullest switch",
            "Sessions in use, as a share of the session limit, on the fullest switch. At 100 % FreeSWITCH "
            "refuses calls.",
            units.PercentUnit,
            f"max({load})",
            looks.worse_above(*looks.LOAD),
            decimals=0,
        ),
        tile(
            "Calls now",
            "Call legs up now, ringing ones included, on the selected gateways. 0 in a busy hour means that "
            "calls do not arrive; no threshold covers that.",
            units.Short,
            total(VIEW.value(families.CALLS_ACTIVE)),
            looks.plain(),
        ),
        tile(
            f"Events missed, {RECENT}",
            "Events that the exporter dropped, and calls that FreeSWITCH counted without sending events. "
            "Above 0, the figures on this page have gaps.",
            units.Short,
            VIEW.or_zero(f"{lost} + {unaccounted}"),
            looks.worse_above((1, looks.WARNING)),
            decimals=0,
        ),
    ]


def _where() -> Row:
    gateway_labels = ("node", "gateway", "profile")
    by = ("node", "gateway")
    return "Where is the problem?", [
        table(
            "Gateways",
            "One row per gateway. The problem names what to fix first; availability is the share of the "
            "watched time, in the selected range, in which calls could be placed. Up/down: when its "
            "last outage ended or began; last change: of its registration state. Click a gateway for its "
            "details.",
            gateway_labels,
            Column(
                "problem",
                VIEW.code(families.GATEWAY_PROBLEM, "problem", list(looks.PROBLEMS)),
                units.Short,
                words=looks.PROBLEMS,
            ),
            Column(
                "state",
                VIEW.code(families.GATEWAY_STATE, "state", list(looks.STATES)),
                units.Short,
                words=looks.STATES,
            ),
            Column(
                "availability",
                availability(VIEW),
                units.PercentUnit,
                limits=looks.better_above(looks.CRITICAL, *looks.AVAILABILITY),
                decimals=2,
            ),
            Column(
                "up/down",
                f"1000 * {VIEW.value(families.GATEWAY_OUTAGE_CHANGE)}",
                units.DateTimeFromNow,
            ),
            Column(
                "outages/day",
                VIEW.increase(families.GATEWAY_OUTAGES, window="1d"),
                units.Short,
                limits=looks.worse_above((1, looks.WARNING), (5, looks.CRITICAL)),
                decimals=0,
            ),
            Column(
                "last change", f"1000 * {VIEW.value(families.GATEWAY_LAST_CHANGE)}", units.DateTimeFromNow
            ),
            Column("ping", VIEW.value(families.GATEWAY_PING), units.Seconds, decimals=1),
            Column(
                "calls now",
                per_gateway(VIEW, total(VIEW.value(families.CALLS_ACTIVE), *by)),
                units.Short,
            ),
            Column(
                f"failed by the network, {RECENT}",
                per_gateway(VIEW, network_failure_ratio(VIEW, RECENT, *by)),
                units.PercentUnit,
                limits=looks.worse_above(*looks.NETWORK_FAILURES),
                decimals=1,
            ),
            links={"gateway": ("Show this gateway", row_link(GATEWAY, "node", "gateway"))},
            sort_by="problem",
            descending=True,
            empty="no gateways",
        ),
        timeline(
            "Verdict per gateway",
            "The exporter's verdict on each gateway over time. In a gap its switch was lost.",
            Strip(
                VIEW.code(families.GATEWAY_PROBLEM, "problem", list(looks.PROBLEMS)),
                "{{node}} {{profile}} {{gateway}}",
                looks.PROBLEMS,
            ),
            empty="no gateways",
            width=12,
            height=9,
        ),
        timeline(
            "Connection per switch",
            "Why the exporter could not watch each FreeSWITCH, over time; none is normal. hung: no command "
            "is answered; events_stalled: commands are answered, but no event arrives.",
            Strip(
                VIEW.code(families.CONNECTION_PROBLEM, "problem", list(looks.CONNECTION_PROBLEMS)),
                "{{node}}",
                looks.CONNECTION_PROBLEMS,
            ),
            width=12,
            height=9,
        ),
    ]


def _callers() -> Row:
    unanswered = VIEW.rate(families.CALL_HANGUPS, "cause", where='answered="false"')
    by_node_gateway = "{{node}} {{gateway}}"
    return "Effect on callers", [
        lines(
            "Calls now",
            "Call legs up, ringing ones included, per gateway. Legs that use no gateway (local extensions) "
            "are listed under the node only. Look for sudden drops as well as peaks.",
            units.Short,
            Query(total(VIEW.value(families.CALLS_ACTIVE), "node", "gateway"), by_node_gateway),
        ),
        lines(
            "Calls started and answered",
            "Legs per minute, both directions.",
            units.CountsPerMinute,
            Query(per_minute(total(VIEW.rate(families.CALLS_STARTED))), "started"),
            Query(per_minute(total(VIEW.rate(families.CALLS_ANSWERED))), "answered"),
        ),
        lines(
            f"Answered and failed, over {RECENT}",
            "Share of calls answered (ASR) by direction, and of outbound calls that failed by the network "
            "(1 - NER). ASR differs by hour and country: compare it with its own past.",
            units.PercentUnit,
            Query(VIEW.or_zero(outbound_answer_ratio(VIEW, RECENT)), "answered, outbound"),
            Query(VIEW.or_zero(inbound_answer_ratio(VIEW, RECENT)), "answered, inbound"),
            Query(VIEW.or_zero(network_failure_ratio(VIEW, RECENT)), "failed by the network"),
            highest=1,
        ),
        bars(
            "Why calls were not answered",
            "Unanswered legs per minute by FreeSWITCH's hang-up cause. CALL_REJECTED is most often the "
            "provider (credentials, balance, limits); NORMAL_TEMPORARY_FAILURE a provider that is down or "
            "unreachable.",
            units.CountsPerMinute,
            Query(VIEW.or_none(per_minute(total(unanswered, "cause")), "cause"), "{{cause}}"),
        ),
        bars(
            "SIP answers to unanswered calls",
            "Final SIP status from the far end, per minute. 403, 407 and 503 are the provider's, 404, 480, "
            "486 and 487 concern the called party.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(
                    per_minute(total(VIEW.rate(families.CALL_SIP_RESPONSES, "code"), "code")), "code"
                ),
                "{{code}}",
            ),
        ),
        bars(
            "Rejections with a provider code",
            "Rejections per minute with a code of the provider's own, by class: capacity, billing, "
            "authentication, caller ID and others. The gateway dashboard shows the codes.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(
                    per_minute(
                        total(
                            VIEW.rate(families.CALL_PROVIDER_REJECTIONS, "provider", "code", "class"), "class"
                        )
                    ),
                    "class",
                ),
                "{{class}}",
            ),
        ),
        lines(
            "Post-dial delay",
            "Seconds from dialling to the first ringing tone or early media. Callers hear nothing meanwhile.",
            units.Seconds,
            Query(VIEW.quantile(0.5, families.CALL_POST_DIAL_DELAY), "50 % within", True),
            Query(VIEW.quantile(0.95, families.CALL_POST_DIAL_DELAY), "95 % within", True),
            empty="no call in this range",
        ),
        lines(
            "Bad audio",
            "Share of answered calls with an estimated quality (MOS) up to 3.6, at which people complain, "
            "and with more than 5 % packet loss.",
            units.PercentUnit,
            Query(VIEW.or_zero(VIEW.share_up_to(families.CALL_MOS, 3.6)), "MOS up to 3.6"),
            Query(VIEW.or_zero(f"1 - {VIEW.share_up_to(families.CALL_PACKET_LOSS, 0.05)}"), "loss above 5 %"),
            highest=1,
        ),
        bars(
            "Calls without media",
            "Answered calls per minute that should have audio and received no packet: firewall, NAT, "
            "or the provider's media. Several in a row are an outage that no SIP code shows.",
            units.CountsPerMinute,
            Query(per_minute(total(VIEW.rate(families.CALLS_WITHOUT_MEDIA), "node")), "{{node}}"),
        ),
    ]


def _switches() -> Row:
    sessions = ratio(VIEW.value(families.CURRENT_SESSIONS), VIEW.value(families.MAX_SESSIONS))
    new_sessions = ratio(VIEW.value(families.CURRENT_SPS), VIEW.value(families.MAX_SPS))
    return "Load of the switches", [
        table(
            "Switches",
            "One row per FreeSWITCH: version, load, and whether it is paused.",
            ("node", "version", "hostname"),
            Column("info", VIEW.value(families.INFO, "version", "hostname"), units.Short),
            Column("uptime", VIEW.value(families.UPTIME), units.DurationSeconds),
            Column("sessions", VIEW.value(families.CURRENT_SESSIONS), units.Short),
            Column(
                "of the limit",
                sessions,
                units.PercentUnit,
                limits=looks.worse_above(*looks.LOAD),
                decimals=0,
            ),
            Column("calls", VIEW.value(families.CURRENT_CALLS), units.Short),
            Column("endpoints registered", VIEW.value(families.REGISTRATIONS), units.Short),
            Column("idle CPU", VIEW.value(families.IDLE_CPU), units.Percent, decimals=0),
            Column("clock skew", VIEW.value(families.CLOCK_SKEW), units.Seconds, decimals=3),
            Column(
                "paused",
                f"max by (node) ({VIEW.series(families.PAUSED)})",
                units.Short,
                words=looks.PAUSED,
            ),
            hidden=("info",),
            height=6,
        ),
        lines(
            "Sessions, of the limit",
            "Sessions (legs) in use as a share of max-sessions. At 100 % FreeSWITCH refuses calls.",
            units.PercentUnit,
            Query(sessions, "{{node}}"),
            limits=looks.LOAD,
            highest=1,
            width=6,
        ),
        lines(
            "New sessions, of the limit",
            "New sessions in the last second as a share of sessions-per-second. At 100 % FreeSWITCH refuses "
            "calls.",
            units.PercentUnit,
            Query(new_sessions, "{{node}}"),
            limits=looks.LOAD,
            highest=1,
            width=6,
        ),
        lines(
            "Idle CPU",
            "Idle CPU of the switch's host, as FreeSWITCH reports it. Near 0, audio gets bad before calls "
            "fail.",
            units.Percent,
            Query(VIEW.value(families.IDLE_CPU), "{{node}}"),
            highest=100,
            width=6,
        ),
        timeline(
            "SIP profiles",
            "Whether each SIP profile runs. Without its profile, no gateway of it exists.",
            Strip(VIEW.well(families.PROFILE_UP), "{{node}} {{profile}}", looks.PROFILE_UP),
            width=6,
            height=8,
        ),
    ]


def _exporter() -> Row:
    lag = f"histogram_quantile(0.99, {VIEW.buckets(families.EVENT_LAG, 'node')})"
    command = VIEW.rate(families.COMMAND_DURATION, "le", "command", suffix="_bucket")
    return "Exporter", [
        bars(
            "Events received",
            "Events per second by name. No events while calls are up means that the event stream is stalled.",
            units.CountsPerSecond,
            Query(total(VIEW.rate(families.EVENTS, "event"), "event"), "{{event}}"),
        ),
        lines(
            "Event delay",
            "Time from an event's timestamp to its arrival (minus the shortest one seen), 99th percentile; "
            "and the round trip of the exporter's own tick event, of which up to 20 ms is FreeSWITCH's "
            "polling.",
            units.Seconds,
            Query(lag, "{{node}} 99 % within"),
            Query(VIEW.value(families.EVENT_ROUND_TRIP), "{{node}} tick"),
        ),
        bars(
            "Missed events, refused legs",
            "Per minute: events that the exporter dropped, by reason; sessions that FreeSWITCH counted "
            "without sending events; and legs that FreeSWITCH refused before any INVITE (gateway down or "
            "unknown).",
            units.CountsPerMinute,
            Query(
                per_minute(total(VIEW.rate(families.EVENTS_DROPPED, "reason"), "reason")),
                "dropped: {{reason}}",
            ),
            Query(per_minute(total(VIEW.rate(families.CALLS_UNACCOUNTED))), "calls without events"),
            Query(per_minute(total(VIEW.rate(families.CALLS_REFUSED_LOCALLY))), "legs refused by FreeSWITCH"),
        ),
        lines(
            "Command duration",
            "Time to answer the exporter's commands, 99th percentile. Answers get slow before FreeSWITCH "
            "hangs.",
            units.Seconds,
            Query(f"histogram_quantile(0.99, {total(command, 'le', 'command')})", "{{command}}"),
        ),
        bars(
            "Connection attempts",
            "Attempts per minute by outcome. Many with outcome connected mean that connections break often.",
            units.CountsPerMinute,
            Query(
                per_minute(total(VIEW.rate(families.CONNECTION_ATTEMPTS, "outcome"), "outcome")),
                "{{outcome}}",
            ),
        ),
        lines(
            "Exporter health",
            "Delay of the exporter's event loop. Above 0.1 s the exporter lacks CPU.",
            units.Seconds,
            Query(VIEW.value(families.LOOP_LAG), "{{instance}} loop delay"),
            width=4,
        ),
        lines(
            "Memory and backlog",
            "Resident memory of the exporter, and bytes that FreeSWITCH has sent and the exporter has not "
            "read.",
            units.BytesIEC,
            Query(of_exporters("process_resident_memory_bytes"), "{{instance}} memory"),
            Query(VIEW.value(families.EVENT_BACKLOG), "{{node}} backlog"),
            width=4,
        ),
    ]
