"""From a file, the environment and flags to one `Config`, or to a list of all that is wrong with them.

What each key may be is declared in `model` and read by `reader`. Here are the layers, the web config file,
and the defaults that depend on other keys: the name of a node, the node of a probe. Rules over several keys
are in `rules`.

All of it is a function of its arguments and the files they name. It may run in any thread.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from exporter.config import rules, values
from exporter.config.address import address
from exporter.config.destinations import DestinationsConfig
from exporter.config.files import read_text
from exporter.config.key import Given, keys
from exporter.config.model import Config, NodeConfig, ProbeConfig
from exporter.config.problems import InvalidValue, Origin, Problems
from exporter.config.provider_table import ProviderConfig, ProviderTable, read_provider
from exporter.config.rates import RateTable, read_rates
from exporter.config.reader import Layer, Reader
from exporter.config.web_model import WebConfig

# FREESWITCH_PORT=tcp://172.17.0.2:8021 is set by a container engine that links containers, not by a person.
_CONTAINER_LINK = "tcp://"


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """What was written on the command line, as typed."""

    listen: tuple[str, ...] = ()
    log_level: str | None = None
    log_format: str | None = None


def load(
    path: Path | None,
    environ: Mapping[str, str],
    flags: Flags,
    *,
    providers: Collection[str],
    causes: Collection[str],
) -> Config:
    """The config of a file, the environment and the flags. It reads files: not for the event loop.

    Args:
        path: the file; None: the one that EXPORTER_CONFIG names, else none.
        environ: the environment. Variables of other programs and empty ones are ignored.
        flags: the command line.
        providers: the names of the tables of provider codes (exporter.switch.provider).
        causes: the names of FreeSWITCH's hang-up causes (exporter.switch.cause).

    Raises:
        ConfigError: with every problem found.
    """
    problems = Problems()
    around = Given(Path(), providers, causes)
    environment = _environment(environ, around, problems)
    path = path or _path(environment, problems)
    document = _document(path, problems)
    environment = _of_one_node(environment, document, problems)
    given = around._replace(
        folder=path.parent if path else Path(), providers=(*providers, *_own_providers(document))
    )
    reader = Reader(problems, str(path or ""), given, environment, _flags(flags, around))
    config = reader.read(Config, document)
    nodes = _named(config.nodes, problems)
    config = msgspec.structs.replace(
        config,
        nodes=nodes,
        probes=_assigned(config.probes, nodes, problems),
        web=_web(config.web_config_file, problems),
        rates=_rates(config.destinations, problems),
        provider_tables=_provider_tables(config.providers, providers, problems),
        path=path,
    )
    rules.check(config, problems)
    problems.raise_if_any()
    return msgspec.structs.replace(config, warnings=problems.warnings)


def _own_providers(document: object) -> tuple[str, ...]:
    """The names under `providers`, which a gateway may name before they are read."""
    own = document.get("providers") if isinstance(document, dict) else None
    return tuple(name for name in own if isinstance(name, str)) if isinstance(own, dict) else ()


# The layers


def _environment(environ: Mapping[str, str], given: Given, problems: Problems) -> Layer:
    """The exporter's variables. An empty one is not set: `-e NAME=` and compose files leave such behind."""
    texts = {name: (value,) for name, value in environ.items() if value}
    (port,) = texts.get("FREESWITCH_PORT", ("",))
    if port.startswith(_CONTAINER_LINK):
        del texts["FREESWITCH_PORT"]
        problems.warn(
            (),
            "is ignored, because a container link sets such an address; write the port alone if you meant it",
            Origin("environment", name="FREESWITCH_PORT"),
        )
    return Layer("environment", texts, given)


def _flags(flags: Flags, given: Given) -> Layer:
    texts = {"--listen": flags.listen}
    for name, typed in (("--log-level", flags.log_level), ("--log-format", flags.log_format)):
        texts[name] = (typed,) if typed is not None else ()
    return Layer("flags", {name: typed for name, typed in texts.items() if typed}, given)


def _path(environment: Layer, problems: Problems) -> Path | None:
    (written,) = environment.texts.get("EXPORTER_CONFIG", (None,))
    if written is None:
        return None
    try:
        return values.path_below(environment.given.folder)(written)
    except InvalidValue as invalid:
        problems.add((), str(invalid), Origin("environment", name="EXPORTER_CONFIG"))
        return None


def _document(path: Path | None, problems: Problems) -> object:
    """What is in the file. Raises `ConfigError` if it cannot be read: there is nothing else to look at."""
    if path is None:
        return None
    from exporter.config.document import parse  # PyYAML is loaded only where there is a file

    try:
        return parse(read_text(path))
    except InvalidValue as invalid:
        problems.add((), str(invalid), Origin(str(path), invalid.line))
        problems.raise_if_any()
        raise AssertionError from None


def _of_one_node(environment: Layer, document: object, problems: Problems) -> Layer:
    """The environment, less the variables that describe a node where the file has several."""
    nodes = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(nodes, list) or len(nodes) < 2:
        return environment
    names = [f"{declared.key.env}{suffix}" for declared in keys(NodeConfig) for suffix in ("", "_FILE")]
    for name in names:
        if name in environment.texts:
            problems.add(
                ("nodes",),
                f"is for a file with one node, and this one has {len(nodes)}; write it under one of them",
                Origin(environment.source, name=name),
            )
    return environment.without(names)


# Defaults that depend on other keys


def _named(nodes: tuple[NodeConfig, ...], problems: Problems) -> tuple[NodeConfig, ...]:
    named: list[NodeConfig] = []
    for index, node in enumerate(nodes):
        path = ("nodes", index, "name")
        if not problems.written(path):
            node = msgspec.structs.replace(node, name=address(node.host, node.port))
        if any(node.name == other.name for other in named):
            problems.add(path, f"duplicate name {node.name!r}; write another name: it is the label `node`")
        named.append(node)
    return tuple(named)


def _assigned(
    probes: Mapping[str, ProbeConfig], nodes: tuple[NodeConfig, ...], problems: Problems
) -> dict[str, ProbeConfig]:
    names = [node.name for node in nodes]
    assigned = {}
    for name, probe in probes.items():
        path = ("probes", name, "node")
        if len(names) == 1 and not problems.written(path):
            probe = msgspec.structs.replace(probe, node=names[0])
        elif not problems.written(path):
            problems.add(path, f"is missing; write {' or '.join(names[:5])}")
        elif not problems.concern(path):
            try:
                values.choice(*names)(probe.node)
            except InvalidValue as invalid:
                problems.add(path, str(invalid))
        assigned[name] = probe
    return assigned


def _web(path: Path | None, problems: Problems) -> WebConfig | None:
    if path is None:
        return None
    from exporter.config.web import read_web_config  # loads ssl

    return read_web_config(path, problems)


def _rates(config: DestinationsConfig, problems: Problems) -> RateTable | None:
    if config.rates is None:
        return None
    if not config.countries:
        problems.warn(("destinations", "rates"), "is not used, because `countries` is false")
    place = ("destinations", "currency")
    if config.currency is None and not problems.concern(place):
        problems.add(place, "is missing; write the currency of the rates, such as USD")
    return read_rates(config.rates, problems)


def _provider_tables(
    own: Mapping[str, ProviderConfig], known: Collection[str], problems: Problems
) -> dict[str, ProviderTable]:
    tables = {}
    for name, config in own.items():
        if name in known:
            problems.add(("providers", name), "is a table of the exporter's own; write another name")
        table = read_provider(name, config, problems)
        if table is not None:
            tables[name] = table
    return tables
