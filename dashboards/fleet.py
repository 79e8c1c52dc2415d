"""The fleet overview: what is broken, since when, and how many calls it costs.

Strategy. The first screen answers these three questions and nothing else (fleet_broken.py): eight tiles that
are green or blue while there is nothing to do, two tables with only the gateways and switches that are
broken, and two timelines with only those that were broken in the selected range. Then come the effects on
callers, all gateways, telephones and strangers (fleet_people.py), the figures of the switches and, at the
bottom, those of the exporter itself (fleet_switches.py).
"""

from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import units

from dashboards import looks
from dashboards.fleet_broken import broken, is_it_ok
from dashboards.fleet_people import people
from dashboards.fleet_switches import exporter, switches
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
from dashboards.panels import Query, bars, lines
from dashboards.promql import MOST_LINES, per_minute, total
from dashboards.queries import (
    RECENT,
    availability,
    calls_by_gateway,
    inbound_answer_ratio,
    network_failure_ratio,
    outbound_answer_ratio,
    per_gateway,
    silent_calls,
)
from dashboards.tables import CAUSE, Column, table
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
        marks=common_marks(VIEW, gateways_shown=False),
        rows=[is_it_ok(), broken(), _callers(), _gateways(), people(), switches(), exporter()],
        since="now-3h",
    )


def _callers() -> Row:
    unanswered = VIEW.rate(families.CALL_HANGUPS, "cause", where='answered="false"')
    dials = ("cause", "kind", "gateway", "source")
    refused = VIEW.rate(families.DIALS_REFUSED, "cause", "kind", "source")
    return "Effect on callers", [
        lines(
            "Calls now",
            f"Call legs up, ringing ones included, of the {MOST_LINES} gateways that had most in the "
            "selected range. (no gateway): local extensions. Look for sudden drops as well as peaks.",
            units.Short,
            Query(calls_by_gateway(VIEW), "{{node}} {{gateway}}"),
            top=5,
            empty="no call in this range",
            width=10,
        ),
        lines(
            "Calls started and answered",
            "Legs per minute, both directions.",
            units.CountsPerMinute,
            Query(per_minute(total(VIEW.rate(families.CALLS_STARTED))), "started"),
            Query(per_minute(total(VIEW.rate(families.CALLS_ANSWERED))), "answered"),
            top=5,
            width=7,
        ),
        lines(
            f"Answered and failed, over {RECENT}",
            "Share of calls answered (ASR) by direction, and of outbound calls that failed by the network "
            "(1 - NER). ASR differs by hour and country: compare it with its own past.",
            units.PercentUnit,
            Query(outbound_answer_ratio(VIEW, RECENT), "answered, outbound"),
            Query(inbound_answer_ratio(VIEW, RECENT), "answered, inbound"),
            Query(network_failure_ratio(VIEW, RECENT), "failed by the network"),
            top=1,
            highest=1,
            empty="no call in this range",
            width=7,
        ),
        bars(
            "Why calls were not answered",
            "Unanswered legs per minute by FreeSWITCH's hang-up cause. CALL_REJECTED is most often the "
            "provider (credentials, balance, limits); NORMAL_TEMPORARY_FAILURE a provider that is down or "
            "unreachable.",
            units.CountsPerMinute,
            Query(VIEW.or_none(per_minute(total(unanswered, "cause")), "cause"), "{{cause}}"),
            width=10,
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
            width=7,
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
            width=7,
        ),
        lines(
            "Post-dial delay",
            "Seconds from dialling to the first ringing tone or early media. Callers hear nothing meanwhile.",
            units.Seconds,
            Query(VIEW.quantile(0.5, families.CALL_POST_DIAL_DELAY), "50 % within", True),
            Query(VIEW.quantile(0.95, families.CALL_POST_DIAL_DELAY), "95 % within", True),
            top=1,
            empty="no call in this range",
            width=6,
        ),
        lines(
            "Bad audio",
            "Share of answered calls with an estimated quality (MOS) up to 3.6, at which people complain, "
            "and with more than 5 % packet loss.",
            units.PercentUnit,
            Query(VIEW.or_zero(VIEW.share_up_to(families.CALL_MOS, 3.6)), "MOS up to 3.6"),
            Query(VIEW.or_zero(f"1 - {VIEW.share_up_to(families.CALL_PACKET_LOSS, 0.05)}"), "loss above 5 %"),
            top=0.1,
            highest=1,
            width=6,
        ),
        lines(
            "Running calls that are silent",
            "Running answered calls in whose last 10 s nothing was heard though it should, by gateway. "
            "Several at once through one gateway: the audio of that trunk has died.",
            units.Short,
            Query(silent_calls(VIEW), "{{node}} {{gateway}}"),
            Query(total(VIEW.value(families.LIVE_CALLS_SAMPLED)), "looked at"),
            top=5,
            empty="no running call is looked at",
            width=6,
        ),
        bars(
            "Calls without media",
            "Answered calls per minute that should have audio and received no packet: firewall, NAT, "
            "or the provider's media. Several in a row are an outage that no SIP code shows.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(per_minute(total(VIEW.rate(families.CALLS_WITHOUT_MEDIA), "node")), "node"),
                "{{node}}",
            ),
            width=6,
        ),
        bars(
            "Dials refused",
            "Dials per minute that never became a leg, by cause, where something shows it: they cause no "
            "call event. INVALID_GATEWAY and SUBSCRIBER_ABSENT are mistakes of whoever dials.",
            units.CountsPerMinute,
            Query(VIEW.or_none(per_minute(total(refused, "cause")), "cause"), "{{cause}}"),
            width=6,
        ),
        table(
            "Dials refused, in the selected range",
            "By cause, what was dialled, the gateway (other: one that FreeSWITCH does not know), and who "
            "dialled: client (api, bgapi) or bridge (dialplan). The exporter's page has the targets.",
            dials,
            Column(
                "dials",
                f"{total(VIEW.increase(families.DIALS_REFUSED, *dials), *dials)} > 0.5",
                units.NoUnit,
                decimals=0,
            ),
            sort_by="dials",
            descending=True,
            empty="none known",
            widths={"cause": CAUSE},
            width=12,
        ),
        bars(
            "Failed by FreeSWITCH itself",
            "Unanswered outbound calls per minute that FreeSWITCH ended itself. no_rtp_ports is never the "
            "provider's fault; no_answer_to_invite and refused_port: the provider does not answer at all.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(
                    per_minute(total(VIEW.rate(families.CALL_LOCAL_FAILURES, "reason"), "reason")), "reason"
                ),
                "{{reason}}",
            ),
            width=6,
        ),
    ]


