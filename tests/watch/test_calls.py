"""The call table: recorded calls are counted as they were, and the counters agree whatever arrives."""

import gc
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.esl import Event, Protocol
from exporter.switch.leg import ChannelEvent, LegEnd, LegStart
from exporter.switch.provider import ProviderCode, provider
from exporter.watch import calls as calls_module
from exporter.watch.call_stats import CallStats
from exporter.watch.calls import CallTable
from exporter.watch.observer import NodeObserver
from tests.watch.builders import event, not_by_country

CAPTURES = Path(__file__).resolve().parent.parent / "captures"
OUT = ("telnyx", "outbound")
HANDLERS = {
    "CHANNEL_CREATE": CallTable.on_create,
    "CHANNEL_PROGRESS": CallTable.on_progress,
    "CHANNEL_PROGRESS_MEDIA": CallTable.on_progress,
    "CHANNEL_ANSWER": CallTable.on_answer,
    "CHANNEL_HANGUP_COMPLETE": CallTable.on_hangup,
    "CHANNEL_DESTROY": CallTable.on_destroy,
}


class Tracked:
    """The calls of a switch with one gateway, telnyx, and the gateways whose dials ended unanswered."""

    def __init__(self) -> None:
        self.unanswered: list[str] = []
        self.told: list[tuple[str, str, str]] = []  # UUID, cause, gateway label
        self.calls = CallTable(
            self._attribute,
            lambda gateway, _profile: self.unanswered.append(gateway),
            self._on_ended,
            not_by_country(),
        )
        self.calls.start_tracking("", None)
        self.calls.start_tracking("telnyx", provider("telnyx"))

    @staticmethod
    def _attribute(start: LegStart) -> str:
        return start.gateway if start.gateway in ("", "telnyx", "backup", "fake") else "other"

    def _on_ended(self, event: ChannelEvent, end: LegEnd, gateway: str, _code: ProviderCode | None) -> None:
        assert event.uuid == end.uuid
        self.told.append((end.uuid, end.cause, gateway))

    def take(self, *events: Event) -> "Tracked":
        for one in events:
            handler = HANDLERS.get(one.name)
            if handler is not None:
                handler(self.calls, ChannelEvent(one))
        return self

    def play(self, capture: str) -> "Tracked":
        frames = Protocol().receive((CAPTURES / f"{capture}.txt").read_bytes())
        return self.take(*(Event(frame.body) for frame in frames if "event" in frame.content_type))

    def agrees(self) -> bool:
        return all(
            stats.started + stats.learned
            == sum(count for count, _ in stats.hangups.values()) + stats.lost + stats.active
            and stats.active >= 0
            for stats in self.calls.stats.values()
        )

    @property
    def out(self) -> CallStats:
        return self.calls.stats[OUT]


# capture: cause, answered, SIP code, provider code, MOS and packet figures expected
CALLS = {
    "ev-plain-call-success": ("NORMAL_CLEARING", True, None, None, False),
    "ev-json-call-success": ("NORMAL_CLEARING", True, None, None, False),
    "ev-plain-call-busy": ("USER_BUSY", False, "486", None, False),
    "ev-plain-call-noanswer": ("NO_ANSWER", False, None, None, False),
    "ev-plain-call-404": ("UNALLOCATED_NUMBER", False, "404", None, False),
    "ev-plain-call-403": ("CALL_REJECTED", False, "403", None, False),
    "ev-plain-call-403-D1-channel-limit": ("CALL_REJECTED", False, "403", ("D1", "capacity"), False),
    "ev-plain-call-402": ("CALL_REJECTED", False, "402", None, False),
    "ev-plain-call-480": ("NO_USER_RESPONSE", False, "480", None, False),
    "ev-plain-call-500": ("NORMAL_TEMPORARY_FAILURE", False, "500", None, False),
    "ev-plain-call-503": ("NORMAL_TEMPORARY_FAILURE", False, "503", None, False),
    "ev-plain-call-603": ("CALL_REJECTED", False, "603", None, False),
    "ev-plain-call-echo-with-audio": ("NORMAL_CLEARING", True, None, None, True),
    "ev-plain-call-earlymedia": ("NORMAL_CLEARING", True, None, None, True),
    "ev-plain-call-tone": ("NORMAL_CLEARING", True, None, None, True),
}


