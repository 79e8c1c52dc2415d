"""A profile's table of registrations: as recorded, damaged, and refused."""

import pytest
from hypothesis import given

from exporter.switch.registration import (
    Registration,
    parse_registered_addresses,
    parse_registrations,
    parse_registrations_count,
)
from exporter.switch.reply import ReplyError
from tests.switch.replies import anything, damaged, reply

PROFILE = "api-sofia-status-profile-internal-2users.txt"
USER = "api-sofia-status-profile-internal-user-2users.txt"
STOPPED = "Invalid Profile!\n"


def test_a_recorded_profile_has_its_count() -> None:
    assert parse_registrations_count(reply(PROFILE)) == 2
    assert parse_registrations_count(reply("api-sofia-status-profile-external.txt")) == 0
    assert parse_registrations_count(STOPPED) is None


def test_the_registrations_of_a_recorded_user_are_read() -> None:
    recorded = reply(USER)
    phone = Registration("0306bfcec9ba6f8c9759dd289f91fce9", "127.0.0.1", "labphone/1.0")
    assert parse_registrations(recorded) == [phone]
    head, _, rest = recorded.partition("Call-ID:")
    block = "Call-ID:" + rest.partition("Total items")[0]
    several = head + 3 * block + rest[rest.index("Total items") :].replace("1", "3")
    assert parse_registrations(several) == [phone] * 3
    assert parse_registrations(head + rest[rest.index("Total items") :].replace("1", "0")) == []
    assert parse_registrations(STOPPED) == []
    silent = recorded.replace("Reachable", "Unreachable")
    assert parse_registrations(silent) == [phone._replace(reachable=False)]


def test_the_addresses_of_all_registrations_are_read() -> None:
    recorded = reply(USER)  # `reg` lists all in the same form
    head, _, rest = recorded.partition("Call-ID:")
    block = "Call-ID:" + rest.partition("Total items")[0]
    foot = rest[rest.index("Total items") :]
    blocks = [
        block.replace("127.0.0.1\nPort", f"{address}\nPort") for address in ("192.0.2.1", "2001:db8::1", "")
    ]
    assert parse_registered_addresses(recorded) == {"127.0.0.1"}
    several = head + "".join(blocks * 2) + foot.replace("1", "6")
    assert parse_registered_addresses(several) == {"192.0.2.1", "2001:db8::1"}
    assert parse_registered_addresses(head + foot.replace("1", "0")) == frozenset()
    assert parse_registered_addresses(STOPPED) == frozenset()
    with pytest.raises(ReplyError):
        parse_registered_addresses(head + block * 2 + foot)


@pytest.mark.parametrize(
    "text", ["", "-ERR no reply", "+OK", "REGISTRATIONS \tmany", "Total items returned: 2"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ReplyError):
        parse_registrations_count(text)
    with pytest.raises(ReplyError):
        parse_registrations(text)


@given(damaged([PROFILE, USER]) | anything)
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_registrations_count, parse_registrations):
        try:
            parse(text)
        except ReplyError:
            continue
