"""Calls: what every far end does to a probe (the table of tried.md 3), FreeSWITCH's timers and refusals."""

import asyncio
import re
import statistics
import uuid
from collections.abc import AsyncIterator

import pytest

from exporter.clock import Clock
from exporter.simulator import Answer, FarEnd, SimulatedSwitch
from exporter.simulator.media import Path
from tests.simulator.wire import Seen, Wire

RING, TALK = 5, 5


@pytest.fixture
async def switch(clock: Clock) -> AsyncIterator[SimulatedSwitch]:
    async with SimulatedSwitch(clock=clock, tick=0.05, speed=25, heartbeat=600) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        yield switch


@pytest.fixture
async def wire(switch: SimulatedSwitch) -> Wire:
    wire = await Wire.open(switch.port)
    await wire.reply("event plain ALL CUSTOM exporter::probe")
    return wire


def echo_probe(number: str, leg: str, talk: int = TALK, ring: int = RING) -> str:
    """The echo probe of tried.md 3."""
    return (
        f"originate {{^^|origination_uuid={leg}|origination_caller_id_number=+19495431333"
        f"|call_direction=outbound|ignore_early_media=true|originate_timeout={ring}"
        f"|execute_on_originate=sched_hangup:+{ring + talk + 5}|execute_on_answer=sched_hangup:+{talk + 2}"
        f"|send_silence_when_idle=-1}}sofia/gateway/telnyx/{number} 'm:^:sleep:{talk}000^hangup' inline"
    )


async def place(wire: Wire, command: str) -> tuple[str, Seen]:
    """Run it as a job; the job's reply and the CHANNEL_HANGUP_COMPLETE."""
    job = str(uuid.uuid4())
    await wire.reply(f"bgapi {command}\nJob-UUID: {job}")
    done = await wire.event(lambda seen: seen.get("Job-UUID") == job)
    ended = await wire.event(lambda seen: seen.name == "CHANNEL_HANGUP_COMPLETE")
    return done.body, ended


def variable(seen: Seen, name: str) -> str:
    return seen.get(f"variable_{name}")


def seconds(seen: Seen, name: str) -> float:
    """When a step was, counted from the leg's creation."""
    return (int(seen.get(f"Caller-Channel-{name}-Time")) - int(seen.get("Caller-Channel-Created-Time"))) / 1e6


# number -> reply, answer, end, disposition, SIP status, packets in and out
ANSWERED = {
    "01": (1.04, 6.04, "send_bye", "", (248, 250)),
    "07": (0.02, 5.02, "send_bye", "", (0, 250)),
    "08": (2.04, 7.04, "send_bye", "", (248, 250)),
    "09": (0.04, 2.04, "recv_bye", "200", (0, 99)),
    "10": (0.04, 5.04, "send_bye", "", (247, 250)),
    "24": (0.04, 5.04, "send_bye", "", (240, 250)),
    "31": (1.04, 6.04, "send_bye", "", (0, 250)),
    "32": (1.04, 6.04, "send_bye", "", (0, 250)),
    "35": (1.04, 6.04, "send_bye", "", (236, 250)),
}


@pytest.mark.parametrize("number", ANSWERED)
async def test_an_answered_probe(wire: Wire, number: str) -> None:
    answer, end, disposition, status, (packets_in, packets_out) = ANSWERED[number]
    leg = str(uuid.uuid4())
    reply, _ = await place(wire, echo_probe("+155500000" + number, leg))
    ended = await wire.event(
        lambda seen: seen.name == "CHANNEL_HANGUP_COMPLETE" and seen.get("Unique-ID") == leg
    )
    assert reply == f"+OK {leg}\n"
    assert seconds(ended, "Answered") == pytest.approx(answer, abs=0.061)
    assert seconds(ended, "Hangup") == pytest.approx(end, abs=0.121)
    assert variable(ended, "sip_hangup_disposition") == disposition
    assert variable(ended, "sip_term_status") == status
    assert int(variable(ended, "rtp_audio_in_media_packet_count")) == pytest.approx(packets_in, abs=4)
    assert int(variable(ended, "rtp_audio_out_media_packet_count")) == pytest.approx(packets_out, abs=3)
    assert variable(ended, "rtp_audio_in_mos") == "4.50"


