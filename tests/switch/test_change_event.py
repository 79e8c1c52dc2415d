"""Events of changes: as recorded, and with texts that nobody should send."""

import json

import pytest
from hypothesis import given

from exporter.esl import Event
from exporter.switch import events as kinds
from exporter.switch.change_event import AddressChanged, ModuleInterface
from tests.switch.recordings import events
from tests.switch.replies import anything


def made(name: str, /, **headers: str) -> Event:
    return Event(json.dumps({"Event-Name": name, **headers}, separators=(",", ":")).encode())


def modules(capture: str, name: str) -> list[ModuleInterface]:
    read = [ModuleInterface.from_event(event) for event in events(capture) if event.name == name]
    return [interface for interface in read if interface is not None]


def test_a_recorded_load_names_its_module_with_every_interface() -> None:
    loaded = modules("ev-json-module-unload-load-codec", "MODULE_LOAD")
    assert len(loaded) == 33
    assert {interface.module for interface in loaded} == {"mod_spandsp"}
    assert loaded[0] == ModuleInterface("mod_spandsp", "endpoint modem")


def test_a_recorded_unload_names_its_module_with_some() -> None:
    unloaded = modules("ev-json-module-unload-load-codec", "MODULE_UNLOAD")
    assert len(unloaded) == 33
    named = {interface.interface.split()[0]: interface.module for interface in unloaded}
    assert named == {"endpoint": "", "codec": "mod_spandsp", "application": "", "api": "mod_spandsp"}


def test_a_module_without_interfaces_is_named_by_itself() -> None:
    unloaded = modules("ev-json-shutdown-restart", "MODULE_UNLOAD")
    assert ModuleInterface("mod_logfile", "generic mod_logfile") in unloaded


def test_recorded_traps_are_read_if_they_are_of_an_address() -> None:
    traps = [event for event in events("ev-json-trap-network-outage-and-back") if event.name == "TRAP"]
    assert [AddressChanged.from_event(trap) for trap in traps] == [
        AddressChanged("192.0.2.2", "192.0.2.99"),
        None,  # the default route is gone
        AddressChanged("192.0.2.99", "192.0.2.2"),
    ]
    (hangup,) = [event for event in events("ev-json-fsctl-send-sighup") if event.name == "TRAP"]
    assert AddressChanged.from_event(hangup) is None


def test_both_addresses_may_change_at_once() -> None:
    headers = {
        f"network-address-{which}-{version}": f"{which}{version}"
        for which in ("previous", "change")
        for version in ("v4", "v6")
    }
    trap = made("TRAP", condition="network-address-change", **headers)
    assert AddressChanged.from_event(trap) == AddressChanged("previousv4 previousv6", "changev4 changev6")


@pytest.mark.parametrize("kind", [kinds.MODULE_LOADED, kinds.MODULE_UNLOADED])
def test_an_event_that_names_nothing_is_unusable(kind: kinds.EventKind[ModuleInterface]) -> None:
    assert kind.read(made(kind.name)) is None


@given(anything, anything)
def test_any_text_is_cut_and_printable(first: str, second: str) -> None:
    trap = made(
        "TRAP",
        condition="network-address-change",
        **{"network-address-previous-v4": first, "network-address-change-v6": second * 9},
    )
    load = made("MODULE_LOAD", type=first, name=second * 9, filename=second)
    for value in (AddressChanged.from_event(trap), ModuleInterface.from_event(load)):
        for text in value or ():
            assert len(text) <= 203
            assert text.isprintable()
