"""Rules over several keys: what is refused or warned of although each key alone is right.

Refused is what would place calls that the guard does not allow, or never could. Warned of is what works
today and causes trouble later. What depends on a part that was refused already is left out.
"""

from exporter.config.address import is_loopback
from exporter.config.model import DEFAULT_PASSWORD, Config, NodeConfig, ProbeConfig
from exporter.config.numbers import is_wide
from exporter.config.problems import KeyPath, Problems, show
from exporter.config.values import nearest

_DAY = 86400
_LARGE_SHARE = 0.8


def check(config: Config, problems: Problems) -> None:
    """Note in `problems` what in `config` contradicts itself or is unwise."""
    _destinations(config, problems)
    _expectations(config, problems)
    _open_to_others(config, problems)
    _users_without_token(config, problems)
    _passwords(config, problems)
    _unlisted_gateways(config, problems)
    _unused_providers(config, problems)
    _wide_prefixes(config, problems)
    _schedule(config, problems)


def _probe(probe: ProbeConfig, *keys: str) -> KeyPath:
    return ("probes", probe.name, *keys)


def _destinations(config: Config, problems: Problems) -> None:
    if problems.concern(("guard", "allow")):
        return
    for probe in config.probes.values():
        path = _probe(probe, "destination")
        if not problems.concern(path) and not config.guard.permits(probe.destination):
            problems.add(path, f'is "{probe.destination}", which guard.allow does not list; add it there')


def _expectations(config: Config, problems: Problems) -> None:
    for probe in config.probes.values():
        expect = probe.expect
        if expect.result == "answered" and (expect.cause or expect.sip):
            problems.add(
                _probe(probe, "expect", "result"),
                "is answered, which has neither cause nor sip; write result: rejected",
            )


def _open_to_others(config: Config, problems: Problems) -> None:
    """A guard that allows numbers, a listener that others reach, and no token."""
    if (
        config.token
        or not config.guard.allow
        or any(problems.concern((key,)) for key in ("token", "token_file"))
    ):
        return
    for listen in config.listen:
        if not listen.loopback:
            problems.add(
                ("guard", "allow"),
                f"lets everyone who reaches {listen} place calls; write token_file (or set "
                "EXPORTER_TOKEN_FILE), listen on 127.0.0.1 only, or leave guard.allow empty",
            )
            return


def _users_without_token(config: Config, problems: Problems) -> None:
    """Users on a loopback listener mean a proxy; the endpoints that need the token ask for no password."""
    if (
        config.web is None
        or not config.web.users
        or config.token
        or any(problems.concern((key,)) for key in ("token", "token_file"))
    ):
        return
    if all(listen.loopback for listen in config.listen):
        problems.warn(
            ("web_config_file",),
            "has basic_auth_users, and there is no token: /probe and every POST ask for the token instead of "
            "a password, so without one they are open to all whom a proxy lets through; write token_file (or "
            "set EXPORTER_TOKEN_FILE)",
        )


def _passwords(config: Config, problems: Problems) -> None:
    for index, node in enumerate(config.nodes):
        if node.password == DEFAULT_PASSWORD and not is_loopback(node.host):
            problems.warn(
                ("nodes", index, "password"),
                f"is FreeSWITCH's published default, and {node.host} is another machine: everyone who "
                f"reaches its port {node.port} controls it; change it in event_socket.conf.xml and here",
            )


def _unlisted_gateways(config: Config, problems: Problems) -> None:
    nodes = {node.name: node for node in config.nodes}
    for probe in config.probes.values():
        node = nodes.get(probe.node)
        if node and probe.gateway not in node.gateways and not problems.concern(_probe(probe, "gateway")):
            problems.warn(_probe(probe, "gateway"), _unlisted(probe.gateway, node, config))


def _unlisted(gateway: str, node: NodeConfig, config: Config) -> str:
    other = next((other.name for other in config.nodes if gateway in other.gateways), None)
    if other is not None:
        advice = f"write `node: {other}`, which lists it, or `{gateway}: {{}}` under gateways of {node.name}"
    else:
        advice = nearest(gateway, node.gateways) or f"write `{gateway}: {{}}` under gateways of that node"
    return f"is {show(gateway)}, which node {node.name} does not list; {advice}"


def _unused_providers(config: Config, problems: Problems) -> None:
    named = {gateway.provider for node in config.nodes for gateway in node.gateways.values()}
    for name in config.providers:
        if name not in named:
            problems.warn(
                ("providers", name), f"is no gateway's provider; write `provider: {name}` under a gateway"
            )


def _wide_prefixes(config: Config, problems: Problems) -> None:
    for index, pattern in enumerate(config.guard.allow):
        if is_wide(pattern):
            problems.warn(
                ("guard", "allow", index),
                f'is "{pattern}", shorter than country code and three digits: it allows expensive numbers '
                "too; write more digits",
            )


def _schedule(config: Config, problems: Problems) -> None:
    guard = config.guard
    calls = minutes = 0.0
    for probe in config.probes.values():
        if probe.interval is None:
            continue
        calls += _DAY / probe.interval
        minutes += _DAY / probe.interval * probe.talk_time / 60
        _interval(probe, probe.interval, guard.min_interval, problems)
    for key, needed, limit in (
        ("max_calls_per_day", calls, guard.max_calls_per_day),
        ("max_minutes_per_day", minutes, guard.max_minutes_per_day),
    ):
        if needed > _LARGE_SHARE * limit:
            problems.warn(
                ("guard", key),
                f"is {limit}, and the schedule alone needs {needed:.0f}; raise it, or probe less often",
            )


def _interval(probe: ProbeConfig, interval: float, min_interval: float, problems: Problems) -> None:
    longest = probe.ring_timeout + probe.talk_time
    for limit, what in (
        (longest, f"the {longest:g} s that one call may take: runs that would overlap are left out"),
        (
            min_interval,
            f"guard.min_interval of {min_interval:g} s: the runs between repeat the earlier result",
        ),
    ):
        if interval < limit:
            problems.warn(_probe(probe, "interval"), f"is {interval:g} s, below {what}; raise it")
            return
