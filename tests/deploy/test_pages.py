"""The pages on installation, migration and metrics: they name what exists, and the reference is current."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from exporter.config import Config
from exporter.config.key import AnyKind, ListOf, MapOf, Section, keys
from exporter.config.web_model import WebFile
from exporter.metrics.families import FAMILIES
from scripts import config_reference
from scripts.metrics_reference import SECTIONS, VALUES, reference
from tests.alerts.rule_files import ALERTS
from tests.support import demo
from tests.support.tools import ROOT, program

DOCS = ROOT / "docs"
MIGRATION = (DOCS / "migration.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in MIGRATION.splitlines() if line.startswith("| `")]
_STATESETS = ("freeswitch_connection_problem", "freeswitch_gateway_state", "freeswitch_gateway_problem")


def test_the_metrics_reference_is_what_the_code_declares() -> None:
    assert (DOCS / "metrics.md").read_text(encoding="utf-8") == reference(), (
        "run: python -m scripts.metrics_reference > docs/metrics.md"
    )
    for name in FAMILIES:
        assert f"\n| `{name}` |" in reference()
    for title, _ in SECTIONS:
        assert f"\n## {title}\n" in reference()


def test_the_config_reference_is_what_the_code_declares() -> None:
    assert (DOCS / "configuration.md").read_text(encoding="utf-8") == config_reference.reference(), (
        "run: python -m scripts.config_reference > docs/configuration.md"
    )


def test_the_config_reference_has_every_key() -> None:
    text = config_reference.reference()
    for name in {name for struct in (Config, WebFile) for name in _names(Section(struct))}:
        assert re.search(rf"`{re.escape(name)}`|## `[^`]*{re.escape(name)}[^`]*`", text), name


def _names(kind: AnyKind) -> Iterator[str]:
    match kind:
        case Section(struct=struct):
            for declared in keys(struct):
                yield from declared.names
                yield from _names(declared.key.kind)
        case ListOf(item=value) | MapOf(value=value):
            yield from _names(value)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with demo.running() as url:
        yield url


def test_the_values_of_labels_are_those_in_metrics(base: str) -> None:
    page = demo.until(f"{base}/metrics", r'^freeswitch_gateway_state\{.*gateway="telnyx"', 30)
    for family in _STATESETS:
        label = family.rpartition("_")[2]
        served = re.findall(rf'^{family}\{{.*{label}="(\w+)"\}}', page, re.MULTILINE)
        listed = [list(values) for name, families, values in VALUES if name == label]
        assert list(dict.fromkeys(served)) in listed, family


def test_migration_names_only_families_that_exist() -> None:
    assert len(ROWS) > 35
    for row in ROWS:
        for name in re.findall(r"`(freeswitch_\w+)`", " ".join(row[1:])):
            assert name in FAMILIES, row
        assert row[1].startswith("none") or "`" in row[1], row


def test_families_shared_with_other_exporters_keep_their_names() -> None:
    shared = {name for row in ROWS for name in re.findall(r"`(freeswitch_\w+)`", row[0])} & set(FAMILIES)
    assert len(shared) == 18
    for row in ROWS:
        for name in re.findall(r"`(freeswitch_\w+)`", row[0]):
            assert name not in shared or f"`{name}`" in row[1], row


def test_a_job_of_mrojects_exporter_is_refused_without_a_call(base: str) -> None:
    for query in ("target=192.0.2.10:8021", "target=tcp://192.0.2.10:8021&module=telnyx-echo"):
        with pytest.raises(HTTPError, match="400"):
            demo.get(f"{base}/probe?{query}")


def test_one_switch_of_several_can_be_scraped(base: str) -> None:
    demo.until(f"{base}/metrics?node=demo", "^freeswitch_up", 30)
    with pytest.raises(HTTPError, match="404"):
        demo.get(f"{base}/metrics?node=fs1")


def test_migration_names_alerts_that_exist() -> None:
    [text] = re.findall(r"## Alerts\n.* correspond to\n(.*)", MIGRATION, re.DOTALL)
    named = set(re.findall(r"`(Freeswitch\w+)`", text))
    lost = {alert.name for alert in ALERTS if alert.labels.get("outage") == "switch"}
    assert named == lost | {"FreeswitchSessionsNearLimit"}


def test_one_target_per_switch_is_a_scrape_config(tmp_path: Path) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", MIGRATION, re.DOTALL)
    (tmp_path / "prometheus.yml").write_text(text)
    subprocess.run([program("promtool"), "check", "config", tmp_path / "prometheus.yml"], check=True)


@pytest.mark.parametrize("page", ["install.md", "existing-monitoring.md", "migration.md", "metrics.md"])
def test_paths_and_links_exist(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for path in re.findall(r"(?<![\w/.-])(?:deploy|scripts|exporter)/[\w./-]*\w", text):
        assert (ROOT / path).exists(), path
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", text):
        linked = (DOCS / (target or page)).resolve()
        assert linked.exists(), target
        assert not anchor or re.search(f"^#+ {anchor}$", linked.read_text(), re.MULTILINE | re.IGNORECASE)


def _sections(text: str) -> dict[str, str]:
    """The text below each heading of the second and third level."""
    parts = re.split(r"^##+ (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_security_page_has_its_answers() -> None:
    found = _sections((ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    for heading, words in {
        "Who is trusted with what": "callers, providers",
        "What the event socket password allows": "api system",
        "What `userauth` stops, and what it does not": "sendmsg",
        "The smallest account": "originate",
        "The HTTP side": "reverse proxy",
        "Reporting a vulnerability": "private",
    }.items():
        assert words in found[heading], heading


def test_the_figures_of_long_runs_are_there() -> None:
    figures = _sections((DOCS / "reliability.md").read_text(encoding="utf-8"))["Figures of a long run"]
    rows = [re.findall(r"[^|]+", line) for line in figures.splitlines() if line.startswith("| ")][1:]
    for run, needs in {"chaos": "faults", "week": "events", "events": "events", "fuzz": "inputs"}.items():
        found = [row for row in rows if row[0].strip().partition(",")[0] == run]
        assert found, run
        for _, how_long, what, findings in (map(str.strip, row) for row in found):
            assert re.search(r"\d+ (h|min|s|days)\b", how_long), run
            assert re.search(r"\d", what), run
            assert needs in what, run
            assert findings, run
