"""One gateway: what is it doing, since when, and what do its calls say?

Strategy. The top row is the verdict in words and the figures one would ask for next. Then the story in order
of cause: registration and pings (does the trunk stand?), calls and why they fail (does the far end take
them?), and how they sound. Causes, SIP codes and provider codes stand side by side, because together they
tell who said no: FreeSWITCH, the provider, or the people called.
"""

from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import units

from dashboards import looks
from dashboards.frame import FLEET, GATEWAY, PROBES, Row, common_marks, compose, link, runbook, variable
from dashboards.frame import ONE_GATEWAY as VIEW
from dashboards.panels import Column, Query, Strip, bars, heat, lines, table, tile, timeline
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
        "One gateway from registration to sound: is it up, since when, who refuses its calls, how do they "
        "sound.",
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
    gone = "not seen: its switch is lost, or there is no such gateway"
    return "", [
        tile(
            "Problem",
            "The exporter's verdict, and what to mend first. The runbook has a section of this name.",
            units.Short,
            VIEW.code(families.GATEWAY_PROBLEM, "problem", list(looks.PROBLEMS)),
            looks.plain(),
            words=looks.PROBLEMS,
            empty=gone,
        ),
        tile(
            "State",
            "Registration state as FreeSWITCH says it. REGED is registered; NOREG never registers, by "
            "configuration.",
            units.Short,
            VIEW.code(families.GATEWAY_STATE, "state", list(looks.STATES)),
            looks.plain(),
            words=looks.STATES,
            empty=gone,
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
        ),
        tile(
            "Availability",
            "Share of the time watched, in the range shown, in which calls could be placed. Time in which "
            "the switch itself was lost is in neither side. "
            f"The objective is {100 * looks.AVAILABILITY_OBJECTIVE:g} %.",
            units.PercentUnit,
            availability(VIEW),
            looks.better_above(looks.CRITICAL, *looks.AVAILABILITY),
            decimals=2,
        ),
        tile(
            "Ping",
            "Round trip of the last answered OPTIONS. A gateway without ping is known to be dead only when "
            "calls fail.",
            units.Seconds,
            VIEW.value(families.GATEWAY_PING),
            looks.worse_above((0.5, looks.WARNING), (2, looks.CRITICAL)),
            empty="no ping answered",
            decimals=1,
        ),
        tile(
            "Calls now",
            "Call legs up at this moment, ringing ones included.",
            units.Short,
            total(VIEW.value(families.CALLS_ACTIVE)),
            looks.plain(),
            empty=gone,
        ),
        tile(
            f"Failed by the network, {RECENT}",
            "Share of outbound calls that failed for a reason of the network, dials refused because the "
            "gateway was down included.",
            units.PercentUnit,
            VIEW.or_zero(network_failure_ratio(VIEW, RECENT)),
            looks.worse_above(*looks.NETWORK_FAILURES),
            decimals=1,
        ),
        tile(
            "Worst probe",
            "Result of the last test call through this gateway; the worst, if it has several probes.",
            units.Short,
            f"max({probe_result(VIEW)})",
            looks.plain(),
            words=looks.RESULTS,
            empty="no probe",
        ),
    ]


def _state() -> Row:
    ping = VIEW.value(families.GATEWAY_PING)
    return "Does the trunk stand?", [
        timeline(
            "State, problem, usable",
            "FreeSWITCH's state, the exporter's verdict on it, and whether calls could be placed, over time.",
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
            "Accounted from events, so that a flap between two scrapes shows here though the strip above "
            "misses it. UNKNOWN: the switch was lost.",
            units.PercentUnit,
            Query(total(VIEW.rate(families.GATEWAY_SECONDS, "state"), "state"), "{{state}}"),
            colours=looks.STATES,
            width=12,
        ),
        bars(
            "State changes",
            "Entries into each state per minute. REGISTER and REGED at every refresh are healthy; FAILED, "
            "FAIL_WAIT and UNREGED again and again are a flapping trunk.",
            units.CountsPerMinute,
            Query(
                per_minute(total(VIEW.rate(families.GATEWAY_STATE_CHANGES, "state"), "state")), "{{state}}"
            ),
            colours=looks.STATES,
            width=12,
        ),
        bars(
            "Answers to REGISTER",
            "Final answers per minute by SIP status. 200 is well; 401, 403, 407 and 904 are credentials, "
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
            "Round trip of OPTIONS, its average over a day, and the age of the OPTIONS still unanswered. "
            "Above 3 s the far end is silent; FreeSWITCH itself needs 32 s to say so.",
            units.Seconds,
            Query(ping, "round trip"),
            Query(
                f"max by (node, gateway, profile) (avg_over_time({VIEW.series(families.GATEWAY_PING)}[1d]))",
                "day's average",
            ),
            Query(VIEW.value(families.GATEWAY_PING_PENDING), "unanswered for"),
            empty="this gateway is not pinged",
            width=12,
        ),
    ]


