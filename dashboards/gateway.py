"""One gateway: its state, since when, and its calls.

Strategy. The top row shows the verdict and the figures needed next. The rows below follow the order of
causes: registration and pings, calls, rejections, and audio quality. Causes, SIP codes and provider codes are
side by side, because together they show who rejected a call: FreeSWITCH, the provider, or the called party.
"""

from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import units

from dashboards import looks
from dashboards.frame import FLEET, GATEWAY, PROBES, Row, common_marks, compose, link, runbook, variable
from dashboards.frame import ONE_GATEWAY as VIEW
from dashboards.panels import Column, Query, Strip, bars, heat, lines, since, table, tile, timeline
from dashboards.promql import per_minute, total
from dashboards.queries import (
    RECENT,
    availability,
    inbound_answer_ratio,
    network_failure_ratio,
    outbound_answer_ratio,
    probe_result,
)
from exporter.metrics import families

NO_CALLS = "no call in this range"


def build() -> model.Dashboard:
    """The dashboard."""
    return compose(
        GATEWAY,
        "One gateway: whether it is up and since when, who rejects its calls, and their audio quality.",
        variables=[
            variable("node", "Node", f"label_values({families.UP.name}, node)", several=False),
            variable(
                "gateway",
                "Gateway",
                f'label_values({families.GATEWAY_WATCHED_SECONDS.name}{{node="$node"}}, gateway)',
                several=False,
            ),
        ],
        links=[link(FLEET, "Fleet"), link(PROBES, "Its probes", ("node", "gateway")), runbook()],
        marks=common_marks(VIEW),
        rows=[_is_it_ok(), _state(), _calls(), _refusals(), _sound()],
        since="now-6h",
    )


def _is_it_ok() -> Row:
    gone = "no data: the switch is lost, or the gateway does not exist"
    outage = VIEW.value(families.GATEWAY_OUTAGE)
    since_change = f"time() - {VIEW.value(families.GATEWAY_OUTAGE_CHANGE)}"
    return "", [
        tile(
            "Problem",
            "The exporter's verdict: what to fix first. The runbook has a section with this name.",
            units.Short,
            VIEW.code(families.GATEWAY_PROBLEM, "problem", list(looks.PROBLEMS)),
            looks.plain(),
            words=looks.PROBLEMS,
            empty=gone,
            width=5,
        ),
        since(
            "Up or down for",
            "Time since the last outage ended, or since the one that lasts began. An outage is more than 3 s "
            "with a problem; registering again is none. Before any outage: since the first look.",
            Query(f"{since_change} and {outage} == 0", "up for"),
            Query(f"{since_change} and {outage} == 1", "down for"),
            empty=gone,
            width=5,
        ),
        tile(
            "State",
            "Registration state in FreeSWITCH. REGED is registered; NOREG is configured not to register.",
            units.Short,
            VIEW.code(families.GATEWAY_STATE, "state", list(looks.STATES)),
            looks.plain(),
            words=looks.STATES,
            empty=gone,
            width=5,
        ),
        tile(
            "In this state for",
            "Time since FreeSWITCH last changed the state. A healthy gateway passes through REGISTER at "
            "each refresh.",
            units.DurationSeconds,
            f"time() - {VIEW.value(families.GATEWAY_LAST_CHANGE)}",
            looks.plain(),
            empty=gone,
            decimals=0,
            width=5,
        ),
        tile(
            "Availability",
            "Share of the watched time, in the selected range, in which calls could be placed. Time in which "
            "the switch itself was lost is excluded. "
            f"The objective is {100 * looks.AVAILABILITY_OBJECTIVE:g} %.",
            units.PercentUnit,
            availability(VIEW),
            looks.better_above(looks.CRITICAL, *looks.AVAILABILITY),
            decimals=2,
            width=4,
        ),
        tile(
            "Outages, 24 h",
            "Outages begun in the last 24 hours, also those between two scrapes. How long each was, and what "
            "changed before it: freeswitch-exporter history.",
            units.Short,
            VIEW.increase(families.GATEWAY_OUTAGES, window="1d"),
            looks.worse_above((1, looks.WARNING), (5, looks.CRITICAL)),
            empty=gone,
            decimals=0,
            width=5,
        ),
        tile(
            "Ping",
            "Round trip of the last answered OPTIONS. Without ping, only failing calls show that a gateway "
            "is dead.",
            units.Seconds,
            VIEW.value(families.GATEWAY_PING),
            looks.worse_above((0.5, looks.WARNING), (2, looks.CRITICAL)),
            empty="no ping answered",
            decimals=1,
            width=5,
        ),
        tile(
            "Calls now",
            "Call legs up now, ringing ones included.",
            units.Short,
            total(VIEW.value(families.CALLS_ACTIVE)),
            looks.plain(),
            empty=gone,
            width=5,
        ),
        tile(
            f"Failed by the network, {RECENT}",
            "Share of outbound calls that failed because of the network, including dials refused because the "
            "gateway was down.",
            units.PercentUnit,
            VIEW.or_zero(network_failure_ratio(VIEW, RECENT)),
            looks.worse_above(*looks.NETWORK_FAILURES),
            decimals=1,
            width=5,
        ),
        tile(
            "Worst probe",
            "Result of the last test call through this gateway; the worst one if it has several probes.",
            units.Short,
            f"max({probe_result(VIEW)})",
            looks.plain(),
            words=looks.RESULTS,
            empty="no probe",
            width=4,
        ),
    ]


