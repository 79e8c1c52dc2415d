"""From a file, the environment and flags to one `Config`, or to a list of all that is wrong with them.

Later wins: default, file, environment, flags. Each layer is read whether or not a later one overrules it, so
that a mistake in the file is told although today's environment hides it. Sections are read one by one from
the outside in; what only the whole can tell (`rules`) is checked at the end.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import get_args

import msgspec

from exporter.config import rules, values, variables
from exporter.config.files import read_text
from exporter.config.model import (
    Config,
    Expect,
    GatewayConfig,
    GuardConfig,
    Listen,
    LogConfig,
    LogFormat,
    LogLevel,
    NodeConfig,
    ProbeConfig,
    Thresholds,
    WebConfig,
    address,
)
from exporter.config.secret import Secret
from exporter.config.section import InvalidValue, Problems, Section

_DAY = 86400
_NODE_VARIABLES = (
    "FREESWITCH_HOST",
    "FREESWITCH_PORT",
    "FREESWITCH_USER",
    "FREESWITCH_PASSWORD",
    "FREESWITCH_PASSWORD_FILE",
    "FREESWITCH_GATEWAYS",
)
# FREESWITCH_PORT=tcp://172.17.0.2:8021 is set by a container engine that links containers, not by a person.
_CONTAINER_LINK = "tcp://"


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """What stood on the command line, as typed."""

    listen: tuple[str, ...] = ()
    log_level: str | None = None
    log_format: str | None = None


def load(path: Path | None, environ: Mapping[str, str], flags: Flags) -> Config:
    """The config of the file at `path` (None: where EXPORTER_CONFIG says, else none), `environ` and `flags`.

    Raises `ConfigError` with every problem found.
    """
    problems = Problems()
    environment = _environment(environ, problems)
    typed = _typed(flags, problems)
    path = path or environment.take("EXPORTER_CONFIG", values.path_below(Path()), None)
    file = _file(path, problems)
    folder = path.parent if path else Path()

    nodes = _nodes(file, environment, folder)
    config = Config(
        listen=_listen(file, environment, typed),
        web=_web(file, folder),
        token=_token(file, environment, folder),
        state_dir=_state_dir(file, environment, folder),
        backend_url=file.take("backend_url", values.url, None),
        log=_log(file.section("log"), environment, typed),
        nodes=nodes,
        probes=_probes(file.section("probes"), nodes),
        guard=_guard(file.section("guard")),
        path=path,
    )
    file.close()
    rules.check(config, problems)
    problems.raise_if_any()
    return msgspec.structs.replace(config, warnings=problems.warnings)


# The layers


def _environment(environ: Mapping[str, str], problems: Problems) -> Section:
    """Our variables. An empty one counts as not set: `-e NAME=` and compose files leave such behind."""
    ours = {
        name: value
        for name, value in environ.items()
        if value and name.startswith(("FREESWITCH_", "EXPORTER_"))
    }
    if ours.get("FREESWITCH_PORT", "").startswith(_CONTAINER_LINK):
        del ours["FREESWITCH_PORT"]
        problems.warn(
            "environment",
            "FREESWITCH_PORT",
            "is ignored, for a container link sets such an address; write the port alone if you meant it",
        )
    return Section(problems, "environment", ours)


def _typed(flags: Flags, problems: Problems) -> Section:
    typed = {
        "--listen": list(flags.listen) or None,
        "--log-level": flags.log_level,
        "--log-format": flags.log_format,
    }
    return Section(problems, "flags", typed)


def _file(path: Path | None, problems: Problems) -> Section:
    """The file's outermost section, empty without a file. Raises `ConfigError` if it is unreadable."""
    if path is None:
        return Section(problems, "", None)
    from exporter.config.document import parse  # only who has a file needs YAML

    try:
        return Section(problems, str(path), parse(read_text(path)))
    except InvalidValue as unfit:
        problems.add(str(path), "", str(unfit))
        problems.raise_if_any()
        raise AssertionError from None


# The sections


def _listen(file: Section, environment: Section, typed: Section) -> tuple[Listen, ...]:
    listen = file.take_list("listen", values.listen, Config().listen)
    if "listen" in file and not listen and not file.problems.concern("listen"):
        file.add("listen", 'is empty; write ["127.0.0.1:9282"], or leave it out')
    listen = environment.take("EXPORTER_LISTEN", values.separated(values.listen), listen)
    return typed.take_list("--listen", values.listen, listen)


