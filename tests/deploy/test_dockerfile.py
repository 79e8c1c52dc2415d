"""The image, as far as the Dockerfile shows; scripts/try-image.sh builds and runs it with buildah."""

import json
import re
import socket
import subprocess
import sys
import tomllib

from tests.deploy.dockerfile import BUILD, IMAGE, INSTRUCTIONS, copied, health_check, pairs, value, values
from tests.support import demo
from tests.support.configs import load_config
from tests.support.tools import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_both_stages_use_one_base_that_can_be_set() -> None:
    assert INSTRUCTIONS[0] == ("ARG", "BASE=python:3.11-slim-bookworm")
    assert [stage[0].words()[0] for stage in (BUILD, IMAGE)] == ["${BASE}", "${BASE}"]


def test_it_runs_without_root_and_owns_only_the_state() -> None:
    user = re.fullmatch(r"([1-9][0-9]*):([1-9][0-9]*)", value("USER"))
    assert user, "a number, because Kubernetes' runAsNonRoot does not resolve names"
    [made] = values(IMAGE, "RUN")
    assert f"--owner={user[1]} --group={user[2]} --mode=0700 {value('VOLUME')}" in made
    names = [instruction.name for instruction in IMAGE]
    assert names.index("RUN") < names.index("VOLUME"), "later changes in a volume are lost"


def test_nothing_is_compiled_and_no_compiler_is_left() -> None:
    [_, install] = values(BUILD, "RUN")
    assert "--only-binary :all:" in install
    assert "pip uninstall --yes pip setuptools" in install
    assert not [line for line in INSTRUCTIONS if re.search(r"\b(apt-get|apk|gcc)\b", line.value)]


def test_the_build_context_has_only_the_copied_files() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    ignored, *allowed = [line for line in lines if not line.startswith("#")]
    assert ignored == "*"
    assert sorted(line for line in allowed if line.startswith("!")) == sorted(f"!{path}" for path in copied())
    assert [line for line in allowed if not line.startswith("!")] == ["**/__pycache__"]


def test_it_copies_the_whole_package() -> None:
    # tests/test_project.py builds the wheel from these files, and checks its content.
    assert set(copied()) == {"pyproject.toml", "README.md", "LICENSE", "exporter"}


def test_its_settings_are_settings_of_the_exporter() -> None:
    environ = pairs("ENV")
    loaded = load_config(None, environ)
    assert [str(listen) for listen in loaded.listen] == [f":{value('EXPOSE')}"]
    assert str(loaded.state_dir) == value("VOLUME")
    assert environ["PYTHONDONTWRITEBYTECODE"] == "1", "otherwise a writable root file system would grow"
    assert environ["PATH"].startswith(f"{values(IMAGE, 'COPY')[0].split()[-1]}/bin:")


def test_it_starts_and_stops_without_a_shell_in_between() -> None:
    [script] = PROJECT["scripts"]
    assert json.loads(value("ENTRYPOINT")) == [script]
    assert json.loads(value("CMD")) == ["serve"]
    assert value("STOPSIGNAL") == "SIGTERM"


def test_its_labels_describe_it() -> None:
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in pairs("LABEL").items()}
    assert set(labels) == {"title", "description", "source", "documentation", "licenses"}
    assert labels["title"] == PROJECT["name"]
    assert labels["description"] == PROJECT["description"]
    assert labels["licenses"] == PROJECT["license"]
    assert labels["documentation"].startswith(f"{labels['source']}/blob/main/")
    assert (ROOT / labels["documentation"].removeprefix(f"{labels['source']}/blob/main/")).is_file()


def test_the_health_check_fails_without_an_exporter() -> None:
    def check(listen: str) -> int:
        program, *arguments = health_check()
        assert program == "python3"
        return subprocess.run(
            [sys.executable, *arguments],
            env={"EXPORTER_LISTEN": listen, "http_proxy": "http://127.0.0.1:9"},
            stderr=subprocess.DEVNULL,
            timeout=30,
            check=False,
        ).returncode

    with demo.running() as base:
        port = base.rpartition(":")[2]
        assert check(f":{port}") == 0
        assert check(f"127.0.0.1:1,[::]:{port}") == 0
    assert check(f":{port}") == 1
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert check(f":{mute.getsockname()[1]}") == 1, "one that accepts and says nothing is not alive"
