"""The fleet's row of telephones and strangers: who cannot be called, and who attacks.

Addresses are in no metric: the exporter's page and /api/diagnosis have them.
"""

from grafana_foundation_sdk.models import units

from dashboards import looks
from dashboards.frame import SEVERAL as VIEW
from dashboards.frame import Row
from dashboards.panels import Query, bars, lines
from dashboards.promql import per_minute, total
from dashboards.tables import Column, table
from exporter.metrics import families


def people() -> Row:
    """The row."""
    failures = total(VIEW.rate(families.SIP_AUTH_FAILURES, "method"), "node", "method")
    scans = f'label_replace({total(VIEW.rate(families.SIP_SCANS), "node")}, "method", "scan", "", "")'
    registered = VIEW.value(families.PROFILE_REGISTRATIONS)
    any_registered = VIEW.highest_in_range(families.PROFILE_REGISTRATIONS)
    guessed = VIEW.increase(families.SIP_SUCCESSES_AFTER_FAILURES)
    return "Telephones and strangers", [
        table(
            "Watched subscribers",
            "Users of FreeSWITCH's directory that the config names, and since when they are registered "
            "or not. One that is not registered cannot be called. The doctor says how its registration "
            "ended.",
            ("node", "subscriber"),
            Column(
                "registered",
                VIEW.value(families.SUBSCRIBER_REGISTERED, "subscriber"),
                units.NoUnit,
                words=looks.REGISTERED,
                empty="unknown",
            ),
            Column(
                "since",
                f"1000 * {VIEW.value(families.SUBSCRIBER_CHANGE, 'subscriber')}",
                units.DateTimeFromNow,
            ),
            sort_by="registered",
            empty="no subscriber is configured",
            width=10,
        ),
        lines(
            "Registered telephones",
            "Registrations by the table of each SIP profile that had any in the selected range. A drop: "
            "telephones cannot be called.",
            units.Short,
            Query(f"{registered} and {any_registered} > 0", "{{node}} {{profile}}"),
            top=5,
            empty="no telephone in this range",
            width=7,
        ),
        bars(
            "Registrations expired",
            "Per minute, by profile: telephones that did not refresh. Many at once: their network is gone.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(per_minute(VIEW.rate(families.REGISTRATIONS_EXPIRED)), "node", "profile"),
                "{{node}} {{profile}}",
            ),
            width=7,
        ),
        bars(
            "Wrong passwords and scans",
            "Per minute: REGISTERs and INVITEs with a wrong password or an unknown user, and INVITEs whose "
            "challenge nobody answered, the mark of a scanner. The exporter's page has the addresses.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(per_minute(f"({failures} or {scans})"), "node", "method"), "{{node}} {{method}}"
            ),
            width=12,
        ),
        table(
            "Passwords guessed",
            "Registrations, in the selected range, from a new address with 20 wrong passwords in the hour "
            "before. Change the password of whoever registered from there.",
            ("node", "profile"),
            Column(
                "registrations",
                f"{guessed} > 0.5",
                units.NoUnit,
                limits=looks.worse_above(*looks.NONE_ALLOWED),
                decimals=0,
            ),
            empty="none known",
            width=12,
        ),
    ]