async def test_early_media_is_counted_among_the_packets_but_not_the_media_packets(wire: Wire) -> None:
    _, ended = await place(wire, echo_probe("+15550000008", str(uuid.uuid4())))
    assert seconds(ended, "Progress-Media") == pytest.approx(0.04, abs=0.021)
    media = int(variable(ended, "rtp_audio_in_media_packet_count"))
    assert int(variable(ended, "rtp_audio_in_packet_count")) - media == pytest.approx(99, abs=3)


REFUSED = {
    "02": ("USER_BUSY", "486", "Busy Here"),
    "04": ("UNALLOCATED_NUMBER", "404", "Not Found"),
    "05": ("CALL_REJECTED", "403", "Forbidden"),
    "06": ("NORMAL_TEMPORARY_FAILURE", "503", "Service Unavailable"),
    "11": ("CALL_REJECTED", "603", "Decline"),
    "12": ("NO_USER_RESPONSE", "480", "Temporarily Unavailable"),
    "13": ("NORMAL_TEMPORARY_FAILURE", "500", "Server Internal Error"),
    "14": ("CALL_REJECTED", "402", "Payment Required"),
    "21": ("CALL_REJECTED", "403", "User channel limit exceeded D1"),
    "22": ("UNALLOCATED_NUMBER", "404", "Account blocked D19"),
    "23": ("CALL_REJECTED", "403", "Caller Origination Number is Invalid D35"),
}


@pytest.mark.parametrize("number", REFUSED)
async def test_a_refused_probe(wire: Wire, number: str) -> None:
    cause, status, phrase = REFUSED[number]
    reply, ended = await place(wire, echo_probe("+155500000" + number, str(uuid.uuid4())))
    assert reply == f"-ERR {cause}\n"
    assert ended.get("Hangup-Cause") == cause
    assert variable(ended, "sip_term_status") == status
    assert variable(ended, "sip_invite_failure_phrase") == phrase
    assert variable(ended, "sip_hangup_disposition") == "recv_refuse"


async def test_ringing_ends_at_the_whole_second_limit_up_to_a_second_early(wire: Wire) -> None:
    reply, ended = await place(wire, echo_probe("+15550000003", str(uuid.uuid4())))
    assert reply == "-ERR NO_ANSWER\n"
    assert RING - 1 <= seconds(ended, "Hangup") <= RING + 0.1
    assert variable(ended, "sip_hangup_disposition") == "send_cancel"
    assert variable(ended, "sip_term_status") == ""
    assert any(seen.name == "CHANNEL_PROGRESS" for seen in wire.events())


async def test_an_unanswered_invite_has_no_progress_and_ends_after_32_seconds_at_the_latest(
    wire: Wire,
) -> None:
    reply, _ = await place(wire, echo_probe("+15550000036", str(uuid.uuid4())))
    assert reply == "-ERR NO_ANSWER\n"
    assert not any(seen.name == "CHANNEL_PROGRESS" for seen in wire.events())
    later = str(uuid.uuid4())
    await wire.reply(f"bgapi {echo_probe('+15550000036', later, ring=60)}")
    ended = await wire.event(
        lambda seen: seen.name == "CHANNEL_HANGUP_COMPLETE" and seen.get("Unique-ID") == later
    )
    assert ended.get("Hangup-Cause") == "RECOVERY_ON_TIMER_EXPIRE"
    assert seconds(ended, "Hangup") == pytest.approx(32, abs=0.2)


async def test_loss_shows_in_flaws_at_once_and_in_the_loss_rate_from_eight_seconds_on(wire: Wire) -> None:
    _, short = await place(wire, echo_probe("+15550000034", str(uuid.uuid4()), talk=5))
    assert variable(short, "rtp_audio_in_jitter_loss_rate") == "0.00"
    assert int(variable(short, "rtp_audio_in_flaw_total")) > 40
    assert float(variable(short, "rtp_audio_in_mos")) < 3.5
    long = str(uuid.uuid4())
    await wire.reply(f"bgapi {echo_probe('+15550000034', long, talk=10)}")
    ended = await wire.event(
        lambda seen: seen.name == "CHANNEL_HANGUP_COMPLETE" and seen.get("Unique-ID") == long
    )
    assert 0.25 < float(variable(ended, "rtp_audio_in_jitter_loss_rate")) < 0.4


