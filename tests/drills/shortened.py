"""The committed rules in a time twenty times as fast: what they call two minutes lasts six seconds.

One mechanical transformation: every duration of an expression (windows, offsets, steps), every `for:` and
every group's `interval:` is divided by FACTOR. A `for:` longer than LONGEST_FOR counts as that long. The few
seconds that PromQL has as plain numbers are divided too; SECONDS finds them by the text around them. Texts,
thresholds and labels stay as committed.

The exporter's own times stay as they are, so FACTOR must leave room for them: a verdict may take five seconds
to settle, and no alert may fire before.
"""

import re
from pathlib import Path

import yaml

from tests.alerts.rule_files import FILES

FACTOR = 20
LONGEST_FOR = 240_000  # milliseconds
_MILLISECONDS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(?<![\w.])(\d+)([smhd])(?!\w)")
SECONDS = (
    re.compile(r"(?<= / )(\d+)(?= / on \(\))"),  # the length of a burn rate's window
    re.compile(r"(?<=_seconds [+-] )(\d+)$", re.MULTILINE),  # the length of a probe's call
)


def duration(text: str) -> str:
    """Every duration in the text, shortened."""
    return _DURATION.sub(lambda found: f"{int(found[1]) * _MILLISECONDS[found[2]] // FACTOR}ms", text)


def pending(text: str) -> str:
    """The duration of a `for:`, shortened."""
    found = _DURATION.fullmatch(text)
    assert found, text
    return f"{min(int(found[1]) * _MILLISECONDS[found[2]], LONGEST_FOR) // FACTOR}ms"


def expression(text: str) -> str:
    """A PromQL expression, shortened."""
    for seconds in SECONDS:
        text = seconds.sub(lambda found: f"{int(found[1]) / FACTOR:g}", text)
    return duration(text)


def write_rules(folder: Path) -> list[Path]:
    """Write the shortened copies of all rule files into `folder`.

    Raises:
        AssertionError: a rule changed so that one of SECONDS finds nothing.
    """
    committed = "\n".join(file.read_text(encoding="utf-8") for file in FILES)
    for seconds in SECONDS:
        assert seconds.search(committed), f"no rule has {seconds.pattern} any more"
    written = []
    for file in FILES:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        for group in document["groups"]:
            if "interval" in group:
                group["interval"] = duration(group["interval"])
            for rule in group["rules"]:
                rule["expr"] = expression(rule["expr"])
                if "for" in rule:
                    rule["for"] = pending(rule["for"])
        path = folder / file.name
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        written.append(path)
    return written
