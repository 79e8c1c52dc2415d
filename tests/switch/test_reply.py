"""Every way FreeSWITCH was seen to say no, and that nothing else is taken for one."""

import pytest
from hypothesis import given

from exporter.switch.reply import (
    ChannelNotFound,
    CommandDenied,
    CommandNotFound,
    EmptyReply,
    GatewayNotFound,
    NoDatabase,
    ReplyError,
    accepted,
    flag,
)
from tests.switch.replies import anything, read_or_refused, recorded, reply

REFUSED = {
    "api-killgw-nonexist.txt": ReplyError,
    "api-nosuchcommand.txt": CommandNotFound,
    "api-sofia-status-gateway-nonexist.txt": GatewayNotFound,
    "api-sofia-status-profile-nonexist.txt": GatewayNotFound,
    "api-sofia-xmlstatus-gateway-nonexist.txt": GatewayNotFound,
    "api-sofia_gateway_data.txt": EmptyReply,
    "api-uuid_kill-gone.txt": ChannelNotFound,
}


@pytest.mark.parametrize("name", [name for name in recorded("api-*.txt") if name != "api-fsctl-shutdown.txt"])
def test_recorded(name: str) -> None:
    text = reply(name)
    if name in REFUSED:
        with pytest.raises(REFUSED[name]) as refusal:
            accepted(text)
        assert type(refusal.value) is REFUSED[name]
        assert str(refusal.value).startswith(f"{text.strip()}: ")
    else:
        assert accepted(text) == text.strip()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", EmptyReply),
        (" \n", EmptyReply),
        ("-ERR no reply\n", EmptyReply),
        ("Command returned no output!", EmptyReply),
        ("Invalid Profile [external]", GatewayNotFound),
        ("Invalid Syntax!\n", ReplyError),
        ("-ERR permission denied", CommandDenied),
        ("-ERR SQL disabled, no data available!\n", NoDatabase),
        ("-ERR Database error!\n", NoDatabase),
        ("-ERR SQL error [no such table: channels]\n", NoDatabase),
        ("-USAGE: <uuid> <var>\n", ReplyError),
        ("-ERR USER_BUSY\n", ReplyError),
        ("-ERR json Command not found!\n", CommandNotFound),
    ],
)
def test_refusals(text: str, error: type[ReplyError]) -> None:
    with pytest.raises(error) as refusal:
        accepted(text)
    assert type(refusal.value) is error


@pytest.mark.parametrize("text", ["-ERROR", "an -ERR inside", "Invalid", "x\n-ERR no reply", "true"])
def test_other_text_is_no_refusal(text: str) -> None:
    assert accepted(text) == text


def test_a_long_reply_is_not_repeated_in_full() -> None:
    with pytest.raises(ReplyError) as refusal:
        accepted("-ERR " + "x" * 10_000 + "\x1b[31m")
    assert len(str(refusal.value)) < 300


def test_true_and_false() -> None:
    assert flag(reply("api-uuid_exists.txt")) is True
    assert flag(reply("api-fsctl-pause_check.txt")) is False
    for text in ("True", "yes", "0", "-ERR no reply\n"):
        with pytest.raises(ReplyError):
            flag(text)


@given(anything)
def test_any_text_is_read_or_refused(text: str) -> None:
    read_or_refused(accepted, text)
    assert read_or_refused(flag, text) in (True, False, None)
