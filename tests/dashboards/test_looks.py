"""What Grafana draws wrongly by itself, told from the committed JSON alone, as far as that goes.

Each rule stands for something that was seen in Grafana 12: a strip without words, a cell that is green
because there is no value, an axis to 10000 %, a cut title. Widths are those of a laptop.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import frame, looks
from dashboards.panels import NOT_SCRAPED, NOT_SCRAPED_TILE
from exporter.metrics import families
from exporter.simulator import GatewayConfig, SimulatedSwitch
from exporter.switch.cause import CAUSES
from tests.dashboards.test_queries import FILES, fill_in
from tests.support import prometheus
from tests.support.daemon import daemon

Json = dict[str, Any]

SCREEN = 1366  # pixels; a laptop, and the narrowest on which nothing may be lost
COLUMN = (SCREEN - 24) / 24  # of the grid of 24 columns
TITLE_MARGIN = 88  # beside a panel's title: the gap, the padding, the mark of the description, the menu
TABLE_MARGIN = 34  # beside a table's columns


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def dashboard(request: pytest.FixtureRequest) -> Json:
    loaded: Json = json.loads(request.param.read_text(encoding="utf-8"))
    return loaded


def panels(dashboard: Json, *types: str) -> Iterator[Json]:
    """The panels of these types, of all types by default."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row" and (not types or panel["type"] in types):
            yield panel


def overrides(panel: Json) -> dict[str, Json]:
    """The properties that are set by name of a field, query or pattern."""
    found: dict[str, Json] = {}
    for override in panel["fieldConfig"]["overrides"]:
        properties = {item["id"]: item["value"] for item in override["properties"]}
        found.setdefault(override["matcher"]["options"], {}).update(properties)
    return found


def without_a_value(mappings: list[Json]) -> Json | None:
    """What is shown where there is no value; None: Grafana's own choice."""
    for mapping in mappings:
        if mapping["type"] == "special" and mapping["options"]["match"] == "null+nan":
            result: Json = mapping["options"]["result"]
            return result
    return None


def _fleet() -> Json:
    path = next(path for path in FILES if path.stem == frame.FLEET)
    loaded: Json = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def legend_names(panel: Json) -> list[str]:
    return [target.get("legendFormat", "") for target in panel["targets"]]


def text_width(text: str) -> float:
    """Pixels of a panel's title, a little more than less."""
    narrow, wide = "iljtfrI.,:;'|()! ", "mwMWGOQ%&@"
    return 1.05 * sum(4.5 if letter in narrow else 11 if letter in wide else 8 for letter in text)


# -- state timelines --------------------------------------------------------------------------------------


def test_the_strips_of_a_timeline_show_words(dashboard: Json) -> None:
    """In the colour mode of limits Grafana merges equal values to their limits, and forgets the mappings."""
    for panel in panels(dashboard, "state-timeline"):
        assert panel["options"]["mergeValues"]
        assert panel["fieldConfig"]["defaults"]["color"]["mode"] == "fixed", panel["title"]
        for target in panel["targets"]:
            words = overrides(panel)[target["refId"]]["mappings"][0]
            assert words["type"] == "value"
            assert all(word["text"] and word["color"] for word in words["options"].values())


def test_a_timeline_of_the_fleet_shows_the_worst_of_all_and_a_few_that_were_not_well() -> None:
    """A strip for each of a hundred things is a pixel high, and its name covers the next."""
    for panel in panels(_fleet(), "state-timeline"):
        each = [target["expr"] for target in panel["targets"] if "{{" in target["legendFormat"]]
        assert 0 < len(each) < len(panel["targets"]), panel["title"]
        assert all(re.search(r" topk\(\d+, .*@ end\(\)", expression) for expression in each), panel["title"]


def test_a_timeline_has_no_pager(dashboard: Json) -> None:
    for panel in panels(dashboard, "state-timeline"):
        assert panel["options"]["perPage"] == 0, panel["title"]


# -- annotations ------------------------------------------------------------------------------------------


def test_annotations_have_a_step_of_a_minute(dashboard: Json) -> None:
    """Marks that are no further apart than a step become one region, from the first to the last."""
    _, *marks = dashboard["annotations"]["list"]
    assert {mark["step"] for mark in marks} == {"60s"}


