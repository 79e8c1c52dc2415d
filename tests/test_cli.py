"""The command line: which command runs with which config, what is printed where, and the exit codes."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import exporter
import exporter.demo
from exporter import cli, runtime
from exporter.command_help import EXAMPLES, MORE
from exporter.config import Config, Listen, LogConfig, Secret
from tests.support.tools import ROOT

# Each costs time at the start, and memory as long as the process runs.
HEAVY = {
    "aiohttp",
    "asyncio",
    "bcrypt",
    "jinja2",
    "phonenumbers",
    "prometheus_client",
    "rich",
    "ssl",
    "structlog",
}


def run(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("FREESWITCH_", "EXPORTER_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "exporter", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean | environ,
        check=False,
    )


class Started:
    """The arguments with which a command has started the daemon."""

    def __init__(self) -> None:
        self.config: Config | None = None
        self.reload: Callable[[], Config] | None = None

    def __call__(self, config: Config, reload: Callable[[], Config] | None = None) -> int:
        self.config, self.reload = config, reload
        return 0


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Started:
    started = Started()
    monkeypatch.setattr(runtime, "serve", started)
    return started


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Started:
    started = Started()
    monkeypatch.setattr(exporter.demo, "demo", started)
    return started


def refusal(arguments: list[str]) -> Any:
    """The exit code with which argparse ends the program."""
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    return end.value.code


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"freeswitch-exporter {exporter.__version__}\n",
        "",
    )


@pytest.mark.parametrize("arguments", [["--version"], ["check-config"], ["--help"]])
def test_a_short_command_imports_little(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom exporter.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    imported = set(done.stderr.split())
    assert "exporter" in imported
    assert imported & HEAVY == set()


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(["--help"]) == 0
    text = capsys.readouterr().out
    for command in cli.COMMANDS:
        assert f"\n    {command.name}" in text


@pytest.mark.parametrize("command", [command.name for command in cli.COMMANDS])
def test_every_command_explains_its_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal([command, "--help"]) == 0
    assert "--log-level" in capsys.readouterr().out


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_help_has_examples_that_the_parser_takes(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert refusal([*([name] if name else []), "--help"]) == 0
    text = capsys.readouterr().out
    assert len(EXAMPLES[name]) >= 2
    for example, meaning in EXAMPLES[name]:
        assert f"\n  # {meaning}\n  freeswitch-exporter {example}\n" in text
        words = example.split()
        commands = [name] if name else [command.name for command in cli.COMMANDS]
        assert words[0] in commands or words[0].startswith("-")
        cli._parser().parse_args(words if not words[0].startswith("-") else ["serve", *words])
    assert set(EXAMPLES) == {"", *(command.name for command in cli.COMMANDS)} == set(MORE)


@pytest.mark.parametrize("command", [command.name for command in cli.COMMANDS])
def test_usage_and_options_of_a_help_are_those_of_the_parser(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert refusal([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    usage, _, rest = text.partition("\n\n")
    options = set(re.findall(r"^  (--[a-z-]+)", rest, re.MULTILINE))
    used = set(re.findall(r"--[a-z-]+", usage))
    assert used <= options
    assert used == options or "[options]" in usage


@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor", "--watch", "--json"],
        ["nonsense"],
        ["--nonsense"],
        ["serve", "extra"],
        ["--log-level", "loud"],
        ["demo", "--config", "x"],
        ["--conf", "x"],
    ],
)
def test_unknown_commands_and_options_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(arguments) == 2
    assert "usage: freeswitch-exporter" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["serve"]])
def test_serve_is_the_default(serve: Started, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_text("nodes: [{name: a}]")
    flags = ["--listen", ":1", "--listen", "[::1]:2", "--log-level", "debug", "--log-format", "json"]
    assert cli.main([*words, "--config", str(path), *flags]) == 0
    assert serve.config is not None
    assert serve.config.path == path
    assert [node.name for node in serve.config.nodes] == ["a"]
    assert serve.config.listen == (Listen(host="", port=1), Listen(host="::1", port=2))
    assert serve.config.log == LogConfig(level="debug", format="json")


def test_serve_without_anything(serve: Started) -> None:
    assert cli.main([]) == 0
    assert serve.config == Config()


def test_a_reload_reads_the_same_again(
    serve: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.yml"
    path.write_text("log: {level: debug}")
    monkeypatch.setenv("EXPORTER_CONFIG", str(path))
    monkeypatch.setenv("EXPORTER_TOKEN", "t")
    cli.main(["--listen", ":1"])
    assert serve.reload is not None
    assert serve.reload() == serve.config
    path.write_text("log: {level: error}")
    again = serve.reload()
    assert again.log.level == "error"
    assert again.listen == (Listen(host="", port=1),)
    assert again.token == Secret("t")


def test_the_demo_ignores_the_real_switch_of_the_environment(
    demo: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EXPORTER_CONFIG", "EXPORTER_STATE_DIR", "FREESWITCH_HOST", "FREESWITCH_PASSWORD_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("EXPORTER_LOG_LEVEL", "error")
    assert cli.main(["demo", "--listen", ":1"]) == 0
    assert demo.config == Config(listen=(Listen(host="", port=1),), log=LogConfig(level="error"))


@pytest.mark.parametrize("command", [[], ["serve"], ["check-config"]])
def test_a_bad_config_is_refused(
    serve: Started, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.yml"
    path.write_text("prot: 1\nnodes: [{password_file: nowhere}]")
    assert cli.main([*command, "--config", str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    problems = [
        f"{path}:1: prot: unknown key; did you mean probes?",
        (
            f"{path}:2: nodes[0].password_file: names a file that does not exist, and is not shown "
            "because it may be the secret itself; write the path of a file with the secret in it"
        ),
    ]
    if command == ["check-config"]:
        assert printed.err.splitlines() == [*problems, "2 errors"]
    else:
        assert printed.err.splitlines() == [f"freeswitch-exporter: {problem}" for problem in problems]
    assert serve.config is None


def test_check_config_prints_what_takes_effect(tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_text("nodes: [{host: fs1}]")
    done = run(
        "check-config", str(path), "--listen", ":1", EXPORTER_TOKEN="hunter2", EXPORTER_LOG_LEVEL="error"
    )
    assert done.returncode == 0
    document = yaml.safe_load(done.stdout)
    assert document["listen"] == [":1"]
    assert document["log"]["level"] == "error"
    assert document["nodes"][0]["host"] == "fs1"
    assert document["token"] == "<secret>"
    assert "hunter2" not in done.stdout + done.stderr
    warning, last = done.stderr.splitlines()
    assert warning.startswith(f"warning: {path}:1: nodes[0].password: is FreeSWITCH's published default")
    assert last == "OK"


def test_what_check_config_prints_is_a_config_file(tmp_path: Path) -> None:
    path = tmp_path / "printed.yml"
    path.write_text(run("check-config").stdout.replace("<secret>", "ClueCon"))
    again = run("check-config", str(path))
    assert again.stdout == path.read_text().replace("ClueCon", "<secret>")
    assert (again.returncode, again.stderr) == (0, "OK\n")


def test_check_config_says_how_many_errors_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.yml"
    for text, last in (
        ("a: 1", "1 error"),
        ("\n".join(f"k{number}: 1" for number in range(60)), "60 errors"),
    ):
        path.write_text(text)
        assert cli.main(["check-config", str(path)]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.splitlines()[-1] == last


def run_unread(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command whose output is a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [sys.executable, "-m", "exporter", *arguments],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)


def test_a_reader_that_has_read_enough_is_no_traceback() -> None:
    done = run_unread("check-config", "--schema")
    assert (done.returncode, done.stderr) == (2, "")


def test_the_verdict_on_a_config_does_not_depend_on_who_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_text("nodes: [{name: fs1, password: secret}]\n")
    done = run_unread("check-config", str(path))
    assert (done.returncode, done.stderr) == (0, "OK\n")


@pytest.mark.parametrize(
    "words",
    [
        ("doctor", "--gateway", ""),
        ("history", "--node="),
        ("probe", "--gateway", ""),
        ("doctor", "--call", ""),
    ],
)
def test_an_empty_name_is_refused(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """As of `--gateway "$UNSET"`: it would be taken for all of them, or for none."""
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 2
    assert "is empty; write a name, or leave the option out" in capsys.readouterr().err


def test_check_config_prints_the_schema(tmp_path: Path) -> None:
    done = run("check-config", "--schema", EXPORTER_CONFIG=str(tmp_path / "nowhere"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (ROOT / "examples" / "config.schema.json").read_text()


def test_check_config_takes_the_file_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check-config", "a", "--config", "b"]) == 2
    assert "name the file once" in capsys.readouterr().err


def test_a_file_name_that_is_not_text_is_refused_without_a_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "exporter", "check-config", os.fsencode(tmp_path) + b"/\xff\n"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"cannot read" in done.stderr


def test_check_config_names_the_line_that_is_not_utf_8(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.yml"
    path.write_bytes("nodes:\n  - name: münchen\n".encode("latin-1"))
    assert cli.main(["check-config", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"{path}:2: ")
