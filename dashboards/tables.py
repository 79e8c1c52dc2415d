"""Tables: one row per set of labels, one column per query.

A column has its own width and its own text for a cell without a value: Grafana would let the last columns end
outside the panel, and show the text of the whole panel in the colour of the lowest limit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders import table as table_builder
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import prometheus as prometheus_model
from grafana_foundation_sdk.models import units

from dashboards import looks
from dashboards.panels import NOT_SCRAPED, SOURCE, Panel, query, ref_id

CAUSE = 280  # pixels of a column of FreeSWITCH's causes
NARROWEST = 90  # pixels of a column of labels, which share what the columns of figures leave


@dataclass(frozen=True, slots=True)
class Column:
    """One query of a table.

    `words` turn numbers into words; `limits` colour the cell; `empty` stands in a cell without a value.
    """

    title: str
    expression: str
    unit: str
    words: Mapping[str, str] | None = None
    limits: Builder[model.ThresholdsConfig] | None = None
    decimals: int | None = None
    empty: str = "-"

    def width(self, *, sorted_by: bool) -> int:
        """Pixels, by the longest text: the title with the mark of sorting, the words, a time, or a figure."""
        title = len(self.title) + (3 if sorted_by else 0)
        texts = [len("100.00 %"), len(self.empty), *map(len, self.words or ())]
        if self.unit == units.DateTimeFromNow:
            texts.append(len("a few seconds ago"))
        if self.unit == units.DurationSeconds:
            texts.append(len("59.9 minutes"))
        return 16 + int(max(8.8 * title, 7.5 * max(texts)))  # titles are bold


def table(
    title: str,
    about: str,
    labels: Sequence[str],
    *columns: Column,
    links: Mapping[str, tuple[str, str]] | None = None,
    trailing: Sequence[str] = (),
    widths: Mapping[str, int] | None = None,
    hidden: Sequence[str] = (),
    sort_by: str = "",
    descending: bool = False,
    empty: str = NOT_SCRAPED,
    width: int = 24,
    height: int = 8,
) -> Panel:
    """One row per set of `labels`, one column per query.

    `labels` are the label columns, leftmost first, `trailing` those behind the figures; `widths`, in pixels,
    are of those with long values. `links` give a label column the text and the URL of a link. `hidden` are
    titles of columns that are queried only for their labels, and further labels. `sort_by` is a column title;
    without it rows keep Prometheus' order.
    """
    panel = (
        table_builder.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(width)
        .height(height)
        .unit(units.NoUnit)
        .thresholds(looks.thresholds("text"))
        .no_value(empty)
        .cell_height(common_model.TableCellHeight.SM)
        .min_width(NARROWEST)
    )
    for label in (*labels, *trailing):
        panel.override_by_name(label, _label_cell((widths or {}).get(label)))
    for column in columns:
        panel.with_target(query(column.expression).instant().format(prometheus_model.PromQueryFormat.TABLE))
        panel.override_by_name(column.title, _cell(column, sorted_by=column.title == sort_by))
    for label, (text, url) in (links or {}).items():
        panel.override_by_name(
            label, [model.DynamicConfigValue(id_val="links", value=[{"title": text, "url": url}])]
        )
    values = [f"Value #{ref_id(index)}" for index in range(len(columns))] if len(columns) > 1 else ["Value"]
    titles = {value: column.title for value, column in zip(values, columns, strict=True)}
    order = [*labels, *values, *trailing]
    panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(
        model.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {"Time": True}
                | {value: True for value, title in titles.items() if title in hidden}
                | {label: True for label in hidden if label not in titles.values()},
                "indexByName": {name: index for index, name in enumerate(order)},
                "renameByName": titles,
            },
        )
    )
    if sort_by:
        panel.sort_by([common.TableSortByFieldState().display_name(sort_by).desc(descending)])
    return panel


def _label_cell(width: int | None) -> list[model.DynamicConfigValue]:
    """A column of a label; not all rows need have it."""
    properties: dict[str, object] = {"custom.filterable": True, "noValue": "-"}
    if width is not None:
        properties["custom.width"] = width
    return [model.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()]


def _cell(column: Column, *, sorted_by: bool) -> list[model.DynamicConfigValue]:
    properties: dict[str, object] = {
        "unit": column.unit,
        "noValue": column.empty,
        "mappings": [*looks.mappings(column.words or {}), *looks.nothing_as(column.empty)],
        "custom.width": column.width(sorted_by=sorted_by),
    }
    if column.decimals is not None:
        properties["decimals"] = column.decimals
    if column.limits is not None:
        properties["thresholds"] = column.limits.build()
    if column.words is not None or column.limits is not None:
        properties["custom.cellOptions"] = common_model.TableColoredBackgroundCellOptions(
            mode=common_model.TableCellBackgroundDisplayMode.BASIC
        )
    return [model.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()]
