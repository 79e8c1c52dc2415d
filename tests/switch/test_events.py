"""Every kind of event has a name and a reader, and recorded events find theirs."""

import json

import pytest

from exporter.esl import Event
from exporter.switch import events as kinds
from exporter.switch.events import EVENT_NAMES, EventKind, job_uuid
from exporter.switch.followed_call import MARK_SUBCLASS
from exporter.switch.leg import ChannelEvent
from exporter.switch.tick import MAX_NAMES, TickEvent, tick_headers
from tests.switch.recordings import custom, events

KINDS = {kind.name: kind for kind in vars(kinds).values() if isinstance(kind, EventKind)}


def test_every_kind_is_among_the_names() -> None:
    assert set(KINDS) < set(EVENT_NAMES)
    assert set(EVENT_NAMES) - set(KINDS) == {MARK_SUBCLASS}
    assert len(set(EVENT_NAMES)) == len(EVENT_NAMES)


def test_recorded_events_are_read_by_their_kind() -> None:
    read = {
        name: KINDS[name].read(event)
        for capture in (
            "ev-plain-profile-restart",
            "ev-plain-call-success",
            "ev-plain-heartbeat",
            "ev-json-module-unload-load",
            "ev-json-shutdown-sigterm",
            "ev-json-trap-network-outage-and-back",
            "ev-json-bgapi-originate-busy",
        )
        for event in events(capture)
        if (name := event.subclass or event.name) in KINDS
    }
    assert set(read) >= {
        "HEARTBEAT",
        "CHANNEL_CREATE",
        "CHANNEL_ANSWER",
        "CHANNEL_HANGUP_COMPLETE",
        "sofia::gateway_add",
        "sofia::gateway_delete",
        "sofia::profile_start",
        "RELOADXML",
        "MODULE_LOAD",
        "MODULE_UNLOAD",
        "TRAP",
        "SHUTDOWN",
        "API",
        "BACKGROUND_JOB",
    }
    assert None not in read.values()


def test_a_tick_reads_as_it_was_sent() -> None:
    headers = tick_headers("abcd-00000001", 7)
    event = custom(headers.pop("Event-Subclass"), {**headers, "Event-Date-Timestamp": "1500000"})
    assert event.subclass == kinds.TICK.name
    assert kinds.TICK.read(event) == TickEvent("abcd-00000001", 7, 1.5)


def test_a_tick_without_a_number_or_token_is_none() -> None:
    token = {"Exporter-Instance": "abcd-00000001"}
    for headers in ({}, token, {**token, "Exporter-Tick": "x"}, {"Exporter-Tick": "7"}):
        assert kinds.TICK.read(custom(kinds.TICK.name, headers)) is None


def test_a_job_is_known_by_its_uuid() -> None:
    assert job_uuid(Event(b'{"Event-Name":"BACKGROUND_JOB","Job-UUID":"j-1"}')) == "j-1"
    assert job_uuid(Event(b'{"Event-Name":"BACKGROUND_JOB"}')) == ""


def test_a_leg_uuid_is_one_word_that_can_stand_in_a_command() -> None:
    def uuid(text: str) -> str:
        return ChannelEvent(Event(json.dumps({"Unique-ID": text}, separators=(",", ":")).encode())).uuid

    for word in ("x" * 128, "e9bb7beb-7d5b-48b4-8d8e-669656c3cb21", "order-7:b@host_1.2+3"):
        assert uuid(word) == word
    for text in ("x" * 129, "x" * 8192, "a b", "a\nb", "a;b", "ä", "$(reboot)", "${x}", "a'b", "", "a\x00b"):
        assert uuid(text) == ""


def tick(**headers: str) -> TickEvent | None:
    good = tick_headers("abcd-00000001", 7, ["a"]) | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return TickEvent.from_event(custom(kinds.TICK.name, good))


def test_a_tick_names_probes() -> None:
    headers = tick_headers("abcd-00000001", 7, ["telnyx-echo", "b_1.x"])
    read = TickEvent.from_event(custom(kinds.TICK.name, headers))
    assert read is not None
    assert read.probes == {"telnyx-echo", "b_1.x"}
    without = TickEvent.from_event(custom(kinds.TICK.name, tick_headers("abcd-00000001", 7)))
    assert without is not None
    assert without.probes == frozenset()


@pytest.mark.parametrize(
    "token",
    ["", "abcd", "abcd-1", "ABCD-00000001", "abcd-00000001x", "abcd-0000000\n", "a" * 5000, "éééé-00000001"],
)
def test_a_token_of_another_form_is_no_tick(token: str) -> None:
    assert tick(Exporter_Instance=token) is None


@pytest.mark.parametrize("number", ["", "x", "7" * 40, "1e3"])
def test_a_number_of_another_form_is_no_tick(number: str) -> None:
    assert tick(Exporter_Tick=number) is None


@pytest.mark.parametrize(
    "probes",
    [
        ",",
        "a,,b",
        "a b",
        "a,$(reboot)",
        "a\nb",
        "ä",
        "x" * 101,
        ",".join(["a"] * (MAX_NAMES + 1)),
        "ab," * 3000,
    ],
)
def test_names_of_another_form_are_not_read(probes: str) -> None:
    read = tick(Exporter_Probes=probes)
    assert read is not None
    assert read.probes == frozenset()


def test_as_many_names_are_sent_as_are_read() -> None:
    names = [f"{number:0100d}" for number in range(1000)]
    headers = tick_headers("abcd-00000001", 7, ["no name", *names])
    assert len(headers["Exporter-Probes"]) <= 4096
    read = TickEvent.from_event(custom(kinds.TICK.name, headers))
    assert read is not None
    assert read.probes == set(names[:40])
