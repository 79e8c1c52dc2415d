"""Whom a real Alertmanager notifies: the committed example, with the webhooks of this test as receivers.

All alerts of a case are posted at once. The expected ones must arrive at a webhook. Alertmanager itself must
show the others as suppressed, so that a short wait cannot hide a notification.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerts.rule_files import ALERTS
from tests.support.alertmanager import Alertmanager, Labels, Receiver, running, until

HERE = {"job": "freeswitch-exporter", "instance": "exporter:9282"}
NODE = HERE | {"node": "fs1"}
TRUNK = NODE | {"gateway": "telnyx"}
GATEWAY = TRUNK | {"profile": "external"}
CALLS = TRUNK | {"direction": "outbound"}
REJECTED = {"provider": "telnyx", "class": "authentication"}
PROBE = TRUNK | {"probe": "telnyx-echo"}

BY_NAME = {alert.name: alert for alert in ALERTS}


def firing(name: str, labels: Labels) -> Labels:
    """The labels Prometheus would send for the alert on that series."""
    return {"alertname": name} | labels | BY_NAME[name].labels


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def alertmanager(tmp_path: Path, receiver: Receiver) -> Iterator[Alertmanager]:
    with running(tmp_path, receiver) as alertmanager:
        yield alertmanager


OTHER_SWITCH = NODE | {"node": "fs2"}
SAME_NAME_ELSEWHERE = GATEWAY | {"instance": "other:9282"}  # each exporter calls its switch 127.0.0.1:8021

CASES = {
    "a lost switch inhibits its gateways, their calls and probes, and no others": (
        [firing("FreeswitchUnreachable", NODE | {"problem": "refused"})],
        [
            firing("FreeswitchGatewayDown", GATEWAY | {"problem": "unreachable"}),
            firing("FreeswitchGatewayNotRegistered", GATEWAY | {"problem": "not_registering"}),
            firing("FreeswitchGatewayAvailabilityBurnFast", GATEWAY),
            firing("FreeswitchCallFailuresHigh", CALLS),
            firing("FreeswitchProbeFailing", PROBE),
        ],
        [
            firing("FreeswitchEventsLost", NODE),
            firing("FreeswitchGatewayMissing", GATEWAY | OTHER_SWITCH | {"problem": "missing"}),
            firing("FreeswitchGatewayUnmonitored", SAME_NAME_ELSEWHERE | {"problem": "unmonitored"}),
            firing("FreeswitchProbeBudgetLow", HERE | {"budget": "calls"}),
        ],
    ),
    "a dead gateway inhibits its calls, its probes and its other alerts": (
        [firing("FreeswitchGatewayCredentialsRejected", GATEWAY | {"problem": "auth_rejected"})],
        [
            firing("FreeswitchCallFailuresHigh", CALLS),
            firing("FreeswitchCallAsrDrop", CALLS),
            firing("FreeswitchProviderAuthentication", CALLS | REJECTED),
            firing("FreeswitchGatewayNearCallLimit", TRUNK),
            firing("FreeswitchProbeFailing", PROBE),
            firing("FreeswitchProbeSuccessBurnFast", PROBE),
            firing("FreeswitchGatewayFlapping", GATEWAY),
            firing("FreeswitchGatewayAvailabilityBurnFast", GATEWAY),
        ],
        [
            firing("FreeswitchSessionsNearLimit", NODE),
            firing("FreeswitchCallsWithoutMedia", CALLS | {"gateway": "backup"}),
            firing("FreeswitchProbeDegraded", PROBE | {"gateway": "backup"}),
            firing("FreeswitchGatewayPingSlow", GATEWAY | {"profile": "internal"}),
            firing("FreeswitchProbeNotRun", PROBE | {"instance": "other:9282"}),
        ],
    ),
    "alerts on the verdict are not inhibited, so that their end is sent": (
        [firing("FreeswitchGatewayCredentialsRejected", GATEWAY | {"problem": "auth_rejected"})],
        [],
        [
            firing("FreeswitchGatewayNotRegistered", GATEWAY | {"problem": "unregistered"}),
            firing("FreeswitchGatewayPingOverdue", GATEWAY),
            firing("FreeswitchGatewayUnknown", GATEWAY | {"problem": "unknown"}),
            firing("FreeswitchGatewayUnmonitored", GATEWAY | {"problem": "unmonitored"}),
        ],
    ),
    "two outages of one gateway do not inhibit each other": (
        [],
        [],
        [
            firing("FreeswitchGatewayDown", GATEWAY | {"problem": "unreachable"}),
            firing("FreeswitchGatewayCredentialsRejected", GATEWAY | {"problem": "auth_rejected"}),
        ],
    ),
    "a gateway that may still dial out inhibits nothing": (
        [],
        [],
        [
            firing("FreeswitchGatewayNotRegistered", GATEWAY | {"problem": "not_registering"}),
            firing("FreeswitchCallFailuresHigh", CALLS),
            firing("FreeswitchProbeFailing", PROBE),
        ],
    ),
    "a lost exporter inhibits the alerts from its last data": (
        [firing("FreeswitchExporterDown", HERE)],
        [
            firing("FreeswitchEventsLost", NODE),
            firing("FreeswitchUnreachable", NODE | {"problem": "timeout"}),
            firing("FreeswitchGatewayDown", GATEWAY | {"problem": "ping_failed"}),
            firing("FreeswitchProviderBilling", CALLS | {"provider": "telnyx", "class": "billing"}),
            firing("FreeswitchProbeFailing", PROBE),
        ],
        [
            firing("FreeswitchGatewayDown", SAME_NAME_ELSEWHERE | {"problem": "ping_failed"}),
            firing("FreeswitchNodeUnwatched", NODE | {"node": "fs3"}),
        ],
    ),
}


def unique(labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


@pytest.mark.parametrize("case", CASES)
def test_which_alerts_are_inhibited(case: str, alertmanager: Alertmanager, receiver: Receiver) -> None:
    sources, inhibited, notifications = CASES[case]
    alertmanager.post([*sources, *inhibited, *notifications])

    expected = {unique(labels) for labels in [*sources, *notifications]}
    until(
        lambda: {unique(labels) for _, _, labels, _ in receiver.notifications} >= expected,
        "not all expected notifications arrived",
    )
    until(
        lambda: {unique(s) for s in alertmanager.inhibited()} == {unique(s) for s in inhibited},
        "other alerts are inhibited than expected",
    )
    assert {unique(labels) for _, _, labels, _ in receiver.notifications} == expected


def test_severity_selects_the_receiver(alertmanager: Alertmanager, receiver: Receiver) -> None:
    alertmanager.post([firing(name, GATEWAY | {"instance": name, "node": name}) for name in BY_NAME])
    until(lambda: all(receiver.received(name) for name in BY_NAME), "not every alert was sent")
    for channel, _, labels, _ in receiver.notifications:
        assert channel == {"critical": "pages", "warning": "tickets"}[labels["severity"]]


def test_one_message_about_one_gateway_of_two_exporters(
    alertmanager: Alertmanager, receiver: Receiver
) -> None:
    down = firing("FreeswitchGatewayDown", GATEWAY | {"problem": "unreachable"})
    alertmanager.post([down, down | {"instance": "other:9282"}])
    until(lambda: receiver.messages, "no message arrived")
    assert len(receiver.messages[0]["alerts"]) == 2
    assert receiver.messages[0]["groupLabels"] == {"node": "fs1", "gateway": "telnyx"}


def test_inhibited_alerts_are_sent_after_the_outage(alertmanager: Alertmanager, receiver: Receiver) -> None:
    dead = firing("FreeswitchHung", NODE | {"problem": "hung"})
    calls = firing("FreeswitchCallFailuresHigh", CALLS)
    alertmanager.post([dead, calls])
    until(lambda: receiver.received("FreeswitchHung"), "the outage was not sent")
    until(alertmanager.inhibited, "nothing is inhibited")
    assert not receiver.received("FreeswitchCallFailuresHigh")

    alertmanager.post([dead], over=True)
    until(lambda: receiver.received("FreeswitchHung", "resolved"), "its end was not sent")
    until(lambda: receiver.received("FreeswitchCallFailuresHigh"), "the inhibited alert was not sent")
