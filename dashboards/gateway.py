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
from dashboards.gateway_calls import calls, refusals, sound
from dashboards.gateway_destinations import destinations
from dashboards.panels import Query, Strip, bars, lines, since, tile, timeline
from dashboards.promql import per_minute, total
from dashboards.queries import RECENT, availability, network_failure_ratio, probe_result
from exporter.metrics import families


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
        marks=common_marks(VIEW, gateways_shown=True),
        rows=[_is_it_ok(), _state(), calls(), destinations(), refusals(), sound()],
        since="now-6h",
    )


def _is_it_ok() -> Row:
    gone = "unknown"  # its switch is lost, or the gateway does not exist
    outage = VIEW.value(families.GATEWAY_OUTAGE)
    since_state = f"time() - {VIEW.value(families.GATEWAY_LAST_CHANGE)}"
    since_change = f"time() - {VIEW.value(families.GATEWAY_OUTAGE_CHANGE)}"
    return "", [
        tile(
            "Problem",
            "The exporter's verdict: what to fix first. The runbook has a section with this name.",
            units.NoUnit,
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
            units.NoUnit,
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
            f"{since_state} and on (node) {VIEW.well(families.UP)} == 1",
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
            units.NoUnit,
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
            units.NoUnit,
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
            network_failure_ratio(VIEW, RECENT),
            looks.worse_above(*looks.NETWORK_FAILURES),
            empty="no calls",
            decimals=1,
            width=5,
        ),
        tile(
            "Worst probe",
            "Result of the last test call through this gateway; the worst one if it has several probes.",
            units.NoUnit,
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
            Query(
                VIEW.or_none(total(VIEW.rate(families.GATEWAY_SECONDS, "state"), "state"), "state"),
                "{{state}}",
            ),
            highest=1,
            colours=looks.STATES,
            width=12,
        ),
        bars(
            "State changes",
            "Entries into each state per minute. REGISTER and REGED at every refresh are normal; repeated "
            "FAILED, FAIL_WAIT and UNREGED mean that the trunk flaps.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(
                    per_minute(total(VIEW.rate(families.GATEWAY_STATE_CHANGES, "state"), "state")), "state"
                ),
                "{{state}}",
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
            "Round trip of OPTIONS, and its average over a day. In a gap the last OPTIONS was not answered.",
            units.Seconds,
            Query(ping, "round trip"),
            Query(
                f"max by (node, gateway, profile) (avg_over_time({VIEW.series(families.GATEWAY_PING)}[1d]))",
                "day's average",
            ),
            top=0.05,
            empty="this gateway is not pinged",
            width=6,
        ),
        lines(
            "Ping without an answer",
            "Age of the OPTIONS in flight. Above 3 s the far end does not answer; FreeSWITCH itself notices "
            "after 32 s.",
            units.Seconds,
            Query(VIEW.value(families.GATEWAY_PING_PENDING), "in flight for"),
            limits=((3, looks.WARNING),),
            top=4,
            empty="this gateway is not pinged",
            width=6,
        ),
    ]