@pytest.mark.parametrize("capture", CALLS)
def test_a_recorded_call_is_counted_as_it_was(capture: str) -> None:
    cause, answered, code, refusal, heard = CALLS[capture]
    tracked = Tracked().play(capture)
    out = tracked.out
    assert (out.started, out.answered, out.active) == (1, int(answered), 0)
    assert {key: count for key, (count, _) in out.hangups.items()} == {(cause, answered): 1}
    assert out.sip_responses == ({code: 1} if code else {})
    assert out.rejections == ({refusal: 1} if refusal else {})
    assert out.mos.total == out.jitter.total == int(heard)
    assert out.duration.total == out.answer.total == int(answered)
    assert tracked.unanswered == ([] if answered else ["telnyx"])
    assert tracked.agrees()


def test_times_of_a_call_are_those_of_its_stamps() -> None:
    out = Tracked().play("ev-plain-call-success").out
    assert out.post_dial_delay.sum == pytest.approx(0.069705)
    assert out.answer.sum == pytest.approx(1.701652)
    assert out.duration.sum == pytest.approx(3.058374)


def test_early_media_ends_the_post_dial_delay_and_answers_nothing() -> None:
    tracked = Tracked()
    frames = Protocol().receive((CAPTURES / "ev-plain-call-earlymedia-ignored.txt").read_bytes())
    events = [Event(frame.body) for frame in frames if "event" in frame.content_type]
    upto = next(i for i, one in enumerate(events) if one.name == "CHANNEL_ANSWER")
    out = tracked.take(*events[:upto]).out
    assert (out.post_dial_delay.total, out.answered) == (1, 0)


def test_an_inbound_call_to_the_registered_contact_belongs_to_its_gateway() -> None:
    tracked = Tracked().play("ev-plain-call-inbound")
    stats = tracked.calls.stats["telnyx", "inbound"]
    assert (stats.started, stats.answered, stats.active) == (1, 1, 0)
    assert tracked.unanswered == []


def test_a_call_through_a_gateway_that_is_unknown_or_down_is_a_local_refusal() -> None:
    for capture in ("ev-plain-call-nonexist-gw", "ev-plain-call-unregistered-gw-noreg"):
        tracked = Tracked().play(capture)
        assert tracked.calls.refused_locally == 1
        assert tracked.calls.live == 0
        assert all(stats.started == 0 for stats in tracked.calls.stats.values())


def test_exemplars_name_the_call() -> None:
    tracked = Tracked().play("ev-plain-call-echo-with-audio")
    uuid = next(
        one.get(b"Unique-ID")
        for frame in Protocol().receive((CAPTURES / "ev-plain-call-echo-with-audio.txt").read_bytes())
        if (one := Event(frame.body)).name == "CHANNEL_HANGUP_COMPLETE"
    )
    [(_, exemplar)] = tracked.out.hangups.values()
    assert exemplar is not None
    assert exemplar.call_uuid == uuid
    assert {e.call_uuid for _, e in tracked.out.mos.exemplars.values()} == {uuid}


def leg(name: str, uuid: str = "u1", /, **headers: object) -> Event:
    usual = {"Unique_ID": uuid, "Call_Direction": "outbound", "variable_sip_gateway_name": "telnyx"}
    return event(name, **{**usual, **headers})


FAR_END = {"variable_sip_reply_host": "192.0.2.9"}  # something came from the network
ANSWERED = {
    "Caller_Channel_Created_Time": 1_000_000,
    "Caller_Channel_Answered_Time": 2_000_000,
    "Caller_Channel_Hangup_Time": 22_000_000,
}


def rtp(received: int, sent: int = 900, **figures: object) -> dict[str, object]:
    return {
        "variable_rtp_audio_in_raw_bytes": received * 172,
        "variable_rtp_audio_in_packet_count": received,
        "variable_rtp_audio_out_packet_count": sent,
        **{f"variable_rtp_audio_in_{name}": value for name, value in figures.items()},
    }


def hangup(**headers: object) -> Event:
    return leg("CHANNEL_HANGUP_COMPLETE", **{**ANSWERED, **headers})


