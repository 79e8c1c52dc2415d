"""The common parts of the three dashboards: variables, links, annotations, and the order of panels.

Strategy. A dashboard is a list of rows of panels; Grafana's builder places them from left to right. It leaves
the ids of panels at 0 and the names of queries empty, so `compose` sets both last. Links between the
dashboards use fixed uids, so that they survive renaming and folders.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import prometheus as prometheus_model
from grafana_foundation_sdk.models import statetimeline

from dashboards import looks
from dashboards.panels import SOURCE, Panel, ref_id
from dashboards.promql import View
from exporter.metrics import families

FLEET, GATEWAY, PROBES = "freeswitch-fleet", "freeswitch-gateway", "freeswitch-probes"
RUNBOOK = "https://github.com/freeswitch-exporter/freeswitch-exporter/blob/main/docs/runbook.md"
TITLES = {FLEET: "FreeSWITCH fleet", GATEWAY: "FreeSWITCH gateway", PROBES: "FreeSWITCH probes"}

SEVERAL = View({"node": '=~"$node"', "gateway": '=~"$gateway"'})
ONE_GATEWAY = View({"node": '="$node"', "gateway": '="$gateway"'})
SEVERAL_PROBES = View({"node": '=~"$node"', "gateway": '=~"$gateway"', "probe": '=~"$probe"'})

# The step in which Grafana asks for annotations, and joins marks that are no further apart to a region.
_STEP = "60s"
# Seconds. How old a change may be to be marked: it must be found at two steps, should one be late.
_RECENT_CHANGE = 120
# Seconds without an outage before and after. A gateway that flaps would else fill every graph with marks.
_QUIET = 300
_QUIET_PROBE = 3600  # the same for a probe, which runs every few minutes

Row = tuple[str, Sequence[Panel]]


@dataclass(frozen=True, slots=True)
class Mark:
    """An annotation from a query; Grafana draws a mark, or a region, where the value is above 0.

    With `at_value` the value itself is the time of the mark, in milliseconds. `shown`: until people switch
    it off; else only once they switch it on.
    """

    name: str
    colour: str
    expression: str
    title: str
    tags: Sequence[str] = field(default=("node",))
    at_value: bool = False
    shown: bool = True


def data_source() -> Builder[model.VariableModel]:
    """The variable for the Prometheus to query, so that a dashboard can be imported anywhere."""
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def variable(name: str, label: str, query: str, *, several: bool) -> Builder[model.VariableModel]:
    """A variable over the values of a label; `several`: any number of them, all by default."""
    built = (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.NATURAL_ASC)
        .multi(several)
        .include_all(several)
    )
    if several:
        # `.*`, not the list of all values: calls without a gateway have an empty label.
        built.all_value(".*").current(model.VariableOption(text="All", value="$__all", selected=True))
    return built


def link(uid: str, text: str, keep: Sequence[str] = ()) -> Builder[model.DashboardLink]:
    """A link at the top of a dashboard; `keep` names variables to carry over besides the data source."""
    return (
        dashboard.DashboardLink(text)
        .type(model.DashboardLinkType.LINK)
        .icon("dashboard")
        .tooltip(TITLES[uid])
        .url(f"/d/{uid}?" + "&".join(f"${{{name}:queryparam}}" for name in ("datasource", *keep)))
        .keep_time(True)
    )


def runbook() -> Builder[model.DashboardLink]:
    """A link at the top to the runbook."""
    return (
        dashboard.DashboardLink("Runbook")
        .type(model.DashboardLinkType.LINK)
        .icon("doc")
        .tooltip("What to do about each problem and alert")
        .url(RUNBOOK)
        .target_blank(True)
    )


def row_link(uid: str, *labels: str) -> str:
    """The URL that a click on a table row leads to, with that row's labels as variables."""
    picked = "".join(f"&var-{label}=${{__data.fields.{label}}}" for label in labels)
    return f"/d/{uid}?${{datasource:queryparam}}{picked}&${{__url_time_range}}"