def test_gateways_are_marked_by_default_on_their_own_dashboard_only(dashboard: Json) -> None:
    enabled = {mark["name"]: mark["enable"] for mark in dashboard["annotations"]["list"]}
    of_gateways = {"Gateway failed", "Gateway recovered"}
    assert {enabled[name] for name in of_gateways} == {dashboard["uid"] == frame.GATEWAY}
    assert all(on for name, on in enabled.items() if name not in of_gateways)


def test_a_lost_switch_looks_like_nothing_else(dashboard: Json) -> None:
    lost, *others = dashboard["annotations"]["list"][1:]
    assert lost["name"] == "FreeSWITCH lost"
    assert lost["iconColor"] not in [mark["iconColor"] for mark in others]
    assert not lost["useValueForTime"], "a region, where the others are lines"


# -- no value ---------------------------------------------------------------------------------------------


def test_a_tile_without_a_value_has_a_text_and_no_colour(dashboard: Json) -> None:
    for panel in panels(dashboard, "stat"):
        defaults = panel["fieldConfig"]["defaults"]
        shown = without_a_value(defaults["mappings"])
        assert shown, panel["title"]
        assert (shown["color"], shown["text"]) == (looks.NO_DATA, defaults["noValue"]), panel["title"]


def test_the_text_of_a_tile_without_a_value_can_be_read(dashboard: Json) -> None:
    """A long one becomes tiny or, where the size is given, covers the title."""
    for panel in panels(dashboard, "stat"):
        text = panel["fieldConfig"]["defaults"]["noValue"]
        assert len(text) <= len("no ping answered"), (panel["title"], text)


def test_a_cell_without_a_value_has_a_text_of_its_column_and_no_colour(dashboard: Json) -> None:
    for panel in panels(dashboard, "table"):
        for name, properties in overrides(panel).items():
            if "unit" not in properties:
                continue  # a column of labels
            shown = without_a_value(properties["mappings"])
            assert shown, (panel["title"], name)
            assert shown["color"] == looks.NO_DATA, (panel["title"], name)
            assert shown["text"] == properties["noValue"] != panel["fieldConfig"]["defaults"]["noValue"]


def test_a_count_is_not_shortened(dashboard: Json) -> None:
    """Grafana's unit `short` writes 1234 calls as 1 K where there are no decimals."""
    for panel in panels(dashboard, "stat", "table"):
        shown = [panel["fieldConfig"]["defaults"], *overrides(panel).values()]
        assert "short" not in [properties.get("unit") for properties in shown], panel["title"]


def test_a_row_that_lacks_a_label_does_not_say_that_the_table_is_empty(dashboard: Json) -> None:
    for panel in panels(dashboard, "table"):
        properties = overrides(panel)
        organize = panel["transformations"][1]["options"]
        shown = [name for name in organize["indexByName"] if name not in organize["excludeByName"]]
        for column in (organize["renameByName"].get(name, name) for name in shown):
            text = properties[column]["noValue"]
            assert text != panel["fieldConfig"]["defaults"]["noValue"], (panel["title"], column)


def test_an_empty_panel_does_not_read_as_all_clear(dashboard: Json) -> None:
    """It is empty, too, where nothing is scraped."""
    for panel in panels(dashboard):
        text = panel["fieldConfig"]["defaults"]["noValue"]
        assert not re.search(r"^none$|\bno\b.* (refused|rejected|failed)\b", text), (panel["title"], text)


def test_the_text_of_an_empty_ranking_fits_beside_its_bar(dashboard: Json) -> None:
    for panel in panels(dashboard, "bargauge"):
        defaults = panel["fieldConfig"]["defaults"]
        assert text_width(defaults["noValue"]) <= panel["gridPos"]["w"] * COLUMN - TABLE_MARGIN, panel[
            "title"
        ]
        shown = without_a_value(defaults["mappings"])
        assert shown == {"text": defaults["noValue"], "color": looks.NO_DATA, "index": 1000}, panel["title"]


@pytest.fixture
async def quiet(tmp_path: Path) -> AsyncIterator[str]:
    """A Prometheus that has scraped an exporter: all is well, and there has been no call and no probe."""
    gateways = [GatewayConfig("telnyx", username="demo", realm="sip.example.org", proxy="192.0.2.1", ping=1)]
    async with SimulatedSwitch(gateways, tick=0.05) as switch:
        config = tmp_path / "config.yml"
        node = {"name": "demo", "port": switch.port, "poll_interval": "1s", "gateways": {"telnyx": {}}}
        config.write_text(yaml.safe_dump({"listen": ["127.0.0.1:0"], "nodes": [node]}))
        async with daemon(config) as running:
            context = prometheus.running(tmp_path, [running.base.removeprefix("http://")])
            base = await asyncio.to_thread(context.__enter__)
            try:
                yield base
            finally:
                await asyncio.to_thread(context.__exit__, None, None, None)


