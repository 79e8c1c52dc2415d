"""The fleet's rows of the switches' own figures, and of the exporter's."""

from grafana_foundation_sdk.models import units

from dashboards import looks
from dashboards.frame import SEVERAL as VIEW
from dashboards.frame import Row
from dashboards.panels import Query, Strip, bars, lines, timeline
from dashboards.promql import MOST_STRIPS, per_minute, ratio, total
from dashboards.queries import of_exporters
from dashboards.tables import Column, table
from exporter.metrics import families
from exporter.metrics.exposition import Family


def switches() -> Row:
    """The switches."""
    sessions = ratio(VIEW.value(families.CURRENT_SESSIONS), VIEW.value(families.MAX_SESSIONS))
    profile_up = VIEW.well(families.PROFILE_UP)
    refusal = VIEW.code(families.REFUSAL_REASON, "reason", list(looks.REFUSALS))
    refused_in_range = VIEW.other_in_range(families.REFUSAL_REASON, 'reason!="none"')
    new_sessions = ratio(VIEW.value(families.CURRENT_SPS), VIEW.value(families.MAX_SPS))
    return "Load of the switches", [
        table(
            "Switches",
            "One row per FreeSWITCH: version, load, registered telephones, and whether it is paused.",
            ("node", "version", "hostname"),
            Column("info", VIEW.value(families.INFO, "version", "hostname"), units.NoUnit),
            Column("uptime", VIEW.value(families.UPTIME), units.DurationSeconds),
            Column("sessions", VIEW.value(families.CURRENT_SESSIONS), units.NoUnit),
            Column(
                "of the limit",
                sessions,
                units.PercentUnit,
                limits=looks.worse_above(*looks.LOAD),
                decimals=0,
            ),
            Column("calls", VIEW.value(families.CURRENT_CALLS), units.NoUnit),
            Column("phones", VIEW.value(families.REGISTRATIONS), units.NoUnit),
            Column("idle CPU", VIEW.value(families.IDLE_CPU), units.Percent, decimals=0),
            Column("clock skew", VIEW.value(families.CLOCK_SKEW), units.Seconds, decimals=3),
            Column(
                "paused",
                f"max by (node) ({VIEW.series(families.PAUSED)})",
                units.NoUnit,
                words=looks.PAUSED,
            ),
            hidden=("info",),
            widths={"version": 290},
            height=6,
        ),
        lines(
            "Sessions, of the limit",
            "Sessions (legs) in use as a share of max-sessions. At 100 % FreeSWITCH refuses calls.",
            units.PercentUnit,
            Query(sessions, "{{node}}"),
            limits=looks.LOAD,
            top=1,
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
            top=1,
            highest=1,
            width=6,
        ),
        lines(
            "Idle CPU",
            "Idle CPU of the switch's host, as FreeSWITCH reports it. Near 0, audio gets bad before calls "
            "fail.",
            units.Percent,
            Query(VIEW.value(families.IDLE_CPU), "{{node}}"),
            top=100,
            highest=100,
            width=6,
        ),
        timeline(
            "SIP profiles",
            f"Whether all SIP profiles run, and the {MOST_STRIPS} that were down for the longest time of the "
            "selected range. Without its profile, no gateway of it exists.",
            Strip(f"min({profile_up})", "worst of all", looks.PROFILE_UP),
            Strip(
                f"{profile_up} and {VIEW.low_in_range(families.PROFILE_UP)}",
                "{{node}} {{profile}}",
                looks.PROFILE_UP,
            ),
            width=6,
            height=8,
        ),
        timeline(
            "Whether new calls are refused, and why",
            "Why FreeSWITCH itself refuses new calls (and registrations): the worst of all, and, by "
            f"direction, the {MOST_STRIPS} that refused for the longest time of the selected range. It does "
            "so without an event or a log line, and the provider's ping stays green.",
            Strip(f"max({refusal})", "worst of all", looks.REFUSALS),
            Strip(f"{refusal} and {refused_in_range}", "{{node}} {{direction}}", looks.REFUSALS),
            width=12,
            height=8,
        ),
        bars(
            "Changes of FreeSWITCH",
            "Per minute: configuration read, modules, profiles and gateways added or gone, limits, pauses, "
            "address, clock. Look here first when calls fail all at once.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(
                    per_minute(total(VIEW.rate(families.CHANGES, "what"), "node", "what")), "node", "what"
                ),
                "{{node}} {{what}}",
            ),
            width=12,
        ),
        bars(
            "Lines of FreeSWITCH's log",
            "Warnings and errors per minute, by level. Many at crit or err: see the exporter's page.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(per_minute(total(VIEW.rate(families.LOG_LINES, "level"), "level")), "level"),
                "{{level}}",
            ),
            colours=looks.LOG_LEVELS,
            width=12,
        ),
        bars(
            "What FreeSWITCH's log tells",
            "Lines per minute that tell what no event does: limits, missing RTP ports, ACLs, unknown users, "
            "database errors, modules that did not load. In a flood of lines they are those of a sample.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(
                    per_minute(total(VIEW.rate(families.LOG_EVENTS, "what"), "node", "what")), "node", "what"
                ),
                "{{node}} {{what}}",
            ),
            width=12,
        ),
    ]


