"""The lines of `history` and `calls`: what they say, that they fit, and that no stranger writes into them."""

from collections.abc import Iterator, Sequence

import pytest
from msgspec.structs import replace

from exporter.history.answers import (
    CallAnswer,
    CallsAnswer,
    ChangeAnswer,
    HistoryAnswer,
    OutageAnswer,
    WatchedAnswer,
)
from exporter.history.availability import AvailabilityAnswer, GatewayAnswer
from exporter.history.bar import ASCII
from exporter.history.entries import Subject
from exporter.history.model import Figures, GatewaySteps, KeptCall, Outage, Phase, Span, Step
from exporter.history.terminal import MAX_LINES, Form, call_lines, history_lines, percent, zone
from exporter.history.times import iso
from exporter.watch.changes import Change
from tests.history.pasts import BEGAN, FULL_CALL, HOUR, TELNYX, call, change, outage
from tests.support.zone import in_zone

PIPE = Form(None, ASCII)
STARTED = (change(0, "exporter_started", node=""),)
HOSTILE = "\x1b[2J\x1b]0;x\x07\r\nOutages\u2028\u202e" + "\N{PILE OF POO}" * 30


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with in_zone("CET-1"):
        yield


def history(
    *outages: Outage,
    changes: tuple[Change, ...] = (),
    watched: tuple[tuple[float, float], ...] = ((0, 10),),
    hours: int = 10,
) -> HistoryAnswer:
    """An answer about the ten hours after BEGAN."""
    newest_first = sorted(outages, key=lambda one: one.began, reverse=True)
    return HistoryAnswer(
        version=1,
        since=iso(BEGAN),
        until=iso(BEGAN + hours * HOUR),
        watched_since=iso(BEGAN) if watched else None,
        outages=[OutageAnswer.of(one) for one in newest_first],
        changes=[ChangeAnswer.of(one) for one in changes],
        watched=[
            WatchedAnswer.of("fs1", Span(BEGAN + began * HOUR, BEGAN + ended * HOUR))
            for began, ended in watched
        ],
        next=None,
    )


def gateway(
    subject: Subject = TELNYX, watched: float = 10 * HOUR, usable: float = 10 * HOUR
) -> GatewayAnswer:
    node, name, profile = subject
    steps = tuple(
        Step(BEGAN + n * HOUR, Figures(watched=watched / 10, usable=usable / 10)) for n in range(10)
    )
    return GatewayAnswer.of(GatewaySteps(node=node, gateway=name, profile=profile, steps=steps))


def lines_of(answer: HistoryAnswer, gateways: Sequence[GatewayAnswer], form: Form) -> list[str]:
    """The lines about these gateways, by the hour."""
    availability = AvailabilityAnswer(
        version=1, step="1h", since=answer.since, until=answer.until, gateways=list(gateways), next=None
    )
    return list(history_lines(answer, availability, form))


def calls(*kept: KeptCall) -> CallsAnswer:
    return CallsAnswer(
        version=1,
        since=iso(BEGAN),
        until=iso(BEGAN + HOUR),
        calls=[CallAnswer.of(one) for one in kept],
        next=None,
    )


def test_a_day_of_a_gateway() -> None:
    lost = outage(
        2 * HOUR,
        420,
        calls_failed=12,
        dials_refused=1,
        course=(
            Phase(BEGAN + 2 * HOUR, "registering"),
            Phase(BEGAN + 2 * HOUR + 3, "unreachable", "503 Service Unavailable"),
        ),
        changes_before=(change(2 * HOUR - 40), change(2 * HOUR - 60, "gateway_changed", subject="telnyx")),
    )
    answer = history(
        lost,
        changes=(change(2 * HOUR - 40), change(0, "limits", subject="Max-Sessions", before="1", after="2")),
    )
    assert lines_of(answer, [gateway(usable=9.9 * HOUR)], Form(80, ASCII)) == [
        "2026-11-26 04:00 to 2026-11-26 14:00 CET (UTC+01:00); watched since 2026-11-26",
        "    04:00",
        "_ well  # outage  . not watched",
        "",
        "gateway  available  outages    longest",
        "telnyx    99.000 %        1      7 min  ________#_______________________________",
        "",
        "Outages, newest first",
        "2026-11-26 06:00:00  telnyx  unreachable (503 Service Unavailable) for 7 min",
        "    12 calls failed, 1 dial refused",
        "    went through registering from 06:00:00, unreachable (503 Service",
        "        Unavailable) from 06:00:03",
        "    before: 05:59:20 xml_reloaded; 05:59:00 gateway_changed telnyx",
        "",
        "Changes, newest first",
        "2026-11-26 05:59:20  fs1  xml_reloaded",
        "2026-11-26 04:00:00  fs1  limits Max-Sessions: 1 -> 2",
    ]


