"""Lists of channels, channel variables, existence."""

import json

import pytest
from hypothesis import given

from exporter.switch.channel import Channel, parse_channels, parse_exists, parse_variable
from exporter.switch.reply import ChannelNotFound, NoDatabase, ReplyError
from tests.switch.replies import anything, damaged, read_or_refused, reply

ONE = "api-show-channels-json-1call.txt"


def test_recorded_channels() -> None:
    found = parse_channels(reply(ONE))
    assert found.channels == [
        Channel(
            uuid="e9bb7beb-7d5b-48b4-8d8e-669656c3cb21",
            direction="outbound",
            number="+15550000001",
            created_epoch=1795391718,
            callstate="RINGING",
            hostname="lab",
        )
    ]
    assert found.malformed == 0


def test_an_empty_table_has_no_rows() -> None:
    for name in ("api-show-channels-json-empty.txt", "api-show-channels-count-json.txt"):
        assert parse_channels(reply(name)).channels == []


@pytest.mark.parametrize("uuid", ["", "a b", "a\\nb", "a;b", "x" * 129, "ä", "${x}", "$(x)", "a'b"])
def test_a_uuid_that_is_no_word_is_left_out(uuid: str) -> None:
    found = parse_channels('{"row_count":2,"rows":[{"uuid":"' + uuid + '"},{"uuid":"ok-1"}]}')
    assert ([channel.uuid for channel in found.channels], found.malformed) == (["ok-1"], 1)


def test_values_that_make_no_sense() -> None:
    row = {"uuid": "u", "direction": "sideways", "created_epoch": "yesterday", "callstate": "x" * 5000}
    (channel,) = parse_channels(json.dumps({"row_count": 1, "rows": [row]})).channels
    assert (channel.direction, channel.created_epoch, channel.hostname) == ("", 0, "")
    assert len(channel.callstate) < 300


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("-ERR SQL disabled, no data available!\n", NoDatabase),
        ("\n0 total.\n", ReplyError),
        ('{"row_count":1,"rows":[{"uuid":1}]}', ReplyError),
        ('{"row_count":1,"rows":' + "[" * 5000, ReplyError),
        ('{"row_count":1,"rows":[{"uuid":"\ud800"}]}', ReplyError),
        ('{"rows":[]}', ReplyError),
    ],
)
def test_other_replies_are_refused(text: str, error: type[ReplyError]) -> None:
    with pytest.raises(error):
        parse_channels(text)


def test_variables() -> None:
    assert parse_variable(reply("api-uuid_getvar-sip_gateway_name.txt")) == "telnyx"
    assert parse_variable("_undef_") is None
    assert parse_variable("-ERR no reply\n") is None
    with pytest.raises(ChannelNotFound):
        parse_variable("-ERR No such channel!\n")
    with pytest.raises(ReplyError):
        parse_variable("-USAGE: <uuid> <var>\n")


def test_existence() -> None:
    assert parse_exists(reply("api-uuid_exists.txt")) is True
    assert parse_exists("false") is False
    with pytest.raises(ReplyError):
        parse_exists("-ERR no reply\n")


@given(anything | damaged([ONE]))
def test_any_text_is_read_or_refused(text: str) -> None:
    found = read_or_refused(parse_channels, text)
    for channel in found.channels if found else ():
        assert len(channel.uuid) <= 128
        assert not set(channel.uuid) & set(" \t\r\n;'\\")
        assert len(channel.callstate) <= 210
        assert len(channel.hostname) <= 210
    read_or_refused(parse_variable, text)
    read_or_refused(parse_exists, text)