def test_quality_is_that_of_calls_that_received_packets() -> None:
    heard = rtp(900, mos="4.12", jitter_max_variance="400.00", jitter_loss_rate="0.03")
    out = Tracked().take(leg("CHANNEL_CREATE"), hangup(**heard)).out
    assert (out.mos.sum, out.jitter.sum, out.packet_loss.sum) == (4.12, 0.02, 0.03)
    unheard = rtp(0, mos="4.50", jitter_max_variance="0.00", jitter_loss_rate="0.00")
    out = Tracked().take(leg("CHANNEL_CREATE"), hangup(**unheard)).out
    assert (out.mos.total, out.jitter.total, out.packet_loss.total) == (0, 0, 0)


def test_loss_is_not_read_from_calls_too_short_for_it() -> None:
    short = {**rtp(300, jitter_loss_rate="0.00"), "Caller_Channel_Hangup_Time": 12_000_000}
    assert Tracked().take(leg("CHANNEL_CREATE"), hangup(**short)).out.packet_loss.total == 0


@pytest.mark.parametrize(
    ("headers", "silent"),
    [
        (rtp(0), True),
        (rtp(1), False),
        (rtp(0, sent=99), False),
        ({**rtp(0), "Caller_Channel_Hangup_Time": 6_900_000}, False),
        ({**rtp(0), "variable_remote_audio_media_flow": "sendrecv"}, True),
        ({**rtp(0), "variable_remote_audio_media_flow": "recvonly"}, False),
        ({**rtp(0), "variable_remote_audio_media_flow": "inactive"}, False),
        ({}, False),  # RTP never started: proxy media, for example
    ],
)
def test_a_call_without_media_is_one_that_should_have_heard(headers: dict[str, object], silent: bool) -> None:
    assert Tracked().take(leg("CHANNEL_CREATE"), hangup(**headers)).out.without_media == int(silent)


@pytest.mark.parametrize(
    ("headers", "failed"),
    [
        ({"Hangup_Cause": "CALL_REJECTED"}, 1),
        ({"Hangup_Cause": "CALL_REJECTED", "Caller_Channel_Answered_Time": 2_000_000}, 0),
        ({"Hangup_Cause": "UNALLOCATED_NUMBER", "variable_sip_invite_failure_phrase": "Not Found"}, 0),
        ({"Hangup_Cause": "UNALLOCATED_NUMBER", "variable_sip_invite_failure_phrase": "Blocked D19"}, 1),
    ],
)
def test_a_leg_that_failed_is_counted_as_such(headers: dict[str, object], failed: int) -> None:
    usual = {"Caller_Channel_Answered_Time": 0, "variable_sip_term_status": 404, **FAR_END}
    tracked = Tracked().take(leg("CHANNEL_CREATE"), hangup(**{**usual, **headers}))
    assert tracked.out.failed == failed


def test_freeswitchs_own_cancel_is_no_answer_of_the_far_end() -> None:
    ended = leg(
        "CHANNEL_HANGUP_COMPLETE",
        Hangup_Cause="NO_ANSWER",
        variable_sip_invite_failure_status="487",
        variable_sip_invite_failure_phrase="CANCEL",
    )
    out = Tracked().take(leg("CHANNEL_CREATE"), ended).out
    assert out.sip_responses == {}
    assert list(out.hangups) == [("NO_ANSWER", False)]


def test_what_freeswitch_answers_itself_is_no_answer_of_the_far_end() -> None:
    """Without a reply host nothing came from the network: the status is FreeSWITCH's own."""
    local = hangup(
        Caller_Channel_Answered_Time=0,
        Hangup_Cause="NORMAL_TEMPORARY_FAILURE",
        variable_sip_term_status=503,
        variable_sip_invite_failure_phrase="Service Unavailable D1",
    )
    out = Tracked().take(leg("CHANNEL_CREATE"), local).out
    assert (out.sip_responses, out.rejections) == ({}, {})
    assert (out.failed, out.local_failures) == (1, {"refused_port": 1})


@pytest.mark.parametrize("direction", ["outbound", "inbound"])
def test_a_bridged_rejection_is_the_outbound_legs_alone(direction: str) -> None:
    """The leg that dialled it has all of its headers copied."""
    tracked = Tracked()
    tracked.calls.start_tracking("fake", provider("twilio"))
    tracked.play("ev-json-evidence-bridged-403")
    counted = {key: stats.rejections for key, stats in tracked.calls.stats.items() if key[1] == direction}
    assert [codes for codes in counted.values() if codes] == (
        [{("32203", "fraud"): 1}] if direction == "outbound" else []
    )


