"""Rules over several keys: refused where calls could be placed that nobody allowed, else warned of."""

import re
from pathlib import Path

import pytest

from tests.config.files import loaded, refused

PROBES = (
    "nodes: [{{gateways: {{g: }}}}]\n"
    "probes: {{p: {{gateway: g, destination: '+15550000001', {}}}}}\nguard: {{allow: ['+15550000001'], {}}}\n"
)


def _warnings(folder: Path, text: str, **environ: str) -> list[str]:
    prefix = re.compile(rf"{re.escape(str(folder / 'exporter.yml'))}:\d+: ")
    return [prefix.sub("", line) for line in loaded(folder, text, environ).warnings]


def test_a_probe_may_call_only_what_the_guard_allows(tmp_path: Path) -> None:
    text = (
        "probes: {p: {gateway: g, destination: '+15550000001'}}\nguard: {allow: ['+15550000002', '+1666*']}"
    )
    assert refused(tmp_path, text) == [
        'probes.p.destination: is "+15550000001", which guard.allow does not list; add it there'
    ]
    assert refused(tmp_path, "probes: {p: {gateway: g, destination: '+15550000001'}}")


def test_a_refused_list_causes_no_error_of_the_probe(tmp_path: Path) -> None:
    text = "probes: {p: {gateway: g, destination: '+15550000001'}}\nguard: {allow: [x]}"
    (problem,) = refused(tmp_path, text)
    assert problem.startswith("guard.allow[0]: ")


OPEN = "listen: ['127.0.0.1:1', '{}:1']\nguard: {{allow: ['+15550000001']}}"


@pytest.mark.parametrize("host", ["", "0.0.0.0", "10.0.0.1", "[::]", "fs1"])
def test_a_listener_that_others_reach_needs_a_token(tmp_path: Path, host: str) -> None:
    (problem,) = refused(tmp_path, OPEN.format(host))
    assert problem == (
        f"guard.allow: lets everyone who reaches {host}:1 place calls; "
        "write token_file (or set EXPORTER_TOKEN_FILE), listen on 127.0.0.1 only, or leave guard.allow empty"
    )
    assert loaded(tmp_path, OPEN.format(host), {"EXPORTER_TOKEN": "t"}).token
    assert loaded(tmp_path, f"listen: ['{host}:1']").listen


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_on_loopback_no_token_is_needed(tmp_path: Path, host: str) -> None:
    assert loaded(tmp_path, OPEN.format(host)).token is None


def test_a_listener_of_the_environment_needs_a_token_too(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, "guard: {allow: ['+15550000001']}", {"EXPORTER_LISTEN": ":9282"})
    assert problem.startswith("guard.allow: lets everyone who reaches :9282 place calls")


def test_a_refused_token_file_is_reported_once(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, OPEN.format("") + "\ntoken_file: nowhere")
    assert problem.startswith("token_file: names a file that does not exist")
    for name, value in (("EXPORTER_TOKEN", "a b"), ("EXPORTER_TOKEN_FILE", "/nowhere/x")):
        (problem,) = refused(tmp_path, OPEN.format(""), {name: value})
        assert problem.startswith(f"environment: {name}: ")


USERS = f"basic_auth_users: {{anna: '$2b$04${'.' * 53}'}}"
BEYOND = "listen: ['127.0.0.1:1', '10.0.0.1:1']\n"


@pytest.mark.parametrize(
    ("text", "environ", "warned"),
    [
        ("", {}, True),
        ("listen: ['127.0.0.1:1', '[::1]:1']\n", {}, True),
        (OPEN.format("127.0.0.2") + "\n", {}, True),
        ("", {"EXPORTER_TOKEN": "t0ken"}, False),
        ("token_file: token\n", {}, False),
        (BEYOND, {}, False),  # there the endpoints that need the token are disabled without one
    ],
)
def test_users_without_a_token(tmp_path: Path, text: str, environ: dict[str, str], warned: bool) -> None:
    (tmp_path / "web.yml").write_text(USERS)
    (tmp_path / "token").write_text("t0ken")
    (tmp_path / "empty.yml").write_text("{}")
    warning = (
        "web_config_file: has basic_auth_users, and there is no token: /probe and every POST ask for the "
        "token instead of a password, so without one they are open to all whom a proxy lets through; write "
        "token_file (or set EXPORTER_TOKEN_FILE)"
    )
    found = _warnings(tmp_path, text + "web_config_file: web.yml", **environ)
    assert found == ([warning] if warned else [])
    assert _warnings(tmp_path, text + "web_config_file: empty.yml", **environ) == []


def test_a_refused_token_is_not_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text(USERS)
    (problem,) = refused(tmp_path, "web_config_file: web.yml\ntoken_file: nowhere")
    assert problem.startswith("token_file: ")


