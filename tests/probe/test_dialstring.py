"""The originate line: exactly what a switch accepted, and nothing foreign in it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.model import ProbeConfig
from exporter.probe.callid import new_call_id
from exporter.probe.dialstring import UnsafeDialString, originate
from exporter.probe.limits import limits
from tests.probe.settings import settings

UUID = "70726f62-beef-400f-8abc-0123456789ab"  # cap 15 s


def line(probe: ProbeConfig) -> str:
    made = limits(probe, 4.0)
    return originate(probe, new_call_id("beef", made.total), made)


def test_echo_as_tried() -> None:
    probe = settings()
    assert originate(probe, UUID, limits(probe, 4.0)) == (
        f"originate {{^^|origination_uuid={UUID}|origination_caller_id_number=+19495431333"
        "|call_direction=outbound|ignore_early_media=true|originate_timeout=5"
        "|execute_on_originate=sched_hangup:+15|execute_on_answer=sched_hangup:+7|send_silence_when_idle=-1}"
        "sofia/gateway/telnyx/+15550000001 'm:^:sleep:5000^hangup' inline"
    )


def test_tone_as_tried() -> None:
    a = "event:Event-Name=CUSTOM,Event-Subclass=exporter::probe,mark=a"
    b = "event:Event-Name=CUSTOM,Event-Subclass=exporter::probe,mark=b"
    middle = f"{a}^detect_audio:1000 1 1500 tone_stream://%(3000,0,1004)^{b}^sleep:600^"
    made = line(settings(application="tone", caller_id=None, variables={}))
    assert made.endswith(
        "sofia/gateway/telnyx/+15550000001 "
        f"'m:^:tone_detect:pre 1004 r^sleep:1000^tone_detect:own 1004 r^{middle * 3}"
        "playback:tone_stream://%(2000,0,1004)^hangup' inline"
    )
    assert "caller_id" not in made


HOSTILE = [
    "",
    "+1555000000a",
    "15550000001",
    "+15550000001 &system(x)",
    "+15550000001'",
    "+15550000001,sofia/gateway/telnyx/+19005551234",
    "+15550000001|x",
    "+15550000001}",
    "+15550000001@attacker.example",
    "+15550000001;fs_path=sip:attacker.example",
    "+15550000001^x",
    "${system(id)}",
    "+15550000001\n",
    "+15550000001\r\nEvil: 1",
    "+" + "1" * 33,
    "+1555000000\u0661",
    "\uff0b15550000001",
]


@pytest.mark.parametrize("number", HOSTILE)
def test_nothing_but_a_number_is_dialled(number: str) -> None:
    with pytest.raises(UnsafeDialString, match="destination"):
        line(settings(destination=number))


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("caller id", {"caller_id": "+1949 &x"}),
        ("caller id", {"caller_id": ""}),
        ("gateway", {"gateway": "telnyx/+19005551234 &x"}),
        ("gateway", {"gateway": "a:_:b"}),
        ("gateway", {"gateway": ""}),
        ("gateway", {"gateway": "t\u00e9lnyx"}),
        ("variable", {"variables": {"execute_on_answer": "x"}}),
        ("variable", {"variables": {"originate_timeout": "9999"}}),
        ("variable", {"variables": {"sip_h_X-A=1|origination_uuid": "x"}}),
        ("value", {"variables": {"call_direction": "a|b=c"}}),
        ("value", {"variables": {"sip_h_X-A": "1\\r\\nEvil:2"}}),
        ("value", {"variables": {"sip_h_X-A": "${x}"}}),
    ],
)
def test_no_other_part_carries_more_than_it_may(part: str, changes: dict[str, object]) -> None:
    with pytest.raises(UnsafeDialString, match=part):
        line(settings(**changes))


def test_the_uuid_is_ours_and_says_the_cap() -> None:
    probe = settings()
    for foreign in ("8a3641a0-c707-42e7-9fb2-21ad4ef527ab", UUID.replace("400f", "4fff")):
        with pytest.raises(UnsafeDialString, match="UUID"):
            originate(probe, foreign, limits(probe, 4.0))


WHOLE = re.compile(
    r"originate \{\^\^\|origination_uuid=[0-9a-f-]{36}(?:\|[A-Za-z0-9_-]+=[A-Za-z0-9_.:+-]+)+\}"
    r"sofia/gateway/[A-Za-z0-9_.-]+/\+[1-9][0-9]{6,14} 'm:\^:[^'\n\r]*\^hangup' inline"
)
TEXT = st.one_of(st.text(max_size=40), st.sampled_from(HOSTILE), st.from_regex(r"\+[1-9][0-9]{6,14}"))


@given(
    destination=TEXT,
    caller_id=st.one_of(st.none(), TEXT),
    gateway=TEXT,
    name=st.one_of(TEXT, st.sampled_from(["call_direction", "sip_h_X-Trace"])),
    value=TEXT,
)
def test_whatever_comes_in_one_well_formed_line_comes_out_or_none(
    destination: str, caller_id: str | None, gateway: str, name: str, value: str
) -> None:
    probe = settings(destination=destination, caller_id=caller_id, gateway=gateway, variables={name: value})
    try:
        made = line(probe)
    except UnsafeDialString:
        return
    assert WHOLE.fullmatch(made)
