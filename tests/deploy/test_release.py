"""What publishes a version: the workflows, the versions, and the checks that `make release-check` makes."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import exporter
from scripts import lowest_versions, release_check
from scripts.version import objection, version
from tests.support.tools import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
JOBS: dict[str, dict[str, Any]] = {
    f"{path.stem}/{name}": job
    for path in WORKFLOWS
    for name, job in yaml.safe_load(path.read_text())["jobs"].items()
}
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BIN = Path(sys.executable).parent


def test_github_accepts_the_workflows() -> None:
    for schema, paths in {
        "vendor.github-workflows": WORKFLOWS,
        "vendor.dependabot": [ROOT / ".github/dependabot.yml"],
    }.items():
        subprocess.run([BIN / "check-jsonschema", "--builtin-schema", schema, *paths], check=True, timeout=60)


def test_the_workflows_open_no_way_in() -> None:
    """The audits of zizmor: permissions, injected text, kept credentials, actions that can be replaced."""
    done = subprocess.run(
        [BIN / "zizmor", "--offline", "--no-progress", ROOT / ".github"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_bounded_and_names_its_actions_by_commit(name: str) -> None:
    assert JOBS[name]["timeout-minutes"] <= 40
    for step in JOBS[name]["steps"]:
        assert "run" in step or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"]), step


def test_each_python_that_is_promised_is_tested() -> None:
    matrix = JOBS["tests/test"]["strategy"]["matrix"]
    classifiers = [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if re.search(r":: 3\.\d", text)]
    assert matrix["python"] == classifiers
    assert PROJECT["requires-python"] == f">={classifiers[0]}"
    assert {"ubuntu-24.04-arm"} == {extra["runner"] for extra in matrix["include"]}


def test_the_commands_of_the_jobs_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(JOBS["tests/check"]["strategy"]["matrix"]["target"]) <= targets
    for job in JOBS.values():
        for command in [step["run"] for step in job["steps"] if "run" in step]:
            for path in re.findall(r"(?:scripts|\.ci)/[\w.]+", command):
                assert (ROOT / path).exists(), command
            for target in re.findall(r"\bmake ([a-z-]+)", command):
                assert target in targets, command


def test_only_what_was_tested_is_published() -> None:
    for name in ("release/pypi", "release/image"):
        assert JOBS[name]["needs"] == "packages"
    commands = [step.get("run") for step in JOBS["release/packages"]["steps"]]
    assert commands.index(".ci/run") < commands.index("make release-check")
    assert JOBS["release/image"]["permissions"]["attestations"] == "write"
    [build] = [step for step in JOBS["release/image"]["steps"] if step.get("id") == "build"]
    assert build["with"]["platforms"] == "linux/amd64,linux/arm64"
    assert build["with"]["sbom"] is True
    assert build["with"]["provenance"] == "mode=max"


def test_there_is_one_version() -> None:
    assert version() == exporter.__version__


@pytest.mark.parametrize(
    ("tag", "heading", "reason"),
    [
        (f"v{exporter.__version__}", f"## [{exporter.__version__}] - 2026-12-01", None),
        (f"v{exporter.__version__}", f"## [{exporter.__version__}] - unreleased", "YYYY-MM-DD"),
        (f"v{exporter.__version__}", "## [0.0.1] - 2026-12-01", "YYYY-MM-DD"),
        ("v0.0.1", f"## [{exporter.__version__}] - 2026-12-01", "The tag is v0.0.1"),
        (exporter.__version__, f"## [{exporter.__version__}] - 2026-12-01", "The tag is"),
    ],
)
def test_a_tag_publishes_only_its_version_with_a_date(tag: str, heading: str, reason: str | None) -> None:
    found = objection(tag, f"# Changelog\n\n{heading}\n")
    assert found is None if reason is None else reason in (found or "")


def test_the_lowest_versions_are_those_of_the_project() -> None:
    assert list(lowest_versions.constraints(["a-b>=1.2,<3", "c>=4"])) == ["a-b==1.2", "c==4"]
    with pytest.raises(ValueError, match="c: has no lower bound"):
        list(lowest_versions.constraints(["c"]))
    found = list(lowest_versions.constraints(PROJECT["dependencies"]))
    assert len(found) == len(PROJECT["dependencies"])


def test_a_missing_added_or_changed_file_is_a_difference(tmp_path: Path) -> None:
    folder = tmp_path / "exporter"
    shutil.copytree(ROOT / "exporter/metrics", folder, ignore=shutil.ignore_patterns("__pycache__"))
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"exporter/{path.name}")
        archive.writestr("some.dist-info/METADATA", "")
    assert release_check.differences(release_check.source_files(tmp_path), release_check.files(wheel)) == []
    (folder / "process.py").unlink()
    (folder / "families.py").write_text("")
    (folder / "new.py").write_text("")
    changed = ["exporter/families.py", "exporter/new.py", "exporter/process.py"]
    assert (
        release_check.differences(release_check.source_files(tmp_path), release_check.files(wheel)) == changed
    )


def test_the_image_is_built_from_the_whole_package(tmp_path: Path) -> None:
    copied = release_check.image_source(tmp_path / "image")
    assert release_check.source_files(copied) == release_check.source_files(ROOT)
