"""Events and replies of a followed call to typed values, with the numbers measured on a switch."""

import pytest

from exporter.esl import Event
from exporter.switch.followed_call import (
    CallEnd,
    CallMedia,
    JobReply,
    LegEvent,
    ProbeMark,
    read_job_reply,
    read_leg_event,
)
from tests.esl.recorded import events


def ended(talk: float = 5.0, **variables: object) -> CallEnd:
    """The end of a call that talked for that long, with these channel variables."""
    lines = [f"variable_{name}: {value}" for name, value in variables.items()]
    stamps = f"Caller-Channel-Answered-Time: 1000000\nCaller-Channel-Hangup-Time: {1e6 + talk * 1e6:.0f}\n"
    return end_of("Event-Name: CHANNEL_HANGUP_COMPLETE\n" + stamps + "\n".join(lines) + "\n\n")


def end_of(event: str) -> CallEnd:
    read = read_leg_event(Event(event.encode()))
    assert isinstance(read, LegEvent)
    assert read.end is not None
    return read.end


def rtp(received: int, sent: int, talk: float = 5.0, **more: object) -> CallMedia | None:
    return ended(
        talk,
        rtp_audio_in_media_packet_count=received,
        rtp_audio_out_media_packet_count=sent,
        rtp_audio_in_mos="4.50",
        rtp_audio_in_jitter_max_variance="400.00",
        **more,
    ).media


def test_without_rtp_there_is_nothing_to_say() -> None:
    assert ended(hangup_cause="NORMAL_CLEARING").media is None


def test_a_silent_call_has_no_quality_whatever_freeswitch_says() -> None:
    media = rtp(0, 250, 5.0)
    assert media == CallMedia(0, 250, 250, 0, 0, None, None)
    assert media is not None
    assert media.loss_since(None) is None


def test_a_healthy_call() -> None:
    media = rtp(248, 250, 5.02, rtp_audio_in_flaw_total=0)
    assert media == CallMedia(248, 250, 251, 0, 0, 0.02, 4.5)
    assert media is not None
    assert media.loss_since(None) == 0.0


def test_the_codec_says_how_many_packets_to_expect() -> None:
    media = rtp(160, 166, 5.0, rtp_use_codec_ptime=30)
    assert media is not None
    assert media.expected == 167


@pytest.mark.parametrize(
    ("flaws", "missed", "loss"),
    [
        (70, 29, 0.1),  # 5 s at 10 %: 20 of 200 since then; the flaws and the late start overstate it
        (0, 60, 0.0),  # a far end that stopped early: no gap
        (3, 10, 1 / 181),
        (3, 8, 0.0),
    ],
)
def test_loss_is_what_was_missed_since_the_echo_had_settled(flaws: int, missed: int, loss: float) -> None:
    heard = 221
    media = rtp(
        heard,
        250,
        rtp_audio_in_packet_count=heard,
        rtp_audio_in_skip_packet_count=missed,
        rtp_audio_in_flaw_total=flaws,
    )
    assert media is not None
    assert media.loss_since(ProbeMark("settled", 2.0, 41, 9)) == pytest.approx(loss)


def test_the_mark_of_a_settled_echo_carries_the_counters() -> None:
    lines = [
        "Event-Name: CUSTOM",
        "Event-Subclass: exporter::probe",
        "Event-Date-Timestamp: 2000000",
        "mark: settled",
        "variable_rtp_audio_in_packet_count: 41",
        "variable_rtp_audio_in_skip_packet_count: 9",
    ]
    read = [read_leg_event(Event(("\n".join(lines[:n]) + "\n\n").encode())) for n in (6, 4)]
    assert read == [ProbeMark("settled", 2.0, 41, 9), ProbeMark("settled", 2.0, None, None)]


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
    media = rtp(received, sent, 22.0, rtp_audio_in_flaw_total=flaws)
    assert media is not None
    assert media.loss_since(None) == pytest.approx(loss, abs=0.001)


