"""Arguments of originate and bridge, as other clients write them: targets, and nothing else of the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.switch.dial_target import (
    MAX_LENGTH,
    MAX_TARGETS,
    UNREADABLE,
    Dial,
    DialTarget,
    read_dial_string,
    read_originate,
    takes_words,
)

TELNYX = DialTarget("gateway", "telnyx", "", "+1555000xxxx")
SECRET = "hunter2secret"


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        ("sofia/gateway/telnyx/+15550000001 &park", TELNYX),
        ("sofia/gateway/telnyx/+15550000001", TELNYX),
        ("sofia/Gateway/telnyx/+15550000001 9196 XML default", TELNYX),
        ("sofia/gateway/telnyx/+15550000001;transport=tcp &park", TELNYX),
        ("sofia/gateway/telnyx/ &park", DialTarget("gateway", "telnyx")),
        ("sofia/gateway/telnyx &park", DialTarget("gateway", "telnyx", complete=False)),
        ("sofia/gateway &park", DialTarget("gateway", "", complete=False)),
        ("sofia/gateway/external::telnyx/9 &park", DialTarget("gateway", "external::telnyx", "", "9")),
        ("user/1000@lab.local &park", DialTarget("user", "1000@lab.local")),
        ("user/nobody &park", DialTarget("user", "nobody")),
        ("user/+15550000001@lab.local &park", DialTarget("user", "+15550000001@lab.local")),
        ("sofia/internal/1000 &park", DialTarget("user", "1000", "internal")),
        ("sofia/internal/1000%lab.local &park", DialTarget("user", "1000@lab.local", "internal")),
        (
            "sofia/internal/1000@lab.local &park",
            DialTarget("profile", "internal", "internal", "1000"),
        ),
        (
            "sofia/nosuchprofile/+15550000001@127.0.0.1:5070 &park",
            DialTarget("profile", "nosuchprofile", "nosuchprofile", "+1555000xxxx"),
        ),
        ("sofia/external/sip:1@192.0.2.1 &park", DialTarget("profile", "external", "external")),
        ("sofia/external &park", DialTarget("profile", "external", "external", complete=False)),
        ("SOFIA/GATEWAY/telnyx/+15550000001 &park", TELNYX),
        ("User/nobody &park", DialTarget("user", "nobody")),
        ("nosuchendpoint/x &park", DialTarget("endpoint", "nosuchendpoint")),
        ("nosuchendpoint &park", DialTarget("endpoint", "nosuchendpoint")),
        ("error/user_busy &park", DialTarget("endpoint", "error")),
        ("loopback/9196/default &bridge(sofia/gateway/x/1)", DialTarget("endpoint", "loopback")),
        ("${sofia_contact(1000)} &park", UNREADABLE),
        ("", UNREADABLE),
        ("   ", UNREADABLE),
        ("{a=b c=d}sofia/gateway/telnyx/+15550000001 &park", UNREADABLE),
        ("{a=b}{c=d &park", UNREADABLE),
    ],
)
def test_one_target(arguments: str, target: DialTarget) -> None:
    assert read_originate(arguments) == Dial((target,))


@pytest.mark.parametrize(
    ("arguments", "takes"),
    [
        ("", False),
        ("user/1", False),
        ("'user/1 &park'", False),
        ("user/1 &park", True),
        ("user/1 'a b c' XML default Name 1000 30", True),
        ("user/1   &park  ", True),
        ("user/1 &park XML default Name 1000 30 more", False),
        ("{a='b c'}user/1 9196", True),
        ("{a=b c}user/1 9196", True),
    ],
)
def test_how_many_words_originate_takes(arguments: str, takes: bool) -> None:
    assert takes_words(arguments) is takes


@pytest.mark.parametrize(
    "variables",
    [
        "{origination_uuid=aaaa}",
        "{^^|a='x y'|origination_uuid=aaaa}",
        "<a=b>{origination_uuid=aaaa,c={d},e=[f]}",
        "{a=b} {origination_uuid=aaaa}",
        "[a=b,origination_uuid=aaaa]",
        r"{a=\'b\,c,origination_uuid=aaaa}",
    ],
)
def test_variables_are_dropped_but_for_the_uuid(variables: str) -> None:
    quoted = f"'{variables}'" if " " in variables and "'" not in variables else variables
    read = read_originate(f"{quoted}sofia/gateway/telnyx/+15550000001 &park")
    assert read == Dial((TELNYX,), "aaaa")


def test_several_targets_in_their_order() -> None:
    read = read_originate(
        "{a=b}sofia/gateway/noreg/1|[c=d,e=f]user/1000,error/user_busy:_:{g=h}sofia/gateway/telnyx/1 &park"
    )
    assert [target.name for target in read.targets] == ["noreg", "1000", "error", "telnyx"]


def test_the_argument_of_bridge_keeps_its_quotes_in_braces() -> None:
    assert read_dial_string("{a='b c, d'}sofia/gateway/telnyx/+15550000001") == Dial((TELNYX,))


@pytest.mark.parametrize(
    "arguments",
    [
        f"{{p={SECRET}}}sofia/gateway/{{{SECRET}}}/1 &park",
        f"sofia/gateway/a;{SECRET}/1 &park",
        f"sofia/gateway/a b{SECRET}/1 &park",
        f"user/a:{SECRET}@h &park",
        f"sofia/internal/a:{SECRET} &park",
        f"sofia/internal/sip:a:{SECRET}@h &park",
        f"sofia/a;{SECRET}/1@h &park",
        f"sofia/a:{SECRET} &park",
        f"sofia/gateway/a:{SECRET}/1 &park",
        f"sofia/gateway/a%3A{SECRET}/1 &park",
        f"sofia/gateway/telnyx/a:{SECRET} &park",
        f"sip:a:{SECRET} &park",
        f"{SECRET}=/x &park",
        f"'{SECRET} x'/1 &park",
        f"error/{SECRET} &park",
        f"sofia/gateway/telnyx/+1555{SECRET} &park",
        f"[p={SECRET}]user/1000 &bridge({SECRET})",
    ],
)
def test_nothing_that_is_no_name_is_kept(arguments: str) -> None:
    assert SECRET not in repr(read_originate(arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        f"{SECRET} &park",
        f"{SECRET}/x &park",
        f"{{p=x}}{SECRET},y}}sofia/gateway/telnyx/1 &park",
        f"sofia/gateway/telnyx/1,{SECRET} &park",
        f"sofia/gateway/telnyx/1|{SECRET}/x &park",
    ],
)
def test_what_is_no_endpoint_of_freeswitch_is_not_shown_as_one(arguments: str) -> None:
    assert SECRET not in repr([target.shown() for target in read_originate(arguments).targets])


@pytest.mark.parametrize("name", ["verto.rtc", "Verto", "error", "soffia", "lopback"])
def test_an_endpoint_and_its_misspelling_are_shown(name: str) -> None:
    (target,) = read_originate(f"{name}/1000@h &park").targets
    assert target.shown() == DialTarget("endpoint", name)


def test_no_complete_telephone_number_may_be_shown() -> None:
    for arguments in (
        "sofia/gateway/telnyx/+15550000001 &park",
        "user/15550000001 &park",
        "sofia/internal/15550000001 &park",
        "sofia/internal/15550000001%h &park",
        "sofia/internal/15550000001@h &park",
        "15550000001 &park",
        "+15550000001/x &park",
        "sofia/15550000001/1000 &park",
        "sofia/+15550000001 &park",
        "user/1.555.000.0001@h &park",
        "user/tel-+15550000001-x@h &park",
        "user/1000@15550000001 &park",
        "sofia/gateway/15550000001/1 &park",
        "sofia/gateway/external::15550000001/1 &park",
    ):
        read = read_originate(arguments)
        assert "0001" not in repr([target.shown() for target in read.targets])


@pytest.mark.parametrize(
    "arguments",
    [
        "user/trunk-12@192.168.100.200:5060 &park",
        "user/100200@lab.local &park",
        "sofia/gateway/192.168.100.200/100200 &park",
        "sofia/192.168.100.200/100200 &park",
        "sofia/192.168.100.200/100200@h &park",
    ],
)
def test_addresses_and_extensions_are_no_telephone_numbers(arguments: str) -> None:
    read = read_originate(arguments)
    assert [target.shown() for target in read.targets] == list(read.targets)


def test_ten_kilobytes_with_braces_and_quotes_are_read_to_the_target() -> None:
    hostile = "{x='" + "\\'}{[" * 1000 + "'" + "}" * 1000 + "]}"
    plain = "{x='" + "a b,c|d" * 1400 + "'}"
    assert read_originate(f"{plain}sofia/gateway/telnyx/+15550000001 &park").targets == (TELNYX,)
    assert read_originate(f"{hostile}sofia/gateway/telnyx/+15550000001 &park").targets == (UNREADABLE,)


def test_more_than_that_is_not_read() -> None:
    assert read_originate("x" * (MAX_LENGTH + 1)) == Dial((UNREADABLE,))
    assert read_dial_string("x" * (MAX_LENGTH + 1)) == Dial((UNREADABLE,))


@pytest.mark.parametrize("separator", ["|", ",", ":_:"])
def test_targets_are_bounded(separator: str) -> None:
    assert len(read_dial_string(separator.join(["user/1"] * 100)).targets) == MAX_TARGETS


@given(st.text(st.sampled_from(" \\'{}[]<>|,:_/=^sofiagtewyur%@;\n\0é"), max_size=200))
def test_any_text_is_read_to_short_names(text: str) -> None:
    for read in (read_originate(text), read_dial_string(text)):
        assert 1 <= len(read.targets) <= MAX_TARGETS
        for target in read.targets:
            for word in (target.name, target.profile, target.number):
                assert word.isascii()
                assert word.isprintable()
                assert len(word) <= 200