async def test_two_echoes_send_each_other_nothing(switch: SimulatedSwitch, wire: Wire) -> None:
    leg = str(uuid.uuid4())
    await wire.reply(f"bgapi originate {{origination_uuid={leg}}}sofia/gateway/telnyx/+15550000001 &echo()")
    await wire.event(lambda seen: seen.get("Application") == "echo")
    switch.kill(switch.legs[leg], "NORMAL_CLEARING")
    ended = await wire.event(lambda seen: seen.name == "CHANNEL_HANGUP_COMPLETE")
    assert (
        variable(ended, "rtp_audio_out_packet_count") == variable(ended, "rtp_audio_in_packet_count") == "0"
    )
    assert variable(ended, "rtp_audio_in_mos") == "4.50"


# Tone mode.


def tone_probe(number: str, leg: str) -> str:
    """The tone probe of tried.md 3."""
    marks = [f"event:Event-Name=CUSTOM,Event-Subclass=exporter::probe,mark={mark}" for mark in "ab"]
    measure = f"{marks[0]}^detect_audio:1000 1 1500 tone_stream://%(3000,0,1004)^{marks[1]}^sleep:600^"
    return (
        f"originate {{^^|origination_uuid={leg}|ignore_early_media=true|originate_timeout=20"
        f"|execute_on_originate=sched_hangup:+26|execute_on_answer=sched_hangup:+16"
        f"|send_silence_when_idle=-1}}sofia/gateway/telnyx/{number} "
        f"'m:^:tone_detect:pre-{leg} 1004 r^sleep:1000^tone_detect:own-{leg} 1004 r^{measure * 3}"
        "playback:tone_stream://%(2000,0,1004)^hangup' inline"
    )


def round_trip(events: list[Seen]) -> float:
    """As a prober computes it: median of the marks' distances, less 60 ms."""
    marks = [seen for seen in events if seen.subclass == "exporter::probe"]
    stamps = [int(seen.get("Event-Date-Timestamp")) for seen in marks]
    assert [seen.get("mark") for seen in marks] == ["a", "b"] * 3
    return statistics.median(b - a for a, b in zip(stamps[::2], stamps[1::2], strict=True)) / 1e6 - 0.06


@pytest.mark.parametrize(
    ("number", "pre", "own", "delay"),
    [("01", False, True, 0.0), ("35", False, True, 0.25), ("10", True, True, 0.0), ("24", False, True, 0.0)],
)
async def test_a_tone_that_comes_back_is_found_and_timed(
    wire: Wire, number: str, pre: bool, own: bool, delay: float
) -> None:
    leg = str(uuid.uuid4())
    await wire.reply(f"bgapi {tone_probe('+155500000' + number, leg)}")
    ended = await wire.event(
        lambda seen: seen.name == "CHANNEL_HANGUP_COMPLETE" and seen.get("Unique-ID") == leg
    )
    early = variable(ended, f"tone_detect_pre-{leg}_total_time")
    assert (early != "" and int(early) < 1000) == pre
    assert bool(variable(ended, f"tone_detect_own-{leg}_total_time")) == own
    assert round_trip(wire.events()) == pytest.approx(delay, abs=0.041)
    assert variable(ended, "detect_audio_timeout") == "false"
    assert any(seen.name == "DETECTED_TONE" for seen in wire.events())


async def test_a_tone_into_silence_finds_nothing_and_times_out(wire: Wire) -> None:
    leg = str(uuid.uuid4())
    _, ended = await place(wire, tone_probe("+15550000007", leg))
    assert variable(ended, f"tone_detect_own-{leg}_total_time") == ""
    assert variable(ended, "detect_audio_timeout") == "true"
    marks = [seen for seen in wire.events() if seen.subclass == "exporter::probe"]
    assert marks[0].get("Unique-ID") == leg  # the mark carries the channel


# Timers, refusals, kills.


async def test_timers_survive_the_client_and_the_answered_cap_wins(switch: SimulatedSwitch) -> None:
    gone = await Wire.open(switch.port)
    leg = str(uuid.uuid4())
    command = echo_probe("+15550000001", leg, talk=2).replace("sleep:2000", "park")
    await gone.reply(f"bgapi {command}")
    await switch.until(lambda: leg in switch.legs)
    await gone.close()
    watched = switch.legs[leg]
    await switch.until(lambda: leg not in switch.legs)
    assert watched.cause == "ALLOTTED_TIMEOUT"
    talked = (watched.times["ended"] - watched.times["answered"]) / 1e6
    assert 3.0 <= talked <= 4.2