def _calls() -> Row:
    return "Calls", [
        lines(
            "Calls now",
            "Legs up by direction, and the trunk's limit where the configuration names one (max_calls).",
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
            "Share of calls answered (ASR) by direction, and of outbound calls that the network made fail "
            "(1 - NER).",
            units.PercentUnit,
            Query(VIEW.or_zero(outbound_answer_ratio(VIEW, RECENT)), "answered, outbound"),
            Query(VIEW.or_zero(inbound_answer_ratio(VIEW, RECENT)), "answered, inbound"),
            Query(VIEW.or_zero(network_failure_ratio(VIEW, RECENT)), "failed by the network"),
            highest=1,
        ),
        lines(
            "FreeSWITCH's own count",
            "Calls per minute by the gateway's own counters. Refused: dialled while the gateway was down, "
            "so that no INVITE left and no call event tells of it. Probe calls are in these figures, not in "
            "those beside it.",
            units.CountsPerMinute,
            Query(per_minute(total(VIEW.rate(families.GATEWAY_CALLS), "direction")), "{{direction}}"),
            Query(per_minute(total(VIEW.rate(families.GATEWAY_FAILED_CALLS))), "outbound, unanswered"),
            Query(per_minute(total(VIEW.rate(families.GATEWAY_REFUSED_CALLS))), "refused: gateway down"),
            width=12,
        ),
        lines(
            "Length of calls",
            "Mean time from answer to hang-up (ACD), and the time that half of the calls stay below. Many "
            "calls of a few seconds hint at audio trouble.",
            units.Seconds,
            Query(VIEW.mean(families.CALL_DURATION), "mean"),
            Query(VIEW.quantile(0.5, families.CALL_DURATION), "half of all calls within", True),
            empty=NO_CALLS,
            width=12,
        ),
    ]


def _refusals() -> Row:
    unanswered = VIEW.rate(families.CALL_HANGUPS, "cause", where='answered="false"')
    rejections = ("provider", "code", "class")
    return "Who says no?", [
        bars(
            "Why calls were not answered",
            "Unanswered legs per minute by FreeSWITCH's hang-up cause.",
            units.CountsPerMinute,
            Query(VIEW.or_none(per_minute(total(unanswered, "cause")), "cause"), "{{cause}}"),
        ),
        bars(
            "SIP answers to unanswered calls",
            "Final SIP status from the far end, per minute. 403, 407 and 503 are the provider's, 404, 480, "
            "486 and 487 are about the people called.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(
                    per_minute(total(VIEW.rate(families.CALL_SIP_RESPONSES, "code"), "code")), "code"
                ),
                "{{code}}",
            ),
        ),
        bars(
            "Rejections the provider explained",
            "Rejections per minute with a code of the provider's own, by class.",
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
            "All ends of calls",
            "Legs that ended in the range shown, by cause and whether they had been answered.",
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
            "Rejections in the range shown by the provider's own code; the runbook says what each class "
            "asks for.",
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
    return "Speed and sound", [
        heat(
            "Post-dial delay",
            "Seconds from dialling to the first ringing tone or early media: how long callers hear nothing.",
            units.Seconds,
            per_minute(VIEW.buckets(families.CALL_POST_DIAL_DELAY)),
            empty=NO_CALLS,
        ),
        heat(
            "Time to answer",
            "Seconds from dialling to answer. A band at the ring limit is people who do not pick up.",
            units.Seconds,
            per_minute(VIEW.buckets(families.CALL_ANSWER)),
            empty=NO_CALLS,
        ),
        lines(
            "Post-dial delay, quantiles",
            "The delay that half, and 95 %, of the calls stay below.",
            units.Seconds,
            Query(VIEW.quantile(0.5, families.CALL_POST_DIAL_DELAY), "half of all calls within", True),
            Query(VIEW.quantile(0.95, families.CALL_POST_DIAL_DELAY), "95 % within", True),
            empty=NO_CALLS,
        ),
        heat(
            "Quality heard (MOS)",
            "FreeSWITCH's estimate for what it received, from 1 to 4.5. Below 3.6 people complain.",
            units.Short,
            per_minute(VIEW.buckets(families.CALL_MOS)),
            empty=NO_CALLS,
        ),
        heat(
            "Jitter",
            "Worst running deviation of packet arrival in a call. About 20 ms is as good as it gets.",
            units.Seconds,
            per_minute(VIEW.buckets(families.CALL_JITTER)),
            empty=NO_CALLS,
        ),
        heat(
            "Packet loss",
            "Share of packets lost on the way to us, of calls longer than 10 s. Above 5 % it is heard.",
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
            "Answered calls per minute that should have heard audio and received no packet: firewall, NAT, "
            "or the provider's media.",
            units.CountsPerMinute,
            Query(per_minute(total(VIEW.rate(families.CALLS_WITHOUT_MEDIA), "direction")), "{{direction}}"),
            width=12,
        ),
    ]
