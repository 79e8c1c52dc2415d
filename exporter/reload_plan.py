"""The plan of a start, a reload or a stop: what is kept, started, stopped, restarted or refused, and why.

A pure function of plain data: what runs now (`Running`) and the config that is wanted. The comparison is with
what is really bound and open, not with what an earlier file said. The parts of the daemon are `state_dir`,
`http`, `log`, `log_stream`, `diagnosis`, `guard`, `history`, `destinations` and `live_quality`, and each node
and each probe by its name.

TABLE has one row for each config key: the part it belongs to, and what a change of its value does to that
part. Some rules need more than a comparison of two values and are functions: the listening addresses, TLS on
or off, and what protected the exporter from others and is gone: the token, the users, the certificates that
clients must have. A plan with a step that refuses is not applied at all.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

from exporter.config import Config, Listen, NodeConfig, TlsConfig, WebConfig, address, is_loopback

Action = Literal["keep", "start", "stop", "restart", "refuse"]
Part = Literal[
    "state_dir",
    "http",
    "log",
    "log_stream",
    "diagnosis",
    "guard",
    "history",
    "destinations",
    "live_quality",
    "node",
    "probe",
]

FORMAT_VERSION: Final = 1  # of `Plan.as_json`
RESTART_NEEDED: Final = "restart needed"


class Row(NamedTuple):
    """What a change of one config key means.

    Attributes:
        key: as in the config file; NAME is the name of a node or probe.
        part: the part of the daemon that uses it.
        action: what happens to that part.
        reason: from when the new value is used, or why it cannot be.
    """

    key: str
    part: Part
    action: Action
    reason: str


_NEXT_REQUEST: Final = "used from the next request"
_NEXT_CALL: Final = "used from the next probe call"
_NEXT_ANSWER: Final = "used from the next call that is answered or ends"
_NEXT_LOOK: Final = "used from the next look at the running calls"
_RECONNECTS: Final = "the node connects again; its counters restart at 0, and a probe call on it ends"

TABLE: Final = (
    Row("state_dir", "state_dir", "refuse", RESTART_NEEDED),
    Row("listen", "http", "refuse", RESTART_NEEDED),
    Row("web_config_file", "http", "keep", _NEXT_REQUEST),
    Row("web_config_file.tls_server_config", "http", "keep", "used from the next TLS handshake"),
    Row("web_config_file.http_server_config.headers", "http", "keep", _NEXT_REQUEST),
    Row("web_config_file.basic_auth_users", "http", "keep", _NEXT_REQUEST),
    Row("token_file", "http", "keep", _NEXT_REQUEST),
    Row("hosts", "http", "keep", _NEXT_REQUEST),
    Row("log.level", "log", "keep", "used from the next line"),
    Row("log.format", "log", "keep", "used from the next line"),
    Row("log_stream", "log_stream", "keep", "the log's connection to each node is opened anew"),
    Row("backend_url", "diagnosis", "keep", "used from the next diagnosis"),
    Row("guard.allow", "guard", "keep", _NEXT_CALL),
    Row("guard.max_concurrent", "guard", "keep", _NEXT_CALL),
    Row("guard.min_interval", "guard", "keep", _NEXT_CALL),
    Row("guard.max_calls_per_day", "guard", "keep", _NEXT_CALL),
    Row("guard.max_minutes_per_day", "guard", "keep", _NEXT_CALL),
    Row("history.keep", "history", "keep", "older entries are deleted within the hour"),
    Row("history.calls", "history", "keep", "used from the next call"),
    Row("history.numbers", "history", "keep", "used from the next call; those stored stay as they are"),
    Row("destinations.countries", "destinations", "keep", "used from the next scrape and call"),
    Row("destinations.region", "destinations", "keep", _NEXT_ANSWER),
    Row("destinations.rates", "destinations", "keep", _NEXT_ANSWER),
    Row("destinations.currency", "destinations", "keep", _NEXT_ANSWER),
    Row("live_quality.every", "live_quality", "keep", _NEXT_LOOK),
    Row("live_quality.calls", "live_quality", "keep", _NEXT_LOOK),
    Row("nodes.NAME.host", "node", "restart", _RECONNECTS),
    Row("nodes.NAME.port", "node", "restart", _RECONNECTS),
    Row("nodes.NAME.user", "node", "restart", _RECONNECTS),
    Row("nodes.NAME.password", "node", "restart", _RECONNECTS),
    Row("nodes.NAME.poll_interval", "node", "restart", _RECONNECTS),
    Row("nodes.NAME.gateways", "node", "restart", _RECONNECTS),
    Row("nodes.NAME.subscribers", "node", "restart", _RECONNECTS),
    Row("probes.NAME.node", "probe", "keep", _NEXT_CALL),
    Row("probes.NAME.gateway", "probe", "keep", _NEXT_CALL),
    Row("probes.NAME.destination", "probe", "keep", _NEXT_CALL),
    Row("probes.NAME.caller_id", "probe", "keep", _NEXT_CALL),
    Row("probes.NAME.application", "probe", "keep", _NEXT_CALL),
    Row("probes.NAME.ring_timeout", "probe", "keep", _NEXT_CALL),
    Row("probes.NAME.talk_time", "probe", "keep", _NEXT_CALL),
    Row("probes.NAME.interval", "probe", "restart", "its next run is scheduled anew"),
    Row("probes.NAME.schedule", "probe", "keep", "used from its next scheduled run"),
    Row("probes.NAME.variables", "probe", "keep", _NEXT_CALL),
    Row("probes.NAME.expect", "probe", "keep", _NEXT_CALL),
    Row("probes.NAME.thresholds", "probe", "keep", _NEXT_CALL),
)
_ROWS: Final = {row.key: row for row in TABLE}
_ORDER: Final[tuple[Action, ...]] = ("keep", "restart", "refuse")  # of rows; the last one that applies wins
_SETTINGS: Final[tuple[Part, ...]] = (
    "log",
    "log_stream",
    "diagnosis",
    "guard",
    "history",
    "destinations",
    "live_quality",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What really runs.

    Attributes:
        config: the one in force.
        nodes: the configs of the nodes that run.
        listen: the configured addresses that are bound.
        addresses: host and port of the listening sockets.
        tls: whether HTTP is served over TLS.
        state_dir: the one that is open.
    """

    config: Config
    nodes: tuple[NodeConfig, ...]
    listen: tuple[Listen, ...]
    addresses: tuple[tuple[str, int], ...]
    tls: bool
    state_dir: Path | None


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one part of the daemon.

    Attributes:
        name: of the node or probe; empty for the other parts.
        reason: one sentence without secrets.
        keys: the config keys whose values differ.
    """

    action: Action
    part: Part
    name: str
    reason: str
    keys: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """The part for people: `node fs1`."""
        return f"{self.part} {self.name}".rstrip()

    @property
    def unchanged(self) -> bool:
        """The part goes on as it is."""
        return self.action == "keep" and not self.keys

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, in the order of TABLE."""

    steps: tuple[Step, ...]

    @property
    def refusals(self) -> tuple[Step, ...]:
        """The steps that refuse the config; if there are any, the plan is not applied."""
        return tuple(step for step in self.steps if step.action == "refuse")

    def action(self, part: Part) -> Action | None:
        """What happens to a part that exists once; None if the plan does not say."""
        return next((step.action for step in self.steps if step.part == part), None)

    def names(self, part: Part, *actions: Action) -> list[str]:
        """The nodes or probes with one of these actions."""
        return [step.name for step in self.steps if step.part == part and step.action in actions]

    @property
    def unchanged(self) -> int:
        """How many parts go on as they are."""
        return sum(step.unchanged for step in self.steps)

    def changes(self) -> dict[Action, list[str]]:
        """The other steps as sentences, by action."""
        found: dict[Action, list[str]] = {}
        for step in self.steps:
            if not step.unchanged:
                found.setdefault(step.action, []).append(str(step))
        return found

    def as_json(self) -> dict[str, object]:
        """The plan as plain data: the body of `POST /-/reload?dry_run=true`."""
        return {
            "version": FORMAT_VERSION,
            "refused": bool(self.refusals),
            "steps": [
                {"action": step.action, "what": step.what, "keys": list(step.keys), "reason": step.reason}
                for step in self.steps
            ],
        }