def test_figures_that_are_no_numbers_are_left_out() -> None:
    media = ended(
        1.0,
        rtp_audio_in_media_packet_count=9,
        rtp_audio_out_media_packet_count=9,
        rtp_audio_in_mos="nan",
        rtp_audio_in_jitter_max_variance="-1",
        rtp_use_codec_ptime=-20,
    ).media
    assert media == CallMedia(9, 9, 50, 0, 0, None, None)


@pytest.mark.parametrize(("before", "own"), [(None, None), (3300, 2140), (80, 39), (None, 2140)])
def test_what_the_tone_detectors_heard(before: int | None, own: int | None) -> None:
    times = {"tone_detect_pre_total_time": before, "tone_detect_own_total_time": own}
    end = ended(**{name: value for name, value in times.items() if value is not None})
    assert (end.tone_before, end.tone_own) == (before, own is not None)


def test_the_steps_of_a_recorded_call() -> None:
    read = [read_leg_event(event) for event in events("ev-plain-call-success") if event.get(b"Unique-ID")]
    steps = [event.step for event in read if isinstance(event, LegEvent)]
    assert steps == ["created", "ringing", "answered", "hung_up", "destroyed"]
    ends = [event.end for event in read if isinstance(event, LegEvent)]
    assert ends[:3] == [None] * 3
    assert ends[3] is not None
    assert (ends[3].cause, ends[3].sip_code, ends[3].hung_up_by) == ("NORMAL_CLEARING", 200, "us")
    assert ends[4] is not None
    assert ends[4].cause == "NORMAL_CLEARING"


def test_marks_and_other_events() -> None:
    mark = b"Event-Name: CUSTOM\nEvent-Subclass: exporter::probe\nEvent-Date-Timestamp: 1500000\nmark: a\n\n"
    assert read_leg_event(Event(mark)) == ProbeMark("a", 1.5)
    assert read_leg_event(Event(mark.replace(b"mark: a\n", b""))) == ProbeMark("", 1.5)
    assert read_leg_event(Event(b"Event-Name: CUSTOM\nEvent-Subclass: another\n\n")) is None
    assert read_leg_event(Event(b"Event-Name: CHANNEL_PARK\n\n")) is None


@pytest.mark.parametrize(
    ("reply", "refusal"),
    [
        ("+OK 8a3641a0-c707-42e7-9fb2-21ad4ef527ab\n", ""),
        ("-ERR USER_BUSY\n", "USER_BUSY"),
        ("-USAGE: <call url> <exten>|&<application_name>(<app_args>)\n", "NONE"),
        ("-ERR originate Command not found!\n", "NONE"),
        ("", "NONE"),
    ],
)
def test_replies_to_an_originate(reply: str, refusal: str) -> None:
    job = f"Event-Name: BACKGROUND_JOB\nEvent-Date-Timestamp: 2500000\n\n{reply}"
    assert read_job_reply(Event(job.encode())) == JobReply(refusal, 2.5)
    assert read_job_reply(Event(job.replace("2500000", "x").encode())) == JobReply(refusal, None)


def test_hostile_text_is_reduced_to_what_it_may_be() -> None:
    end = end_of(
        "Event-Name: CHANNEL_HANGUP_COMPLETE\nHangup-Cause: <b>%0a\nCaller-Channel-Created-Time: x\n"
        "variable_sip_term_status: 4e2\nvariable_sip_hangup_disposition: nobody\n"
        "variable_sip_invite_failure_phrase: %1b[31m\n\n"
    )
    assert end == CallEnd()


def test_a_phrase_is_made_printable_and_cut() -> None:
    phrase = "%1b[31m" + "x" * 500
    end = end_of(
        "Event-Name: CHANNEL_DESTROY\nvariable_sip_term_status: 403\n"
        f"variable_sip_invite_failure_phrase: {phrase}\n\n"
    )
    assert end.sip_code == 403
    assert end.sip_phrase.isprintable()
    assert len(end.sip_phrase) <= 203