def test_unknown_causes_codes_and_gateways_are_other() -> None:
    ended = leg(
        "CHANNEL_HANGUP_COMPLETE",
        Hangup_Cause="evil{label}",
        variable_sip_term_status="999",
        variable_sip_invite_failure_phrase="no idea X99",
        **FAR_END,
    )
    out = Tracked().take(leg("CHANNEL_CREATE"), ended).out
    assert list(out.hangups) == [("other", False)]
    assert out.sip_responses == {"other": 1}
    assert out.rejections == {("other", "other"): 1}
    tracked = Tracked().take(leg("CHANNEL_CREATE", variable_sip_gateway_name="nobody"))
    assert tracked.calls.stats["other", "outbound"].active == 1


def test_probe_legs_are_in_no_figure_but_freeswitchs_own() -> None:
    tracked = Tracked()
    tracked.take(
        leg("CHANNEL_CREATE", "70726f62-aaaa-4bbb-8ccc-000000000001"),
        leg("CHANNEL_ANSWER", "70726f62-aaaa-4bbb-8ccc-000000000001", **ANSWERED),
        leg("CHANNEL_HANGUP_COMPLETE", "70726f62-aaaa-4bbb-8ccc-000000000001", Hangup_Cause="USER_BUSY"),
    )
    assert (tracked.out.started, tracked.out.learned, tracked.out.hangups) == (0, 0, {})
    assert tracked.unanswered == ["telnyx"]
    assert tracked.calls.creates == 1


def test_a_create_after_the_hangup_starts_no_leg_that_never_ends() -> None:
    tracked = Tracked().take(leg("CHANNEL_CREATE"), hangup(), leg("CHANNEL_CREATE"))
    assert (tracked.calls.live, tracked.out.started, tracked.out.active) == (0, 1, 0)
    tracked.take(leg("CHANNEL_ANSWER"), leg("CHANNEL_PROGRESS"), hangup())
    assert (tracked.calls.live, tracked.out.started, tracked.out.learned) == (0, 1, 0)
    assert tracked.agrees()


def test_an_event_without_a_uuid_is_no_leg() -> None:
    tracked = Tracked().take(leg("CHANNEL_CREATE", ""), leg("CHANNEL_ANSWER", ""))
    assert tracked.calls.live == 0


@pytest.mark.parametrize("uuid", ["two words", "$(reboot)", "a%0Auuid_kill%20b", "x" * 8192])
def test_a_uuid_that_could_not_stand_in_a_command_is_given_up_and_counted(uuid: str) -> None:
    tracked = Tracked().take(leg("CHANNEL_CREATE", uuid), leg("CHANNEL_ANSWER", uuid), hangup(Unique_ID=uuid))
    assert (tracked.calls.uuids(), tracked.calls.over_limit, tracked.calls.creates) == (set(), 1, 1)
    assert (tracked.out.started, tracked.out.learned, tracked.out.hangups) == (0, 0, {})


def test_events_that_come_twice_change_nothing() -> None:
    busy = leg("CHANNEL_HANGUP_COMPLETE", Hangup_Cause="USER_BUSY")
    probe = "70726f62-aaaa-4bbb-8ccc-000000000001"
    refused = leg("CHANNEL_DESTROY", "u2", Channel_State="CS_NONE")
    probe_busy = leg("CHANNEL_HANGUP_COMPLETE", probe, Hangup_Cause="USER_BUSY")
    tracked = Tracked()
    for one in (leg("CHANNEL_CREATE"), busy, leg("CHANNEL_CREATE", probe), probe_busy, refused):
        tracked.take(one, one)
    assert (tracked.calls.creates, tracked.calls.refused_locally) == (2, 1)
    assert tracked.unanswered == ["telnyx", "telnyx"], "the leg and the probe, each once"
    assert (tracked.out.started, tracked.out.active) == (1, 0)


def numbered(number: int, one: Event) -> Event:
    """The event as the one that FreeSWITCH numbered so."""
    return Event(one.text.replace(b"\n", f"\nEvent-Sequence: {number}\n".encode(), 1))


