"""The gateway dashboard's rows of calls: how many, who rejects them, and their delay and audio quality."""

from grafana_foundation_sdk.models import units

from dashboards.frame import ONE_GATEWAY as VIEW
from dashboards.frame import Row
from dashboards.panels import Query, bars, heat, lines
from dashboards.promql import per_minute, total
from dashboards.queries import RECENT, inbound_answer_ratio, network_failure_ratio, outbound_answer_ratio
from dashboards.tables import CAUSE, Column, table
from exporter.metrics import families

NO_CALLS = "no call in this range"


def calls() -> Row:
    """How many calls."""
    return "Calls", [
        lines(
            "Calls now",
            "Legs up by direction, and the trunk's limit if one is configured (max_calls).",
            units.Short,
            Query(total(VIEW.value(families.CALLS_ACTIVE), "direction"), "{{direction}}"),
            Query(VIEW.value(families.GATEWAY_CALLS_LIMIT), "limit"),
            top=5,
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
            top=5,
        ),
        lines(
            f"Answered and failed, over {RECENT}",
            "Share of calls answered (ASR) by direction, and of outbound calls that failed by the network "
            "(1 - NER).",
            units.PercentUnit,
            Query(outbound_answer_ratio(VIEW, RECENT), "answered, outbound"),
            Query(inbound_answer_ratio(VIEW, RECENT), "answered, inbound"),
            Query(network_failure_ratio(VIEW, RECENT), "failed by the network"),
            top=1,
            highest=1,
            empty=NO_CALLS,
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
            top=5,
            width=12,
        ),
        lines(
            "Length of calls",
            "Mean time from answer to hang-up (ACD), and the median. Many calls of a few seconds suggest "
            "audio problems.",
            units.Seconds,
            Query(VIEW.mean(families.CALL_DURATION), "mean"),
            Query(VIEW.quantile(0.5, families.CALL_DURATION), "50 % within", True),
            top=10,
            empty=NO_CALLS,
            width=12,
        ),
    ]


def refusals() -> Row:
    """Who rejects them."""
    unanswered = VIEW.rate(families.CALL_HANGUPS, "cause", where='answered="false"')
    rejections, ends = ("provider", "code", "class"), ("cause", "answered")
    return "Rejections", [
        bars(
            "Why calls were not answered",
            "Unanswered legs per minute by FreeSWITCH's hang-up cause.",
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
            "Rejections per minute with a code of the provider's own, by class of the code.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(
                    per_minute(total(VIEW.rate(families.CALL_PROVIDER_REJECTIONS, *rejections), "class")),
                    "class",
                ),
                "{{class}}",
            ),
            width=7,
        ),
        table(
            "How calls ended",
            "Legs that ended in the selected range, by cause and whether they were answered.",
            ends,
            Column(
                "calls",
                f"{total(VIEW.increase(families.CALL_HANGUPS, *ends), *ends)} > 0.5",
                units.NoUnit,
                decimals=0,
            ),
            sort_by="calls",
            descending=True,
            widths={"cause": CAUSE},
            empty=NO_CALLS,
            width=9,
        ),
        bars(
            "Failed by FreeSWITCH itself",
            "Unanswered calls per minute that FreeSWITCH ended itself. no_rtp_ports is never the provider's "
            "fault; no_answer_to_invite and refused_port: the provider does not answer at all.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(
                    per_minute(total(VIEW.rate(families.CALL_LOCAL_FAILURES, "reason"), "reason")), "reason"
                ),
                "{{reason}}",
            ),
            width=7,
        ),
        table(
            "Provider codes",
            "Rejections in the selected range by the provider's own code. The runbook explains the classes.",
            rejections,
            Column(
                "calls",
                f"{total(VIEW.increase(families.CALL_PROVIDER_REJECTIONS, *rejections), *rejections)} > 0.5",
                units.NoUnit,
                decimals=0,
            ),
            sort_by="calls",
            descending=True,
            empty="none known",
            width=8,
        ),
    ]


def sound() -> Row:
    """Delay and audio."""
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
            top=1,
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
            "Share of packets lost on the way to FreeSWITCH, calls longer than 10 s. Above 5 % is audible. "
            "The lowest row has calls without any loss too.",
            units.PercentUnit,
            per_minute(VIEW.buckets(families.CALL_PACKET_LOSS, where='le!~"0|0.0"')),
            empty=NO_CALLS,
        ),
        lines(
            "Running calls that are silent",
            "Running answered calls in whose last 10 s nothing was heard though it should, and how many were "
            "looked at: live_quality.calls of the switch at most, taken in turn.",
            units.Short,
            Query(total(VIEW.value(families.LIVE_CALLS_SILENT)), "silent"),
            Query(total(VIEW.value(families.LIVE_CALLS_SAMPLED)), "looked at"),
            top=5,
            empty="no running call is looked at",
            width=6,
        ),
        lines(
            "Loss of running calls",
            "Share of the looks at running calls in which more than 5 % of the packets were lost.",
            units.PercentUnit,
            Query(VIEW.or_zero(f"1 - {VIEW.share_up_to(families.LIVE_CALL_PACKET_LOSS, 0.05)}"), "above 5 %"),
            top=0.1,
            highest=1,
            width=6,
        ),
        lines(
            "Bad audio",
            "Share of answered calls with an estimated quality (MOS) up to 3.6, and with more than 5 % "
            "packet loss.",
            units.PercentUnit,
            Query(VIEW.or_zero(VIEW.share_up_to(families.CALL_MOS, 3.6)), "MOS up to 3.6"),
            Query(VIEW.or_zero(f"1 - {VIEW.share_up_to(families.CALL_PACKET_LOSS, 0.05)}"), "loss above 5 %"),
            top=0.1,
            highest=1,
            width=6,
        ),
        bars(
            "Calls without media",
            "Answered calls per minute that should have audio and received no packet: firewall, NAT, "
            "or the provider's media.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(
                    per_minute(total(VIEW.rate(families.CALLS_WITHOUT_MEDIA), "direction")), "direction"
                ),
                "{{direction}}",
            ),
            width=6,
        ),
    ]
