"""Replies and events of each supported release are read; what differs between them means the same."""

from pathlib import Path

import pytest

from exporter.esl import Event
from exporter.switch import events as kinds
from exporter.switch.channel import parse_channels
from exporter.switch.events import OLDEST_FREESWITCH
from exporter.switch.gateway import STATES, parse_gateway_text, parse_gateways_xml
from exporter.switch.gateway_event import GatewayEvent
from exporter.switch.profile import parse_profiles
from exporter.switch.status import Heartbeat, parse_count, parse_status
from tests.switch.recordings import events
from tests.switch.replies import reply

HERE = Path(__file__).resolve().parent / "releases"
ROOT = HERE.parent.parent.parent
RECORDED = {  # 1.11, in tests/captures
    "gateways.xml": "api-sofia-xmlstatus-gateway.txt",
    "gateway.txt": "api-sofia-status-gateway-telnyx.txt",
    "status.json": "api-json-status.txt",
    "status.txt": "api-status.txt",
    "sofia-status.txt": "api-sofia-status.txt",
    "show-channels.json": "api-show-channels-json-1call.txt",
    "show-channels-count.txt": "api-show-channels-count-1call.txt",
}
RELEASES = ("1.8", "1.10", "1.11")


def text(release: str, name: str) -> str:
    return reply(RECORDED[name]) if release == "1.11" else (HERE / release / name).read_text()


def event(release: str, name: str) -> Event:
    if release != "1.11":
        return Event((HERE / release / name).read_bytes())
    if name == "heartbeat.json":
        return next(one for one in events("ev-json-heartbeat") if one.name == "HEARTBEAT")
    return next(one for one in events("ev-json-gateway-down-up") if one.get(b"State") == "FAILED")


@pytest.mark.parametrize("release", RELEASES)
def test_replies_are_read(release: str) -> None:
    found = parse_gateways_xml(text(release, "gateways.xml"))
    assert found.malformed == 0
    assert found.gateways[0].name == "telnyx"
    assert {gateway.state for gateway in found.gateways} <= set(STATES)
    assert parse_gateway_text(text(release, "gateway.txt")).state == "REGED"
    assert [profile.name for profile in parse_profiles(text(release, "sofia-status.txt"))] == [
        "external",
        "internal",
    ]
    for form in ("status.json", "status.txt"):
        status = parse_status(text(release, form))
        assert (status.version.startswith(f"{release}."), status.max_sessions) == (True, 1000)
    assert len(parse_channels(text(release, "show-channels.json")).channels) == 1
    assert parse_count(text(release, "show-channels-count.txt")) == 1


@pytest.mark.parametrize("release", RELEASES)
def test_events_are_read(release: str) -> None:
    beat = event(release, "heartbeat.json")
    assert (beat.name, beat.timestamp > 0) == ("HEARTBEAT", True)
    figures = Heartbeat.from_event(beat)
    assert figures.version is not None
    assert figures.version.startswith(f"{release}.")
    assert None not in (figures.session_count, figures.sessions_per_second_last, figures.uptime_seconds)
    changed = event(release, "gateway-state.json")
    assert (changed.name, changed.subclass) == ("CUSTOM", kinds.GATEWAY_STATE.name)
    assert GatewayEvent.from_event(changed) == GatewayEvent(
        "telnyx", "FAILED", ping_up=False, code=503, phrase="Service Unavailable"
    )


@pytest.mark.parametrize(("release", "waits", "state"), [("1.8", None, "NOREG"), ("1.10", 19, "DOWN")])
def test_what_differs_is_known(release: str, waits: int | None, state: str) -> None:
    gateways = {one.name: one for one in parse_gateways_xml(text(release, "gateways.xml")).gateways}
    assert gateways["waiting"].retry_seconds == waits
    assert gateways["trying"].retry_seconds == 29
    assert gateways["unregistered"].state == state


def test_events_of_an_older_release_have_no_name_that_could_be_read() -> None:
    assert event("1.2", "heartbeat.json").name == ""


def test_the_oldest_release_is_the_same_everywhere() -> None:
    assert RELEASES[0] == OLDEST_FREESWITCH
    for page in ("README.md", "docs/install.md"):
        assert f"FreeSWITCH {OLDEST_FREESWITCH} or later" in (ROOT / page).read_text(), page
    assert f"supports is {OLDEST_FREESWITCH}" in (ROOT / "docs/runbook.md").read_text()