def _web(file: Section, folder: Path) -> WebConfig | None:
    path = file.take("web_config_file", values.path_below(folder), None)
    if path is None:
        return None
    from exporter.config.web import read_web_config  # brings ssl with it

    return read_web_config(path, file.problems)


def _token(file: Section, environment: Section, folder: Path) -> Secret | None:
    token = file.take("token_file", values.secret_file(folder, values.token), None)
    return _secret(environment, "EXPORTER_TOKEN", "EXPORTER_TOKEN_FILE", Path(), values.token, token)


def _secret(
    section: Section,
    name: str,
    name_of_file: str,
    folder: Path,
    read: Callable[[object], Secret],
    default: Secret | None,
) -> Secret | None:
    """A secret given in place or by a file, not both."""
    if name in section and name_of_file in section:
        section.add(name_of_file, f"stands beside {name}; keep one of the two")
    in_place = section.take(name, read, default)
    return section.take(name_of_file, values.secret_file(folder, read), in_place)


def _state_dir(file: Section, environment: Section, folder: Path) -> Path | None:
    state_dir = file.take("state_dir", values.folder_below(folder), None)
    return environment.take("EXPORTER_STATE_DIR", values.folder_below(Path()), state_dir)


def _log(section: Section, environment: Section, typed: Section) -> LogConfig:
    plain = LogConfig()
    levels = values.choice(*get_args(LogLevel))
    formats = values.choice(*get_args(LogFormat))
    level = section.take("level", levels, plain.level)
    level = environment.take("EXPORTER_LOG_LEVEL", levels, level)
    level = typed.take("--log-level", levels, level)
    form = section.take("format", formats, plain.format)
    form = environment.take("EXPORTER_LOG_FORMAT", formats, form)
    form = typed.take("--log-format", formats, form)
    section.close()
    return LogConfig(level=level, format=form)


def _nodes(file: Section, environment: Section, folder: Path) -> tuple[NodeConfig, ...]:
    entries = list(file.entries("nodes"))
    if not entries:
        if "nodes" in file and not file.problems.concern("nodes"):
            file.add("nodes", "is empty; write at least one node, or leave it out for 127.0.0.1:8021")
        entries = [("nodes[0]", None)]
    if len(entries) > 1:
        for name in _NODE_VARIABLES:
            if name in environment:
                environment.add(
                    name,
                    f"describes the only node, and the file has {len(entries)}; write it there under one",
                )
        environment = Section(file.problems, environment.source, None)
    nodes: list[NodeConfig] = []
    for key, entry in entries:
        section = Section(file.problems, file.source, entry, key)
        node = _node(section, environment, folder)
        if any(node.name == other.name for other in nodes):
            section.add(
                "name",
                f"is {node.name!r} for a second time; write another, for it is the label of its metrics",
            )
        nodes.append(node)
    return tuple(nodes)


def _node(section: Section, environment: Section, folder: Path) -> NodeConfig:
    plain = NodeConfig()
    host = section.take("host", values.host, plain.host)
    host = environment.take("FREESWITCH_HOST", values.host, host)
    port = section.take("port", values.port, plain.port)
    port = environment.take("FREESWITCH_PORT", values.in_text(values.port), port)
    user = section.take("user", values.user, None)
    password = _secret(section, "password", "password_file", folder, values.password, plain.password)
    gateways = dict(_gateways(section.section("gateways")))
    node = NodeConfig(
        name=section.take("name", values.text, address(host, port)),
        host=host,
        port=port,
        user=environment.take("FREESWITCH_USER", values.user, user),
        password=_secret(
            environment, "FREESWITCH_PASSWORD", "FREESWITCH_PASSWORD_FILE", Path(), values.password, password
        )
        or plain.password,
        poll_interval=section.take("poll_interval", values.duration(1, 300), plain.poll_interval),
        gateways=environment.take("FREESWITCH_GATEWAYS", _gateway_list(gateways), gateways),
    )
    section.close()
    return node


def _gateways(section: Section) -> Iterator[tuple[str, GatewayConfig]]:
    for name, gateway in section.sections(values.gateway_name):
        yield (
            name,
            GatewayConfig(
                register=gateway.take("register", values.yes_no_auto, None),
                profile=gateway.take("profile", values.name, ""),
                max_calls=gateway.take("max_calls", values.integer(1, 1_000_000), None),
                provider=gateway.take("provider", _provider, None),
            ),
        )
        gateway.close()


def _provider(value: object) -> str:
    from exporter.switch.provider import PROVIDERS

    return values.choice(*PROVIDERS)(value)


