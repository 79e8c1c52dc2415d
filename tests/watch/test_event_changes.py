"""Changes that events tell: one for each command, by recordings and by events made for the purpose."""

import pytest

from exporter.config import NodeConfig
from exporter.esl import Event
from exporter.watch.changes import Change
from exporter.watch.dispatcher import Dispatcher, wire
from exporter.watch.event_changes import SHUTDOWN_TAKES, TOGETHER
from exporter.watch.knowledge import Knowledge
from exporter.watch.registration_memory import RegistrationMemory
from tests.switch.recordings import custom, events
from tests.watch.builders import EPOCH, HandClock, event
from tests.watch.recorder import Recorder

EXPR = {"type": "api", "filename": "/usr/local/freeswitch/mod/mod_expr.so"}


class Side:
    """A node's events at the times at which FreeSWITCH made them, and the changes that were told."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.told = Recorder()
        memory = RegistrationMemory(None, clock=self.clock)
        self.known = Knowledge(NodeConfig(name="fs1"), "abcd", self.clock, memory, self.told)
        self.dispatcher = Dispatcher("fs1", self.clock, self.known.dropped)
        wire(self.dispatcher, self.known)

    def after(self, seconds: float) -> "Side":
        self.clock.now += seconds
        self.known.advance()
        return self

    def take(self, one: Event) -> "Side":
        self.dispatcher.on_event(one)
        return self

    def play(self, capture: str) -> "Side":
        recorded = [one for one in events(capture) if one.timestamp]
        began = recorded[0].timestamp - self.clock.now
        for one in recorded:
            self.clock.now = max(one.timestamp - began, self.clock.now)
            self.take(one)
        return self.after(2 * TOGETHER)

    def loads(self, name: str, /, **headers: object) -> "Side":
        return self.take(event(name, **headers))


@pytest.mark.parametrize(
    ("capture", "changes"),
    [
        ("ev-json-reloadxml", [("xml_reloaded", "")]),
        (
            "ev-json-module-unload-load",  # unload, load, reload
            [
                ("module_unloaded", "mod_expr"),
                ("xml_reloaded", ""),
                ("module_loaded", "mod_expr"),
                ("module_unloaded", "mod_expr"),
                ("module_loaded", "mod_expr"),
            ],
        ),
        (
            "ev-json-module-unload-load-codec",  # 33 interfaces
            [("module_unloaded", "mod_spandsp"), ("xml_reloaded", ""), ("module_loaded", "mod_spandsp")],
        ),
        ("ev-json-profile-start", [("xml_reloaded", ""), ("profile_started", "external")]),
        ("ev-json-profile-stop", [("xml_reloaded", "")]),  # the list shows the rest
        ("ev-plain-profile-restart", [("xml_reloaded", ""), ("profile_started", "external")]),
        ("ev-json-trap-network-outage-and-back", [("address_changed", ""), ("address_changed", "")]),
        ("ev-json-fsctl-send-sighup", []),
        ("ev-json-shutdown-restart", []),
        ("ev-plain-shutdown-fsctl", []),
        ("ev-plain-gateway-down-up", []),
        ("ev-plain-call-success", []),
    ],
)
def test_each_recorded_command_is_one_change(capture: str, changes: list[tuple[str, str]]) -> None:
    side = Side().play(capture)
    assert side.told.what == changes
    assert sum(side.known.changes.counts.values()) == len(changes)
    assert side.known.dropped["handler_error"] == 0


def test_a_change_says_when_and_from_what_to_what() -> None:
    side = Side().play("ev-json-trap-network-outage-and-back")
    assert side.told.changes[0] == Change(
        EPOCH + 100.0, "fs1", "address_changed", "", "192.0.2.2", "192.0.2.99"
    )


def test_the_xml_is_reloaded_once_a_second_at_most() -> None:
    side = Side()
    for _ in range(50):
        side.take(event("RELOADXML")).after(0.1)
    assert side.known.changes.counts["xml_reloaded"] == 5


def test_a_module_of_which_no_interface_names_it_is_told_by_the_first() -> None:
    side = Side()
    for kind, name in (("endpoint", "loopback"), ("endpoint", "null"), ("application", "unloop")):
        side.loads("MODULE_UNLOAD", type=kind, name=name)
    assert side.told.what == []
    side.after(2 * TOGETHER)
    assert side.told.what == [("module_unloaded", "endpoint loopback")]
    assert side.told.changes[0].at == EPOCH + 100.0


def test_the_module_is_told_at_once_when_an_interface_names_it() -> None:
    side = Side().loads("MODULE_UNLOAD", type="endpoint", name="modem").after(0.2)
    side.loads("MODULE_UNLOAD", type="codec", name="GSM", module="mod_spandsp")
    assert side.told.what == [("module_unloaded", "mod_spandsp")]
    assert side.told.changes[0].at == EPOCH + 100.0
    side.loads("MODULE_UNLOAD", type="application", name="rxfax").after(2 * TOGETHER)
    assert len(side.told.what) == 1


def test_nameless_interfaces_are_told_before_another_module_is() -> None:
    side = Side().loads("MODULE_UNLOAD", type="endpoint", name="loopback")
    side.loads("MODULE_LOAD", **EXPR, name="expr")
    assert side.told.what == [("module_unloaded", "endpoint loopback"), ("module_loaded", "mod_expr")]


def test_the_same_module_again_a_while_later_is_another_change() -> None:
    side = Side()
    for _ in range(2):
        side.loads("MODULE_LOAD", **EXPR, name="expr")
        side.clock.now += 2 * TOGETHER  # whether or not anybody looked meanwhile
    assert side.told.what == 2 * [("module_loaded", "mod_expr")]


def test_a_shutdown_that_never_ends_hides_no_change_for_ever() -> None:
    side = Side().take(event("SHUTDOWN")).loads("MODULE_UNLOAD", **EXPR, name="expr")
    assert side.told.what == []
    side.after(SHUTDOWN_TAKES).loads("MODULE_UNLOAD", **EXPR, name="expr")
    assert side.told.what == [("module_unloaded", "mod_expr")]


def test_the_next_connection_sees_changes_again() -> None:
    side = Side().take(event("SHUTDOWN"))
    side.known.forget()
    side.known.on_connection("another-run")
    side.loads("MODULE_LOAD", **EXPR, name="expr")
    assert ("module_loaded", "mod_expr") in side.told.what


def test_texts_of_events_are_cut_and_printable() -> None:
    side = Side().loads("MODULE_LOAD", type="api", name="x", filename="/mod/\x1b[31m" + "y" * 5000 + ".so")
    (change,) = side.told.changes
    assert len(change.subject) <= 203
    assert change.subject.isprintable()


def test_a_profile_that_starts_before_the_first_list_is_told_by_its_event() -> None:
    side = Side().take(custom("sofia::profile_start", {"profile_name": "trunk"}))
    assert side.told.what == [("profile_started", "trunk")]
