"""The kinds of panel that the dashboards use, each a function that calls Grafana's own builders.

Strategy. This module alone decides the look of each kind. Every panel must have a description of what it
shows and what to conclude (`about`), a unit, and a text for the empty panel (`empty`), so these arguments are
required. `frame` sets ids and positions.

What Grafana draws wrongly by itself, and what prevents it here (tests/dashboards/test_looks.py):

* A state timeline shows value mappings only in a fixed colour mode, and never the text for an empty panel.
* Where there is no value, a tile and a cell have the colour of the lowest limit: a mapping takes it away.
* An axis without a value above 0 reaches to 100, which is 10000 % of a ratio: each axis has an upper end.
* The title of a narrow panel is cut.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models import prometheus as prometheus_model
from grafana_foundation_sdk.models import units

from dashboards import looks

Panel = Builder[model.Panel]
Limits = Sequence[tuple[float, str]]

SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
NONE = r"/^\s*none(\s+none)*\s*$/"  # the names of series that stand for "nothing was counted"
NOT_SCRAPED = "no data: is the exporter scraped?"
LEGEND_BESIDE = 10  # columns; beside a narrower graph a legend of causes takes half of it and more
NOT_SCRAPED_TILE = "no data"  # the longer one would be tiny


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel; `name` is the legend, in which `{{label}}` stands for a label's value."""

    expression: str
    name: str = ""
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """One query of a state timeline: its numbers are shown as the word with that index."""

    expression: str
    name: str
    words: Mapping[str, str]


def tile(
    title: str,
    about: str,
    unit: str,
    expression: str,
    limits: Builder[model.ThresholdsConfig],
    *,
    empty: str = NOT_SCRAPED_TILE,
    words: Mapping[str, str] | None = None,
    decimals: int | None = None,
    width: int = 3,
) -> Panel:
    """One number or word on a coloured background."""
    panel = _stat(title, about, unit, limits, empty, width)
    panel.text_mode(common_model.BigValueTextMode.VALUE).with_target(query(expression).instant())
    if words is not None:
        panel.mappings([*looks.mappings(words), *looks.nothing_as(empty)])
    if decimals is not None:
        panel.decimals(decimals)
    return panel


def since(title: str, about: str, well: Query, ill: Query, *, empty: str, width: int) -> Panel:
    """A duration with its word, green or red: of the two queries only one has a value at a time."""
    panel = _stat(title, about, units.DurationSeconds, looks.plain(), empty, width)
    panel.text_mode(common_model.BigValueTextMode.VALUE_AND_NAME).decimals(0)
    panel.text(common.VizTextDisplayOptions().title_size(24).value_size(38))  # else both are tiny
    for asked, colour in ((well, looks.WELL), (ill, looks.CRITICAL)):
        panel.with_target(query(asked.expression, asked.name).instant())
        fixed = {"mode": model.FieldColorModeId.FIXED, "fixedColor": colour}
        panel.override_by_name(asked.name, [model.DynamicConfigValue(id_val="color", value=fixed)])
    return panel


def lines(
    title: str,
    about: str,
    unit: str,
    *queries: Query,
    top: float,
    highest: float | None = None,
    empty: str = NOT_SCRAPED,
    limits: Limits = (),
    lowest: float | None = 0,
    width: int = 8,
    height: int = 8,
) -> Panel:
    """Figures over time; `limits` are drawn as dashed lines.

    The axis reaches to `top` or, where a figure is above it, further, but never beyond `highest`.
    """
    panel = _over_time(
        title, about, unit, queries, empty, width, height, lowest, top, common_model.LegendPlacement.BOTTOM
    )
    panel.line_width(2).fill_opacity(8).show_points(common_model.VisibilityMode.AUTO)
    if limits:
        panel.thresholds(looks.thresholds("transparent", *limits)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_model.GraphThresholdsStyleMode.DASHED)
        )
    if highest is not None:
        panel.max(highest)
    return panel


def bars(
    title: str,
    about: str,
    unit: str,
    *queries: Query,
    top: float = 1,
    highest: float | None = None,
    empty: str = NOT_SCRAPED,
    colours: Mapping[str, str] | None = None,
    width: int = 8,
    height: int = 8,
) -> Panel:
    """Stacked figures over time; `colours` by series name for words that have a colour.

    The axis reaches to `top` or, where the figures are above it, further, but never beyond `highest`. Series
    named none, which stand for no data, are not in the legend.
    """
    wide = width >= LEGEND_BESIDE
    legend = common_model.LegendPlacement.RIGHT if wide else common_model.LegendPlacement.BOTTOM
    panel = _over_time(title, about, unit, queries, empty, width, height, 0, top, legend)
    if highest is not None:
        panel.max(highest)
    hidden = {"legend": True, "tooltip": True, "viz": False}
    panel.override_by_regexp(NONE, [model.DynamicConfigValue(id_val="custom.hideFrom", value=hidden)])
    panel.draw_style(common_model.GraphDrawStyle.BARS).fill_opacity(70).line_width(0)
    panel.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL).group("A"))
    for name, colour in (colours or {}).items():
        fixed = {"mode": model.FieldColorModeId.FIXED, "fixedColor": colour}
        panel.override_by_name(name, [model.DynamicConfigValue(id_val="color", value=fixed)])
    return panel