def _state() -> Row:
    ping = VIEW.value(families.GATEWAY_PING)
    return "Is the trunk up?", [
        timeline(
            "State, problem, usable",
            "FreeSWITCH's state, the exporter's verdict, and whether calls could be placed, over time.",
            Strip(
                VIEW.code(families.GATEWAY_STATE, "state", list(looks.STATES)),
                "state {{profile}}",
                looks.STATES,
            ),
            Strip(
                VIEW.code(families.GATEWAY_PROBLEM, "problem", list(looks.PROBLEMS)),
                "problem {{profile}}",
                looks.PROBLEMS,
            ),
            Strip(VIEW.well(families.GATEWAY_USABLE), "usable {{profile}}", looks.USABLE),
        ),
        bars(
            "Share of time in each state",
            "Computed from events, so it includes flaps between two scrapes, which the timeline above does "
            "not show. UNKNOWN: the switch was lost.",
            units.PercentUnit,
            Query(total(VIEW.rate(families.GATEWAY_SECONDS, "state"), "state"), "{{state}}"),
            colours=looks.STATES,
            width=12,
        ),
        bars(
            "State changes",
            "Entries into each state per minute. REGISTER and REGED at every refresh are normal; repeated "
            "FAILED, FAIL_WAIT and UNREGED mean that the trunk flaps.",
            units.CountsPerMinute,
            Query(
                per_minute(total(VIEW.rate(families.GATEWAY_STATE_CHANGES, "state"), "state")), "{{state}}"
            ),
            colours=looks.STATES,
            width=12,
        ),
        bars(
            "Answers to REGISTER",
            "Final answers per minute by SIP status. 200 is success; 401, 403, 407 and 904 are credentials, "
            "408 and 503 an unreachable or overloaded provider. Always 0 for a gateway that does not "
            "register.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(
                    per_minute(total(VIEW.rate(families.GATEWAY_REGISTRATION_RESPONSES, "code"), "code")),
                    "code",
                ),
                "{{code}}",
            ),
            width=12,
        ),
        lines(
            "Ping",
            "Round trip of OPTIONS, its average over a day, and the age of the OPTIONS in flight. Above 3 s "
            "the far end does not answer; FreeSWITCH itself notices after 32 s.",
            units.Seconds,
            Query(ping, "round trip"),
            Query(
                f"max by (node, gateway, profile) (avg_over_time({VIEW.series(families.GATEWAY_PING)}[1d]))",
                "day's average",
            ),
            Query(VIEW.value(families.GATEWAY_PING_PENDING), "in flight for"),
            empty="this gateway is not pinged",
            width=12,
        ),
    ]


def _calls() -> Row:
    return "Calls", [
        lines(
            "Calls now",
            "Legs up by direction, and the trunk's limit if one is configured (max_calls).",
            units.Short,
            Query(total(VIEW.value(families.CALLS_ACTIVE), "direction"), "{{direction}}"),
            Query(VIEW.value(families.GATEWAY_CALLS_LIMIT), "limit"),
        ),
        lines(
            "Calls started and answered",
            "Legs per minute by direction.",
            units.CountsPerMinute,
            Query(
                per_minute(total(VIEW.rate(families.CALLS_STARTED), "direction")), "{{direction}}, started"
            ),
            Query(
                per_minute(total(VIEW.rate(families.CALLS_ANSWERED), "direction")), "{{direction}}, answered"
            ),
        ),
        lines(
            f"Answered and failed, over {RECENT}",
            "Share of calls answered (ASR) by direction, and of outbound calls that failed by the network "
            "(1 - NER).",
            units.PercentUnit,
            Query(VIEW.or_zero(outbound_answer_ratio(VIEW, RECENT)), "answered, outbound"),
            Query(VIEW.or_zero(inbound_answer_ratio(VIEW, RECENT)), "answered, inbound"),
            Query(VIEW.or_zero(network_failure_ratio(VIEW, RECENT)), "failed by the network"),
            highest=1,
        ),
        lines(
            "FreeSWITCH's own count",
            "Calls per minute by the gateway's own counters. Refused: dialled while the gateway was down, so "
            "that there was no INVITE and no call event. These figures include probe calls, the panels above "
            "do not.",
            units.CountsPerMinute,
            Query(per_minute(total(VIEW.rate(families.GATEWAY_CALLS), "direction")), "{{direction}}"),
            Query(per_minute(total(VIEW.rate(families.GATEWAY_FAILED_CALLS))), "outbound, unanswered"),
            Query(per_minute(total(VIEW.rate(families.GATEWAY_REFUSED_CALLS))), "refused: gateway down"),
            width=12,
        ),
        lines(
            "Length of calls",
            "Mean time from answer to hang-up (ACD), and the median. Many calls of a few seconds suggest "
            "audio problems.",
            units.Seconds,
            Query(VIEW.mean(families.CALL_DURATION), "mean"),
            Query(VIEW.quantile(0.5, families.CALL_DURATION), "50 % within", True),
            empty=NO_CALLS,
            width=12,
        ),
    ]