def plan_start(config: Config) -> Plan:
    """Everything in `config` is started."""
    return Plan(tuple(_all("start", config, config.nodes, "the exporter starts")))


def plan_stop(running: Running) -> Plan:
    """Everything that runs is stopped."""
    return Plan(tuple(_all("stop", running.config, running.nodes, "the exporter stops")))


def plan_reload(running: Running, wanted: Config) -> Plan:
    """What putting `wanted` in force does to what runs."""
    old, new = _settings(running.config), _settings(wanted)
    changed = [key for key in new if old[key] != new[key]]
    return Plan(
        (
            _state_dir(running, wanted),
            _http(running, wanted, changed),
            *(_part(part, "", [key for key in changed if _ROWS[key].part == part]) for part in _SETTINGS),
            *_nodes(running, wanted),
            *_probes(running.config, wanted),
        )
    )


def _all(action: Action, config: Config, nodes: Iterable[NodeConfig], reason: str) -> Iterator[Step]:
    for part in ("state_dir", "http", *_SETTINGS):
        yield Step(action, part, "", reason)
    for node in nodes:
        yield Step(action, "node", node.name, reason)
    for name in config.probes:
        yield Step(action, "probe", name, reason)


# -- the parts


def _state_dir(running: Running, wanted: Config) -> Step:
    if wanted.state_dir == running.state_dir:
        return Step("keep", "state_dir", "", "unchanged")
    opened, configured = _path(running.state_dir), _path(wanted.state_dir)
    reason = f"state_dir: {opened} is open, the config says {configured}; {RESTART_NEEDED}"
    return Step("refuse", "state_dir", "", reason, ("state_dir",))


