"""What FreeSWITCH is told of a call: UUIDs, limits, and exactly the originate line that a switch accepted."""

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.model import ProbeConfig
from exporter.probe.originate import (
    MAX_CAP,
    TONE_SECONDS,
    CallId,
    Limits,
    UnsafeDialString,
    limits,
    new_call_id,
    originate,
    read_call_id,
    talk_seconds,
)
from exporter.switch.leg import is_probe
from tests.probe.settings import settings

# -- UUIDs ------------------------------------------------------------------------------------------

INSTANCES = st.text("0123456789abcdef", min_size=4, max_size=4)


@given(instance=INSTANCES, cap=st.integers(1, MAX_CAP))
def test_it_is_a_legal_uuid_with_the_instance_and_the_cap(instance: str, cap: int) -> None:
    made = new_call_id(instance, cap)
    assert read_call_id(made) == CallId(instance, cap)
    assert is_probe(made)
    parsed = uuid.UUID(made)
    assert (str(parsed), parsed.version, parsed.variant) == (made, 4, uuid.RFC_4122)


def test_no_two_uuids_are_the_same() -> None:
    assert len({new_call_id("0000", 1) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("instance", ["", "12345", "ABCD", "12g4", "1234\n"])
def test_an_instance_is_four_hex_digits(instance: str) -> None:
    with pytest.raises(ValueError, match="instance"):
        new_call_id(instance, 10)


@pytest.mark.parametrize("cap", [0, -1, MAX_CAP + 1])
def test_the_cap_is_bounded(cap: int) -> None:
    with pytest.raises(ValueError, match="cap"):
        new_call_id("0000", cap)


@pytest.mark.parametrize(
    "other",
    [
        "",
        "8a3641a0-c707-42e7-9fb2-21ad4ef527ab",
        "70726f62",
        "70726f62-1234-5010-8abc-0123456789ab",  # version 5
        "70726f62-1234-4010-8abc-0123456789ab\n",
        "70726F62-1234-4010-8ABC-0123456789AB",
        "x70726f62-1234-4010-8abc-0123456789ab",
    ],
)
def test_other_uuids_are_no_probe_calls(other: str) -> None:
    assert read_call_id(other) is None


# -- limits -----------------------------------------------------------------------------------------


def test_as_tried_on_a_switch() -> None:
    # tried.md: M ring, N talk, N + 2 after answer, M + N + 5 in all; a ring limit needed in full gets a
    # second more.
    assert limits(settings(talk_time=5.0), 4.0) == Limits(ring=5, talk=5.0, answered=7, total=15)
    assert limits(settings(application="tone"), 4.0) == Limits(5, TONE_SECONDS, answered=16, total=24)


@given(ring=st.floats(0.5, 300), talk=st.floats(0.5, 3000))
def test_nothing_cuts_a_healthy_call_short(ring: float, talk: float) -> None:
    probe = settings(talk_time=talk)
    made = limits(probe, ring)
    assert made.ring - 1 >= ring - 1  # it may end up to a second early, never before the whole second
    assert ring < made.ring <= ring + 1
    assert made.answered - 1 >= talk
    assert made.total - 1 >= made.ring + 0.5 + talk
    assert talk_seconds(probe) == talk


@pytest.mark.parametrize(
    ("ring", "talk"),
    [(0.0, 5.0), (-1.0, 5.0), (3601.0, 5.0), (5.0, 0.0), (2000.0, 2200.0), (5.0, float("inf"))],
)
def test_absurd_times_are_refused(ring: float, talk: float) -> None:
    with pytest.raises(ValueError, match="talk time"):
        limits(settings(talk_time=talk), ring)


# -- originate lines --------------------------------------------------------------------------------

UUID = "70726f62-beef-400f-8abc-0123456789ab"  # cap 15 s


def line(probe: ProbeConfig) -> str:
    made = limits(probe, 4.0)
    return originate(probe, new_call_id("beef", made.total), made)


SETTLED = "set_media_stats^event:Event-Name=CUSTOM,Event-Subclass=exporter::probe,mark=settled"


def test_echo_as_tried() -> None:
    probe = settings()
    assert originate(probe, UUID, limits(probe, 4.0)) == (
        f"originate {{^^|origination_uuid={UUID}|origination_caller_id_number=+19495431333"
        "|call_direction=outbound|ignore_early_media=true|originate_timeout=5"
        "|execute_on_originate=sched_hangup:+15|execute_on_answer=sched_hangup:+7|send_silence_when_idle=-1}"
        f"sofia/gateway/telnyx/+15550000001 'm:^:sleep:1000^{SETTLED}^sleep:4000^hangup' inline"
    )


def test_a_short_call_is_not_judged_from_the_middle() -> None:
    assert "'m:^:sleep:2900^hangup' inline" in line(settings(talk_time=2.9))


def test_tone_as_tried() -> None:
    a = "event:Event-Name=CUSTOM,Event-Subclass=exporter::probe,mark=a"
    b = "event:Event-Name=CUSTOM,Event-Subclass=exporter::probe,mark=b"
    middle = f"{a}^detect_audio:1000 1 1500 tone_stream://%(3000,0,1004)^{b}^sleep:600^"
    made = line(settings(application="tone", caller_id=None, variables={}))
    assert made.endswith(
        "sofia/gateway/telnyx/+15550000001 "
        f"'m:^:tone_detect:pre 1004 r^sleep:1000^{SETTLED}^tone_detect:own 1004 r^{middle * 3}"
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


def test_the_uuid_must_be_a_probe_calls_with_that_cap() -> None:
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