async def test_no_share_of_calls_is_shown_where_there_was_no_call(quiet: str) -> None:
    """0 % answered is an outage, and 0 % failed reads as if calls had succeeded."""
    deadline = time.monotonic() + 60
    while not await asyncio.to_thread(prometheus.ask, quiet, f"{families.UP.name} == 1"):
        assert time.monotonic() < deadline
    for file in FILES:
        for panel in panels(json.loads(file.read_text(encoding="utf-8")), "stat", "timeseries"):
            if panel["fieldConfig"]["defaults"]["unit"] == "percentunit" and "ailed" in panel["title"]:
                assert not await _has_data(quiet, panel), (file.stem, panel["title"])


async def test_no_panel_doubts_the_scrape_of_a_quiet_exporter(quiet: str) -> None:
    """A panel without data because there was no call says so, and not that nothing is scraped.

    A timeline is left out: Grafana has a text of its own for an empty one.
    """
    waiting = [panel for file in FILES for panel in panels(json.loads(file.read_text(encoding="utf-8")))]
    doubts = (NOT_SCRAPED, NOT_SCRAPED_TILE)
    waiting = [panel for panel in waiting if panel["fieldConfig"]["defaults"]["noValue"] in doubts]
    waiting = [panel for panel in waiting if panel["type"] != "state-timeline"]
    assert len(waiting) > 20
    deadline = time.monotonic() + 60
    while waiting := [panel for panel in waiting if not await _has_data(quiet, panel)]:
        assert time.monotonic() < deadline, [panel["title"] for panel in waiting]


async def _has_data(base: str, panel: Json) -> bool:
    for target in panel["targets"]:
        if await asyncio.to_thread(prometheus.ask, base, fill_in(target["expr"])):
            return True
    return False


# -- axes, legends, titles, columns -----------------------------------------------------------------------


def test_an_axis_has_an_upper_end_even_without_a_value_above_0(dashboard: Json) -> None:
    """Grafana's own upper end is 100 then, which is 10000 % of a ratio."""
    for panel in panels(dashboard, "timeseries"):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["custom"]["axisSoftMax"] > 0, panel["title"]
        assert "min" in defaults or "Success" in panel["title"], panel["title"]


def test_a_ratio_is_never_drawn_above_100_percent(dashboard: Json) -> None:
    for panel in panels(dashboard, "timeseries"):
        defaults = panel["fieldConfig"]["defaults"]
        if defaults["unit"] == "percentunit":
            assert defaults["max"] == 1, panel["title"]
            assert defaults["custom"]["axisSoftMax"] <= 1, panel["title"]


def test_the_rows_of_a_heatmap_differ(dashboard: Json) -> None:
    """Rows are named by the bounds of their buckets; the lowest one begins at 0."""
    for panel in panels(dashboard, "heatmap"):
        expression = panel["targets"][0]["expr"]
        [name] = re.findall(r"\b(freeswitch_\w+)_bucket", expression)
        if families.FAMILIES[name].buckets[0] == 0:
            assert 'le!~"0|0.0"' in expression, panel["title"]


def test_what_was_not_counted_is_not_in_a_legend(dashboard: Json) -> None:
    for panel in panels(dashboard, "timeseries"):
        if panel["fieldConfig"]["defaults"]["custom"].get("drawStyle") != "bars":
            continue
        hidden = {
            name: properties["custom.hideFrom"]
            for name, properties in overrides(panel).items()
            if "custom.hideFrom" in properties
        }
        [(pattern, where)] = hidden.items()
        assert where["legend"], panel["title"]
        assert all(re.fullmatch(pattern.strip("/"), name) for name in ("none", "none none"))
        assert not re.fullmatch(pattern.strip("/"), "NORMAL_CLEARING none")
        for target in panel["targets"]:
            if "{{" in target["legendFormat"]:
                assert " > 0" in target["expr"], (panel["title"], target["legendFormat"])


