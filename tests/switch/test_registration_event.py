"""Events about telephones: as recorded, and with texts that nobody should send."""

import pytest
from hypothesis import given

from exporter.switch import events as kinds
from exporter.switch.registration_event import MAX_TEXT, Gone, Reachability, Registered
from tests.switch.recordings import custom, events
from tests.switch.replies import anything

ON_1000 = "0306bfcec9ba6f8c9759dd289f91fce9"
KINDS = {kind.name: kind for kind in (kinds.REGISTER, kinds.UNREGISTER, kinds.EXPIRE, kinds.SIP_USER_STATE)}


def told(capture: str) -> list[object]:
    return [KINDS[one.subclass].read(one) for one in events(capture) if one.subclass in KINDS]


def test_recorded_telephones_are_read() -> None:
    registered = Registered("1000@lab.local", "internal", ON_1000, "127.0.0.1", "labphone/1.0")
    assert told("ev-json-register-new") == [registered]
    assert told("ev-json-unregister") == [Gone("1000@lab.local", "internal", ON_1000, "unregistered")]
    expired = [gone for gone in told("ev-json-register-expire") if isinstance(gone, Gone)]
    assert {(gone.user, gone.how) for gone in expired} == {
        (f"{user}@lab.local", "expired") for user in (4080, 4081, 4082)
    }
    assert told("ev-json-sip-user-state-unreachable") == [
        Reachability("1000@lab.local", "9c18bfa1b13632e0be0e95d1bc4828ea", reachable=False),
        Gone("1000@lab.local", "internal", "9c18bfa1b13632e0be0e95d1bc4828ea", "expired"),
    ]
    assert [type(one) for one in told("ev-json-flush-inbound-reg")] == [Gone]


def test_a_domain_is_the_same_in_any_letters() -> None:
    upper = custom(kinds.UNREGISTER.name, {"from-user": "Anna", "from-host": "LAB.local"})
    assert Gone.unregistered(upper).user == "Anna@lab.local"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(anything, anything)
def test_any_text_is_cut_and_what_may_be_shown_is_printable(
    kind: kinds.EventKind[object], text: str, other: str
) -> None:
    names = ("from-user", "from-host", "user", "host", "profile-name", "call-id", "network-ip", "Ping-Status")
    value = kind.read(custom(kind.name, {**dict.fromkeys(names, text), "user-agent": other}))
    if isinstance(value, Registered):
        assert value.agent.isprintable()
        assert len(value.agent) <= 4 * MAX_TEXT
        assert value.address.isascii()
    if isinstance(value, Registered | Gone):
        assert len(value.call_id) <= MAX_TEXT
