"""Readings of running calls' audio, held to a recorded call: packets lost, on hold, gone mute."""

import json
from itertools import pairwise
from typing import Final

import pytest

from exporter.switch.live_audio import AudioReading, audio_due, heard, parse_audio, window_loss
from exporter.switch.reply import ChannelNotFound, ReplyError
from tests.esl.recorded import frames

CALL: Final = "api-uuid_dump-json-live-audio"
RUNNING: Final = AudioReading(
    received=1000,
    sent=1000,
    missing=5,
    comfort_noise=0,
    digits=0,
    both_ways=True,
    bridged=False,
    pausing=False,
)


def recorded() -> list[AudioReading]:
    """Every 5 s: begun, healthy, 10 % lost, held twice, taken back, then three times mute."""
    readings = [parse_audio(frame.body.decode()) for frame in frames(CALL)[:-1]]
    assert all(readings)
    return [reading for reading in readings if reading is not None]


def after(**more: int) -> AudioReading:
    """RUNNING five seconds later; `more`: how its counters grew."""
    grown = {"received": 250, "sent": 250} | more
    return RUNNING._replace(**{name: getattr(RUNNING, name) + by for name, by in grown.items()})


def test_the_loss_of_each_window_of_a_recorded_call() -> None:
    losses = [window_loss(earlier, later) for earlier, later in pairwise(recorded())]
    assert losses[:2] == [pytest.approx(2 / 250), pytest.approx(29 / 250)]
    assert losses[2:] == [None] * 6  # held, held, taken back, mute


def test_silence_of_a_recorded_call_counts_unless_it_is_on_hold() -> None:
    readings = recorded()
    unheard = [not heard(earlier, later) for earlier, later in pairwise(readings)]
    assert unheard == [False, False, True, True, False, True, True, True]
    assert [audio_due(earlier, later) for earlier, later in pairwise(readings)][5:] == [True] * 3
    assert not audio_due(readings[2], readings[3])
    assert not audio_due(readings[3], readings[4])


def test_the_recorded_leg_is_bridged_and_sends_all_the_time() -> None:
    assert {(reading.bridged, reading.pausing) for reading in recorded()} == {(True, False)}


def test_a_leg_that_has_ended() -> None:
    with pytest.raises(ChannelNotFound):
        parse_audio(frames(CALL)[-1].body.decode())


@pytest.mark.parametrize("reply", ["", "[]", '{"a":1}', "{", "+OK", '{"Event-Name":"HEARTBEAT"}'])
def test_anything_else_is_refused(reply: str) -> None:
    with pytest.raises(ReplyError):
        parse_audio(reply)


def test_a_leg_without_counters_cannot_be_judged() -> None:
    bypassed = '{"Event-Name":"CHANNEL_DATA","Channel-Call-State":"ACTIVE"}'
    partly = bypassed[:-1] + ',"variable_rtp_audio_in_raw_bytes":"0"}'
    assert parse_audio(bypassed) is None
    assert parse_audio(partly) is None


@pytest.mark.parametrize(
    ("media", "both_ways"),
    [
        ("m=audio 20788 RTP/AVP 0", True),
        ("m=image 20788 udptl t38", False),  # while a page is sent, the far end that gets it says nothing
        ("m=audio 20788 RTP/AVP 0\r\nm=image 0 udptl t38", True),  # refused
    ],
)
def test_no_audio_is_due_of_a_leg_that_sends_a_fax_by_t38(media: str, both_ways: bool) -> None:
    dump = json.loads(frames(CALL)[0].body)
    dump["variable_rtp_local_sdp_str"] = f"v=0\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n{media}\r\na=x\r\n"
    reading = parse_audio(json.dumps(dump, separators=(",", ":")))
    assert reading is not None
    assert reading.both_ways is both_ways


@pytest.mark.parametrize(
    ("later", "due"),
    [
        (after(received=0, sent=500), True),
        (after(received=0, sent=99), False),  # FreeSWITCH sent little: parked, for example
        (after(received=0, sent=500, comfort_noise=1), False),  # the far end says that it is silent
        (after(received=0, sent=500)._replace(both_ways=False), False),
        (after(received=0, sent=0, missing=250)._replace(bridged=True), True),  # both legs died
        (after(received=0, sent=0)._replace(bridged=True), False),  # its audio left FreeSWITCH
        (after(received=-1000, sent=0, missing=250)._replace(bridged=True), False),  # it never was heard
    ],
)
def test_when_audio_is_due(later: AudioReading, due: bool) -> None:
    assert audio_due(RUNNING, later) is due


@pytest.mark.parametrize(
    ("earlier", "later", "loss"),
    [
        (RUNNING, after(), 0.0),
        (RUNNING, after(received=225, missing=25), 0.1),
        (RUNNING, after(received=225, missing=25)._replace(pausing=True), None),
        (RUNNING, after(received=225, missing=25, digits=3), None),
        (RUNNING, after(received=0, missing=250), None),
        (RUNNING, after(received=60, missing=30), None),  # too short
        (RUNNING, after(received=-500, missing=0), None),  # the counters began anew
        (RUNNING, after(received=250, missing=-5), None),
        (RUNNING._replace(both_ways=False), after(), None),
        # The first seconds of a call.
        (RUNNING._replace(received=60, missing=30), RUNNING._replace(received=310, missing=30), None),
    ],
)
def test_the_loss_of_a_window(earlier: AudioReading, later: AudioReading, loss: float | None) -> None:
    assert window_loss(earlier, later) == (None if loss is None else pytest.approx(loss))