@pytest.mark.parametrize("host", ["10.0.0.5", "fs1", "::2"])
def test_the_published_password_on_another_machine(tmp_path: Path, host: str) -> None:
    (warning,) = _warnings(tmp_path, f"nodes: [{{host: '{host}'}}]")
    assert warning.startswith(
        f"nodes[0].password: is FreeSWITCH's published default, and {host} is another machine"
    )
    assert _warnings(tmp_path, f"nodes: [{{host: '{host}', password: ClueCon}}]")
    assert not _warnings(tmp_path, f"nodes: [{{host: '{host}', password: other}}]")
    assert not _warnings(tmp_path, "", FREESWITCH_HOST="127.0.0.2")
    assert _warnings(tmp_path, "", FREESWITCH_HOST=host)


@pytest.mark.parametrize(
    ("gateways", "elsewhere", "said"),
    [
        ("{telnyx: {}}", "spare", "is 'telnix', which node fs1 does not list; did you mean telnyx?"),
        (
            "{}",
            "spare",
            "is 'telnix', which node fs1 does not list; write `telnix: {}` under gateways of that node",
        ),
        (
            "{telnyx: {}}",
            "telnix",
            (
                "is 'telnix', which node fs1 does not list; write `node: fs2`, which lists it, "
                "or `telnix: {}` under gateways of fs1"
            ),
        ),
    ],
)
def test_a_gateway_of_a_probe_that_its_node_does_not_list(
    tmp_path: Path, gateways: str, elsewhere: str, said: str
) -> None:
    text = f"""
nodes:
  - {{name: fs1, gateways: {gateways}}}
  - {{name: fs2, gateways: {{{elsewhere}: }}}}
probes:
  p: {{node: fs1, gateway: telnix, destination: "+15550000001"}}
  q: {{node: fs2, gateway: {elsewhere}, destination: "+15550000001"}}
guard: {{allow: ["+15550000001"]}}
"""
    assert list(loaded(tmp_path, text).warnings) == [
        f"{tmp_path / 'exporter.yml'}:6: probes.p.gateway: {said}"
    ]


def test_a_warning_names_the_variable_that_a_value_is_from(tmp_path: Path) -> None:
    environ = {"FREESWITCH_HOST": "fs1", "FREESWITCH_PASSWORD": "ClueCon"}
    (warning,) = loaded(tmp_path, "", environ).warnings
    assert warning.startswith("environment: FREESWITCH_PASSWORD: is FreeSWITCH's published default, and fs1")


def test_a_warning_names_the_line_of_the_file_that_a_secret_is_from(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("ClueCon\n")
    (warning,) = loaded(tmp_path, "nodes:\n  - host: fs1\n    password_file: pw\n").warnings
    assert warning.startswith(f"{tmp_path / 'exporter.yml'}:3: nodes[0].password: is FreeSWITCH's published")


def test_a_wide_prefix(tmp_path: Path) -> None:
    (warning,) = _warnings(tmp_path, "guard: {allow: ['+1555*', '+1*', '+15550000001']}")
    assert warning.startswith('guard.allow[1]: is "+1*", shorter than country code and three digits')


@pytest.mark.parametrize(
    ("probe", "guard", "key"),
    [
        ("interval: 5m", "max_calls_per_day: 360", ""),  # 288 calls: 80 % and no more
        ("interval: 5m", "max_calls_per_day: 359", "max_calls_per_day"),
        ("interval: 5m, talk_time: 10s", "max_minutes_per_day: 60", ""),  # 48 minutes
        ("interval: 5m, talk_time: 11s", "max_minutes_per_day: 60", "max_minutes_per_day"),
        ("talk_time: 10m", "max_minutes_per_day: 1", ""),  # on demand only
    ],
)
def test_a_schedule_that_uses_up_the_budget(tmp_path: Path, probe: str, guard: str, key: str) -> None:
    warnings = _warnings(tmp_path, PROBES.format(probe, guard))
    assert [warning.split(":")[0] for warning in warnings] == ([f"guard.{key}"] if key else [])


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        ("interval: 29s, talk_time: 10s", "is 29 s, below the 30 s that one call may take"),
        ("interval: 40s, ring_timeout: 5s", "is 40 s, below guard.min_interval of 60 s"),
        ("interval: 60s", ""),
    ],
)
def test_an_interval_too_short_for_its_calls(tmp_path: Path, probe: str, said: str) -> None:
    budget = "min_interval: 1m, max_calls_per_day: 100000, max_minutes_per_day: 100000"
    warnings = _warnings(tmp_path, PROBES.format(probe, budget))
    assert [warning for warning in warnings if "probes.p.interval" not in warning] == []
    assert len(warnings) == bool(said)
    assert all(said in warning for warning in warnings)