def test_a_legend_beside_bars_leaves_them_room(dashboard: Json) -> None:
    """Beside: Grafana gives it up to 60 % of the width. Causes are up to 30 letters."""
    for panel in panels(dashboard, "timeseries"):
        if panel["options"]["legend"]["placement"] == "right":
            assert panel["gridPos"]["w"] >= 10, panel["title"]
        elif any("cause" in name for name in legend_names(panel)):
            assert panel["gridPos"]["w"] < 8, (panel["title"], "ten causes below it are cut")


def test_a_graph_of_gateways_shows_a_few() -> None:
    """With a line for each of a hundred gateways none can be followed, and the legend is cut."""
    for panel in panels(_fleet(), "timeseries"):
        for target in panel["targets"]:
            if "{{gateway}}" in target["legendFormat"]:
                assert re.search(r" topk\(\d, .*@ end\(\)", target["expr"]), panel["title"]


def test_a_legend_that_grows_has_no_figures(dashboard: Json) -> None:
    for panel in panels(dashboard, "timeseries"):
        if any("{{" in name for name in legend_names(panel)):
            assert panel["options"]["legend"]["calcs"] == [], panel["title"]


def test_calls_without_a_gateway_are_named(dashboard: Json) -> None:
    for panel in panels(dashboard, "timeseries"):
        for target in panel["targets"]:
            if "{{gateway}}" in target["legendFormat"] and "freeswitch_call" in target["expr"]:
                assert '"(no gateway)"' in target["expr"], panel["title"]


def test_an_age_has_a_graph_of_its_own(dashboard: Json) -> None:
    """The age of an OPTIONS without an answer, up to 32 s, flattens a round trip of milliseconds."""
    for panel in panels(dashboard, "timeseries"):
        expressions = [target["expr"] for target in panel["targets"]]
        if any(families.GATEWAY_PING_PENDING.name in expression for expression in expressions):
            assert len(expressions) == 1, panel["title"]


def test_titles_fit(dashboard: Json) -> None:
    for panel in panels(dashboard):
        room = panel["gridPos"]["w"] * COLUMN - TITLE_MARGIN
        assert text_width(panel["title"]) <= room, panel["title"]


def test_the_columns_of_a_table_fit(dashboard: Json) -> None:
    for panel in panels(dashboard, "table"):
        fixed = [item["custom.width"] for item in overrides(panel).values() if "custom.width" in item]
        organize = panel["transformations"][1]["options"]
        shown = [name for name in organize["indexByName"] if name not in organize["excludeByName"]]
        labels = len(shown) - len(fixed)
        least = panel["fieldConfig"]["defaults"]["custom"]["minWidth"]
        assert sum(fixed) + labels * least <= panel["gridPos"]["w"] * COLUMN - TABLE_MARGIN, panel["title"]
        assert all(width >= 16 + int(8.8 * len(name)) for name, width in _widths(panel).items()), panel[
            "title"
        ]


def test_the_causes_of_freeswitch_fit_their_column(dashboard: Json) -> None:
    longest = 20 + 8.5 * max(map(len, CAUSES))
    for panel in panels(dashboard, "table"):
        if "cause" in panel["transformations"][1]["options"]["indexByName"]:
            assert _widths(panel)["cause"] >= longest, panel["title"]


def _widths(panel: Json) -> dict[str, int]:
    return {name: item["custom.width"] for name, item in overrides(panel).items() if "custom.width" in item}


# -- the first screen -------------------------------------------------------------------------------------


def test_the_first_screen_of_the_fleet_says_what_is_broken_since_when_and_what_it_costs() -> None:
    first = [panel for panel in panels(_fleet()) if panel["gridPos"]["y"] + panel["gridPos"]["h"] <= 22]
    gateways, switches = (panel for panel in first if panel["type"] == "table")
    assert list(_widths(gateways))[:3] == ["problem", "since", "failed"]
    assert list(_widths(switches))[:2] == ["connection", "last event"]
    problem = gateways["targets"][0]["expr"]
    assert f'{families.GATEWAY_PROBLEM.name}{{node=~"$node",gateway=~"$gateway",problem!~' in problem
    for table in (gateways, switches):  # a Prometheus that scrapes nothing must not read as all clear
        assert table["fieldConfig"]["defaults"]["noValue"].startswith("none known")
    assert {panel["type"] for panel in first} == {"stat", "table", "state-timeline"}