def timeline(
    title: str,
    about: str,
    *strips: Strip,
    width: int = 24,
    height: int = 7,
) -> Panel:
    """Words over time, one strip per series. Without any series it shows Grafana's "No data in response"."""
    panel = (
        statetimeline.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(width)
        .height(height)
        .unit(units.Short)
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(looks.UNKNOWN))
        .no_value(NOT_SCRAPED)
        .show_value(common_model.VisibilityMode.AUTO)
        .align_value(common_model.TimelineValueAlignment.LEFT)
        .merge_values(True)
        .row_height(0.85)
        .fill_opacity(75)
        .line_width(0)
        .legend(common.VizLegendOptions().show_legend(False))
        .tooltip(common.VizTooltipOptions().mode(common_model.TooltipDisplayMode.SINGLE))
    )
    for index, strip in enumerate(strips):
        panel.with_target(query(strip.expression, strip.name).range())
        panel.override_by_query(
            ref_id(index), [model.DynamicConfigValue(id_val="mappings", value=looks.mappings(strip.words))]
        )
    return panel


def ranking(title: str, about: str, unit: str, bar: Query, *, empty: str, width: int, height: int) -> Panel:
    """One horizontal bar per series, longest first if the query sorts."""
    return (
        bargauge.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(width)
        .height(height)
        .unit(unit)
        .min(0)
        .no_value(empty)
        .mappings(looks.nothing_as(empty))
        .thresholds(looks.plain())
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .orientation(common_model.VizOrientation.HORIZONTAL)
        .display_mode(common_model.BarGaugeDisplayMode.BASIC)
        .value_mode(common_model.BarGaugeValueMode.TEXT)
        .sizing(common_model.BarGaugeSizing.MANUAL)  # else a single bar fills the panel
        .max_viz_height(40)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .display_name("${__series.name}")
        .with_target(query(bar.expression, bar.name).instant())
    )


def heat(
    title: str, about: str, unit: str, buckets: str, *, empty: str, width: int = 8, height: int = 8
) -> Panel:
    """A histogram over time; the colour shows the calls per minute in a bucket."""
    return (
        heatmap.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(width)
        .height(height)
        .unit(unit)
        .no_value(empty)
        .calculate(False)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heatmap_model.HeatmapColorMode.SCHEME)
            .scheme("Blues")
            .fill("blue")
            .scale(heatmap_model.HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(32)
        )
        .y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(common_model.AxisPlacement.LEFT))
        .cell_values(heatmap.CellValues().unit(units.CountsPerMinute))
        .cell_gap(1)
        .exemplars_color("orange")
        .filter_values(heatmap.FilterValueRange().le(1e-9))
        .hide_y_histogram()
        .scale_distribution(common.ScaleDistributionConfig().type(common_model.ScaleDistribution.LINEAR))
        .show_legend()
        .with_target(query(buckets, "{{le}}").format(prometheus_model.PromQueryFormat.HEATMAP).range())
    )


def ref_id(index: int) -> str:
    """Grafana's name of a panel's query: A, B, C, ..."""
    return chr(ord("A") + index)


def query(expression: str, name: str = "") -> prometheus.Dataquery:
    """A query of a panel, with Grafana's editor for code."""
    built = prometheus.Dataquery().expr(expression).datasource(SOURCE)
    return built.editor_mode(prometheus_model.QueryEditorMode.CODE).legend_format(name)


def _stat(
    title: str, about: str, unit: str, limits: Builder[model.ThresholdsConfig], empty: str, width: int
) -> stat.Panel:
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(width)
        .height(4)
        .unit(unit)
        .thresholds(limits)
        .mappings(looks.nothing_as(empty))
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .no_value(empty)
        .color_mode(common_model.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(common_model.BigValueGraphMode.NONE)
        .justify_mode(common_model.BigValueJustifyMode.CENTER)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def _over_time(
    title: str,
    about: str,
    unit: str,
    queries: Sequence[Query],
    empty: str,
    width: int,
    height: int,
    lowest: float | None,
    top: float,
    legend: common_model.LegendPlacement,
) -> timeseries.Panel:
    # A legend of a series per gateway or cause is long: with figures it would hide the graph.
    figures = [] if any("{{" in asked.name for asked in queries) else ["lastNotNull"]
    panel = (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(width)
        .height(height)
        .unit(unit)
        .axis_soft_max(top)
        .no_value(empty)
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC))
        .legend(
            common.VizLegendOptions()
            .display_mode(common_model.LegendDisplayMode.LIST)
            .placement(legend)
            .show_legend(True)
            .calcs(figures)
        )
        .tooltip(
            common.VizTooltipOptions()
            .hide_zeros(True)
            .mode(common_model.TooltipDisplayMode.MULTI)
            .sort(common_model.SortOrder.DESCENDING)
        )
    )
    if lowest is not None:
        panel.min(lowest)
    for asked in queries:
        panel.with_target(query(asked.expression, asked.name).range().exemplar(asked.exemplars))
    return panel
