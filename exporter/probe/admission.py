"""From a request to the one call that answers it (`CallPlan`), or to a refusal. Nothing is sent.

A request names a probe of the configuration, or a number, or both. What it leaves open is taken from a probe:
the one named; else, of those that fit the node and gateway asked for, one to that number, or else the first
that calls an echo, as long as they all use the same node and gateway. If none fits, a number and a gateway
make a call of their own, with default times and without a caller id.

The guard (`check`) decides who may be called. Nothing is callable by default. In this order, so that the
answer names the first thing to change:

1. `guard.allow` lists anything at all;
2. the text is one E.164 number of ASCII digits, and of a length that exists in its country. Not whether the
   number is assigned: test ranges and newly opened ones fail that;
3. the allow list covers it;
4. it is not of a kind whose owner is paid by the caller, nor of a satellite or other international network
   (+870, +881, +882, +883), unless it is listed exactly: a prefix is easily wider than it was meant to be.
   Digits after a complete number of such a kind change nothing: a switch dials what it needs.

The reasons of a refusal are the keys of REASONS.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from exporter.config.model import Config, GuardConfig, ProbeConfig
from exporter.config.numbers import is_number
from exporter.probe.originate import Limits, limits, talk_seconds
from exporter.switch.destination import expensive_kind
from exporter.switch.followed_call import CallEnd
from exporter.switch.provider import Provider, ProviderCode
from exporter.watch.providers import named_provider

AD_HOC: Final = ""
SETUP_SECONDS: Final = 2.0  # for everything but ringing and talking
LEAST_RINGING: Final = 3.0
_SHOWN: Final = 40


# -- refusals ---------------------------------------------------------------------------------------


class Reason(NamedTuple):
    """What a reason of refusal means.

    Attributes:
        status: the HTTP status, the same wherever a call is asked for.
        result: how the run of the probe is counted (`freeswitch_probe_runs_total`).
        passes: it ends by itself within minutes: a scheduled run waits for that.
    """

    status: int
    result: Literal["refused", "aborted"] = "refused"
    passes: bool = False


REASONS: Final[Mapping[str, Reason]] = MappingProxyType(
    {
        "invalid_number": Reason(400),
        "not_allowed": Reason(403),
        "premium": Reason(403),
        "disabled": Reason(403),
        "budget": Reason(429),
        "concurrency": Reason(429, passes=True),
        "rate": Reason(429, passes=True),
        "bad_request": Reason(400),
        "unknown_probe": Reason(404),
        "unknown_node": Reason(404),
        "unknown_gateway": Reason(404),
        "not_connected": Reason(503, "aborted"),
        "state_dir": Reason(503, "aborted"),
        "stopping": Reason(503, "aborted"),
    }
)
"""Every reason; those that `freeswitch_probe_refused_total` counts are `families.REFUSALS`."""


class Refused(Exception):
    """The call was not placed, and nothing was sent.

    Args:
        reason: a key of REASONS.
        message: what is wrong, for people.
        hint: what to change.
        retry_after: seconds after which asking again makes sense; None if it never does by itself.
    """

    def __init__(self, reason: str, message: str, hint: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.hint = hint
        self.retry_after = retry_after

    @property
    def meaning(self) -> Reason:
        """What the reason means."""
        return REASONS[self.reason]

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.meaning.status


# -- the guard --------------------------------------------------------------------------------------


def check(number: str, guard: GuardConfig) -> None:
    """Let the number pass. `load_numbering_plans` must have run, else this reads files.

    Raises:
        Refused: `disabled`, `invalid_number`, `not_allowed` or `premium`.
    """
    if not guard.allow:
        raise Refused(
            "disabled",
            "No number may be called: guard.allow in the configuration is empty.",
            'List test numbers there, such as allow: ["+15550000001"].',
        )
    if not is_number(number) or not _possible(number):
        raise Refused(
            "invalid_number",
            f"{number[:_SHOWN]!r} is no telephone number.",
            "Write + and country code, digits only, such as +15550000001.",
        )
    if not guard.permits(number):
        raise Refused(
            "not_allowed",
            f"{number} is not on the list of numbers that may be called.",
            "Add it to guard.allow in the configuration.",
        )
    if number not in guard.allow and expensive_kind(number):
        raise Refused(
            "premium",
            f"{number} belongs to a range whose calls cost extra, and only a prefix of it is allowed.",
            "If it is meant, list the number itself in guard.allow.",
        )


def _possible(number: str) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


# -- request and plan -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What is asked for; None where the request says nothing.

    Attributes:
        probe: name of a probe of the configuration.
        destination: the number to call.
        node: name of the node to call from.
        gateway: name of the gateway to call through.
        timeout: seconds that the client waits for the result.
    """

    probe: str | None = None
    destination: str | None = None
    node: str | None = None
    gateway: str | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class CallPlan:
    """The call to place.

    Attributes:
        settings: complete; `name` is AD_HOC unless a probe was named.
        own: it is the probe's own call, to its own destination: the last run that its gauges show.
        limits: how long it may ring, talk and last.
        provider: the gateway's provider, whose codes are read; None if it is not known.
    """

    settings: ProbeConfig
    own: bool
    limits: Limits
    provider: Provider | None = None

    @property
    def expects_rejection(self) -> bool:
        """A rejection is the success of this call."""
        return self.settings.expect.result == "rejected"

    def provider_code(self, end: CallEnd) -> ProviderCode | None:
        """The provider's own code for the end of the call; None without one."""
        return end.code_of(self.provider) if self.provider is not None else None


