"""The grammar of originate: what FreeSWITCH reads out of a line, traps included (facts.md 6.1)."""

import pytest

from exporter.simulator.originate import USAGE, Refused, parse

TO = "sofia/gateway/telnyx/+15550000001"


@pytest.mark.parametrize(
    ("block", "variables"),
    [
        ("{a=1,b=2}", [("a", "1"), ("b", "2")]),
        ("{^^|a=x,y|b=2}", [("a", "x,y"), ("b", "2")]),
        (r"{a=x\,y,b=2}", [("a", "x,y"), ("b", "2")]),
        ("{a='x,y',b=2}", [("a", "x"), ("b", "2")]),
        ("{a='x y'}", [("a", "x y")]),
        ("{a=,b=2}", [("b", "2")]),
        ("{a={1},b=2}", [("a", "{1}"), ("b", "2")]),
        ("{a=${uuid},b=2}", [("b", "2")]),
        ("{origination_nested_vars=true,a=${x}}", [("origination_nested_vars", "true"), ("a", "${x}")]),
        ("[a=1]", [("a", "1")]),
        ("", []),
    ],
)
def test_variables(block: str, variables: list[tuple[str, str]]) -> None:
    assert parse(f"{block}{TO} &park").variables == variables


@pytest.mark.parametrize(
    ("target", "script"),
    [
        ("&park", [("park", "")]),
        ("&echo()", [("echo", "")]),
        ("&playback(tone_stream://%(300,200,1004);loops=4)", [("playback", "tone_stream://%(300,200,1004")]),
        ("'m:^:sleep:5000^hangup' inline", [("sleep", "5000"), ("hangup", "")]),
        (
            "'m:^:tone_detect:own-1 1004 r^playback:tone_stream://%(2000,0,1004)^hangup' inline",
            [("tone_detect", "own-1 1004 r"), ("playback", "tone_stream://%(2000,0,1004)"), ("hangup", "")],
        ),
        ("'sleep:1000,hangup' inline", [("sleep", "1000"), ("hangup", "")]),
        ("9196", [("answer", ""), ("echo", "")]),
        ("nosuch", None),
    ],
)
def test_what_runs_on_the_call(target: str, script: list[tuple[str, str]] | None) -> None:
    assert parse(f"{TO} {target}").script == script


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("", USAGE),
        (TO, USAGE),
        (f"{TO} &park a b c d e f", USAGE),
        (f"'{TO} &park", USAGE),  # one stray quote swallows the rest
        (f"{{a=x y}}{TO} &park", "-ERR DESTINATION_OUT_OF_ORDER\n"),
        ("sofia/gateway/telnyx &park", "-ERR INVALID_URL\n"),
        ("sofia/external/1@host &park", "-ERR INVALID_PROFILE\n"),
        ("nosuch/1 &park", "-ERR CHAN_NOT_IMPLEMENTED\n"),
        (f"{TO},{TO} &park", "-ERR CHAN_NOT_IMPLEMENTED\n"),  # not simulated, and said so
    ],
)
def test_lines_that_are_refused_at_once(line: str, reply: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(line)
    assert refused.value.reply == reply


@pytest.mark.parametrize(
    ("line", "session"),
    [
        ("sofia/gateway/telnyx &park", True),
        ("sofia/nosuchprofile/1@host &park", True),
        ("user/nobody &park", False),
        ("nosuch/1 &park", False),
        (f"{{a=x y}}{TO} &park", False),
    ],
)
def test_mod_sofia_refuses_with_a_session_that_it_throws_away(line: str, session: bool) -> None:
    with pytest.raises(Refused) as refused:
        parse(line)
    assert refused.value.session is session


def test_the_ring_limit_comes_from_the_braces_before_the_position() -> None:
    assert parse(f"{TO} &park").ring_seconds == 60
    assert parse(f"{TO} &park XML default name 123 7").ring_seconds == 7
    assert parse(f"{{originate_timeout=5}}{TO} &park XML default name 123 7").ring_seconds == 5
    assert parse(f"{{call_timeout=5}}{TO} &park").ring_seconds == 60  # has no effect on api originate


def test_who_calls() -> None:
    assert parse(f"{TO} &park").caller_number == "0000000000"
    placed = parse(f"{TO} &park XML default Probe 123")
    assert (placed.caller_name, placed.caller_number) == ("Probe", "123")
    braces = parse(f"{{origination_caller_id_number=+19495431333}}{TO} &park XML default Probe 123")
    assert braces.caller_number == "+19495431333"
