"""A secret where something else belongs is refused, and shown in no message."""

from pathlib import Path

import pytest

from tests.config.files import refused

KEY = "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIhunter2\\n-----END PRIVATE KEY-----\\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('nodes: [{user: "a@fs1:hunter2"}]', "nodes[0].user"),
        ('nodes: [{user: "a hunter2"}]', "nodes[0].user"),
        ('nodes: [{user: "hunter2 "}]', "nodes[0].user"),
        ('nodes: [{host: "hunter2@fs1"}]', "nodes[0].host"),
        ('nodes: [{host: "esl://user:hunter2@fs1:8021"}]', "nodes[0].host"),
        ('listen: ["me:hunter2@127.0.0.1:9282"]', "listen[0]"),
        ("token_file: hunter2", "token_file"),
        ("token_file: hunter2/abc+def==", "token_file"),
        ("token_file: /hunter2/abc", "token_file"),
        ("nodes: [{password_file: hunter2}]", "nodes[0].password_file"),
        ("token_file: " + "hunter2" * 100, "token_file"),
        ('nodes: [{"password: hunter2": }]', "nodes[0]['password:...']"),
        ('backend_url: "https://me:hunter2@a.example/"', "backend_url"),
        ('backend_url: "hunter2"', "backend_url"),
        (
            "probes: {p: {gateway: g, destination: '+15550000001', variables: {sip_h_X-Key: 'hunter2,x'}}}",
            "probes.p.variables.sip_h_X-Key",
        ),
        (f'web_config_file: "{KEY}"', "web_config_file"),
    ],
)
def test_in_the_file(tmp_path: Path, text: str, place: str) -> None:
    problems = refused(tmp_path, text)
    assert [problem for problem in problems if problem.startswith(place + ": ")], problems
    assert "hunter" not in "\n".join(problems).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FREESWITCH_USER", "a@fs1:hunter2"),
        ("FREESWITCH_HOST", "user:hunter2@fs1"),
        ("FREESWITCH_PASSWORD_FILE", "hunter2"),
        ("EXPORTER_TOKEN_FILE", "/hunter2/x"),
        ("EXPORTER_TOKEN", "hunter2 hunter2"),
    ],
)
def test_in_the_environment(tmp_path: Path, name: str, value: str) -> None:
    problems = refused(tmp_path, "", {name: value})
    assert [problem for problem in problems if problem.startswith(f"environment: {name}: ")], problems
    assert "hunter" not in "\n".join(problems)


@pytest.mark.parametrize(
    ("web", "place"),
    [
        ("basic_auth_users: {'me:hunter2': x}", "basic_auth_users['me:...']"),
        ("basic_auth_users: {me: hunter2}", "basic_auth_users.me"),
        (f'tls_server_config: {{cert: x, key_file: "{KEY}"}}', "tls_server_config.key_file"),
    ],
)
def test_in_the_web_config_file(tmp_path: Path, web: str, place: str) -> None:
    (tmp_path / "web.yml").write_text(web)
    problems = refused(tmp_path, "web_config_file: web.yml")
    assert [problem for problem in problems if place in problem], problems
    assert "hunter" not in "\n".join(problems)


def test_a_path_with_a_folder_that_exists_is_shown(tmp_path: Path) -> None:
    [problem] = refused(tmp_path, f"token_file: {tmp_path}/missing")
    assert f"cannot read {tmp_path}/missing" in problem