def resolve(request: CallRequest, config: Config, knows_gateway: Callable[[str, str], bool]) -> CallPlan:
    """The call that the request asks for, checked by the guard.

    Args:
        request: what is asked for.
        config: the configuration in force.
        knows_gateway: whether the node, by name, has listed the gateway.

    Raises:
        Refused: any reason that needs no look at the state of the exporter.
    """
    settings = _settings(request, config)
    check(settings.destination, config.guard)
    node = next(node for node in config.nodes if node.name == settings.node)
    gateway = node.gateways.get(settings.gateway)
    if gateway is None and not _probed(settings, config) and not knows_gateway(node.name, settings.gateway):
        raise Refused(
            "unknown_gateway",
            f"Node {node.name} knows no gateway {settings.gateway[:_SHOWN]!r}.",
            f"Ask for one it has{_names(node.gateways)}, or list it under nodes: in the configuration.",
        )
    named = gateway.provider if gateway is not None else None
    return CallPlan(
        settings=settings,
        own=config.probes.get(settings.name) == settings,
        limits=limits(settings, _ring(settings, request.timeout)),
        provider=named_provider(named, config.provider_tables) if named is not None else None,
    )


def _probed(settings: ProbeConfig, config: Config) -> bool:
    """Some probe of the configuration calls through that gateway, so that its name is no stranger's."""
    return any(
        (probe.node, probe.gateway) == (settings.node, settings.gateway) for probe in config.probes.values()
    )


def _settings(request: CallRequest, config: Config) -> ProbeConfig:
    if not config.guard.allow:
        check(request.destination or "", config.guard)
    if request.node is not None and all(node.name != request.node for node in config.nodes):
        raise Refused(
            "unknown_node",
            f"There is no node {request.node[:_SHOWN]!r}.",
            f"Use one of the configuration{_names(node.name for node in config.nodes)}.",
        )
    if request.probe is not None:
        settings = _named(request.probe, config)
    else:
        settings = _fitting(request, config)
    if request.node is not None:
        settings = replace(settings, node=request.node)
    if request.gateway is not None:
        settings = replace(settings, gateway=request.gateway)
    if request.destination is not None:
        settings = replace(settings, destination=request.destination)
    return settings


def _named(name: str, config: Config) -> ProbeConfig:
    probe = config.probes.get(name)
    if probe is None:
        raise Refused(
            "unknown_probe",
            f"There is no probe {name[:_SHOWN]!r}.",
            f"Use one of the configuration{_names(config.probes)}.",
        )
    return probe


def _fitting(request: CallRequest, config: Config) -> ProbeConfig:
    fitting = [
        probe
        for probe in config.probes.values()
        if request.node in (None, probe.node) and request.gateway in (None, probe.gateway)
    ]
    there = [probe for probe in fitting if probe.destination == request.destination]
    echoes = [probe for probe in fitting if probe.application == "echo"]
    candidates = there or echoes or fitting
    if len({(probe.node, probe.gateway) for probe in candidates}) == 1:
        return replace(candidates[0], name=AD_HOC)
    nodes = [node for node in config.nodes if request.node in (None, node.name)]
    gateways = [(node.name, gateway) for node in nodes for gateway in node.gateways]
    if request.gateway is not None:
        gateways = [(node.name, request.gateway) for node in nodes]
    if fitting or request.destination is None or len(gateways) != 1:
        raise Refused(
            "bad_request",
            "It is not clear which probe, node or gateway is meant.",
            f"Name a probe{_names(config.probes)}, or a node and a gateway.",
        )
    node, gateway = gateways[0]
    return ProbeConfig(name=AD_HOC, node=node, gateway=gateway, destination=request.destination)


def _ring(settings: ProbeConfig, timeout: float | None) -> float:
    if timeout is None:
        return settings.ring_timeout
    talk = talk_seconds(settings)
    left = timeout - talk - SETUP_SECONDS
    if left < min(LEAST_RINGING, settings.ring_timeout):
        needed = talk + SETUP_SECONDS + LEAST_RINGING
        raise Refused(
            "bad_request",
            f"The call talks for {talk:g} s, and its client waits for {timeout:g} s: no time to ring.",
            f"Wait for {needed:g} s at least, or make talk_time shorter. In Prometheus: "
            f"scrape_timeout: {needed + 0.5:g}s or more.",
        )
    return min(settings.ring_timeout, left)


def _names(names: Iterable[str]) -> str:
    listed = sorted(names)[:10]
    return f" ({', '.join(listed)})" if listed else ""