@pytest.mark.parametrize(
    ("outages", "said"),
    [
        ([outage(0, None, seconds=90.0)], "for 1 min, and still is"),
        ([outage(2, None, seconds=90.0, changes_before=STARTED)], "for at least 1 min, and still is"),
        ([outage(2, 90, changes_before=STARTED)], "for at least 1 min"),
        ([outage(0, 90, ended_unwatched=True)], "for 1 min, ended while unwatched"),
        ([outage(n * 30, 5) for n in range(14)], "14 times until 04:06:35, 1 min in all"),
        ([outage(0, 50, times=7)], "7 times until 04:00:50, 50 s in all"),
        ([outage(20 * HOUR - 30, 60, times=3)], "3 times until 2026-11-27 00:00:30, 1 min in all"),
        ([outage(0, 50, probes_failed=1), outage(100), outage(200, probes_failed=1)], "    2 probes failed"),
    ],
)
def test_what_is_said_of_an_outage(outages: list[Outage], said: str) -> None:
    lines = lines_of(history(*outages), [gateway()], PIPE)
    assert sum(line.endswith(said) for line in lines) == 1, lines


def test_time_without_a_look_is_neither_up_nor_down() -> None:
    answer = history(outage(8 * HOUR, HOUR), watched=((0, 4), (6, 10)))
    lines = lines_of(answer, [gateway(watched=8 * HOUR)], Form(50, ASCII))
    [line] = [line for line in lines if line.startswith("telnyx")]
    assert line.endswith("  ____..__#_")


def test_a_lost_switch_has_a_line_and_its_gateways_were_not_watched() -> None:
    lost = outage(2 * HOUR, 4 * HOUR, layer="switch", gateway="", profile="")
    answer = history(lost, watched=((0, 2), (6, 10)))
    lines = lines_of(answer, [gateway()], Form(53, ASCII))
    switch, telnyx = (line for line in lines if line[:6] in ("switch", "telnyx"))
    assert switch.endswith("  __####____")
    assert telnyx.endswith("  __....____")
    assert any(line.startswith("2026-11-26 06:00:00  switch fs1  unreachable") for line in lines)


def test_a_gateway_that_did_not_exist_yet_was_not_watched() -> None:
    """Its node was watched all the time."""
    late = GatewayAnswer.of(
        GatewaySteps(
            node="fs1",
            gateway="telnyx",
            profile="",
            steps=tuple(Step(BEGAN + n * HOUR, Figures(watched=HOUR, usable=HOUR)) for n in (6, 7, 8, 9)),
        )
    )
    [line] = [line for line in lines_of(history(), [late], Form(50, ASCII)) if line.startswith("telnyx")]
    assert line.endswith("  ......____")


def test_names_are_as_long_as_they_must_be() -> None:
    for subjects, names in (
        ([("fs1", "a", "x"), ("fs1", "b", "x")], ["a", "b"]),
        ([("fs1", "a", "x"), ("fs2", "a", "x")], ["fs1 a", "fs2 a"]),
        ([("fs1", "a", ""), ("fs1", "a", "x"), ("fs1", "b", "")], ["a (-)", "a (x)", "b"]),
    ):
        gateways = [gateway(Subject(*subject)) for subject in subjects]
        lines = lines_of(history(), gateways, PIPE)
        first = lines.index("", 1) + 2
        assert [line.split("  ")[0] for line in lines[first : first + len(names)]] == names


def test_nothing_was_kept() -> None:
    assert lines_of(history(watched=()), [], PIPE) == [
        "2026-11-26 04:00 to 2026-11-26 14:00 CET (UTC+01:00); never watched",
        "",
        "No outages in that time.",
    ]
    assert list(call_lines(calls(), PIPE))[1:] == ["No such call was kept in that time."]


def test_long_lists_end_with_how_many_more_there_are() -> None:
    many = [outage(n * 2000, 5) for n in range(MAX_LINES + 7)]
    changes = tuple(change(n) for n in range(MAX_LINES + 3))
    lines = lines_of(history(*many, changes=changes), [gateway()], PIPE)
    assert [line for line in lines if "more" in line] == [
        "and 7 more: name a --gateway or a later --since",
        "and 3 more: name a --gateway or a later --since",
    ]


