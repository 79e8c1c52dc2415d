"""What only the whole config can tell: rules between sections, refused or warned of.

Refused is what would place calls nobody allowed, or never could; warned of is what works today and hurts
later.
"""

from exporter.config.model import DEFAULT_PASSWORD, Config, ProbeConfig, is_loopback
from exporter.config.numbers import is_wide
from exporter.config.section import Problems

_DAY = 86400
_LARGE_SHARE = 0.8
_TOKEN_KEYS = ("token_file", "EXPORTER_TOKEN", "EXPORTER_TOKEN_FILE")


def check(config: Config, problems: Problems) -> None:
    """Note in `problems` what in `config` contradicts itself or is unwise.

    Where a part was refused already, what depends on it is left out.
    """
    source = str(config.path or "")
    _destinations(config, problems, source)
    _open_door(config, problems, source)
    _passwords(config, problems, source)
    _wide_prefixes(config, problems, source)
    _schedule(config, problems, source)


def _destinations(config: Config, problems: Problems, source: str) -> None:
    if problems.concern("guard.allow"):
        return
    for probe in config.probes.values():
        if not config.guard.permits(probe.destination):
            problems.add(
                source,
                f"probes.{probe.name}.destination",
                f'is "{probe.destination}", which guard.allow does not list; add it there',
            )


def _open_door(config: Config, problems: Problems, source: str) -> None:
    if config.token or not config.guard.allow or any(map(problems.concern, _TOKEN_KEYS)):
        return
    for listen in config.listen:
        if not listen.loopback:
            problems.add(
                source,
                "guard.allow",
                f"lets whoever reaches {listen} place calls; write token_file (or set EXPORTER_TOKEN_FILE), "
                "listen on 127.0.0.1 only, or leave guard.allow empty",
            )
            return


def _passwords(config: Config, problems: Problems, source: str) -> None:
    for index, node in enumerate(config.nodes):
        if node.password == DEFAULT_PASSWORD and not is_loopback(node.host):
            problems.warn(
                source,
                f"nodes[{index}].password",
                f"is FreeSWITCH's published default, and {node.host} is another machine: whoever reaches its "
                f"port {node.port} commands it; change it in event_socket.conf.xml and here",
            )


def _wide_prefixes(config: Config, problems: Problems, source: str) -> None:
    for index, pattern in enumerate(config.guard.allow):
        if is_wide(pattern):
            problems.warn(
                source,
                f"guard.allow[{index}]",
                f'is "{pattern}", shorter than country code and three digits: it allows dear numbers too; '
                "write more digits",
            )


def _schedule(config: Config, problems: Problems, source: str) -> None:
    guard = config.guard
    calls = minutes = 0.0
    for probe in config.probes.values():
        if probe.interval is None:
            continue
        calls += _DAY / probe.interval
        minutes += _DAY / probe.interval * probe.talk_time / 60
        _interval(probe, probe.interval, guard.min_interval, problems, source)
    for key, needed, limit in (
        ("max_calls_per_day", calls, guard.max_calls_per_day),
        ("max_minutes_per_day", minutes, guard.max_minutes_per_day),
    ):
        if needed > _LARGE_SHARE * limit:
            problems.warn(
                source,
                f"guard.{key}",
                f"is {limit}, and the schedule alone needs {needed:.0f}; raise it, or probe less often",
            )


def _interval(
    probe: ProbeConfig, interval: float, min_interval: float, problems: Problems, source: str
) -> None:
    longest = probe.ring_timeout + probe.talk_time
    for limit, what in (
        (longest, f"the {longest:g} s that one call may take: runs that would overlap are left out"),
        (
            min_interval,
            f"guard.min_interval of {min_interval:g} s: the runs between repeat the earlier result",
        ),
    ):
        if interval < limit:
            problems.warn(
                source, f"probes.{probe.name}.interval", f"is {interval:g} s, below {what}; raise it"
            )
            return
