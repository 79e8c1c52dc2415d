"""File, environment and flags in their order, and every refusal with line, key and what to write."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exporter.config import (
    Config,
    ConfigError,
    Expect,
    Flags,
    GatewayConfig,
    Listen,
    LogConfig,
    NodeConfig,
    Secret,
    Thresholds,
)
from tests.config.files import loaded, refused, refused_with_lines
from tests.support.configs import load_config

PROBE = """
probes:
  echo:
    gateway: telnyx
    destination: "+15550000001"
    {}
guard: {{allow: ["+15550000001"]}}
"""


def test_without_anything_it_watches_the_switch_on_this_machine() -> None:
    config = load_config(None, {})
    assert config == Config()
    assert config.nodes == (NodeConfig(name="127.0.0.1:8021", host="127.0.0.1", port=8021),)
    assert config.nodes[0].password.reveal() == "ClueCon"
    assert config.listen == (Listen(host="127.0.0.1", port=9282),)
    assert config.guard.allow == ()
    assert config.warnings == ()


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "nodes:\nlisten:\nguard:\nlog:\nprobes:\n"])
def test_an_empty_file_is_the_default(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text) == Config(path=tmp_path / "exporter.yml")


def test_nodes_and_gateways(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
        nodes:
          - name: fs1
            host: fs1.example.org
            port: 8022
            user: exporter@fs1
            password: s3cret
            poll_interval: 5s
            gateways:
              telnyx: {register: auto, profile: external, max_calls: 10, provider: telnyx}
              plain:
              ip-auth: {register: false}
              carrier.de: {register: true}
          - {host: "::1"}
        """,
    )
    assert config.nodes == (
        NodeConfig(
            name="fs1",
            host="fs1.example.org",
            port=8022,
            user="exporter@fs1",
            password=Secret("s3cret"),
            poll_interval=5,
            gateways={
                "telnyx": GatewayConfig(register=None, profile="external", max_calls=10, provider="telnyx"),
                "plain": GatewayConfig(),
                "ip-auth": GatewayConfig(register=False),
                "carrier.de": GatewayConfig(register=True),
            },
        ),
        NodeConfig(name="[::1]:8021", host="::1", port=8021),
    )


def test_a_probe(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        PROBE.format("""
    caller_id: "+19495431333"
    application: tone
    ring_timeout: 15
    talk_time: 8s
    interval: 10m
    variables: {call_direction: outbound, sip_h_X-Probe: "1"}
    expect: {result: rejected, cause: USER_BUSY, sip: 486}
    thresholds: {mos: 3.6, jitter: 60ms, packet_loss: 0.05, post_dial_delay: 3s, answer: 10, round_trip: 1}
"""),
    )
    probe = config.probes["echo"]
    assert (probe.name, probe.node, probe.gateway) == ("echo", "127.0.0.1:8021", "telnyx")
    assert (probe.destination, probe.caller_id) == ("+15550000001", "+19495431333")
    assert (probe.ring_timeout, probe.talk_time, probe.interval) == (15, 8, 600)
    assert probe.application == "tone"
    assert probe.variables == {"call_direction": "outbound", "sip_h_X-Probe": "1"}
    assert probe.expect == Expect(result="rejected", cause="USER_BUSY", sip=486)
    assert probe.thresholds == Thresholds(
        post_dial_delay=3, answer=10, mos=3.6, packet_loss=0.05, jitter=0.06, round_trip=1
    )
    assert config.guard.permits("+15550000001")
    assert not config.guard.permits("+15550000002")


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "pw").write_text("from-etc\n")
    (tmp_path / "etc" / "token").write_text("tok\n")
    (tmp_path / "etc" / "web.yml").write_text("http_server_config: {http2: false}\n")
    monkeypatch.chdir(tmp_path)
    config = loaded(
        tmp_path / "etc",
        "{state_dir: state, token_file: token, web_config_file: web.yml, nodes: [{password_file: pw}]}",
    )
    assert config.state_dir == tmp_path / "etc" / "state"
    assert config.token == Secret("tok")
    assert config.nodes[0].password == Secret("from-etc")
    assert config.web is not None
    assert config.web_config_file == tmp_path / "etc" / "web.yml"


# Environment and flags


def test_the_environment_names_the_file_and_a_flag_overrules_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("log: {level: debug}")
    (tmp_path / "b").write_text("log: {level: error}")
    environ = {"EXPORTER_CONFIG": str(tmp_path / "a")}
    assert load_config(None, environ).log.level == "debug"
    assert load_config(tmp_path / "b", environ).log.level == "error"