def _gateway_list(known: Mapping[str, GatewayConfig]) -> Callable[[object], dict[str, GatewayConfig]]:
    """`a,b:noreg`: the gateways that must exist, in place of the file's, with what the file says of them."""

    def item(value: object) -> tuple[str, GatewayConfig]:
        word = values.text(value)
        bare = word.removesuffix(":noreg")
        name = values.gateway_name(bare)
        return name, msgspec.structs.replace(known.get(name, GatewayConfig()), register=bare == word)

    def read(value: object) -> dict[str, GatewayConfig]:
        listed = values.separated(item)(value)
        gateways = dict(listed)
        if len(gateways) < len(listed):
            raise InvalidValue("names a gateway twice; write each once")
        return gateways

    return read


def _probes(section: Section, nodes: tuple[NodeConfig, ...]) -> dict[str, ProbeConfig]:
    probes = {}
    for name, probe in section.sections(values.name):
        if built := _probe(name, probe, [node.name for node in nodes]):
            probes[name] = built
    return probes


def _probe(name: str, section: Section, nodes: list[str]) -> ProbeConfig | None:
    if len(nodes) == 1:
        node: str | None = section.take("node", values.choice(*nodes), nodes[0])
    else:
        node = section.require("node", values.choice(*nodes), " or ".join(nodes[:5]))
    gateway = section.require("gateway", values.name, "the name of the gateway to call through")
    destination = section.require("destination", values.telephone_number, 'a number such as "+15550000001"')
    plain = ProbeConfig(name=name, node=node or "", gateway=gateway or "", destination=destination or "")
    probe = msgspec.structs.replace(
        plain,
        caller_id=section.take("caller_id", values.telephone_number, None),
        application=section.take("application", values.choice("echo", "tone"), plain.application),
        ring_timeout=section.take("ring_timeout", values.duration(3, 180), plain.ring_timeout),
        talk_time=section.take("talk_time", values.duration(1, 600), plain.talk_time),
        interval=section.take("interval", values.duration(10, 7 * _DAY), None),
        variables=dict(_variables(section.section("variables"))),
        expect=_expect(section.section("expect")),
        thresholds=_thresholds(section.section("thresholds")),
    )
    section.close()
    return probe if node and gateway and destination else None


def _variables(section: Section) -> Iterator[tuple[str, str]]:
    for name, value in section.items(values.variable):
        if variables.is_name(name):
            yield name, value
        else:
            known = ", ".join((*variables.NAMES, variables.HEADER))
            section.add(name, f"may not be set by a probe; write one of {known}")


def _expect(section: Section) -> Expect:
    expect = Expect(
        result=section.take("result", values.choice("answered", "rejected"), "answered"),
        cause=section.take("cause", _cause, None),
        sip=section.take("sip", values.integer(300, 699), None),
    )
    section.close()
    if expect.result == "answered" and (expect.cause or expect.sip):
        section.add("result", "is answered, which has neither cause nor sip; write result: rejected")
    return expect


def _cause(value: object) -> str:
    from exporter.switch.cause import CAUSES

    cause = values.text(value)
    if cause not in CAUSES:
        raise InvalidValue(
            f"is {cause!r}; {values.nearest(cause, CAUSES) or 'write a cause of FreeSWITCH, as USER_BUSY'}"
        )
    return cause


def _thresholds(section: Section) -> Thresholds:
    call = values.duration(0.001, 600)
    media = values.duration(0.001, 60)
    thresholds = Thresholds(
        post_dial_delay=section.take("post_dial_delay", call, None),
        answer=section.take("answer", call, None),
        mos=section.take("mos", values.number(1, 5), None),
        packet_loss=section.take("packet_loss", values.number(0, 1), None),
        jitter=section.take("jitter", media, None),
        round_trip=section.take("round_trip", media, None),
    )
    section.close()
    return thresholds


def _guard(section: Section) -> GuardConfig:
    plain = GuardConfig()
    guard = GuardConfig(
        allow=section.take_list("allow", values.allow_pattern, ()),
        max_concurrent=section.take("max_concurrent", values.integer(1, 100), plain.max_concurrent),
        min_interval=section.take("min_interval", values.duration(0, _DAY), plain.min_interval),
        max_calls_per_day=section.take(
            "max_calls_per_day", values.integer(0, 1_000_000), plain.max_calls_per_day
        ),
        max_minutes_per_day=section.take(
            "max_minutes_per_day", values.integer(0, 1_000_000), plain.max_minutes_per_day
        ),
    )
    section.close()
    return guard
