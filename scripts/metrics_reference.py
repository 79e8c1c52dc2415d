"""The reference of all metrics, made from their declarations.

    python -m scripts.metrics_reference > docs/metrics.md

Families come in the order of /metrics; a section begins with the family named in SECTIONS. Labels whose
values are a fixed set are listed with them. A test compares the committed file with what this prints.
"""

from collections.abc import Iterable, Iterator
from typing import Final, get_args

from exporter.metrics import families
from exporter.metrics.exposition import Family, number
from exporter.probe.collector import ANSWER_FAMILIES
from exporter.switch.events import EVENT_NAMES
from exporter.switch.local_failure import LOCAL_FAILURES
from exporter.switch.log_event import LOG_EVENTS
from exporter.switch.log_line import LOG_LEVELS
from exporter.switch.provider import PROVIDERS, provider
from exporter.switch.stranger_event import METHODS
from exporter.watch.accepting import REFUSAL_REASONS
from exporter.watch.changes import CHANGES
from exporter.watch.commands import COMMAND_NAMES, OPTIONAL
from exporter.watch.refused_dials import SOURCES, RefusedKind
from exporter.watch.verdict import GATEWAY_PROBLEMS, GATEWAY_STATES

SECTIONS: Final = (
    ("Connection and exporter", families.UP),
    ("Switch", families.INFO),
    ("Subscribers and strangers", families.PROFILE_REGISTRATIONS),
    ("Gateways", families.GATEWAY_STATE),
    ("Calls", families.CALLS_STARTED),
    ("Probes", families.PROBE_SUCCESS),
)

_CALL_FAMILIES: Final = "call families, `freeswitch_gateway_calls_total`, `freeswitch_paused`"
VALUES: Final[tuple[tuple[str, str, Iterable[str]], ...]] = (
    ("problem", f"`{families.CONNECTION_PROBLEM.name}`", families.PROBLEMS),
    ("outcome", f"`{families.CONNECTION_ATTEMPTS.name}`", families.OUTCOMES),
    ("problem", f"`{families.CONNECTION_LOSSES.name}`", families.PROBLEMS[1:]),
    ("event", f"`{families.EVENTS.name}`", (*EVENT_NAMES, "other")),
    ("reason", f"`{families.EVENTS_DROPPED.name}`", families.DROP_REASONS),
    ("command", f"`{families.COMMAND_DURATION.name}`", COMMAND_NAMES),
    ("command", f"`{families.OPTIONAL_ANSWERS_OK.name}`", OPTIONAL),
    ("what", f"`{families.CHANGES.name}`", CHANGES),
    ("level", f"`{families.LOG_LINES.name}`", LOG_LEVELS),
    ("what", f"`{families.LOG_EVENTS.name}`", LOG_EVENTS),
    ("method", f"`{families.SIP_AUTH_FAILURES.name}`", METHODS),
    ("state", "gateway families", GATEWAY_STATES),
    ("problem", f"`{families.GATEWAY_PROBLEM.name}`", GATEWAY_PROBLEMS),
    ("direction", _CALL_FAMILIES, ("inbound", "outbound")),
    ("reason", f"`{families.REFUSAL_REASON.name}`", REFUSAL_REASONS),
    ("reason", f"`{families.CALL_LOCAL_FAILURES.name}`", LOCAL_FAILURES),
    ("answered", f"`{families.CALL_HANGUPS.name}`", ("true", "false")),
    (
        "class",
        f"`{families.CALL_PROVIDER_REJECTIONS.name}`",
        sorted({code.class_ for name in PROVIDERS for code in provider(name).codes}),
    ),
    ("kind", f"`{families.DIALS_REFUSED.name}`", get_args(RefusedKind)),
    ("source", f"`{families.DIALS_REFUSED.name}`", SOURCES),
    ("result", f"`{families.PROBE_RUNS.name}`", families.PROBE_RESULTS),
    ("phase", "probe families", families.PROBE_PHASES),
    ("reason", f"`{families.PROBE_REFUSED.name}`", families.REFUSALS),
)

_HEAD: Final = """\
# Metrics

Made by `scripts/metrics_reference.py` from the declarations in `exporter/metrics/families.py` and
`exporter/probe/collector.py`: change those.

Units are seconds, bytes and ratios from 0 to 1; the two `*_idle_cpu` are percent. Where a label is a state
(`state`, `problem`), every value has its series, and exactly one of them is 1. While a switch is lost, the
series that describe it are absent; counters, and what is known without the switch, stay.

`node` is the FreeSWITCH, by its name in the configuration. `gateway` on calls is one that FreeSWITCH listed,
empty for a leg that used none, else `other`. `cause` is FreeSWITCH's name of a cause, `code` a SIP status of
the public registry or one of the provider's own codes; anything else is `other`. No label carries a telephone
number, a UUID or free text.
"""


def reference() -> str:
    """The whole document, as Markdown."""
    return "\n".join([_HEAD, *_families(), *_values()]) + "\n"


def _families() -> Iterator[str]:
    starts = {family: title for title, family in SECTIONS}
    for family in families.FAMILIES.values():
        if family in starts:
            yield from _section(starts[family])
        yield _row(family)
    yield from _section("One probe call: `GET /probe`")
    yield from map(_row, ANSWER_FAMILIES)


def _section(title: str) -> tuple[str, ...]:
    opening = () if title == SECTIONS[0][0] else ("",)
    return (*opening, f"## {title}", "", "| name | type | labels | what it says |", "|---|---|---|---|")


def _row(family: Family) -> str:
    labels = " ".join([f"`{label}`" for label in family.labels])
    text = family.help.replace("|", r"\|")
    if family.buckets:
        text += f" Buckets: {' '.join(map(number, family.buckets))}."
    return f"| `{family.name}` | {family.type} | {labels} | {text} |"


def _values() -> Iterator[str]:
    yield from ("", "## Values of labels", "", "| label | of | values |", "|---|---|---|")
    for label, of, values in VALUES:
        yield f"| `{label}` | {of} | {' '.join([f'`{value}`' for value in values])} |"


if __name__ == "__main__":
    print(reference(), end="")