def exporter() -> Row:
    """The exporter."""
    lag = f"histogram_quantile(0.99, {VIEW.buckets(families.EVENT_LAG, 'node')})"
    answered = VIEW.value(families.OPTIONAL_ANSWERS_OK, "command")
    highest_backlog = VIEW.highest_in_range(families.EVENT_BACKLOG)
    command = VIEW.rate(families.COMMAND_DURATION, "le", "command", suffix="_bucket")
    return "Exporter", [
        bars(
            "Events received",
            "Events per second by name. No events while calls are up means that the event stream is stalled.",
            units.CountsPerSecond,
            Query(VIEW.or_none(total(VIEW.rate(families.EVENTS, "event"), "event"), "event"), "{{event}}"),
            width=10,
        ),
        lines(
            "Event delay",
            "Time from an event's timestamp to its arrival (minus the shortest one seen), 99th percentile; "
            "and the longest round trip of the exporter's own tick events, of which up to 20 ms is "
            "FreeSWITCH's polling.",
            units.Seconds,
            Query(lag, "{{node}}"),
            Query(f"max({VIEW.value(families.EVENT_ROUND_TRIP)})", "tick"),
            top=0.05,
            width=7,
        ),
        bars(
            "Missed events, refused legs",
            "Per minute: events that the exporter dropped, by reason; sessions that FreeSWITCH counted "
            "without sending events; and legs that FreeSWITCH refused before any INVITE (gateway down or "
            "unknown).",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(
                    per_minute(total(VIEW.rate(families.EVENTS_DROPPED, "reason"), "reason")), "reason"
                ),
                "{{reason}}",
            ),
            Query(per_minute(total(VIEW.rate(families.CALLS_UNACCOUNTED))), "calls without events"),
            Query(per_minute(total(VIEW.rate(families.CALLS_REFUSED_LOCALLY))), "legs refused by FreeSWITCH"),
            width=7,
        ),
        lines(
            "Command duration",
            "Time to answer the exporter's commands, 99th percentile. Answers get slow before FreeSWITCH "
            "hangs.",
            units.Seconds,
            Query(f"histogram_quantile(0.99, {total(command, 'le', 'command')})", "{{command}}"),
            top=0.01,
            width=8,
        ),
        bars(
            "Connection attempts",
            "Attempts per minute by outcome. Many with outcome connected mean that connections break often.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(
                    per_minute(total(VIEW.rate(families.CONNECTION_ATTEMPTS, "outcome"), "outcome")),
                    "outcome",
                ),
                "{{outcome}}",
            ),
            width=6,
        ),
        lines(
            "Exporter health",
            "Delay of the exporter's event loop. Above 0.1 s the exporter lacks CPU.",
            units.Seconds,
            Query(VIEW.value(families.LOOP_LAG), "{{instance}} loop delay"),
            top=0.1,
            width=5,
        ),
        lines(
            "Memory, backlog",
            "Resident memory of the exporter, and bytes that FreeSWITCH has sent and the exporter has not "
            "read, of each switch that had over 64 KiB in the selected range.",
            units.BytesIEC,
            Query(of_exporters("process_resident_memory_bytes"), "{{instance}} memory"),
            Query(
                f"{VIEW.value(families.EVENT_BACKLOG)} and {highest_backlog} > {2**16}", "{{node}} backlog"
            ),
            top=2**26,
            width=5,
        ),
        timeline(
            "What the exporter does without",
            "Whether the last reload of its config was accepted, state_dir and history can be written, and "
            "FreeSWITCH answers the optional questions, whose families are absent meanwhile. One "
            "strip each for all exporters and switches together; besides, of each the "
            f"{MOST_STRIPS} that failed for the longest time of the selected range.",
            *_of_exporters(families.RELOAD_SUCCESSFUL, "reload"),
            *_of_exporters(families.STATE_OK, "state_dir"),
            *_of_exporters(families.HISTORY_OK, "history"),
            Strip(f"min({answered})", "optional questions", looks.ANSWERED),
            Strip(
                f"{answered} and {VIEW.low_in_range(families.OPTIONAL_ANSWERS_OK, 'command')}",
                "{{node}} {{command}}",
                looks.ANSWERED,
            ),
            height=8,
        ),
    ]


def _of_exporters(family: Family, name: str) -> list[Strip]:
    """Whether something works in all exporters, and in those in which it did not."""
    works = VIEW.well(family)
    return [
        Strip(f"min({works})", name, looks.WORKS),
        Strip(f"{works} and {VIEW.low_in_range(family)}", f"{{{{instance}}}} {name}", looks.WORKS),
    ]