@pytest.mark.parametrize(
    ("availability", "text"),
    [(None, "-"), (1.0, "100.000 %"), (0.9999999, "99.999 %"), (0.0, "0.000 %"), (0.5, "50.000 %")],
)
def test_availability_is_never_rounded_up(availability: float | None, text: str) -> None:
    assert percent(availability) == text


def test_a_kept_call() -> None:
    lines = list(call_lines(calls(FULL_CALL, call(1, origin="local", sip_status=503, sip_phrase="")), PIPE))
    assert lines == [
        "2026-11-26 04:00 to 2026-11-26 05:00 CET (UTC+01:00)",
        "",
        "2026-11-26 04:00:05  telnyx  outbound +1949533xxxx -> +1555000xxxx",
        "    failed: 403 Forbidden D1; D1: call limit reached; CALL_REJECTED (Q.850 21); Q.850;cause=21",
        (
            "    ended by far_end; post-dial delay 1.2 s; talk 0.5 s; codec PCMU; packets in 1; "
            "packets out 2; MOS 4.5; user agent provider"
        ),
        f"    Call-ID abc@192.0.2.1; SIP 192.0.2.7:5060; media 192.0.2.8:30000; UUID {FULL_CALL.call_uuid}",
        "    other leg inbound +1 -> +2; UUID ffffffff-4b5a-6978-8796-a5b4c3d2e1f0",
        "",
        "2026-11-26 04:00:01  telnyx  outbound +1949533xxxx -> +1555000xxxx",
        "    failed: 503 (FreeSWITCH's own); CALL_REJECTED (Q.850 21)",
        f"    Call-ID abc@192.0.2.1; UUID {call(1).call_uuid}",
    ]


LONG = "g" * 90
HOSTILE_CALL = call(
    0,
    gateway=HOSTILE,
    from_=HOSTILE,
    to=HOSTILE,
    sip_call_id="c" * 150,
    sip_phrase=HOSTILE,
    reason=HOSTILE,
    user_agent=HOSTILE,
    cause=HOSTILE,
    codec=HOSTILE,
)
HOSTILE_OUTAGE = outage(
    0,
    gateway=HOSTILE,
    course=(Phase(BEGAN, "registering", HOSTILE), Phase(BEGAN, HOSTILE, HOSTILE)),
    changes_before=(change(0, HOSTILE, subject=HOSTILE, before=HOSTILE),),
)


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (call(1, result="bad", talk=20.0, mos=4.2, packet_loss=0.14), "bad: MOS 4.2; 14 % of packets lost"),
        (call(1, result="bad", talk=20.0, mos=2.1, packet_loss=0.0), "bad: MOS 2.1"),
        (call(1, result="silent", talk=34.0), "silent: answered, no audio received"),
    ],
)
def test_an_answered_call_says_first_why_it_is_kept(kept: KeptCall, said: str) -> None:
    answered = replace(kept, sip_status=None, sip_phrase="", cause="NORMAL_CLEARING", q850=16)
    line = list(call_lines(calls(answered), PIPE))[3]
    assert line.strip() == f"{said}; NORMAL_CLEARING (Q.850 16)"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_lines_fit_whatever_strangers_write(width: int) -> None:
    form = Form(width, ASCII)
    answer = history(
        HOSTILE_OUTAGE, outage(0, gateway=LONG), outage(HOUR), changes=(change(0, "x", subject=HOSTILE * 9),)
    )
    gateways = [gateway(), gateway(Subject("fs1", LONG, "")), gateway(Subject(HOSTILE, HOSTILE, HOSTILE))]
    for line in (*lines_of(answer, gateways, form), *call_lines(calls(HOSTILE_CALL), form)):
        assert len(line) <= max(width, 62), line
        assert line == "" or line.isprintable(), line
        assert line != "Outages"


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_has_the_width_of_the_terminal(width: int) -> None:
    gateways = [gateway(), gateway(Subject("fs1", LONG, ""))]
    lines = lines_of(history(), gateways, Form(width, ASCII))
    assert [len(line) for line in lines if line.startswith(("telnyx", "ggg"))] == [width, width]


def test_in_a_pipe_each_fact_stays_on_one_line() -> None:
    lines = list(call_lines(calls(HOSTILE_CALL), PIPE))
    assert len(lines) == 6
    assert any("c" * 150 in line for line in lines)


@pytest.mark.parametrize(
    ("name", "text"), [("CET-1", "CET (UTC+01:00)"), ("UTC0", "UTC"), ("XYZ+3:30", "XYZ (UTC-03:30)")]
)
def test_the_zone_is_named(name: str, text: str) -> None:
    with in_zone(name):
        assert zone(BEGAN) == text
