"""The kinds of panel that the dashboards use, each a function that calls Grafana's own builders.

Strategy. This module alone decides the look of each kind. Every panel must have a description of what it
shows and what to conclude (`about`), a unit, and a text for the empty panel (`empty`), so these arguments are
required. `frame` sets ids and positions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.builders import table as table_builder
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
NARROWEST = 115  # pixels of a column: twelve of them beside each other on a screen of 1600
NOT_SCRAPED = "no data: is the exporter scraped?"


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


@dataclass(frozen=True, slots=True)
class Column:
    """One query of a table. `words` turn numbers into words; `limits` colour the cell."""

    title: str
    expression: str
    unit: str
    words: Mapping[str, str] | None = None
    limits: Builder[model.ThresholdsConfig] | None = None
    decimals: int | None = None


def tile(
    title: str,
    about: str,
    unit: str,
    expression: str,
    limits: Builder[model.ThresholdsConfig],
    *,
    empty: str = NOT_SCRAPED,
    words: Mapping[str, str] | None = None,
    decimals: int | None = None,
    width: int = 3,
) -> Panel:
    """One number or word on a coloured background."""
    panel = _stat(title, about, unit, limits, empty, width)
    panel.text_mode(common_model.BigValueTextMode.VALUE).with_target(_query(expression).instant())
    if words is not None:
        panel.mappings(looks.mappings(words))
    if decimals is not None:
        panel.decimals(decimals)
    return panel


def since(title: str, about: str, well: Query, ill: Query, *, empty: str, width: int) -> Panel:
    """A duration with its word, green or red: of the two queries only one has a value at a time."""
    panel = _stat(title, about, units.DurationSeconds, looks.plain(), empty, width)
    panel.text_mode(common_model.BigValueTextMode.VALUE_AND_NAME).decimals(0)
    panel.text(common.VizTextDisplayOptions().title_size(24).value_size(38))  # else both are tiny
    for query, colour in ((well, looks.WELL), (ill, looks.CRITICAL)):
        panel.with_target(_query(query.expression, query.name).instant())
        fixed = {"mode": model.FieldColorModeId.FIXED, "fixedColor": colour}
        panel.override_by_name(query.name, [model.DynamicConfigValue(id_val="color", value=fixed)])
    return panel


def lines(
    title: str,
    about: str,
    unit: str,
    *queries: Query,
    empty: str = NOT_SCRAPED,
    limits: Limits = (),
    highest: float | None = None,
    lowest: float | None = 0,
    width: int = 8,
    height: int = 8,
) -> Panel:
    """Figures over time; `limits` are drawn as dashed lines."""
    panel = _over_time(title, about, unit, queries, empty, width, height, lowest)
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
    empty: str = NOT_SCRAPED,
    colours: Mapping[str, str] | None = None,
    width: int = 8,
    height: int = 8,
) -> Panel:
    """Stacked figures over time; `colours` by series name for words that have a colour."""
    panel = _over_time(title, about, unit, queries, empty, width, height, lowest=0)
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
    empty: str = NOT_SCRAPED,
    width: int = 24,
    height: int = 7,
) -> Panel:
    """Words over time, one strip per series."""
    panel = (
        statetimeline.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(width)
        .height(height)
        .unit(units.Short)
        .thresholds(looks.plain())
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .no_value(empty)
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
        panel.with_target(_query(strip.expression, strip.name).range())
        panel.override_by_query(
            ref_id(index), [model.DynamicConfigValue(id_val="mappings", value=looks.mappings(strip.words))]
        )
    return panel


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
        .with_target(_query(buckets, "{{le}}").format(prometheus_model.PromQueryFormat.HEATMAP).range())
    )


def table(
    title: str,
    about: str,
    labels: Sequence[str],
    *columns: Column,
    links: Mapping[str, tuple[str, str]] | None = None,
    hidden: Sequence[str] = (),
    sort_by: str = "",
    descending: bool = False,
    empty: str = NOT_SCRAPED,
    width: int = 24,
    height: int = 8,
) -> Panel:
    """One row per set of `labels`, one column per query.

    `labels` are the label columns, leftmost first. `links` give a label column the text and the URL of a
    link. `hidden` are titles of columns that are queried only for their labels. `sort_by` is a column title;
    without it rows keep Prometheus' order.
    """
    panel = (
        table_builder.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(width)
        .height(height)
        .unit(units.Short)
        .thresholds(looks.thresholds("text"))
        .no_value(empty)
        .cell_height(common_model.TableCellHeight.SM)
        .min_width(NARROWEST)
        .filterable(True)
    )
    for column in columns:
        panel.with_target(_query(column.expression).instant().format(prometheus_model.PromQueryFormat.TABLE))
        panel.override_by_name(column.title, _cell(column))
    for label, (text, url) in (links or {}).items():
        panel.override_by_name(
            label, [model.DynamicConfigValue(id_val="links", value=[{"title": text, "url": url}])]
        )
    values = [f"Value #{ref_id(index)}" for index in range(len(columns))] if len(columns) > 1 else ["Value"]
    titles = {value: column.title for value, column in zip(values, columns, strict=True)}
    order = [*labels, *values]
    panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(
        model.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {"Time": True}
                | {value: True for value, title in titles.items() if title in hidden},
                "indexByName": {name: index for index, name in enumerate(order)},
                "renameByName": titles,
            },
        )
    )
    if sort_by:
        panel.sort_by([common.TableSortByFieldState().display_name(sort_by).desc(descending)])
    return panel


def ref_id(index: int) -> str:
    """Grafana's name of a panel's query: A, B, C, ..."""
    return chr(ord("A") + index)


def _query(expression: str, name: str = "") -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(expression).datasource(SOURCE)
    return query.editor_mode(prometheus_model.QueryEditorMode.CODE).legend_format(name)


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
) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(width)
        .height(height)
        .unit(unit)
        .no_value(empty)
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .legend(
            common.VizLegendOptions()
            .display_mode(common_model.LegendDisplayMode.LIST)
            .placement(common_model.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull"])
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_model.TooltipDisplayMode.MULTI)
            .sort(common_model.SortOrder.DESCENDING)
        )
    )
    if lowest is not None:
        panel.min(lowest)
    for query in queries:
        panel.with_target(_query(query.expression, query.name).range().exemplar(query.exemplars))
    return panel


def _cell(column: Column) -> list[model.DynamicConfigValue]:
    properties: dict[str, object] = {"unit": column.unit}
    if column.decimals is not None:
        properties["decimals"] = column.decimals
    if column.words is not None:
        properties["mappings"] = looks.mappings(column.words)
    if column.limits is not None:
        properties["thresholds"] = column.limits.build()
    if column.words is not None or column.limits is not None:
        properties["custom.cellOptions"] = common_model.TableColoredBackgroundCellOptions(
            mode=common_model.TableCellBackgroundDisplayMode.BASIC
        )
    return [model.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()]
