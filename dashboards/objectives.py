"""The service level objectives, read from alerts/slo.yml."""

from pathlib import Path

import yaml

_RULES = Path(__file__).parent.parent / "alerts" / "slo.yml"


def objective(record: str) -> float:
    """The objective (0-1) that the rule named `record` has as `vector(0.99)`.

    Raises:
        LookupError: there is no such rule.
    """
    for group in yaml.safe_load(_RULES.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            if rule.get("record") == record:
                return float(rule["expr"].removeprefix("vector(").removesuffix(")"))
    raise LookupError(f"{_RULES} has no rule {record}")