def test_the_environment_describes_the_only_node(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("from-file\n")
    environ = {
        "FREESWITCH_HOST": "fs9",
        "FREESWITCH_PORT": "9021",
        "FREESWITCH_USER": "me@fs9",
        "FREESWITCH_PASSWORD_FILE": str(tmp_path / "pw"),
        "FREESWITCH_GATEWAYS": "a, b:noreg",
    }
    described = NodeConfig(
        name="fs9:9021",
        host="fs9",
        port=9021,
        user="me@fs9",
        password=Secret("from-file"),
        gateways={"a": GatewayConfig(register=True), "b": GatewayConfig(register=False)},
    )
    assert load_config(None, environ).nodes == (described,)
    text = "nodes: [{host: fs1, port: 1, user: x@y, password: z, gateways: {c: {}}}]"
    assert loaded(tmp_path, text, environ).nodes == (described,)


def test_a_node_keeps_what_the_environment_does_not_say(tmp_path: Path) -> None:
    text = "nodes: [{name: n, host: h, port: 1, password: z, gateways: {a: {max_calls: 2, register: false}}}]"
    (node,) = loaded(tmp_path, text, {"FREESWITCH_PASSWORD": "y", "FREESWITCH_GATEWAYS": "a"}).nodes
    assert (node.name, node.host, node.port, node.password) == ("n", "h", 1, Secret("y"))
    assert node.gateways == {"a": GatewayConfig(register=True, max_calls=2)}


def test_the_environment_overrules_the_file_and_flags_overrule_both(tmp_path: Path) -> None:
    text = 'listen: [":1"]\nlog: {level: debug, format: json}\nstate_dir: a\n'
    environ = {
        "EXPORTER_LISTEN": ":2, [::1]:3",
        "EXPORTER_LOG_LEVEL": "warning",
        "EXPORTER_LOG_FORMAT": "console",
        "EXPORTER_STATE_DIR": str(tmp_path / "b"),
        "EXPORTER_TOKEN": "tok",
    }
    config = loaded(tmp_path, text, environ)
    assert config.listen == (Listen(host="", port=2), Listen(host="::1", port=3))
    assert config.log == LogConfig(level="warning", format="console")
    assert config.state_dir == tmp_path / "b"
    assert config.token == Secret("tok")
    flags = Flags(listen=("127.0.0.1:4",), log_level="error", log_format="auto")
    config = loaded(tmp_path, text, environ, flags)
    assert config.listen == (Listen(host="127.0.0.1", port=4),)
    assert config.log == LogConfig(level="error", format="auto")


def test_empty_variables_are_not_set() -> None:
    names = ["HOST", "PORT", "USER", "PASSWORD", "PASSWORD_FILE", "GATEWAYS"]
    environ = {f"FREESWITCH_{name}": "" for name in names} | {"EXPORTER_CONFIG": "", "EXPORTER_TOKEN": ""}
    assert load_config(None, environ) == Config()


def test_other_variables_are_ignored() -> None:
    environ = {"FREESWITCH_PORT_8021_TCP_ADDR": "172.17.0.2", "HOST": "x", "FREESWITCH_ENV_PATH": "/bin"}
    assert load_config(None, environ) == Config()


def test_the_address_of_a_container_link_is_no_port() -> None:
    config = load_config(None, {"FREESWITCH_PORT": "tcp://172.17.0.2:8021"})
    assert config.nodes[0].port == 8021
    (warning,) = config.warnings
    assert warning.startswith("environment: FREESWITCH_PORT: is ignored")


def test_with_several_nodes_the_environment_describes_none(tmp_path: Path) -> None:
    text = "nodes: [{name: a}, {name: b}]"
    environ = {"FREESWITCH_HOST": "h", "FREESWITCH_PORT": "x", "FREESWITCH_PASSWORD_FILE": "/nowhere"}
    assert refused(tmp_path, text, environ) == [
        f"environment: {name}: is for a file with one node, and this one has 2; write it under one of them"
        for name in environ
    ]
    assert len(loaded(tmp_path, text, {"EXPORTER_LOG_LEVEL": "info"}).nodes) == 2


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FREESWITCH_HOST", "fs1:8021", "is 'fs1:8021'; write a host name or an IP address"),
        ("FREESWITCH_PORT", "http", "is 'http'; write a whole number from 1 to 65535"),
        ("FREESWITCH_USER", "a:b", "write name@domain"),
        ("FREESWITCH_PASSWORD_FILE", "/nowhere/x", "names a file that does not exist"),
        ("FREESWITCH_GATEWAYS", "a,b/c", "is 'b/c'; write up to 100 letters, digits and . _ -"),
        ("FREESWITCH_GATEWAYS", "a,a:noreg", "lists gateway 'a' twice; write it once"),
        ("FREESWITCH_GATEWAYS", "a,external::a", "lists gateway 'a' twice; write it once"),
        ("FREESWITCH_GATEWAYS", "a:noregister", "is 'a:noregister'; write up to 100 letters"),
        ("EXPORTER_LISTEN", "9282", "is '9282'; write \"HOST:PORT\""),
        ("EXPORTER_TOKEN", "a b", "is not a token"),
        ("EXPORTER_LOG_LEVEL", "verbose", "write debug or info or warning or error"),
        ("EXPORTER_LOG_FORMAT", "jsn", "did you mean json?"),
        ("EXPORTER_CONFIG", "/nowhere/x.yml", ""),
    ],
)
def test_a_bad_variable_is_named(name: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(None, {name: value})
    (problem,) = error.value.problems
    if name == "EXPORTER_CONFIG":
        assert problem.startswith("/nowhere/x.yml: cannot read /nowhere/x.yml: No such file")
    else:
        assert problem.startswith(f"environment: {name}: ")
        assert said in problem


def test_every_bad_item_of_a_list_in_one_variable_is_named() -> None:
    environ = {"FREESWITCH_GATEWAYS": "a b,ok,c/d,ok,x:noreg:noreg", "EXPORTER_LISTEN": "9282, :1, here"}
    with pytest.raises(ConfigError) as error:
        load_config(None, environ)
    said = [problem.removeprefix("environment: ").partition(";")[0] for problem in error.value.problems]
    assert said == [
        "EXPORTER_LISTEN: is '9282'",
        "EXPORTER_LISTEN: is 'here'",
        "FREESWITCH_GATEWAYS: is 'a b'",
        "FREESWITCH_GATEWAYS: is 'c/d'",
        "FREESWITCH_GATEWAYS: lists gateway 'ok' twice",
        "FREESWITCH_GATEWAYS: is 'x:noreg'",
    ]


@pytest.mark.parametrize("name", ["FREESWITCH_PASSWORD", "EXPORTER_TOKEN"])
def test_a_secret_is_written_in_one_place(tmp_path: Path, name: str) -> None:
    (tmp_path / "s").write_text("hunter2")
    with pytest.raises(ConfigError, match=f"environment: {name}_FILE: is set together with {name}; keep one"):
        load_config(None, {name: "x", f"{name}_FILE": str(tmp_path / "s")})


# What is refused


def test_every_error_is_reported_at_once_with_its_line(tmp_path: Path) -> None:
    text = """
listen: [9282, "127.0.0.1:1"]
tokens_file: x
backend_url: nowhere
log: {level: verbose}
nodes:
  - {name: a, prot: 8021, password: 1234}
  - {name: a, host: "h:1", poll_interval: fast, gateways: {g: {register: maybe}, "b d": {}}}
  - text
probes:
  p: {node: c, gateway: "a b", destination: +15550000001, ring_timeout: 1s, expect: {sip: 200}}
  q: {destination: "+15550000001"}
  r: text
guard: {allow: [15550000001, "+1555000*"], max_concurrent: 0}
"""
    assert refused_with_lines(tmp_path, text) == [
        "2: listen[0]: is the number 9282, not text; put it in quotes",
        "3: tokens_file: unknown key; did you mean token_file?",
        '4: backend_url: is not a web address; write one such as "https://app.example.org:8443/base"',
        "5: log.level: is 'verbose'; write debug or info or warning or error",
        "7: nodes[0].password: is a number, not text; put the password in quotes",
        "7: nodes[0].prot: unknown key; did you mean port?",
        "8: nodes[1].host: is 'h:1'; write a host name or an IP address, the port under its own key",
        "8: nodes[1].poll_interval: is 'fast', which is not a duration; write one such as 10s, 5m or 60ms",
        "8: nodes[1].gateways.g.register: is 'maybe'; write auto, true or false",
        (
            "8: nodes[1].gateways['b d']: is 'b d'; write up to 100 letters, digits and . _ -, "
            "as FreeSWITCH names its gateways"
        ),
        "8: nodes[1].name: duplicate name 'a'; write another name: it is the label `node`",
        "9: nodes[2]: is text; write a mapping of names to values",
        (
            "11: probes.p.gateway: is 'a b'; write up to 100 letters, digits and . _ -, "
            "as FreeSWITCH names its gateways"
        ),
        '11: probes.p.destination: is the number 15550000001; put it in quotes: "+15550000001"',
        "11: probes.p.ring_timeout: is '1s'; write a duration from 3s to 3m",
        "11: probes.p.expect.sip: is the number 200; write a whole number from 300 to 699, without quotes",
        "11: probes.p.node: is 'c'; write a or a or 127.0.0.1:8021",
        "12: probes.q.gateway: is missing; write the name of the gateway to call through",
        "12: probes.q.node: is missing; write a or a or 127.0.0.1:8021",
        "13: probes.r: is text; write a mapping of names to values",
        (
            '14: guard.allow[0]: is the number 15550000001; put it in quotes: "+15550000001", '
            'or its first digits and a star, as "+1555000*"'
        ),
        "14: guard.max_concurrent: is the number 0; write a whole number from 1 to 100, without quotes",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("token: abc", "token: unknown key; did you mean token_file?"),
        ("nodes: {host: a}", "nodes: is a mapping; write a dash before its first key"),
        ("nodes: []", "nodes: is empty; write at least one node, or leave it out for 127.0.0.1:8021"),
        ("listen: []", 'listen: is empty; write ["127.0.0.1:9282"], or leave it out'),
        ('listen: ":1"', "listen: is text; write a list, each item after a dash or all in [ ]"),
        ("- a", "is a list; write a mapping of names to values"),
        ("text", "is text; write a mapping of names to values"),
        ("{1: 2}", "has the key the number 1, which is not text; put it in quotes"),
        (
            "nodes: [{port: true}]",
            "nodes[0].port: is the yes/no value true; write a whole number from 1 to 65535",
        ),
        (
            "nodes: [{port: '8021'}]",
            "nodes[0].port: is '8021'; write a whole number from 1 to 65535, without quotes",
        ),
        ("nodes: [{name: no}]", "nodes[0].name: is the yes/no value false, not text; put it in quotes"),
        (
            "nodes: [{gateways: [telnyx]}]",
            "nodes[0].gateways: is a list; write each name with a colon behind: {telnyx: {}}",
        ),
        (
            "nodes: [{gateways: [{name: telnyx, register: auto}, backup]}]",
            "nodes[0].gateways: is a list; write each name with a colon behind: {telnyx: {}, backup: {}}",
        ),
        ("nodes: [{gateways: [1]}]", "nodes[0].gateways: is a list; write a mapping of names to values"),
        (
            "nodes: [{gateways: {g: {provider: telnix}}}]",
            "nodes[0].gateways.g.provider: is 'telnix'; did you mean telnyx?",
        ),
        ("nodes: [{gateways: {g: {max_calls: 0}}}]", "nodes[0].gateways.g.max_calls: is the number 0; write"),
        (
            "nodes: [{password: a, password_file: b}]",
            "nodes[0].password_file: is set together with password; keep one",
        ),
        (
            "nodes: [{password_file: nowhere}]",
            "nodes[0].password_file: names a file that does not exist, and is not shown",
        ),
        ("web_config_file: nowhere", "/nowhere: cannot read "),
        ("log: {}\nlog: {}", "duplicate key 'log'; keep one"),
        ("nodes: [{gateways: {a: {}, 'a': {}}}]", "duplicate key 'a'; keep one"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in problem for problem in refused(tmp_path, text))


def test_a_duplicate_key_or_an_unusable_name_hides_no_other_mistake(tmp_path: Path) -> None:
    text = "log: {level: loud}\nlog: {level: quiet}\nnodes: [{gateways: {'a b': {max_calls: 0}}}]"
    problems = "\n".join(refused(tmp_path, text))
    for part in (
        "duplicate key 'log'",
        "level: is 'quiet'",
        "nodes[0].gateways['a b']",
        "max_calls: is the number 0",
    ):
        assert part in problems


def test_a_probe_with_an_unusable_name_is_refused_with_all_its_mistakes(tmp_path: Path) -> None:
    problems = "\n".join(refused(tmp_path, "probes: {'a:b': {gateway: telnyx, talk_time: 0s}}"))
    for part in ("]: is 'a:b'", "].talk_time: is '0s'", "].destination: is missing"):
        assert part in problems


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "variables: {execute_on_answer: x}",
            "variables.execute_on_answer: may not be set by a probe; write one of",
        ),
        ("variables: {origination_uuid: x}", "variables.origination_uuid: may not be set by a probe"),
        ("variables: {api_on_answer: x}", "variables.api_on_answer: may not be set by a probe"),
        ("variables: {originate_timeout: '9'}", "variables.originate_timeout: may not be set by a probe"),
        ("variables: {sip_h_X-: x}", "variables.sip_h_X-: may not be set by a probe"),
        ("variables: {sip_h_Route: x}", "variables.sip_h_Route: may not be set by a probe"),
        ("variables: {'sip_h_X-a b': x}", "variables['sip_h_X-a b']: may not be set by a probe"),
        (
            "variables: {call_direction: 'a,b'}",
            "variables.call_direction: is text that cannot be sent; write up to 128 letters",
        ),
        (
            "variables: {call_direction: yes}",
            "variables.call_direction: is a yes/no value that cannot be sent; write",
        ),
        ("expect: {result: busy}", "expect.result: is 'busy'; write answered or rejected"),
        ("expect: {result: rejected, cause: BUSY}", "expect.cause: is 'BUSY'; "),
        ("expect: {cause: USER_BUSY}", "expect.result: is answered, which has neither cause nor sip; write"),
        (
            "thresholds: {packet_loss: 5}",
            "thresholds.packet_loss: is the number 5; write a number from 0 to 1",
        ),
        ("thresholds: {mos: low}", "thresholds.mos: is 'low'; write a number from 1 to 5"),
        ("thresholds: {jiter: 1s}", "thresholds.jiter: unknown key; did you mean jitter?"),
        ("application: tones", "application: is 'tones'; did you mean tone?"),
        ("caller_id: Operator", "caller_id: is 'Operator'; write + and 7 to 15 digits in quotes"),
        ("interval: 1s", "interval: is '1s'; write a duration from 10s to 7d"),
    ],
)
def test_a_mistake_in_a_probe_is_named_with_its_remedy(tmp_path: Path, line: str, said: str) -> None:
    (problem,) = refused(tmp_path, PROBE.format(line))
    assert problem.startswith(f"probes.echo.{said}")