def _http(running: Running, wanted: Config, changed: list[str]) -> Step:
    refusals = tuple(
        refusal
        for rule in (_listen_differs, _tls_differs, _token_missing, _users_missing, _certificates_not_asked)
        if (refusal := rule(running, wanted)) is not None
    )
    if refusals:
        reason = "; ".join(refusal.reason for refusal in refusals)
        return Step("refuse", "http", "", f"{reason}; {RESTART_NEEDED}", tuple(r.key for r in refusals))
    return _part("http", "", [key for key in changed if _ROWS[key].part == "http" and key != "listen"])


class _Refusal(NamedTuple):
    key: str
    reason: str


def _listen_differs(running: Running, wanted: Config) -> _Refusal | None:
    if set(wanted.listen) == set(running.listen):
        return None
    bound, configured = _addresses(running.listen), _addresses(wanted.listen)
    return _Refusal("listen", f"listen: bound to {bound}, the config says {configured}")


def _tls_differs(running: Running, wanted: Config) -> _Refusal | None:
    tls = wanted.web is not None and wanted.web.tls is not None
    if tls == running.tls:
        return None
    key = "web_config_file.tls_server_config"
    return _Refusal(key, f"{key}: TLS is {_on(running.tls)}, the config turns it {_on(tls)}")


def _token_missing(running: Running, wanted: Config) -> _Refusal | None:
    """A reload does not remove the token, or allow calls without one, while others can reach the exporter."""
    where = _beyond(running)
    if not where or wanted.token is not None:
        return None
    if running.config.token is None and not wanted.guard.allow:
        return None
    return _Refusal("token_file", f"token_file: the config has no token, and others can reach {where}")


def _users_missing(running: Running, wanted: Config) -> _Refusal | None:
    """A reload does not remove all users while others can reach the exporter."""
    where = _beyond(running)
    if not where or not _web(running.config).users or _web(wanted).users:
        return None
    key = "web_config_file.basic_auth_users"
    return _Refusal(key, f"{key}: the config has no users, and others can reach {where}")


def _certificates_not_asked(running: Running, wanted: Config) -> _Refusal | None:
    """A reload does not let clients in without a certificate while others can reach the exporter."""
    where = _beyond(running)
    old, new = _web(running.config).tls, _web(wanted).tls
    if not where or old is None or new is None or not _asks(old) or _asks(new):
        return None
    key = "web_config_file.tls_server_config"
    return _Refusal(key, f"{key}: clients would need no certificate, and others can reach {where}")