def test_a_uuid_that_is_used_again_is_another_leg() -> None:
    refused = leg("CHANNEL_DESTROY", Channel_State="CS_NONE")
    busy = leg("CHANNEL_HANGUP_COMPLETE", Hangup_Cause="USER_BUSY")
    tracked = Tracked()
    for number, one in enumerate(
        (refused, leg("CHANNEL_CREATE"), busy, refused, leg("CHANNEL_CREATE"), busy)
    ):
        tracked.take(*[numbered(number, one)] * 2)
    assert (tracked.calls.creates, tracked.calls.refused_locally) == (2, 2)
    assert (tracked.out.started, tracked.out.active) == (2, 0)
    tracked.take(numbered(10, leg("CHANNEL_CREATE")), numbered(11, leg("CHANNEL_ANSWER")))
    assert tracked.calls.answered("u1") is tracked.out
    tracked.take(numbered(7, refused))  # late: it does not end the leg
    assert tracked.calls.uuids() == {"u1"}
    assert tracked.agrees()


def test_a_leg_that_ended_is_not_brought_back_by_what_freeswitch_fired_before() -> None:
    tracked = Tracked().take(numbered(3, hangup()), numbered(1, leg("CHANNEL_CREATE")))
    assert (tracked.calls.creates, tracked.calls.live) == (1, 0)
    tracked.calls.on_restart()
    tracked.take(numbered(2, leg("CHANNEL_CREATE")))
    assert (tracked.out.started, tracked.calls.live) == (1, 1)


def test_a_create_that_comes_late_is_still_a_session_seen() -> None:
    tracked = Tracked().take(leg("CHANNEL_PROGRESS"), leg("CHANNEL_CREATE"), hangup(), leg("CHANNEL_CREATE"))
    assert (tracked.calls.creates, tracked.out.learned, tracked.out.started) == (1, 1, 0)
    tracked = Tracked().take(hangup(), leg("CHANNEL_CREATE"), leg("CHANNEL_CREATE"))
    assert (tracked.calls.creates, tracked.calls.live) == (1, 0)


def test_a_leg_that_freeswitch_does_not_have_is_not_brought_back() -> None:
    tracked = Tracked().take(leg("CHANNEL_CREATE"))
    tracked.calls.lose(["u1"])
    tracked.take(leg("CHANNEL_ANSWER"), leg("CHANNEL_CREATE"), hangup())
    assert (tracked.calls.live, tracked.out.lost, tracked.out.hangups) == (0, 1, {})
    assert tracked.agrees()


def test_an_unanswered_leg_names_the_profile_of_its_gateway() -> None:
    found: list[tuple[str, str]] = []
    calls = CallTable(
        lambda start: start.gateway,
        lambda gateway, profile: found.append((gateway, profile)),
        NodeObserver().on_call_ended,
        not_by_country(),
    )
    frames = Protocol().receive((CAPTURES / "ev-plain-call-busy.txt").read_bytes())
    for one in (Event(frame.body) for frame in frames if "event" in frame.content_type):
        if one.name == "CHANNEL_HANGUP_COMPLETE":
            calls.on_hangup(ChannelEvent(one))
    assert found == [("telnyx", "external")]


@pytest.mark.parametrize(
    ("capture", "told"),
    [
        ("ev-plain-call-busy", ("USER_BUSY", "telnyx")),
        ("ev-plain-call-backup-gw", ("NORMAL_CLEARING", "backup")),
    ],
)
def test_the_end_of_a_leg_is_told_with_its_gateway(capture: str, told: tuple[str, str]) -> None:
    tracked = Tracked().play(capture).play(capture)
    assert [(cause, gateway) for _, cause, gateway in tracked.told] == [told]


def test_the_end_of_a_leg_is_told_once_and_of_a_synthetic_call_never() -> None:
    tracked = Tracked().take(
        leg("CHANNEL_CREATE"), leg("CHANNEL_DESTROY", Hangup_Cause="NO_ANSWER"), hangup()
    )
    tracked.take(leg("CHANNEL_CREATE", "70726f62-1"), leg("CHANNEL_HANGUP_COMPLETE", "70726f62-1"))
    tracked.take(leg("CHANNEL_DESTROY", "u2", Channel_State="CS_NONE"))  # it never was a leg
    assert tracked.told == [("u1", "NO_ANSWER", "telnyx")]


