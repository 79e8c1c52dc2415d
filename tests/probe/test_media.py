"""Packet counts to figures, with the numbers measured on a switch."""

import pytest

from exporter.esl import Event
from exporter.probe.media import Media, Tone, read_media, read_tone, round_trip


def ended(**variables: object) -> Event:
    lines = [f"variable_{name}: {value}" for name, value in variables.items()]
    return Event(("Event-Name: CHANNEL_HANGUP_COMPLETE\n" + "\n".join(lines) + "\n\n").encode())


def rtp(received: int, sent: int, **more: object) -> Event:
    return ended(
        rtp_audio_in_media_packet_count=received,
        rtp_audio_out_media_packet_count=sent,
        rtp_audio_in_mos="4.50",
        rtp_audio_in_jitter_max_variance="400.00",
        **more,
    )


def test_without_rtp_there_is_nothing_to_say() -> None:
    assert read_media(ended(hangup_cause="NORMAL_CLEARING"), 5.0) is None


def test_a_silent_call_has_no_quality_whatever_freeswitch_says() -> None:
    media = read_media(rtp(0, 250), 5.0)
    assert media == Media(0, 250, 250, 0, 0, None, None)
    assert media.loss is None


def test_a_healthy_call() -> None:
    media = read_media(rtp(248, 250, rtp_audio_in_flaw_total=0), 5.02)
    assert media == Media(248, 250, 251, 0, 0, 0.02, 4.5)
    assert media.loss == 0.0


def test_the_codec_says_how_many_packets_to_expect() -> None:
    media = read_media(rtp(160, 166, rtp_use_codec_ptime=30), 5.0)
    assert media is not None
    assert media.expected == 167


@pytest.mark.parametrize(
    ("received", "sent", "flaws", "loss"),
    [
        (1067, 1100, 40, 0.03),  # 3 % of 22 s: the penalties in `flaw_total` do not count
        (770, 1100, 5000, 0.3),
        (240, 250, 0, 0.0),  # a far end that began late
        (250, 240, 9, 0.0),  # more came back than we sent: nothing is missing
    ],
)
def test_loss_is_what_did_not_return_as_far_as_there_are_gaps(
    received: int, sent: int, flaws: int, loss: float
) -> None:
    media = read_media(rtp(received, sent, rtp_audio_in_flaw_total=flaws), 22.0)
    assert media is not None
    assert media.loss == pytest.approx(loss, abs=0.001)


def test_figures_that_are_no_numbers_are_left_out() -> None:
    media = read_media(
        ended(
            rtp_audio_in_media_packet_count=9,
            rtp_audio_out_media_packet_count=9,
            rtp_audio_in_mos="nan",
            rtp_audio_in_jitter_max_variance="-1",
        ),
        1.0,
    )
    assert media == Media(9, 9, 50, 0, 0, None, None)


ROUND = [("a", 10.00), ("b", 10.06), ("a", 10.68), ("b", 10.84), ("a", 11.46), ("b", 11.62)]


@pytest.mark.parametrize(
    ("pre", "own", "tone"),
    [
        (None, None, Tone(returned=False, before_ours=False, round_trip=None)),
        (3300, 2140, Tone(returned=True, before_ours=False, round_trip=0.1)),  # 01: echo
        (80, 39, Tone(returned=False, before_ours=True, round_trip=None)),  # 10: plays the tone itself
        (None, 2140, Tone(returned=True, before_ours=False, round_trip=0.1)),
    ],
)
def test_the_tone(pre: int | None, own: int | None, tone: Tone) -> None:
    times = {"tone_detect_pre_total_time": pre, "tone_detect_own_total_time": own}
    event = ended(**{name: value for name, value in times.items() if value is not None})
    assert read_tone(event, ROUND) == tone


@pytest.mark.parametrize(
    ("marks", "seconds"),
    [
        ([], None),
        ([("a", 1.0)], None),
        ([("b", 1.0), ("a", 2.0)], None),
        ([("a", 1.0), ("b", 2.5)], None),  # given up after 1.5 s
        ([("a", 1.0), ("b", 1.04)], 0.0),
        ([("a", 1.0), ("b", 1.06)], 0.0),
        ([("a", 1.0), ("b", 1.08), ("a", 2.0), ("b", 2.34), ("a", 3.0), ("b", 3.3)], 0.24),
        ([("a", 1.0), ("b", 2.5), ("a", 3.0), ("b", 3.16)], 0.1),
    ],
)
def test_the_round_trip_is_a_median_in_steps(marks: list[tuple[str, float]], seconds: float | None) -> None:
    assert round_trip(marks) == (None if seconds is None else pytest.approx(seconds))
