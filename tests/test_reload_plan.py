"""The plan of a reload: every key of the config, and what a change of it does. Pure, without a daemon."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

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
    TlsConfig,
    WebConfig,
)
from exporter.config.rates import Rate, RateTable
from exporter.reload_plan import TABLE, Plan, Running, Step, plan_reload, plan_start, plan_stop

TLS = TlsConfig(cert_file=Path("cert.pem"), key_file=Path("key.pem"))
OTHER_TLS = replace(TLS, cert_file=Path("other.pem"))
NODE = NodeConfig(name="fs1", gateways={"telnyx": GatewayConfig(), "old": GatewayConfig()})
OTHER_NODE = NodeConfig(name="fs2", host="192.0.2.2", password=Secret("two"))
PROBE = ProbeConfig(name="echo", node="fs1", gateway="telnyx", destination="+15550000001")
CONFIG = Config(
    token=Secret("t0ken"),
    state_dir=Path("/var/lib/exporter"),
    backend_url="http://127.0.0.1:3000",
    web_config_file=Path("web.yml"),
    web=WebConfig(tls=TLS, users={"anna": Secret("hash")}),
    nodes=(NODE, OTHER_NODE),
    probes={"echo": PROBE},
    guard=GuardConfig(allow=("+1555000*",)),
)


def running(config: Config = CONFIG, **changes: Any) -> Running:
    """What runs after a start with `config`, with the changes."""
    started: dict[str, Any] = {
        "config": config,
        "nodes": config.nodes,
        "listen": config.listen,
        "addresses": tuple((listen.host or "0.0.0.0", listen.port) for listen in config.listen),
        "tls": config.web is not None and config.web.tls is not None,
        "state_dir": config.state_dir,
    }
    return Running(**(started | changes))


def step(plan: Plan, what: str) -> Step:
    [found] = [step for step in plan.steps if step.what == what]
    return found


def changed(plan: Plan) -> list[Step]:
    return [step for step in plan.steps if not step.unchanged]


def test_the_same_config_again_keeps_everything() -> None:
    plan = plan_reload(running(), CONFIG)
    assert changed(plan) == []
    assert plan.refusals == ()
    assert plan.unchanged == len(plan.steps) == 12
    assert [step.what for step in plan.steps] == [
        *("state_dir", "http", "log", "log_stream", "diagnosis", "guard", "history", "destinations"),
        "live_quality",
        *("node fs1", "node fs2", "probe echo"),
    ]
    assert {(step.action, step.reason) for step in plan.steps} == {("keep", "unchanged")}


def with_web(**changes: Any) -> Config:
    assert CONFIG.web is not None
    return replace(CONFIG, web=replace(CONFIG.web, **changes))


def with_node(**changes: Any) -> Config:
    return replace(CONFIG, nodes=(replace(NODE, **changes), OTHER_NODE))


def with_probe(**changes: Any) -> Config:
    return replace(CONFIG, probes={"echo": replace(PROBE, **changes)})


def with_guard(**changes: Any) -> Config:
    return replace(CONFIG, guard=replace(CONFIG.guard, **changes))


def with_history(**changes: Any) -> Config:
    return replace(CONFIG, history=replace(CONFIG.history, **changes))


def with_destinations(**changes: Any) -> Config:
    return replace(CONFIG, destinations=replace(CONFIG.destinations, **changes))


def with_live_quality(**changes: Any) -> Config:
    return replace(CONFIG, live_quality=replace(CONFIG.live_quality, **changes))


# One change of each key: the config, the part, its action, and the keys that the plan names.
CHANGES: list[tuple[Config, str, str, tuple[str, ...]]] = [
    (replace(CONFIG, state_dir=Path("/elsewhere")), "state_dir", "refuse", ("state_dir",)),
    (replace(CONFIG, state_dir=None), "state_dir", "refuse", ("state_dir",)),
    (replace(CONFIG, listen=(Listen(port=1),)), "http", "refuse", ("listen",)),
    (replace(CONFIG, listen=(Listen(), Listen(host="::1"))), "http", "refuse", ("listen",)),
    (replace(CONFIG, web_config_file=Path("other.yml")), "http", "keep", ("web_config_file",)),
    (with_web(tls=OTHER_TLS), "http", "keep", ("web_config_file.tls_server_config",)),
    (with_web(tls=None), "http", "refuse", ("web_config_file.tls_server_config",)),
    (
        with_web(headers={"X-Frame-Options": "deny"}),
        "http",
        "keep",
        ("web_config_file.http_server_config.headers",),
    ),
    (with_web(users={}), "http", "keep", ("web_config_file.basic_auth_users",)),
    (replace(CONFIG, token=Secret("another")), "http", "keep", ("token_file",)),
    (replace(CONFIG, token=None), "http", "keep", ("token_file",)),  # on loopback only
    (replace(CONFIG, hosts=("monitor.example.com",)), "http", "keep", ("hosts",)),
    (replace(CONFIG, log=LogConfig(level="debug")), "log", "keep", ("log.level",)),
    (replace(CONFIG, log=LogConfig(format="json")), "log", "keep", ("log.format",)),
    (replace(CONFIG, backend_url="http://127.0.0.1:4000"), "diagnosis", "keep", ("backend_url",)),
    (with_guard(allow=()), "guard", "keep", ("guard.allow",)),
    (with_guard(max_concurrent=2), "guard", "keep", ("guard.max_concurrent",)),
    (with_guard(min_interval=1.0), "guard", "keep", ("guard.min_interval",)),
    (with_guard(max_calls_per_day=1), "guard", "keep", ("guard.max_calls_per_day",)),
    (with_guard(max_minutes_per_day=1), "guard", "keep", ("guard.max_minutes_per_day",)),
    (replace(CONFIG, log_stream="off"), "log_stream", "keep", ("log_stream",)),
    (with_history(keep=3600.0), "history", "keep", ("history.keep",)),
    (with_history(calls=1), "history", "keep", ("history.calls",)),
    (with_history(numbers="full"), "history", "keep", ("history.numbers",)),
    (with_destinations(countries=False), "destinations", "keep", ("destinations.countries",)),
    (with_destinations(region="US"), "destinations", "keep", ("destinations.region",)),
    (with_destinations(rates=Path("rates.csv")), "destinations", "keep", ("destinations.rates",)),
    (
        replace(CONFIG, rates=RateTable({"1": Rate(0.01)}, 1)),  # another content of the same file
        "destinations",
        "keep",
        ("destinations.rates",),
    ),
    (with_destinations(currency="USD"), "destinations", "keep", ("destinations.currency",)),
    (with_live_quality(every=10.0), "live_quality", "keep", ("live_quality.every",)),
    (with_live_quality(calls=0), "live_quality", "keep", ("live_quality.calls",)),
    (with_node(host="192.0.2.1"), "node fs1", "restart", ("nodes.fs1.host",)),
    (with_node(port=8022), "node fs1", "restart", ("nodes.fs1.port",)),
    (with_node(user="a@b"), "node fs1", "restart", ("nodes.fs1.user",)),
    (with_node(password=Secret("s3cret")), "node fs1", "restart", ("nodes.fs1.password",)),
    (with_node(poll_interval=5.0), "node fs1", "restart", ("nodes.fs1.poll_interval",)),
    (with_node(subscribers=("1@a",)), "node fs1", "restart", ("nodes.fs1.subscribers",)),
    (
        with_node(gateways={"telnyx": GatewayConfig(max_calls=3), "new": GatewayConfig()}),
        "node fs1",
        "restart",
        ("nodes.fs1.gateways.telnyx.max_calls", "nodes.fs1.gateways.old", "nodes.fs1.gateways.new"),
    ),
    (with_node(gateways={}), "node fs1", "restart", tuple(f"nodes.fs1.gateways.{g}" for g in NODE.gateways)),
    (with_probe(node="fs2"), "probe echo", "keep", ("probes.echo.node",)),
    (with_probe(gateway="other"), "probe echo", "keep", ("probes.echo.gateway",)),
    (with_probe(destination="+15550000002"), "probe echo", "keep", ("probes.echo.destination",)),
    (with_probe(caller_id="+15550000003"), "probe echo", "keep", ("probes.echo.caller_id",)),
    (with_probe(application="tone"), "probe echo", "keep", ("probes.echo.application",)),
    (with_probe(ring_timeout=9.0), "probe echo", "keep", ("probes.echo.ring_timeout",)),
    (with_probe(talk_time=9.0), "probe echo", "keep", ("probes.echo.talk_time",)),
    (with_probe(interval=60.0), "probe echo", "restart", ("probes.echo.interval",)),
    (with_probe(variables={"accountcode": "x"}), "probe echo", "keep", ("probes.echo.variables",)),
    (with_probe(schedule="always"), "probe echo", "keep", ("probes.echo.schedule",)),
    (with_probe(expect=Expect(result="rejected")), "probe echo", "keep", ("probes.echo.expect.result",)),
    (with_probe(thresholds=Thresholds(mos=3.0)), "probe echo", "keep", ("probes.echo.thresholds.mos",)),
]


@pytest.mark.parametrize(
    ("wanted", "what", "action", "keys"), CHANGES, ids=[f"{c[3][0]}-{c[2]}" for c in CHANGES]
)
def test_a_change_of_one_key_concerns_one_part(
    wanted: Config, what: str, action: str, keys: tuple[str, ...]
) -> None:
    plan = plan_reload(running(), wanted)
    [only] = changed(plan)
    assert (only.what, only.action, only.keys) == (what, action, keys)
    assert all(key in only.reason for key in keys)
    assert ("restart needed" in only.reason) is (action == "refuse")
    assert plan.refusals == ((only,) if action == "refuse" else ())


def _row_key(key: str) -> str:
    section, _, rest = key.partition(".")
    if section in ("nodes", "probes"):
        return f"{section}.NAME.{rest.split('.')[1]}"
    return key


def test_the_changes_above_are_of_every_row_of_the_table() -> None:
    assert {_row_key(key) for _, _, _, keys in CHANGES for key in keys} == {row.key for row in TABLE}


EMPTY: dict[str, Any] = {
    "hosts": ("monitor.example.com",),
    "listen": (),
    "nodes": (),
    "probes": {},
    "rates": RateTable({}, 0),
}


def _variants() -> Iterator[tuple[str, Config]]:
    """For each field of every part of the config, a config in which its value is another one."""
    for name in Config.__struct_fields__:
        # `path` and `warnings` are no settings; the fields of `log` and `guard` come below.
        if name not in ("path", "warnings", "log", "guard", "history", "destinations", "live_quality"):
            yield name, replace(CONFIG, **{name: EMPTY.get(name)})
    for section in ("log", "guard", "history", "destinations", "live_quality", "web"):
        values = getattr(CONFIG, section)
        for name in values.__struct_fields__:
            yield f"{section}.{name}", replace(CONFIG, **{section: replace(values, **{name: "other"})})
    for name in NodeConfig.__struct_fields__:
        yield f"nodes.{name}", with_node(**{name: "other"})
    for name in ProbeConfig.__struct_fields__:
        if name != "name":  # it is the key under which the probe is kept
            yield f"probes.{name}", with_probe(**{name: "other"})


def test_no_field_of_the_config_is_ignored() -> None:
    """A key that is in the config and not in TABLE would be ignored by a reload; this finds it."""
    for name, variant in _variants():
        assert changed(plan_reload(running(), variant)), name


# -- nodes and probes that come and go


def test_nodes_and_probes_come_and_go() -> None:
    third = NodeConfig(name="fs3")
    probe = replace(PROBE, name="tone", node="fs3")
    plan = plan_reload(running(), replace(CONFIG, nodes=(third, NODE), probes={"tone": probe}))
    assert [(step.action, step.what) for step in plan.steps[9:]] == [
        ("start", "node fs3"),
        ("keep", "node fs1"),
        ("stop", "node fs2"),
        ("start", "probe tone"),
        ("stop", "probe echo"),
    ]


def test_a_node_with_another_name_is_another_node() -> None:
    plan = plan_reload(running(), with_node(name="renamed"))
    assert step(plan, "node renamed").action == "start"
    assert step(plan, "node fs1").action == "stop"
    assert step(plan, "node fs2").unchanged


def test_the_order_of_nodes_and_addresses_is_no_change() -> None:
    both = replace(CONFIG, listen=(Listen(), Listen(host="::1")))
    other_way = replace(both, nodes=(OTHER_NODE, NODE), listen=both.listen[::-1])
    assert changed(plan_reload(running(both), other_way)) == []


# -- what really runs decides


def test_what_is_bound_decides_not_what_the_last_config_said() -> None:
    moved = replace(CONFIG, listen=(Listen(host=""),))
    bound = running(moved, listen=(Listen(),), addresses=(("127.0.0.1", 9282),))
    assert step(plan_reload(bound, moved), "http").keys == ("listen",)
    assert step(plan_reload(bound, CONFIG), "http").keys == ()
    assert plan_reload(running(CONFIG, tls=False), CONFIG).refusals
    assert plan_reload(running(CONFIG, state_dir=None), CONFIG).refusals


def test_a_node_that_does_not_run_is_started_whatever_the_last_config_said() -> None:
    plan = plan_reload(running(nodes=(NODE,)), CONFIG)
    assert step(plan, "node fs2").action == "start"


BEYOND = (("127.0.0.1", 9282), ("192.0.2.7", 9282))


@pytest.mark.parametrize(
    ("token", "wanted_token", "allow", "addresses", "refused"),
    [
        ("t0ken", None, (), BEYOND, True),
        ("t0ken", None, ("+1555000*",), BEYOND, True),
        (None, None, ("+1555000*",), BEYOND, True),  # a listener whose name hides that others reach it
        (None, None, (), BEYOND, False),
        ("t0ken", "t1ken", ("+1555000*",), BEYOND, False),
        (None, "t1ken", ("+1555000*",), BEYOND, False),
        ("t0ken", None, (), BEYOND[:1], False),
        ("t0ken", None, (), (("::1", 9282),), False),
        ("t0ken", None, (), (("0.0.0.0", 9282),), True),
    ],
)
def test_a_reload_does_not_open_what_a_token_protects(
    token: str | None,
    wanted_token: str | None,
    allow: tuple[str, ...],
    addresses: tuple[tuple[str, int], ...],
    refused: bool,
) -> None:
    def with_token(value: str | None) -> Config:
        guard = replace(CONFIG.guard, allow=allow)
        return replace(CONFIG, token=Secret(value) if value else None, guard=guard)

    plan = plan_reload(running(with_token(token), addresses=addresses), with_token(wanted_token))
    assert bool(plan.refusals) is refused
    assert not refused or plan.refusals[0].keys == ("token_file",)


ASKING = replace(TLS, client_auth_type="RequireAndVerifyClientCert", client_ca_file=Path("ca.pem"))
IF_GIVEN = replace(ASKING, client_auth_type="VerifyClientCertIfGiven")


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ({"users": {"anna": Secret("hash")}}, {"users": {}}, "basic_auth_users"),
        ({"users": {"anna": Secret("hash")}}, {"users": {"ben": Secret("other")}}, ""),
        ({"users": {}}, {"users": {"anna": Secret("hash")}}, ""),
        ({"tls": ASKING}, {"tls": TLS}, "tls_server_config"),
        ({"tls": ASKING}, {"tls": IF_GIVEN}, "tls_server_config"),
        ({"tls": ASKING}, {"tls": replace(ASKING, client_allowed_sans=("a",))}, ""),
        ({"tls": IF_GIVEN}, {"tls": TLS}, ""),  # without a certificate a client was let in before, too
        ({"tls": TLS}, {"tls": ASKING}, ""),
    ],
)
def test_a_reload_does_not_open_what_users_and_client_certificates_protect(
    before: dict[str, Any], after: dict[str, Any], key: str
) -> None:
    old, new = with_web(**before), with_web(**after)
    refused = plan_reload(running(old, addresses=BEYOND), new).refusals
    assert [step.keys for step in refused] == ([(f"web_config_file.{key}",)] if key else [])
    assert not key or "others can reach 192.0.2.7:9282; restart needed" in refused[0].reason
    assert not plan_reload(running(old, addresses=BEYOND[:1]), new).refusals, "on loopback: keep"


def test_without_a_web_config_file_there_are_no_users_either() -> None:
    old = with_web(tls=None)
    gone = replace(old, web=None, web_config_file=None)
    [refused] = plan_reload(running(old, addresses=BEYOND), gone).refusals
    assert refused.keys == ("web_config_file.basic_auth_users",)


def test_a_loopback_listen_and_no_token_are_refused_while_others_can_reach_the_exporter() -> None:
    """What is bound decides, not what the file says of where the exporter listens."""
    old = replace(CONFIG, listen=(Listen(host=""),))
    wanted = replace(CONFIG, listen=(Listen(),), token=None)
    [refused] = plan_reload(running(old), wanted).refusals
    assert refused.keys == ("listen", "token_file")
    assert "others can reach 0.0.0.0:9282" in refused.reason


def test_all_that_is_refused_is_named_at_once() -> None:
    wanted = replace(CONFIG, listen=(Listen(host=""),), state_dir=None, token=None, web=None)
    bound = running(addresses=BEYOND)
    plan = plan_reload(bound, wanted)
    assert [step.what for step in plan.refusals] == ["state_dir", "http"]
    web = "web_config_file"
    assert plan.refusals[1].keys == (
        *("listen", f"{web}.tls_server_config", "token_file", f"{web}.basic_auth_users"),
    )
    assert plan.refusals[1].reason == (
        "listen: bound to 127.0.0.1:9282, the config says :9282; "
        "web_config_file.tls_server_config: TLS is on, the config turns it off; "
        "token_file: the config has no token, and others can reach 192.0.2.7:9282; "
        "web_config_file.basic_auth_users: the config has no users, and others can reach 192.0.2.7:9282; "
        "restart needed"
    )


# -- start, stop, and what is shown


def test_a_start_starts_and_a_stop_stops_everything() -> None:
    start = plan_start(CONFIG)
    stop = plan_stop(running(nodes=(OTHER_NODE,)))
    everything = [step.what for step in plan_reload(running(), CONFIG).steps]
    assert [step.what for step in start.steps] == everything
    assert {step.action for step in start.steps} == {"start"}
    assert [step.what for step in stop.steps] == [what for what in everything if what != "node fs1"]
    assert {step.action for step in stop.steps} == {"stop"}


def test_no_secret_is_in_a_plan() -> None:
    secrets = {"s3cret", "t1ken", "other-hash", "t0ken", "two"}
    wanted = replace(
        CONFIG,
        token=Secret("t1ken"),
        web=with_web(users={"anna": Secret("other-hash")}).web,
        nodes=(replace(NODE, password=Secret("s3cret")),),
    )
    text = msgspec.json.encode(plan_reload(running(), wanted).as_json()).decode()
    assert "nodes.fs1.password" in text
    assert not [secret for secret in secrets if secret in text]


def test_the_plan_as_json() -> None:
    plan = plan_reload(running(), with_probe(interval=60.0))
    assert plan.as_json() == {
        "version": 1,
        "refused": False,
        "steps": [
            {"action": "keep", "what": what, "keys": [], "reason": "unchanged"}
            for what in (
                "state_dir",
                "http",
                "log",
                "log_stream",
                "diagnosis",
                "guard",
                "history",
                "destinations",
                "live_quality",
                "node fs1",
                "node fs2",
            )
        ]
        + [
            {
                "action": "restart",
                "what": "probe echo",
                "keys": ["probes.echo.interval"],
                "reason": "probes.echo.interval changed: its next run is scheduled anew",
            }
        ],
    }
    assert plan.changes() == {
        "restart": ["probe echo: probes.echo.interval changed: its next run is scheduled anew"]
    }
    assert plan_reload(running(), with_web(tls=None)).as_json()["refused"] is True
