"""States and limits, and the colours they are shown in.

Strategy. Colours are Grafana's palette names, never numbers, because Grafana draws a name differently on a
dark and on a light page. Green is normal, blue is neutral, yellow and orange can wait until the morning, red
cannot, purple is unknown, no colour is no data. Everything coloured also shows its word or number, for people
who cannot distinguish the colours.

The words are the label values of the statesets, spelled as FreeSWITCH and the exporter spell them, so that
metrics, alerts and runbook can be searched for them. Their order is from normal to worst and gives each word
its number in a query (`View.code`).
"""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models import dashboard as model

from dashboards.objectives import objective

WELL, UNKNOWN = "green", "purple"
NEUTRAL, NOTICE, WARNING, CRITICAL, DEAD = "blue", "yellow", "orange", "red", "dark-red"
NO_DATA = "transparent"  # the colour where there is nothing to judge: never that of the first limit

STATES: Mapping[str, str] = {
    "REGED": WELL,
    "NOREG": NEUTRAL,
    "REGISTER": "light-green",
    "TRYING": NOTICE,
    "UNREGED": NOTICE,
    "UNREGISTER": WARNING,
    "EXPIRED": WARNING,
    "UNKNOWN": UNKNOWN,
    "TIMEOUT": CRITICAL,
    "FAIL_WAIT": CRITICAL,
    "FAILED": CRITICAL,
    "DOWN": DEAD,
    "MISSING": DEAD,
}

PROBLEMS: Mapping[str, str] = {
    "none": WELL,
    "registering": NOTICE,
    "unmonitored": NEUTRAL,
    "ping_overdue": WARNING,
    "unknown": UNKNOWN,
    "register_failed": CRITICAL,
    "not_registering": CRITICAL,
    "unregistered": CRITICAL,
    "ping_failed": CRITICAL,
    "rejected": CRITICAL,
    "auth_rejected": CRITICAL,
    "unreachable": DEAD,
    "profile_down": DEAD,
    "missing": DEAD,
}

CONNECTION_PROBLEMS: Mapping[str, str] = {
    "none": WELL,
    "shutdown": WARNING,
    "permission_denied": WARNING,
    "events_stalled": CRITICAL,
    "exporter_limit": CRITICAL,
    "protocol_error": CRITICAL,
    "auth_rejected": CRITICAL,
    "acl_denied": CRITICAL,
    "dns": CRITICAL,
    "timeout": DEAD,
    "refused": DEAD,
    "hung": DEAD,
}

REFUSALS: Mapping[str, str] = {
    "none": WELL,
    "rate_limit": WARNING,
    "idle_cpu": CRITICAL,
    "no_rtp_ports": CRITICAL,
    "session_limit": CRITICAL,
    "not_ready": CRITICAL,
    "paused": WARNING,
    "shutting_down": DEAD,
}

RESULTS: Mapping[str, str] = {"success": WELL, "degraded": WARNING, "failed": CRITICAL}
USABLE: Mapping[str, str] = {"not usable": CRITICAL, "usable": WELL}
PROFILE_UP: Mapping[str, str] = {"down": CRITICAL, "running": WELL}
PAUSED: Mapping[str, str] = {"no": WELL, "paused": WARNING}
LOG_LEVELS: Mapping[str, str] = {"warning": WARNING, "err": CRITICAL, "crit": DEAD}
WORKS: Mapping[str, str] = {"does not work": CRITICAL, "works": WELL}
ANSWERED: Mapping[str, str] = {"late or unusable": WARNING, "answered": WELL}
REGISTERED: Mapping[str, str] = {"not registered": CRITICAL, "registered": WELL}


def mappings(words: Mapping[str, str]) -> list[model.ValueMapping]:
    """Show the numbers 0, 1, 2, ... as these words in these colours."""
    if not words:
        return []
    return [
        model.ValueMap(
            options={
                str(number): model.ValueMappingResult(text=word, color=colour, index=number)
                for number, (word, colour) in enumerate(words.items())
            }
        )
    ]


def nothing_as(text: str) -> list[model.ValueMapping]:
    """Show this text, without a colour, where there is no value."""
    shown = model.ValueMappingResult(text=text, color=NO_DATA, index=1000)
    options = model.DashboardSpecialValueMapOptions(model.SpecialValueMatch.NULL_AND_NAN, shown)
    return [model.SpecialValueMap(options)]


def thresholds(base: str, *steps: tuple[float, str]) -> ThresholdsConfig:
    """Colour limits: `base` below the first step, then each step's colour from its value up."""
    limits = [model.Threshold(value=None, color=base)]
    limits += [model.Threshold(value=value, color=colour) for value, colour in steps]
    return ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(limits)


def worse_above(*steps: tuple[float, str]) -> ThresholdsConfig:
    """Normal below the first step."""
    return thresholds(WELL, *steps)


def better_above(bad: str, *steps: tuple[float, str]) -> ThresholdsConfig:
    """`bad` below the first step."""
    return thresholds(bad, *steps)


def plain() -> ThresholdsConfig:
    """A neutral figure."""
    return thresholds(NEUTRAL)


NONE_ALLOWED: Sequence[tuple[float, str]] = ((1, CRITICAL),)
LOAD: Sequence[tuple[float, str]] = ((0.8, WARNING), (0.95, CRITICAL))
NETWORK_FAILURES: Sequence[tuple[float, str]] = ((0.05, WARNING), (0.2, CRITICAL))
AVAILABILITY_OBJECTIVE = objective("slo:freeswitch_gateway_availability:objective")
PROBE_OBJECTIVE = objective("slo:freeswitch_probe_success:objective")


def _budget(objective: float) -> Sequence[tuple[float, str]]:
    """Normal from the objective up, a warning until ten times its error budget is used."""
    return ((round(1 - 10 * (1 - objective), 6), WARNING), (objective, WELL))


AVAILABILITY = _budget(AVAILABILITY_OBJECTIVE)
PROBE_SUCCESS = _budget(PROBE_OBJECTIVE)
BUDGET_LEFT: Sequence[tuple[float, str]] = ((0.05, WARNING), (0.2, WELL))