def common_marks(view: View, *, gateways_shown: bool) -> list[Mark]:
    """Annotations of all dashboards: nodes lost and restarted, gateways failed and recovered.

    `gateways_shown`: those of gateways too, unless people switch them off.
    """
    changed = view.value(families.GATEWAY_OUTAGE_CHANGE)
    outage = view.series(families.GATEWAY_OUTAGE)
    same = "on (node, gateway, profile)"
    names = ("node", "gateway", "profile")
    recently = f"1000 * ({changed} > time() - {_RECENT_CHANGE})"
    long_ago = f"1000 * ({changed} > time() - {_QUIET + _RECENT_CHANGE} < time() - {_QUIET})"
    return [
        Mark(
            "FreeSWITCH lost",
            looks.CRITICAL,
            f"1 - {view.well(families.UP)}",
            "{{node}} is lost",
        ),
        Mark(
            "FreeSWITCH restarted",
            looks.NEUTRAL,
            f"{view.value(families.UPTIME)} < 60",
            "{{node}} started",
        ),
        Mark(
            "Gateway failed",
            looks.WARNING,
            f"{recently} and {same} {outage} == 1"
            f" and {same} max_over_time({outage}[{_QUIET}s] offset {_RECENT_CHANGE}s) == 0",
            "{{gateway}} has a problem",
            names,
            at_value=True,
            shown=gateways_shown,
        ),
        Mark(
            "Gateway recovered",
            looks.WELL,
            f"{long_ago} and {same} max_over_time({outage}[{_QUIET}s]) == 0"
            f" and {same} max_over_time({outage}[{_QUIET}s] offset {_QUIET}s) == 1",
            "{{gateway}} has recovered",
            names,
            at_value=True,
            shown=gateways_shown,
        ),
    ]


def probe_mark(view: View) -> Mark:
    """The annotation of a probe that began to fail, at the end of its first failed run."""
    same = "on (probe, node, gateway)"
    before = f"min_over_time({view.series(families.PROBE_SUCCESS)}[{_QUIET_PROBE}s] offset {_RECENT_CHANGE}s)"
    return Mark(
        "Probe failed",
        looks.WARNING,
        f"1000 * {view.value(families.PROBE_LAST_RUN)} and {view.well(families.PROBE_SUCCESS)} == 0"
        f" and {same} {before} == 1",
        "{{probe}} failed through {{gateway}}",
        ("probe", "node", "gateway"),
        at_value=True,
    )


def compose(
    uid: str,
    about: str,
    *,
    variables: Sequence[Builder[model.VariableModel]],
    links: Sequence[Builder[model.DashboardLink]],
    marks: Sequence[Mark],
    rows: Sequence[Row],
    since: str,
) -> model.Dashboard:
    """The dashboard. A row without a title has no heading; `since` is the start of the default time range."""
    built = (
        dashboard.Dashboard(TITLES[uid])
        .uid(uid)
        .description(about)
        .tags(["freeswitch", "freeswitch-exporter"])
        .time(since, "now")
        .timezone("browser")
        .refresh("30s")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .editable()
        .variables([data_source(), *variables])
        .links(list(links))
    )
    for title, panels in rows:
        if title:
            built.with_row(dashboard.Row(title).collapsed(False))
        for panel in panels:
            built.with_panel(panel)
    result = built.build()
    result.annotations.list_val = [_grafana_annotations(), *(_Annotation(mark) for mark in marks)]
    for number, placed in enumerate(result.panels or [], start=1):
        placed.id_val = number
        if isinstance(placed, model.Panel) and isinstance(placed.options, statetimeline.Options):
            placed.options.per_page = 0  # else it has a pager even for one page; the builder refuses 0
        if isinstance(placed, model.Panel):
            for index, target in enumerate(placed.targets or []):
                if isinstance(target, prometheus_model.Dataquery):
                    target.ref_id = ref_id(index)
    return result


def _grafana_annotations() -> model.AnnotationQuery:
    """Grafana's own annotations: notes by people, and its alerts."""
    return model.AnnotationQuery(
        name="Annotations & Alerts",
        datasource=model.DataSourceRef(type_val="grafana", uid="-- Grafana --"),
        icon_color=looks.NEUTRAL,
        hide=True,
        built_in=1,
        type_val="dashboard",
    )


class _Annotation(model.AnnotationQuery):
    """A Prometheus annotation: the SDK has a field for `expr`, but none for these."""

    def __init__(self, mark: Mark) -> None:
        super().__init__(
            name=mark.name,
            datasource=SOURCE,
            enable=mark.shown,
            icon_color=mark.colour,
            expr=mark.expression,
        )
        self._mark = mark

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {
            "step": _STEP,
            "titleFormat": self._mark.title,
            "tagKeys": ",".join(self._mark.tags),
            "useValueForTime": self._mark.at_value,
        }