@given(st.lists(st.tuples(st.sampled_from([*HANDLERS]), st.sampled_from("abc")), max_size=40))
def test_a_leg_that_has_ended_stays_ended_in_any_order(steps: list[tuple[str, str]]) -> None:
    tracked = Tracked()
    ended = set()
    for name, uuid in steps:
        tracked.take(leg(name, uuid))
        if name == "CHANNEL_HANGUP_COMPLETE":
            ended.add(uuid)
        assert not ended & tracked.calls.uuids()
        assert tracked.agrees()
    for uuid in "abc":
        tracked.take(leg("CHANNEL_HANGUP_COMPLETE", uuid))
    assert tracked.calls.live == 0


def test_calls_that_were_up_before_are_learned() -> None:
    tracked = Tracked()
    tracked.calls.learn(LegStart("u1", "outbound", "telnyx", ""), answered=True)
    assert (tracked.out.learned, tracked.out.active, tracked.out.started) == (1, 1, 0)
    tracked.take(hangup())
    assert (tracked.out.active, sum(n for n, _ in tracked.out.hangups.values())) == (0, 1)
    tracked.calls.learn(LegStart("u1", "outbound", "telnyx", ""), answered=True)
    assert tracked.out.learned == 1, "a list that is late brings no call back"
    assert tracked.agrees()


def test_a_lost_switch_leaves_no_call_behind() -> None:
    tracked = Tracked().take(leg("CHANNEL_CREATE", "u1"), leg("CHANNEL_CREATE", "u2"))
    tracked.calls.lose(["u1", "nobody"])
    assert (tracked.out.active, tracked.out.lost) == (1, 1)
    tracked.calls.lose()
    assert (tracked.out.active, tracked.out.lost, tracked.calls.live) == (0, 2, 0)
    assert tracked.agrees()


def test_a_leg_whose_hangup_was_lost_ends_with_its_destroy() -> None:
    ended = leg("CHANNEL_DESTROY", Channel_State="CS_REPORTING", Hangup_Cause="USER_BUSY")
    out = Tracked().take(leg("CHANNEL_CREATE"), ended).out
    assert (out.active, list(out.hangups)) == (0, [("USER_BUSY", False)])


def test_live_legs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "MAX_LEGS", 3)
    tracked = Tracked().take(*(leg("CHANNEL_CREATE", f"u{n}") for n in range(5)))
    assert (tracked.calls.live, tracked.calls.over_limit) == (3, 2)
    tracked.take(leg("CHANNEL_PROGRESS", "u4"), leg("CHANNEL_ANSWER", "u4"), hangup(Unique_ID="u4"))
    assert (tracked.calls.live, tracked.calls.over_limit) == (3, 2), "each leg is counted once"
    assert tracked.agrees()


def test_a_live_leg_holds_no_copy_of_its_gateways_name() -> None:
    def held(gateway: str) -> int:
        calls = CallTable(lambda start: start.gateway, lambda *_: None, lambda *_: None, not_by_country())
        tracemalloc.start()
        try:
            for number in range(legs):
                create = leg("CHANNEL_CREATE", f"leg-{number}", variable_sip_gateway_name=gateway)
                calls.on_create(ChannelEvent(create))
            gc.collect()
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    legs, longer = 500, 400
    assert held("g" * (longer + 1)) - held("g") < legs * longer / 10


def test_tracking_stops_only_when_no_call_is_up() -> None:
    tracked = Tracked().take(leg("CHANNEL_CREATE"))
    assert not tracked.calls.stop_tracking("telnyx")
    tracked.take(hangup())
    assert tracked.calls.stop_tracking("telnyx")
    assert OUT not in tracked.calls.stats


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*HANDLERS, "lose", "learn"]),
            st.sampled_from(["u1", "u2", "u3", "", "70726f62-1"]),
            st.sampled_from(["telnyx", "backup", "nobody", ""]),
            st.sampled_from(["inbound", "outbound", "banana"]),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_the_counters_agree_whatever_arrives(steps: list[tuple[str, str, str, str, bool]]) -> None:
    tracked = Tracked()
    for name, uuid, gateway, direction, answered in steps:
        if name == "lose":
            tracked.calls.lose([uuid] if answered else None)
        elif name == "learn":
            tracked.calls.learn(LegStart(uuid, "outbound", gateway, ""), answered=answered)
        else:
            tracked.take(
                event(
                    name,
                    Unique_ID=uuid,
                    Call_Direction=direction,
                    variable_sip_gateway_name=gateway,
                    Caller_Channel_Created_Time=1,
                    Caller_Channel_Answered_Time=2 if answered else 0,
                )
            )
        assert tracked.agrees()