def _asks(tls: TlsConfig) -> bool:
    return tls.client_auth_type == "RequireAndVerifyClientCert"


def _beyond(running: Running) -> str:
    """The bound addresses that others can reach; "" if there are none."""
    return ", ".join(address(host, port) for host, port in running.addresses if not is_loopback(host))


def _web(config: Config) -> WebConfig:
    return config.web or WebConfig()


def _nodes(running: Running, wanted: Config) -> Iterator[Step]:
    old = {node.name: node for node in running.nodes}
    new = {node.name: node for node in wanted.nodes}
    yield from _named("node", "nodes", old, new)


def _probes(old: Config, new: Config) -> Iterator[Step]:
    yield from _named("probe", "probes", old.probes, new.probes)


def _named(
    part: Part, section: str, old: Mapping[str, msgspec.Struct], new: Mapping[str, msgspec.Struct]
) -> Iterator[Step]:
    """The steps of parts that have names: those of the new config in its order, then those that are gone."""
    for name, config in new.items():
        if name not in old:
            yield Step("start", part, name, "not running yet", (f"{section}.{name}",))
        else:
            keys = list(_changed_fields(f"{section}.{name}", old[name], config))
            yield _part(part, name, keys)
    for name in old:
        if name not in new:
            yield Step("stop", part, name, "no longer in the config", (f"{section}.{name}",))


def _part(part: Part, name: str, keys: list[str]) -> Step:
    """The step of a part whose values for `keys` differ, by their rows in TABLE."""
    if not keys:
        return Step("keep", part, name, "unchanged")
    rows = [_row(key, part, name) for key in keys]
    action = max((row.action for row in rows), key=_ORDER.index)
    reasons = dict.fromkeys(row.reason for row in rows if row.action == action)
    return Step(action, part, name, f"{', '.join(keys)} changed: {'; '.join(reasons)}", tuple(keys))


# -- keys


def _row(key: str, part: Part, name: str) -> Row:
    if not name:
        return _ROWS[key]
    section = f"{part}s"
    field = key.removeprefix(f"{section}.{name}.").partition(".")[0]
    return _ROWS[f"{section}.NAME.{field}"]


def _settings(config: Config) -> dict[str, object]:
    """The value of every key but those of nodes and probes."""
    web = _web(config)
    settings: dict[str, object] = {
        "state_dir": config.state_dir,
        "listen": frozenset(config.listen),
        "web_config_file": config.web_config_file,
        "web_config_file.tls_server_config": web.tls,
        "web_config_file.http_server_config.headers": web.headers,
        "web_config_file.basic_auth_users": web.users,
        "token_file": config.token,
        "hosts": frozenset(config.hosts),
        "log_stream": config.log_stream,
        "backend_url": config.backend_url,
    }
    sections: tuple[tuple[str, msgspec.Struct], ...] = (
        ("log", config.log),
        ("guard", config.guard),
        ("history", config.history),
        ("destinations", config.destinations),
        ("live_quality", config.live_quality),
    )
    for section, values in sections:
        settings |= {f"{section}.{name}": getattr(values, name) for name in values.__struct_fields__}
    settings["destinations.rates"] = config.destinations.rates, config.rates
    return settings


def _changed_fields(key: str, old: Any, new: Any) -> Iterator[str]:
    """The keys below `key` whose values differ: fields of structs, and entries of tables of structs."""
    if isinstance(new, msgspec.Struct) and type(old) is type(new):
        pairs = {name: (getattr(old, name), getattr(new, name)) for name in new.__struct_fields__}
    elif isinstance(new, dict) and any(isinstance(value, msgspec.Struct) for value in (old | new).values()):
        pairs = {name: (old.get(name), new.get(name)) for name in old | new}
    else:
        yield key
        return
    for name, (before, after) in pairs.items():
        if before != after:
            yield from _changed_fields(f"{key}.{name}", before, after)


# -- words


def _addresses(listen: Iterable[Listen]) -> str:
    return ", ".join(map(str, listen)) or "nothing"


def _path(path: Path | None) -> str:
    return str(path) if path is not None else "no state_dir"


def _on(on: bool) -> str:
    return "on" if on else "off"