def _gateways() -> Row:
    by = ("node", "gateway")
    return "All gateways", [
        table(
            "Gateways",
            "One row per gateway. The problem names what to fix first; availability is the share of the "
            "watched time, in the selected range, in which calls could be placed. Up/down: when its "
            "last outage ended or began. Click a gateway for its details.",
            ("node", "gateway", "profile"),
            Column(
                "problem",
                VIEW.code(families.GATEWAY_PROBLEM, "problem", list(looks.PROBLEMS)),
                units.NoUnit,
                words=looks.PROBLEMS,
                empty="switch lost",
            ),
            Column(
                "state",
                VIEW.code(families.GATEWAY_STATE, "state", list(looks.STATES)),
                units.NoUnit,
                words=looks.STATES,
                empty="switch lost",
            ),
            Column(
                "availability",
                availability(VIEW),
                units.PercentUnit,
                limits=looks.better_above(looks.CRITICAL, *looks.AVAILABILITY),
                decimals=2,
                empty="not watched",
            ),
            Column("up/down", f"1000 * {VIEW.value(families.GATEWAY_OUTAGE_CHANGE)}", units.DateTimeFromNow),
            Column(
                "outages/day",
                VIEW.increase(families.GATEWAY_OUTAGES, window="1d"),
                units.NoUnit,
                limits=looks.worse_above((1, looks.WARNING), (5, looks.CRITICAL)),
                decimals=0,
            ),
            Column("ping", VIEW.value(families.GATEWAY_PING), units.Seconds, decimals=1, empty="none"),
            Column(
                "calls now",
                per_gateway(VIEW, total(VIEW.value(families.CALLS_ACTIVE), *by)),
                units.NoUnit,
                empty="unknown",
            ),
            Column(
                f"failed, {RECENT}",
                per_gateway(VIEW, network_failure_ratio(VIEW, RECENT, *by)),
                units.PercentUnit,
                limits=looks.worse_above(*looks.NETWORK_FAILURES),
                decimals=1,
                empty="no calls",
            ),
            links={"gateway": ("Show this gateway", row_link(GATEWAY, "node", "gateway"))},
            sort_by="problem",
            descending=True,
            empty="no gateways",
            height=10,
        ),
    ]
