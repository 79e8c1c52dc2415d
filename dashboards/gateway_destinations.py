"""The gateway dashboard's row of destinations: where calls go, what becomes of them, and what they cost.

The families count the country of the number dialled. A gateway that the configuration does not list counts as
`other`, together with all such gateways.
"""

from grafana_foundation_sdk.models import units

from dashboards import looks
from dashboards.frame import ONE_GATEWAY as VIEW
from dashboards.frame import Row
from dashboards.panels import Query, bars, lines, ranking
from dashboards.promql import MOST_LINES, per_minute, share, total
from dashboards.queries import RECENT
from dashboards.tables import Column, table
from exporter.metrics import families

EMPTY = "no call to a country; does the configuration list this gateway?"
EMPTY_BAR = "no call to a country"  # a longer one ends outside the panel


def destinations() -> Row:
    """The row."""
    calls = _calls()
    talk = total(VIEW.increase(families.COUNTRY_TALK_SECONDS, "country"), "country")
    cost = total(VIEW.increase(families.COUNTRY_COST, "country", "currency"), "country", "currency")
    rate = total(VIEW.rate(families.COUNTRY_CALLS, "country", "outcome"), "country")
    failed_lately = _calls('outcome=~"rejected|failed"', window=RECENT)
    return "Where calls go", [
        table(
            "Countries",
            "Outbound calls that ended in the selected range, by country of the number dialled. failed: "
            "rejected ones included. Where one country fails and others do not, it is the provider's route. "
            "cost: by the table of rates.",
            ("country",),
            Column("calls", f"{calls} > 0.5", units.NoUnit, decimals=0, empty="0"),
            Column(
                "answered",
                share(_calls('outcome="answered"'), calls),
                units.PercentUnit,
                decimals=0,
                empty="none",
            ),
            Column(
                "failed",
                share(_calls('outcome=~"rejected|failed"'), calls),
                units.PercentUnit,
                limits=looks.worse_above(*looks.NETWORK_FAILURES),
                decimals=0,
                empty="none",
            ),
            Column("talk", f"{talk} > 0", units.Seconds, decimals=1, empty="none"),
            Column("cost", f"{cost} > 0", units.NoUnit, decimals=2, empty="none"),
            trailing=("currency",),
            sort_by="calls",
            descending=True,
            empty=EMPTY,
            width=12,
        ),
        ranking(
            "Talk time",
            "Talk time in the selected range by country of the number dialled, running calls included. A "
            "jump may be fraud.",
            units.Seconds,
            Query(f"sort_desc(topk({MOST_LINES}, {talk} > 0))", "{{country}}"),
            empty=EMPTY_BAR,
            width=6,
            height=8,
        ),
        bars(
            "Expensive calls",
            "Answered calls per minute to premium rate numbers, satellites and the like. Unless you call "
            "such, it is fraud.",
            units.CountsPerMinute,
            Query(
                VIEW.or_none(per_minute(total(VIEW.rate(families.EXPENSIVE_CALLS, "kind"), "kind")), "kind"),
                "{{kind}}",
            ),
            width=6,
        ),
        bars(
            "Calls by country",
            f"Outbound calls ended per minute, the {MOST_LINES} most frequent countries.",
            units.CountsPerMinute,
            Query(VIEW.or_none(per_minute(f"topk({MOST_LINES}, {rate})"), "country"), "{{country}}"),
            width=12,
        ),
        lines(
            f"Rejected or failed by country, over {RECENT}",
            "Share of the calls to each country that were rejected or failed. One line above the others: the "
            "provider's route to that country.",
            units.PercentUnit,
            Query(f"topk({MOST_LINES}, {share(failed_lately, _calls(window=RECENT))} > 0)", "{{country}}"),
            top=0.2,
            highest=1,
            empty="none known",
            width=12,
        ),
    ]


def _calls(where: str = "", window: str = "") -> str:
    windows = {"window": window} if window else {}
    return total(
        VIEW.increase(families.COUNTRY_CALLS, "country", "outcome", where=where, **windows), "country"
    )