def test_an_unreadable_file_ends_it(tmp_path: Path) -> None:
    for content in (b"\xff\xfe\x00", b"a: " + b"x" * 300_000, b"\x7fELF\x01\x00"):
        (tmp_path / "f").write_bytes(content)
        with pytest.raises(ConfigError) as error:
            load_config(tmp_path / "f", {})
        assert len(error.value.problems) == 1
    with pytest.raises(ConfigError, match="Is a directory"):
        load_config(tmp_path, {})


def test_every_layer_names_its_own_place(tmp_path: Path) -> None:
    text = "log: {level: loud}\nnodes:\n  - port: 0\n"
    flags = Flags(log_level="quiet", listen=("x",))
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, text, {"FREESWITCH_PORT": "-1", "EXPORTER_LOG_LEVEL": "noisy"}, flags)
    file = tmp_path / "exporter.yml"
    levels = "write debug or info or warning or error"
    numbers = "write a whole number from 1 to 65535, without quotes"
    assert list(error.value.problems) == [
        f"{file}:1: log.level: is 'loud'; {levels}",
        f"{file}:3: nodes[0].port: is the number 0; {numbers}",
        f"environment: EXPORTER_LOG_LEVEL: is 'noisy'; {levels}",
        f"environment: FREESWITCH_PORT: is '-1'; {numbers}",
        """flags: --listen: is 'x'; write "HOST:PORT", such as "127.0.0.1:9282", or ":9282" for all""",
        f"flags: --log-level: is 'quiet'; {levels}",
    ]
    assert error.value.count == 6