async def test_the_total_cap_fires_while_it_rings(switch: SimulatedSwitch, wire: Wire) -> None:
    reply, ended = await place(
        wire,
        "originate {ignore_early_media=true,originate_timeout=50,execute_on_originate=sched_hangup:+3}"
        "sofia/gateway/telnyx/+15550000003 &park",
    )
    assert reply == "-ERR ALLOTTED_TIMEOUT\n"
    assert 2.0 <= seconds(ended, "Hangup") <= 3.2


async def test_without_ignore_early_media_a_183_counts_as_success(wire: Wire) -> None:
    leg = str(uuid.uuid4())
    command = (
        f"originate {{origination_uuid={leg},originate_timeout=3}}sofia/gateway/telnyx/+15550000008 &park"
    )
    await wire.reply(f"bgapi {command}")
    done = await wire.event(lambda seen: seen.name == "BACKGROUND_JOB")
    assert done.body == f"+OK {leg}\n"
    names = [seen.name for seen in wire.events()]
    assert "CHANNEL_ANSWER" not in names[: names.index("BACKGROUND_JOB")]
    await wire.event(lambda seen: seen.name == "CHANNEL_ANSWER")


async def test_a_duplicate_uuid_is_out_of_order_and_leaves_no_session(
    switch: SimulatedSwitch, wire: Wire
) -> None:
    leg = str(uuid.uuid4())
    await wire.reply(f"bgapi {echo_probe('+15550000001', leg)}")
    await switch.until(lambda: leg in switch.legs)
    before = switch.load.since_startup
    assert await wire.api(echo_probe("+15550000001", leg)) == "-ERR DESTINATION_OUT_OF_ORDER\n"
    assert switch.load.since_startup == before


@pytest.mark.parametrize("reason", ["pause", "limit", "rate"])
async def test_freeswitch_s_own_refusals_look_like_a_dead_destination(
    switch: SimulatedSwitch, wire: Wire, reason: str
) -> None:
    if reason == "pause":
        switch.pause("outbound")
        assert await wire.api("fsctl pause_check outbound") == "true"
        assert await wire.api("fsctl pause_check inbound") == "false"
    elif reason == "limit":
        switch.limit_sessions(0)
    else:
        switch.limit_rate(1)
    assert await wire.api(echo_probe("+15550000002", str(uuid.uuid4()))) == "-ERR DESTINATION_OUT_OF_ORDER\n"
    assert switch.load.since_startup == 0
    switch.recover()
    switch.limit_sessions(1000)
    switch.limit_rate(30)
    assert await wire.api(echo_probe("+15550000002", str(uuid.uuid4()))) == "-ERR USER_BUSY\n"


async def test_a_dial_refused_for_its_gateway_is_a_session_without_a_create(
    switch: SimulatedSwitch, wire: Wire
) -> None:
    assert await wire.api("originate sofia/gateway/telnix/+1 &park") == "-ERR INVALID_GATEWAY\n"
    switch.provider("telnyx").refuses_port()
    switch.gateway("telnyx").ask_register()
    await switch.gateway_reaches("telnyx", "FAIL_WAIT")
    assert await wire.api("originate sofia/gateway/telnyx/+1 &park") == "-ERR GATEWAY_DOWN\n"
    await wire.until(lambda: [seen.name for seen in wire.events()].count("CHANNEL_DESTROY") == 2)
    assert "CHANNEL_CREATE" not in [seen.name for seen in wire.events()]
    assert switch.load.since_startup == 2
    assert switch.gateway("telnyx").failed_calls_out == 1


async def test_a_kill_while_ringing_cancels_and_answers_the_originate(
    switch: SimulatedSwitch, wire: Wire
) -> None:
    leg = str(uuid.uuid4())
    await wire.reply(f"bgapi {echo_probe('+15550000003', leg, ring=60)}")
    await switch.until(lambda: leg in switch.legs and switch.legs[leg].call_state == "RINGING")
    assert await wire.api(f"uuid_kill {leg} MANAGER_REQUEST") == "+OK\n"
    done = await wire.event(lambda seen: seen.name == "BACKGROUND_JOB")
    assert done.body == "-ERR MANAGER_REQUEST\n"
    assert await wire.api(f"uuid_kill {leg}") == "-ERR No such channel!\n"


