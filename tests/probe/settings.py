"""A probe's settings as tests need them: the lab's numbers, short times."""

from typing import Any

from exporter.config.model import ProbeConfig

ECHO = "+15550000001"


def settings(**changes: Any) -> ProbeConfig:
    """A probe of the lab's echoing number, with the changes."""
    fields: dict[str, Any] = {
        "name": "lab-echo",
        "node": "fs1",
        "gateway": "telnyx",
        "destination": ECHO,
        "caller_id": "+19495431333",
        "ring_timeout": 5.0,
        "talk_time": 5.0,
        "variables": {"call_direction": "outbound"},
    }
    return ProbeConfig(**(fields | changes))