def test_it_may_be_read_in_several_threads_at_once(tmp_path: Path) -> None:
    def read(number: int) -> Config:
        folder = tmp_path / str(number)
        folder.mkdir()
        text = f"nodes: [{{name: fs{number}, gateways: {{g{number}: }}}}]\nlog: {{level: debug}}"
        return loaded(folder, text, {"FREESWITCH_PORT": str(number)})

    with ThreadPoolExecutor(8) as threads:
        configs = list(threads.map(read, range(1, 65)))
    for number, config in enumerate(configs, 1):
        (node,) = config.nodes
        assert (node.name, node.port, list(node.gateways)) == (f"fs{number}", number, [f"g{number}"])
        assert config.path == tmp_path / str(number) / "exporter.yml"


def test_of_a_thousand_mistakes_fifty_are_listed(tmp_path: Path) -> None:
    problems = refused(tmp_path, "\n".join(f"key{number}: 1" for number in range(1000)))
    assert len(problems) == 51
    assert problems[-1] == "... and 950 more"
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, "\n".join(f"key{number}: 1" for number in range(1000)))
    assert error.value.count == 1000


def test_no_secret_shows(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hunter2\n")
    (tmp_path / "token").write_text("hunter3\n")
    password_hash = "$2b$04$" + "hunter4" + "x" * 46
    (tmp_path / "web.yml").write_text(f"basic_auth_users: {{me: {password_hash}}}")
    text = "{token_file: token, web_config_file: web.yml, nodes: [{password_file: pw}]}"
    config = loaded(tmp_path, text)
    assert [secret.reveal() for secret in config.secrets()] == ["hunter2", "hunter3", password_hash]
    for shown in (repr(config), str(config), f"{config.token}", f"{config.nodes}"):
        assert "hunter" not in shown
        assert "<secret>" in shown


@pytest.mark.parametrize(
    ("key", "low", "high"),
    [
        ("ring_timeout", "3s", "180s"),
        ("talk_time", "1s", "600s"),
        ("interval", "10s", "604800s"),
    ],
)
def test_how_long_a_probe_may_take(tmp_path: Path, key: str, low: str, high: str) -> None:
    for value in (low, high):
        loaded(tmp_path, PROBE.format(f"{key}: {value}"))
    for value in (low.replace("s", "00ms"), high.replace("s", ".1s")):
        (problem,) = refused(tmp_path, PROBE.format(f"{key}: {value}"))
        assert problem.startswith(f"probes.echo.{key}: is '{value}'; write a duration from ")


@pytest.mark.parametrize(
    ("key", "low", "high"),
    [
        ("post_dial_delay", 0.001, 600),
        ("answer", 0.001, 600),
        ("jitter", 0.001, 60),
        ("round_trip", 0.001, 60),
        ("mos", 1, 5),
        ("packet_loss", 0, 1),
    ],
)
def test_the_bounds_of_thresholds(tmp_path: Path, key: str, low: float, high: float) -> None:
    for value in (low, high):
        loaded(tmp_path, PROBE.format(f"thresholds: {{{key}: {value}}}"))
    for value in (low - 0.0009, high + 0.0009):
        (problem,) = refused(tmp_path, PROBE.format(f"thresholds: {{{key}: {value:.4f}}}"))
        assert problem.startswith(f"probes.echo.thresholds.{key}: ")


@pytest.mark.parametrize(
    ("section", "key", "low", "high"),
    [
        ("guard", "max_concurrent", 1, 100),
        ("guard", "max_calls_per_day", 0, 1_000_000),
        ("guard", "max_minutes_per_day", 0, 1_000_000),
        ("guard", "min_interval", 0, 86_400),
        ("nodes", "poll_interval", 1, 300),
        ("nodes", "port", 1, 65_535),
    ],
)
def test_the_bounds_of_numbers(tmp_path: Path, section: str, key: str, low: int, high: int) -> None:
    text = "{}: [{{{}: {}}}]" if section == "nodes" else "{}: {{{}: {}}}"
    for value in (low, high):
        loaded(tmp_path, text.format(section, key, value))
    for value in (low - 1, high + 1):
        assert refused(tmp_path, text.format(section, key, value))


@pytest.mark.parametrize(("written", "read"), [("off", "off"), ('"off"', "off"), ("error", "error")])
def test_yaml_has_off_as_no_and_the_log_stream_has_it_as_a_word(
    tmp_path: Path, written: str, read: str
) -> None:
    assert loaded(tmp_path, f"log_stream: {written}").log_stream == read


@pytest.mark.parametrize("written", ["on", "true", "debug", "3", "[]", "warnings"])
def test_no_other_log_stream(tmp_path: Path, written: str) -> None:
    [problem] = refused(tmp_path, f"log_stream: {written}")
    assert "log_stream: is " in problem