async def test_an_unknown_application_is_ok_and_then_out_of_order(wire: Wire) -> None:
    reply, ended = await place(wire, "originate sofia/gateway/telnyx/+15550000007 &nosuch")
    assert reply.startswith("+OK ")
    assert ended.get("Hangup-Cause") == "DESTINATION_OUT_OF_ORDER"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [("refuses_port", "NORMAL_TEMPORARY_FAILURE"), ("falls_silent", "NO_ANSWER")],
)
async def test_calls_to_a_provider_that_is_gone_but_still_believed_up(
    switch: SimulatedSwitch, wire: Wire, fault: str, cause: str
) -> None:
    getattr(switch.provider("telnyx"), fault)()
    reply, ended = await place(wire, echo_probe("+15550000001", str(uuid.uuid4())))
    assert reply == f"-ERR {cause}\n"
    assert ended.get("Hangup-Cause") == cause


async def test_a_bridged_call_shows_each_leg_the_other_s_profile(switch: SimulatedSwitch, wire: Wire) -> None:
    far_end = FarEnd(ring=0.1, answer=0.5, path=Path(speaks=True))
    leg = switch.calls.bridged("telnyx", "+15551234567", far_end, caller="1000", seconds=5)
    assert leg is not None
    bridge = await wire.event(lambda seen: seen.name == "CHANNEL_BRIDGE")
    assert bridge.get("Bridge-A-Unique-ID") == leg.uuid
    assert switch.sessions.call_count == 1
    await wire.until(lambda: [seen.name for seen in wire.events()].count("CHANNEL_HANGUP_COMPLETE") == 2)
    ends = [seen for seen in wire.events() if seen.name == "CHANNEL_HANGUP_COMPLETE"]
    assert {seen.get("Call-Direction"): seen.get("Other-Type") for seen in ends} == {
        "outbound": "originator",
        "inbound": "originatee",
    }
    other = next(seen for seen in ends if seen.get("Call-Direction") == "outbound")
    assert other.get("Other-Leg-Unique-ID") == leg.uuid
    assert int(variable(other, "rtp_audio_in_packet_count")) > 200


async def test_a_bridge_through_a_gateway_that_is_down_ends_the_caller_with_gateway_down(
    switch: SimulatedSwitch, wire: Wire
) -> None:
    switch.gateway("telnyx").up = False
    leg = switch.calls.bridged("telnyx", "+15551234567", FarEnd(answer=0.1), caller="1000", seconds=5)
    assert leg is not None
    await leg.hung_up.wait()
    assert leg.cause == "GATEWAY_DOWN"


async def test_sessions_since_startup_equal_creates_plus_refused_dials(
    switch: SimulatedSwitch, wire: Wire
) -> None:
    switch.limit_rate(1000)
    numbers = ("02", "04", "05", "06", "07", "09", "24")
    await asyncio.gather(
        *(wire.reply(f"bgapi {echo_probe('+155500000' + n, str(uuid.uuid4()), talk=2)}") for n in numbers)
    )
    await wire.reply("bgapi originate sofia/gateway/telnix/1 &park")
    await switch.until(lambda: not switch.legs and switch.load.since_startup == len(numbers) + 2)
    switch.beat()
    beat = await wire.event(lambda seen: seen.name == "HEARTBEAT")
    creates = [seen for seen in wire.events() if seen.name == "CHANNEL_CREATE"]
    assert int(beat.get("Session-Since-Startup")) == len(creates) + 1
    assert beat.get("Session-Count") == "0"
    assert re.fullmatch(r"\d+\.\d{6}", beat.get("Idle-CPU"))


