"""The alert and recording rules as one PrometheusRule for Kubernetes:

    python -m scripts.prometheus_rule > deploy/kubernetes/prometheusrule.yaml

Groups are taken over as text, only indented, so that their comments and line breaks survive; a test holds the
committed file to what this prints, and its groups to those of the rule files.
"""

import textwrap
from pathlib import Path
from typing import Final

ALERTS: Final = Path(__file__).resolve().parent.parent / "alerts"

_OPENING: Final = "groups:\n"
_HEAD: Final = """\
# Written by scripts/prometheus_rule.py from alerts/*.yml: change those. For the Prometheus Operator.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: freeswitch-exporter
  labels:
    app.kubernetes.io/name: freeswitch-exporter
spec:
  groups:
"""


def rule_files() -> list[Path]:
    """The files of rules among those in `alerts`, by name."""
    return [path for path in sorted(ALERTS.glob("*.yml")) if _OPENING in path.read_text(encoding="utf-8")]


def manifest() -> str:
    """The manifest, as YAML."""
    return _HEAD + "".join([_groups(path.read_text(encoding="utf-8")) for path in rule_files()])


def _groups(text: str) -> str:
    """The groups of a rule file, without the comment that opens it."""
    return textwrap.indent(text.split(_OPENING, 1)[1], "  ")


if __name__ == "__main__":
    print(manifest(), end="")
