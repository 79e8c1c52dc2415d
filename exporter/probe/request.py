"""From what somebody asked for to the one call that would answer it, or a refusal. Pure: nothing is sent.

A request names a probe of the configuration, or a number, or both. What it leaves open is taken from a probe:
the one named; else, of those that fit the node and gateway asked for, one to that number, or else the first
that calls an echo, as long as they all go the same way. With none that fits, a number and a gateway make a
call of their own, with default times and without a caller id.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from exporter.config.model import Config, ProbeConfig
from exporter.probe import guard
from exporter.probe.limits import talk_seconds
from exporter.probe.refusal import Refused

AD_HOC: Final = ""
SETUP_SECONDS: Final = 2.0  # for everything but ringing and talking
LEAST_RINGING: Final = 3.0
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says; None where it says nothing.

    Attributes:
        timeout: seconds that the asker waits.
    """

    probe: str | None = None
    destination: str | None = None
    node: str | None = None
    gateway: str | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The call to place.

    Attributes:
        settings: complete; `name` is AD_HOC unless a probe was named.
        own: it is the probe's own call, to its own destination: the last run that its gauges show.
        ring: seconds it may ring.
        provider: the gateway's provider, for its codes; None if it is not known.
    """

    settings: ProbeConfig
    own: bool
    ring: float
    provider: str | None = None


def resolve(asked: Asked, config: Config, knows_gateway: Callable[[str, str], bool]) -> Plan:
    """The call that the request asks for, checked by the guard.

    Args:
        knows_gateway: whether the node, by name, has listed the gateway.

    Raises:
        Refused: any reason that needs no look at the state of the exporter.
    """
    settings = _settings(asked, config)
    guard.check(settings.destination, config.guard)
    node = next(node for node in config.nodes if node.name == settings.node)
    gateway = node.gateways.get(settings.gateway)
    if gateway is None and not _probed(settings, config) and not knows_gateway(node.name, settings.gateway):
        raise Refused(
            "unknown_gateway",
            f"Node {node.name} knows no gateway {settings.gateway[:_SHOWN]!r}.",
            f"Ask for one it has{_names(node.gateways)}, or list it under nodes: in the configuration.",
        )
    return Plan(
        settings=settings,
        own=config.probes.get(settings.name) == settings,
        ring=_ring(settings, asked.timeout),
        provider=gateway.provider if gateway else None,
    )


def _probed(settings: ProbeConfig, config: Config) -> bool:
    """Some probe of the configuration calls through that gateway, so that its name is no stranger's."""
    return any(
        (probe.node, probe.gateway) == (settings.node, settings.gateway) for probe in config.probes.values()
    )


def _settings(asked: Asked, config: Config) -> ProbeConfig:
    if not config.guard.allow:
        guard.check(asked.destination or "", config.guard)
    if asked.node is not None and all(node.name != asked.node for node in config.nodes):
        raise Refused(
            "unknown_node",
            f"There is no node {asked.node[:_SHOWN]!r}.",
            f"Ask for one of the configuration{_names(node.name for node in config.nodes)}.",
        )
    if asked.probe is not None:
        settings = _named(asked.probe, config)
    else:
        settings = _fitting(asked, config)
    if asked.node is not None:
        settings = replace(settings, node=asked.node)
    if asked.gateway is not None:
        settings = replace(settings, gateway=asked.gateway)
    if asked.destination is not None:
        settings = replace(settings, destination=asked.destination)
    return settings


def _named(name: str, config: Config) -> ProbeConfig:
    probe = config.probes.get(name)
    if probe is None:
        raise Refused(
            "unknown_probe",
            f"There is no probe {name[:_SHOWN]!r}.",
            f"Ask for one of the configuration{_names(config.probes)}.",
        )
    return probe


def _fitting(asked: Asked, config: Config) -> ProbeConfig:
    fitting = [
        probe
        for probe in config.probes.values()
        if asked.node in (None, probe.node) and asked.gateway in (None, probe.gateway)
    ]
    there = [probe for probe in fitting if probe.destination == asked.destination]
    echoes = [probe for probe in fitting if probe.application == "echo"]
    candidates = there or echoes or fitting
    if len({(probe.node, probe.gateway) for probe in candidates}) == 1:
        return replace(candidates[0], name=AD_HOC)
    nodes = [node for node in config.nodes if asked.node in (None, node.name)]
    gateways = [(node.name, gateway) for node in nodes for gateway in node.gateways]
    if asked.gateway is not None:
        gateways = [(node.name, asked.gateway) for node in nodes]
    if fitting or asked.destination is None or len(gateways) != 1:
        raise Refused(
            "bad_request",
            "It is not clear which probe, node or gateway is meant.",
            f"Name a probe{_names(config.probes)}, or a node and a gateway.",
        )
    node, gateway = gateways[0]
    return ProbeConfig(name=AD_HOC, node=node, gateway=gateway, destination=asked.destination)


def _ring(settings: ProbeConfig, timeout: float | None) -> float:
    if timeout is None:
        return settings.ring_timeout
    talk = talk_seconds(settings)
    left = timeout - talk - SETUP_SECONDS
    if left < min(LEAST_RINGING, settings.ring_timeout):
        needed = talk + SETUP_SECONDS + LEAST_RINGING
        raise Refused(
            "bad_request",
            f"The call talks for {talk:g} s, and its asker waits for {timeout:g} s: no time to ring.",
            f"Wait for {needed:g} s at least, or make talk_time shorter. In Prometheus: "
            f"scrape_timeout: {needed + 0.5:g}s or more.",
        )
    return min(settings.ring_timeout, left)


def _names(names: Iterable[str]) -> str:
    listed = sorted(names)[:10]
    return f" ({', '.join(listed)})" if listed else ""