@pytest.mark.parametrize(
    ("target", "cause", "heard"),
    [
        ("nosuch", "NO_ROUTE_DESTINATION", "+OK"),
        ("'m:^:set:colour=blue^sleep:1000' inline", "NORMAL_CLEARING", "+OK"),
        ("'m:^:sched_hangup:+2 USER_BUSY^park' inline", "USER_BUSY", "+OK"),
        ("'m:^:sched_hangup:nonsense^hangup:CALL_REJECTED' inline", "CALL_REJECTED", "+OK"),
        ("'m:^:playback:silence_stream://1000^hangup' inline", "NORMAL_CLEARING", "+OK"),
        ("'m:^:playback:/tmp/voice.wav^hangup' inline", "NORMAL_CLEARING", "+OK"),
        ("&sched_hangup(+5)", "NORMAL_CLEARING", "+OK"),  # the application returns, nothing follows
    ],
)
async def test_what_a_script_ends_with(wire: Wire, target: str, cause: str, heard: str) -> None:
    reply, ended = await place(wire, f"originate sofia/gateway/telnyx/+15550000007 {target}")
    assert reply.startswith(heard)
    assert ended.get("Hangup-Cause") == cause


async def test_a_provider_may_answer_every_invite_the_same(switch: SimulatedSwitch, wire: Wire) -> None:
    switch.provider("telnyx").invite = Answer(502, "Bad Gateway")
    reply, _ = await place(wire, echo_probe("+15550000001", str(uuid.uuid4())))
    assert reply == "-ERR NETWORK_OUT_OF_ORDER\n"
    switch.provider("telnyx").loses_its_name()
    assert await wire.api(echo_probe("+15550000001", str(uuid.uuid4()))) == "-ERR NORMAL_TEMPORARY_FAILURE\n"


async def test_callers_give_up_and_are_refused(switch: SimulatedSwitch, wire: Wire) -> None:
    leg = switch.calls.inbound("telnyx", caller="+2", called="+1", seconds=5, answer_after=9, patience=3)
    assert leg is not None
    await leg.hung_up.wait()
    assert (leg.cause, leg.get("sip_hangup_disposition")) == ("ORIGINATOR_CANCEL", "recv_cancel")
    switch.pause()
    assert switch.calls.inbound("telnyx", caller="+2", called="+1", seconds=5) is None
    assert switch.calls.outbound("telnyx", "+1", FarEnd(answer=0), caller="+2", seconds=5) == (
        "DESTINATION_OUT_OF_ORDER"
    )
    assert switch.calls.bridged("telnyx", "+1", FarEnd(answer=0), caller="1000", seconds=5) is None
    switch.unpause()
    assert switch.calls.inbound("nosuch", caller="+2", called="+1", seconds=5) is None


async def test_freeswitch_hangs_up_exactly_so_long_after_the_answer(
    switch: SimulatedSwitch, wire: Wire
) -> None:
    leg = switch.calls.outbound("telnyx", "+1", FarEnd(answer=0.34), caller="+2", seconds=5)
    assert not isinstance(leg, str)
    ended = await wire.event(lambda seen: seen.name == "CHANNEL_HANGUP_COMPLETE")
    assert (seconds(ended, "Answered"), seconds(ended, "Hangup")) == (0.34, 5.34)
    assert ended.get("Hangup-Cause") == "NORMAL_CLEARING"
    assert ended.get("variable_sip_hangup_disposition") == "send_bye"


async def test_a_live_bridge_is_one_call_of_two_channels(switch: SimulatedSwitch, wire: Wire) -> None:
    leg = switch.calls.bridged("telnyx", "+15551234567", FarEnd(answer=0.1), caller="1000", seconds=500)
    assert leg is not None
    await wire.event(lambda seen: seen.name == "CHANNEL_BRIDGE")
    assert await wire.api("show calls count") == "\n1 total.\n"
    assert await wire.api("show channels count") == "\n2 total.\n"
    assert leg.other is not None
    assert f'"b_uuid":"{leg.other.uuid}"' in await wire.api("show calls as json")
    assert '"read_codec":"PCMU"' in await wire.api("show channels as json")
    assert "RUNNING (1)" in await wire.api("sofia status")


async def test_the_api_event_of_a_dial_has_the_number_of_its_start(wire: Wire) -> None:
    await wire.api("originate   sofia/gateway/telnix/1 &park ")
    destroyed = await wire.event(lambda seen: seen.name == "CHANNEL_DESTROY")
    ended = await wire.event(lambda seen: seen.name == "API")
    assert ended.get("API-Command-Argument") == "sofia/gateway/telnix/1 &park"
    assert int(ended.get("Event-Sequence")) + 1 == int(destroyed.get("Event-Sequence"))
