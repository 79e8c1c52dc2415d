"""The committed dashboards: equal to what the code builds, and correct where Grafana does not check."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import build, frame, looks, queries
from exporter.history.model import WELL
from exporter.metrics import families
from exporter.switch.log_line import LOG_LEVELS
from exporter.watch.accepting import REFUSAL_REASONS
from exporter.watch.verdict import GATEWAY_PROBLEMS, GATEWAY_STATES

ROOT = Path(__file__).parent.parent.parent
FILES = sorted((ROOT / "dashboards").glob("*.json"))
UNITS = {value for name, value in vars(units).items() if name[0].isupper() and isinstance(value, str)}

Json = dict[str, Any]


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def dashboard(request: pytest.FixtureRequest) -> Json:
    loaded: Json = json.loads(request.param.read_text(encoding="utf-8"))
    return loaded


def panels(dashboard: Json) -> list[Json]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def every_string(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from every_string(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from every_string(inner)


def test_the_committed_json_is_what_the_code_builds() -> None:
    built = build.files()
    assert {path.name for path in FILES} == {path.name for path in built}
    for path, text in built.items():
        assert path.read_text(encoding="utf-8") == text, "stale: run `python -m dashboards.build`"


def test_the_three_dashboards_link_to_each_other() -> None:
    assert {path.stem for path in FILES} == {frame.FLEET, frame.GATEWAY, frame.PROBES} == set(frame.TITLES)
    for path in FILES:
        texts = set(every_string(json.loads(path.read_text(encoding="utf-8"))))
        linked = {match for text in texts for match in re.findall(r"/d/([\w-]+)", text)}
        assert linked == set(frame.TITLES) - {path.stem}


def test_grafanas_own_model_reads_it_unchanged(dashboard: Json) -> None:
    register_default_plugins()
    for annotation in dashboard["annotations"]["list"]:
        for extra in ("titleFormat", "tagKeys", "useValueForTime", "step"):
            annotation.pop(extra, None)
    assert json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder)) == dashboard


def test_identity_and_import(dashboard: Json) -> None:
    assert dashboard["title"] == frame.TITLES[dashboard["uid"]]
    assert dashboard["schemaVersion"] == 41
    assert "id" not in dashboard
    assert "freeswitch-exporter" in dashboard["tags"]


def test_panel_ids_are_unique_and_set(dashboard: Json) -> None:
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    assert all(number > 0 for number in ids)


def test_query_names_are_unique_in_a_panel_and_set(dashboard: Json) -> None:
    for panel in panels(dashboard):
        names = [target["refId"] for target in panel["targets"]]
        assert names, panel["title"]
        assert all(names), panel["title"]
        assert len(set(names)) == len(names), panel["title"]


def test_every_panel_explains_itself(dashboard: Json) -> None:
    for panel in panels(dashboard):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert defaults["unit"] in UNITS or re.match(r"suffix:\S", defaults["unit"]), panel["title"]
        assert defaults["noValue"], panel["title"]


def test_titles_are_unique_within_a_row(dashboard: Json) -> None:
    seen: set[str] = set()
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            seen = set()
        assert panel["title"] not in seen
        seen.add(panel["title"])


def test_tiles_and_coloured_cells_have_limits(dashboard: Json) -> None:
    for panel in panels(dashboard):
        if panel["type"] in {"stat", "table"}:
            assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None, panel["title"]


def test_panels_fill_the_grid_without_overlap(dashboard: Json) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24, panel["title"]
        for x in range(grid["x"], grid["x"] + grid["w"]):
            for y in range(grid["y"], grid["y"] + grid["h"]):
                assert (x, y) not in taken, f"{panel['title']} covers {taken[x, y]}"
                taken[x, y] = panel["title"]
    bottom = max(y for _, y in taken) + 1
    assert len(taken) == 24 * bottom, "there are holes"


def test_it_begins_with_complete_rows_of_tiles_two_at_most(dashboard: Json) -> None:
    """Before anything that must be studied: eight of them, or two rows of five."""
    first_row = next(panel for panel in dashboard["panels"] if panel["type"] == "row")
    tiles = [panel for panel in dashboard["panels"] if panel["gridPos"]["y"] < first_row["gridPos"]["y"]]
    assert [panel["type"] for panel in tiles] == ["stat"] * len(tiles)
    assert [panel["gridPos"]["h"] for panel in tiles] == [4] * len(tiles)
    assert len(tiles) in (8, 10)
    assert first_row["gridPos"]["y"] == (4 if len(tiles) == 8 else 8)


def test_every_query_uses_the_selected_data_source(dashboard: Json) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    first, *others = dashboard["templating"]["list"]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    assert all(variable["datasource"] == chosen for variable in others)
    for panel in panels(dashboard):
        assert panel["datasource"] == chosen
        assert all(target["datasource"] == chosen for target in panel["targets"])
    builtin, *marks = dashboard["annotations"]["list"]
    assert builtin["datasource"]["uid"] == "-- Grafana --"
    assert all(mark["datasource"] == chosen for mark in marks)


def test_variables(dashboard: Json) -> None:
    names = [variable["name"] for variable in dashboard["templating"]["list"]]
    assert names == [
        "datasource",
        "node",
        "gateway",
        *(["probe"] if dashboard["uid"] == frame.PROBES else []),
    ]
    used = {match for text in every_string(dashboard) for match in re.findall(r"\$\{?([a-z]\w*)", text)}
    assert used == set(names), "a variable is used and not declared, or declared and not used"


def test_state_changes_are_annotated(dashboard: Json) -> None:
    names = [mark["name"] for mark in dashboard["annotations"]["list"][1:]]
    assert names[:4] == ["FreeSWITCH lost", "FreeSWITCH restarted", "Gateway failed", "Gateway recovered"]


def test_colours_are_names_that_follow_the_theme(dashboard: Json) -> None:
    palette = re.compile(r"(transparent|text|(super-light-|light-|semi-dark-|dark-)?"
                         r"(red|orange|yellow|green|blue|purple))")  # fmt: skip

    def colours(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in {"color", "fixedColor", "iconColor"} and isinstance(inner, str):
                    yield inner
                yield from colours(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from colours(inner)

    found = set(colours(dashboard))
    assert found
    assert all(palette.fullmatch(colour) for colour in found), found
    assert not any(re.search(r"#[0-9a-fA-F]{3,8}\b|rgba?\(", text) for text in every_string(dashboard))


def test_every_metric_is_declared(dashboard: Json) -> None:
    declared = {"process_resident_memory_bytes"}
    for family in families.FAMILIES.values():
        parts = ("_bucket", "_sum", "_count") if family.type == "histogram" else ("",)
        declared |= {family.name + part for part in parts}
    expressions = [target["expr"] for panel in panels(dashboard) for target in panel["targets"]]
    expressions += [mark["expr"] for mark in dashboard["annotations"]["list"][1:]]
    expressions += [variable["query"]["query"] for variable in dashboard["templating"]["list"][1:]]
    named = {name for text in expressions for name in re.findall(r"\b(?:freeswitch|process)_\w+", text)}
    assert named
    assert named <= declared


# What else there is of these: shown by others, part of the configuration, or of use to rules only.
WITHOUT_A_PANEL = {
    *("freeswitch_connection_losses_total", "freeswitch_last_poll_timestamp_seconds"),
    *("freeswitch_exporter_history_rows", "freeswitch_time_synced", "freeswitch_sessions_total"),
    "freeswitch_exporter_config_last_reload_success_timestamp_seconds",
    *("process_virtual_memory_bytes", "process_start_time_seconds", "process_cpu_seconds_total"),
    *("process_open_fds", "process_max_fds"),
    *("freeswitch_current_sessions_peak", "freeswitch_current_sessions_peak_last_5min"),
    *("freeswitch_current_sps_peak", "freeswitch_current_sps_peak_last_5min", "freeswitch_min_idle_cpu"),
    *("freeswitch_current_channels", "freeswitch_sofia_profile_info"),
    *(
        "freeswitch_gateway_up",
        "freeswitch_gateway_uptime_seconds",
        "freeswitch_gateway_ping_interval_seconds",
    ),
    *("freeswitch_gateway_registration_expected", "freeswitch_calls_learned_total"),
    "freeswitch_probe_standby",
}


def test_each_other_family_has_a_panel() -> None:
    shown = " ".join(
        target["expr"]
        for path in FILES
        for panel in panels(json.loads(path.read_text(encoding="utf-8")))
        for target in panel["targets"]
    )
    named = set(re.findall(r"\b(?:freeswitch|process)_\w+", shown))
    without = {
        family.name
        for family in families.FAMILIES.values()
        if not named & {family.name + part for part in ("", "_bucket", "_sum", "_count")}
    }
    assert without == WITHOUT_A_PANEL


def test_rates_use_the_window_that_grafana_fits_to_the_scrape_interval(dashboard: Json) -> None:
    windows = {
        match
        for panel in panels(dashboard)
        for target in panel["targets"]
        for match in re.findall(r"\brate\([^\[]*\[([^\]]+)\]", target["expr"])
    }
    assert windows <= {"$__rate_interval"}


def test_words_are_those_of_the_exporter() -> None:
    assert set(looks.STATES) == set(GATEWAY_STATES)
    assert set(looks.PROBLEMS) == set(GATEWAY_PROBLEMS)
    assert set(looks.CONNECTION_PROBLEMS) == set(families.PROBLEMS)
    assert set(looks.LOG_LEVELS) == set(LOG_LEVELS)
    assert set(looks.REFUSALS) == set(REFUSAL_REASONS)
    assert set(queries.NO_PROBLEM.split("|")) == WELL
    assert set(looks.RESULTS) < set(families.PROBE_RESULTS)


def test_alerts_and_dashboards_agree() -> None:
    rules = (ROOT / "alerts" / "recording.yml").read_text(encoding="utf-8")
    causes = re.findall(r'cause!~"([^"]+)"', rules)
    assert causes
    assert all(found.split("|") == list(queries.USER_CAUSES) for found in causes)
    alerts = (ROOT / "alerts" / "gateway.yml").read_text(encoding="utf-8")
    assert f"runbook_url: {frame.RUNBOOK}#" in alerts


def test_provisioning_serves_these_files() -> None:
    folder = ROOT / "deploy" / "grafana" / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text(encoding="utf-8"))
    providers = yaml.safe_load((folder / "dashboards" / "freeswitch.yml").read_text(encoding="utf-8"))
    assert [source["type"] for source in sources["datasources"]] == ["prometheus"]
    assert sources["datasources"][0]["isDefault"] is False
    assert [provider["type"] for provider in providers["providers"]] == ["file"]