def _refusals() -> Row:
    unanswered = VIEW.rate(families.CALL_HANGUPS, "cause", where='answered="false"')
    rejections = ("provider", "code", "class")
    return "Rejections", [
        bars(
            "Why calls were not answered",
            "Unanswered legs per minute by FreeSWITCH's hang-up cause.",
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
            "Rejections per minute with a code of the provider's own, by class of the code.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(
                    per_minute(total(VIEW.rate(families.CALL_PROVIDER_REJECTIONS, *rejections), "class")),
                    "class",
                ),
                "{{class}}",
            ),
        ),
        table(
            "How calls ended",
            "Legs that ended in the selected range, by cause and whether they were answered.",
            ("cause", "answered"),
            Column(
                "calls",
                VIEW.or_none(
                    total(VIEW.increase(families.CALL_HANGUPS, "cause", "answered"), "cause", "answered"),
                    "cause",
                    "answered",
                ),
                units.Short,
                decimals=0,
            ),
            sort_by="calls",
            descending=True,
            width=12,
        ),
        table(
            "Provider codes",
            "Rejections in the selected range by the provider's own code. The runbook explains the classes.",
            rejections,
            Column(
                "calls",
                VIEW.or_none(
                    total(VIEW.increase(families.CALL_PROVIDER_REJECTIONS, *rejections), *rejections)
                    + " > 0",
                    *rejections,
                ),
                units.Short,
                decimals=0,
            ),
            sort_by="calls",
            descending=True,
            width=12,
        ),
    ]


def _sound() -> Row:
    return "Delay and audio quality", [
        heat(
            "Post-dial delay",
            "Seconds from dialling to the first ringing tone or early media. Callers hear nothing meanwhile.",
            units.Seconds,
            per_minute(VIEW.buckets(families.CALL_POST_DIAL_DELAY)),
            empty=NO_CALLS,
        ),
        heat(
            "Time to answer",
            "Seconds from dialling to answer. A band at the ring limit is calls that nobody answers.",
            units.Seconds,
            per_minute(VIEW.buckets(families.CALL_ANSWER)),
            empty=NO_CALLS,
        ),
        lines(
            "Post-dial delay, quantiles",
            "Median and 95th percentile of the post-dial delay.",
            units.Seconds,
            Query(VIEW.quantile(0.5, families.CALL_POST_DIAL_DELAY), "50 % within", True),
            Query(VIEW.quantile(0.95, families.CALL_POST_DIAL_DELAY), "95 % within", True),
            empty=NO_CALLS,
        ),
        heat(
            "Audio quality (MOS)",
            "FreeSWITCH's estimate for the received audio, from 1 to 4.5. Below 3.6 people complain.",
            units.Short,
            per_minute(VIEW.buckets(families.CALL_MOS)),
            empty=NO_CALLS,
        ),
        heat(
            "Jitter",
            "Worst running deviation of packet arrival in a call. About 20 ms is the best possible value.",
            units.Seconds,
            per_minute(VIEW.buckets(families.CALL_JITTER)),
            empty=NO_CALLS,
        ),
        heat(
            "Packet loss",
            "Share of packets lost on the way to FreeSWITCH, calls longer than 10 s. Above 5 % is audible.",
            units.PercentUnit,
            per_minute(VIEW.buckets(families.CALL_PACKET_LOSS)),
            empty=NO_CALLS,
        ),
        lines(
            "Bad audio",
            "Share of answered calls with an estimated quality (MOS) up to 3.6, and with more than 5 % "
            "packet loss.",
            units.PercentUnit,
            Query(VIEW.or_zero(VIEW.share_up_to(families.CALL_MOS, 3.6)), "MOS up to 3.6"),
            Query(VIEW.or_zero(f"1 - {VIEW.share_up_to(families.CALL_PACKET_LOSS, 0.05)}"), "loss above 5 %"),
            highest=1,
            width=12,
        ),
        bars(
            "Calls without media",
            "Answered calls per minute that should have audio and received no packet: firewall, NAT, "
            "or the provider's media.",
            units.CountsPerMinute,
            Query(per_minute(total(VIEW.rate(families.CALLS_WITHOUT_MEDIA), "direction")), "{{direction}}"),
            width=12,
        ),
    ]
