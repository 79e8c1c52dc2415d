"""The checklist: one table, in the order in which an operator walks it and causes lead to consequences."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from exporter.diagnosis.backend_check import check_backend
from exporter.diagnosis.call_checks import check_call, check_calls
from exporter.diagnosis.finding import CheckName, Finding
from exporter.diagnosis.gateway_checks import (
    check_gateway,
    check_profile,
    check_provider,
    check_registration,
)
from exporter.diagnosis.log_check import check_log
from exporter.diagnosis.snapshot import Snapshot
from exporter.diagnosis.switch_checks import check_commands, check_events, check_password, check_port


class Check(NamedTuple):
    """One row: `run` gives at least one finding.

    Attributes:
        early: it needs nothing but the connection, so its findings stand as soon as that does.
    """

    name: CheckName
    title: str
    run: Callable[[Snapshot], Iterator[Finding]]
    early: bool = False


CHECKS: Final = (
    Check("port", "Event socket port", check_port, early=True),
    Check("password", "Password", check_password, early=True),
    Check("commands", "FreeSWITCH", check_commands, early=True),
    Check("events", "Events", check_events, early=True),
    Check("profile", "SIP profiles", check_profile),
    Check("gateway", "Gateways exist", check_gateway),
    Check("registration", "Gateways usable", check_registration),
    Check("provider", "Providers", check_provider),
    Check("calls", "Recent calls", check_calls),
    Check("log", "FreeSWITCH's log", check_log),
    Check("backend", "Calling application", check_backend),
    Check("call", "Synthetic call", check_call),
)
TITLES: Final = {check.name: check.title for check in CHECKS}


def examine(snapshot: Snapshot) -> list[Finding]:
    """Every check, in order."""
    return [finding for check in CHECKS for finding in check.run(snapshot)]
