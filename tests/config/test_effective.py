"""What check-config prints is the config itself, less its secrets."""

from pathlib import Path

import msgspec
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import (
    Config,
    Expect,
    GatewayConfig,
    GuardConfig,
    Listen,
    LogConfig,
    NodeConfig,
    ProbeConfig,
    Secret,
    Thresholds,
    effective,
)
from tests.config.files import loaded, refused
from tests.support.configs import load_config


def test_secrets_are_masked(tmp_path: Path) -> None:
    text = "nodes: [{password: hunter2}]\nguard: {allow: ['+15550000001']}"
    printed = effective(loaded(tmp_path, text, {"EXPORTER_TOKEN": "hunter3"}))
    assert "hunter" not in printed
    document = yaml.safe_load(printed)
    assert document["token"] == "<secret>"
    assert document["nodes"][0]["password"] == "<secret>"
    assert document["guard"]["allow"] == ["+15550000001"]


def test_what_may_be_a_secret_is_masked_too(tmp_path: Path) -> None:
    variables = "{call_direction: outbound, sip_h_X-Key: hunter2}"
    probe = f"{{gateway: g, destination: '+15550000001', variables: {variables}}}"
    text = (
        "backend_url: https://app.example:8443/base/hunter2hunter2hunter2?token=hunter3\n"
        f"guard: {{allow: ['+15550000001']}}\nprobes: {{p: {probe}}}"
    )
    printed = effective(loaded(tmp_path, text))
    assert "hunter" not in printed
    document = yaml.safe_load(printed)
    assert document["backend_url"] == "https://app.example:8443/base/<secret>?<secret>"
    assert document["probes"]["p"]["variables"] == {"call_direction": "outbound", "sip_h_X-Key": "<secret>"}
    problems = refused(tmp_path, printed.replace("token: <secret>", ""))
    assert [problem.split(": ", 1)[0] for problem in problems if "mask that check-config prints" in problem]


milliseconds = st.integers(1000, 86_400_000).map(lambda count: count / 1000)
# Among them words that YAML reads as something else unless they are in quotes.
names = st.sampled_from(
    [
        "telnyx",
        "a.b-c_d",
        "1",
        "010",
        "1e5",
        "1_000",
        "0x1",
        "null",
        "yes",
        "No",
        ".5",
        "-1",
        "2024-01-01",
        "---",
    ]
)
numbers = st.integers(1_000_000, 999_999_999_999_999).map("+{}".format)
spans = st.one_of(st.none(), st.integers(1, 60_000).map(lambda count: count / 1000))

gateways = st.dictionaries(
    names,
    st.builds(
        GatewayConfig,
        register=st.sampled_from([None, True, False]),
        profile=names,
        max_calls=st.one_of(st.none(), st.integers(1, 1000)),
        provider=st.sampled_from([None, "telnyx"]),
    ),
    max_size=3,
)
node_configs = st.builds(
    NodeConfig,
    name=names,
    host=st.sampled_from(["127.0.0.1", "::1", "fs.example.org"]),
    port=st.integers(1, 65535),
    user=st.sampled_from([None, "me@fs"]),
    password=st.just(Secret("hunter2")),
    poll_interval=st.integers(1000, 300_000).map(lambda count: count / 1000),
    gateways=gateways,
    subscribers=st.sampled_from([(), ("1000@example.com", "anna@a")]),
)
thresholds = st.builds(
    Thresholds,
    post_dial_delay=spans,
    answer=spans,
    jitter=spans,
    round_trip=spans,
    mos=st.one_of(st.none(), st.floats(1, 5)),
    packet_loss=st.one_of(st.none(), st.floats(0, 1)),
)
expects = st.one_of(
    st.just(Expect()),
    st.builds(
        Expect,
        result=st.just("rejected"),
        cause=st.sampled_from([None, "USER_BUSY"]),
        sip=st.one_of(st.none(), st.integers(300, 699)),
    ),
)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """A config that passes every rule."""
    nodes = draw(st.lists(node_configs, min_size=1, max_size=3, unique_by=lambda node: node.name))
    probes = [
        ProbeConfig(
            name=name,
            node=draw(st.sampled_from(nodes)).name,
            gateway=draw(names),
            destination=draw(numbers),
            caller_id=draw(st.one_of(st.none(), numbers)),
            application=draw(st.sampled_from(["echo", "tone"])),
            ring_timeout=draw(st.integers(3000, 180_000)) / 1000,
            talk_time=draw(st.integers(1000, 600_000)) / 1000,
            interval=draw(
                st.one_of(st.none(), st.integers(10_000, 86_400_000).map(lambda count: count / 1000))
            ),
            variables=draw(st.dictionaries(st.sampled_from(["call_direction", "sip_h_X-a"]), names)),
            expect=draw(expects),
            thresholds=draw(thresholds),
        )
        for name in draw(st.lists(names, max_size=3, unique=True))
    ]
    return Config(
        listen=tuple(draw(st.lists(st.builds(Listen, port=st.integers(0, 65535)), min_size=1, max_size=2))),
        log=LogConfig(level="debug", format="json"),
        backend_url=draw(st.sampled_from([None, "https://a.example:8443/x"])),
        nodes=tuple(nodes),
        probes={probe.name: probe for probe in probes},
        guard=GuardConfig(
            allow=tuple(probe.destination for probe in probes), min_interval=draw(milliseconds)
        ),
    )


@given(config=configs())
@settings(max_examples=30)
def test_it_loads_as_what_it_was_printed_from(config: Config, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    path: Path = tmp_path_factory.getbasetemp() / "effective.yml"
    path.write_text(effective(config).replace("<secret>", "hunter2"))
    again = load_config(path, {})
    probes = {
        name: msgspec.structs.replace(
            probe,
            variables=probe.variables
            | {key: "hunter2" for key in probe.variables if key.startswith("sip_h_")},
        )
        for name, probe in config.probes.items()
    }
    expected = msgspec.structs.replace(config, probes=probes)
    assert msgspec.structs.replace(again, path=None, warnings=()) == expected
