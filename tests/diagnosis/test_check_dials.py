"""Refused dials in words: what was dialled, why it could not be, and what it may have meant."""

from typing import Any

import pytest

from exporter.diagnosis.check_dials import MAX_OF_A_FAULT
from exporter.diagnosis.conclusion import diagnose
from exporter.diagnosis.finding import Finding, time_of_day
from exporter.diagnosis.snapshot import CallsSeen, RecentCalls, Snapshot
from exporter.watch.refused_dials import RefusedKind, RefusedTarget
from tests.diagnosis import snapshots
from tests.diagnosis.snapshots import gateway, profile, subscriber, switch

AT = 1_795_000_000.0


def dialled(cause: str, kind: RefusedKind, name: str = "", count: int = 3, number: str = "") -> RefusedTarget:
    return RefusedTarget(cause, kind, name, count, AT - 60, AT - 1, number)


def dialling(*targets: RefusedTarget, **changes: Any) -> Snapshot:
    plain: dict[str, Any] = {
        "taken_at": AT,
        "switch": switch(profiles=(profile(), profile("internal"))),
        "refused_dials": targets,
        "recent": RecentCalls(seconds=600),
    }
    return snapshots.snapshot(**(plain | changes))


def findings(seen: Snapshot) -> list[Finding]:
    return [finding for finding in diagnose(seen).findings if finding.check == "calls"]


@pytest.mark.parametrize(
    ("target", "fault", "status", "summary"),
    [
        (
            dialled("INVALID_GATEWAY", "gateway", "telnix", 15),
            "unknown_gateway",
            "warn",
            "15 dials to gateway telnix, which does not exist: did you mean telnyx? (INVALID_GATEWAY)",
        ),
        (
            dialled("INVALID_GATEWAY", "gateway", "carrier", 1),
            "unknown_gateway",
            "warn",
            "1 dial to gateway carrier, which does not exist (INVALID_GATEWAY)",
        ),
        (
            dialled("INVALID_GATEWAY", "gateway"),
            "unknown_gateway",
            "warn",
            "3 dials to gateway (name not known), which does not exist (INVALID_GATEWAY)",
        ),
        (
            dialled("GATEWAY_DOWN", "gateway", "telnyx"),
            "refused",
            "warn",
            "3 dials to gateway telnyx while it was down (GATEWAY_DOWN)",
        ),
        (
            dialled("INVALID_URL", "gateway", "telnyx"),
            "incomplete_dial",
            "warn",
            "3 dials to gateway telnyx without a number (INVALID_URL)",
        ),
        (
            dialled("INVALID_URL", "profile", "external"),
            "incomplete_dial",
            "warn",
            "3 dials through profile external without a destination (INVALID_URL)",
        ),
        (
            dialled("INVALID_PROFILE", "profile", "extenal"),
            "unknown_profile",
            "warn",
            "3 dials through profile extenal, which is not running: did you mean external? (INVALID_PROFILE)",
        ),
        (
            dialled("USER_NOT_REGISTERED", "user", "1000@lab.local", 4),
            "not_registered",
            "warn",
            "4 dials to user 1000@lab.local, who is not registered (USER_NOT_REGISTERED)",
        ),
        (
            dialled("SUBSCRIBER_ABSENT", "user", "nobody", 1),
            "unknown_user",
            "warn",
            "1 dial to user nobody, who is not in the directory (SUBSCRIBER_ABSENT)",
        ),
        (
            dialled("CHAN_NOT_IMPLEMENTED", "endpoint", "nosuch"),
            "unknown_endpoint",
            "warn",
            "3 dials through endpoint nosuch, which no loaded module provides (CHAN_NOT_IMPLEMENTED)",
        ),
        (
            dialled("USER_BUSY", "endpoint", "error"),
            "refused_on_purpose",
            "warn",
            "3 dials to the endpoint error, which refuses every call (USER_BUSY)",
        ),
        (
            dialled("DESTINATION_OUT_OF_ORDER", "capacity"),
            "capacity",
            "warn",
            "3 dials refused: FreeSWITCH was paused or at a limit (DESTINATION_OUT_OF_ORDER)",
        ),
        (
            dialled("other", "other"),
            "bad_dial",
            "warn",
            "3 dials refused: the dial string is wrong, or its UUID is in use (other)",
        ),
    ],
)
def test_a_refusal_in_words(target: RefusedTarget, fault: str, status: str, summary: str) -> None:
    (finding,) = findings(dialling(target))
    assert (finding.fault, finding.status, finding.summary) == (fault, status, summary)
    assert finding.remedy.advice


@pytest.mark.parametrize(
    ("registered", "since", "why"),
    [
        (False, AT - 600, ", not registered since {at}"),
        (True, AT, ", not registered until {at}"),
        (None, AT - 600, ", who is not registered"),
        (False, AT, ", who is not registered"),
        (True, AT - 600, ", who is not registered"),
    ],
)
def test_of_a_watched_subscriber_it_is_told_since_when(
    registered: bool | None, since: float, why: str
) -> None:
    watched = subscriber(name="1000@LAB.local", registered=registered, since=since)
    another = subscriber(name="1001@lab.local", registered=False, since=AT - 60)
    target = dialled("USER_NOT_REGISTERED", "user", "1000@lab.local", 4)
    (finding,) = findings(dialling(target, subscribers=(another, watched)))
    why = why.format(at=time_of_day(since, AT))
    assert finding.summary == f"4 dials to user 1000@lab.local{why} (USER_NOT_REGISTERED)"


def test_the_evidence_has_the_times_and_a_masked_number() -> None:
    (finding,) = findings(dialling(dialled("INVALID_GATEWAY", "gateway", "x", 3, "+1555000xxxx")))
    assert finding.seen.startswith("the first at ")
    assert finding.seen.endswith("the last number dialled was +1555000xxxx")


def test_a_misspelt_gateway_is_the_conclusion_of_an_otherwise_healthy_node() -> None:
    diagnosis = diagnose(dialling(dialled("INVALID_GATEWAY", "gateway", "telnix", 15)))
    assert diagnosis.conclusion.text == (
        "No check failed. Warning: 15 dials to gateway telnix, which does not exist: did you mean telnyx? "
        "(INVALID_GATEWAY)."
    )


def test_a_gateway_that_is_down_accounts_for_its_dials_and_they_are_told_once() -> None:
    refused = CallsSeen(gateway="telnyx", direction="outbound", refused=5)
    diagnosis = diagnose(
        dialling(
            dialled("GATEWAY_DOWN", "gateway", "telnyx"),
            gateways=(gateway(problem="auth_rejected", up=False, usable=False, state="FAIL_WAIT"),),
            recent=RecentCalls(seconds=600, calls=(refused,)),
        )
    )
    assert diagnosis.conclusion.cause is not None
    assert diagnosis.conclusion.cause.fault == "auth_rejected"
    (finding,) = [one for one in diagnosis.findings if one.check == "calls"]
    assert finding.summary == "FreeSWITCH refused 5 dials because gateway telnyx was down"
    assert finding in diagnosis.conclusion.consequences


def test_many_targets_of_one_fault_do_not_crowd_out_another() -> None:
    users = [dialled("SUBSCRIBER_ABSENT", "user", f"u{number}", 9) for number in range(100)]
    found = findings(dialling(*users, dialled("INVALID_GATEWAY", "gateway", "x", 1)))
    assert [finding.fault for finding in found] == ["unknown_user"] * MAX_OF_A_FAULT + ["unknown_gateway"]
    assert found[MAX_OF_A_FAULT - 1].seen.endswith(f"; {100 - MAX_OF_A_FAULT} more like it")


def test_a_caller_whose_bridge_was_refused_is_no_second_fault() -> None:
    target = dialled("INVALID_GATEWAY", "gateway", "telnix")
    causes = {"INVALID_GATEWAY": 3}
    for direction, faults in (("inbound", []), ("outbound", ["INVALID_GATEWAY"])):
        ended = CallsSeen(gateway="telnyx", direction=direction, causes=causes)
        seen = dialling(target, recent=RecentCalls(seconds=600, calls=(ended,)))
        assert sorted(finding.fault for finding in findings(seen)) == [*faults, "unknown_gateway"]


def test_dropped_sessions_that_targets_explain_are_not_told_again() -> None:
    recent = RecentCalls(seconds=600, refused_unnamed=3)
    explained = findings(dialling(dialled("INVALID_GATEWAY", "gateway", "telnix"), recent=recent))
    assert [finding.summary.partition(":")[0] for finding in explained] == [
        "3 dials to gateway telnix, which does not exist"
    ]
    other = findings(dialling(dialled("SUBSCRIBER_ABSENT", "user", "nobody"), recent=recent))
    assert sorted(finding.fault for finding in other) == ["unknown_gateway", "unknown_user"]


@pytest.mark.parametrize(
    ("name", "changes", "since"),
    [
        ("1000@lab.local", {"registered": False}, True),
        ("1000", {"registered": False}, True),
        ("1000@lab.local", {"registered": True}, False),
        ("1000@lab.local", {"registered": None, "since": 0.0}, False),
        ("1001@lab.local", {"registered": False}, False),
    ],
)
def test_a_subscriber_who_is_known_to_be_gone_has_the_time(
    name: str, changes: dict[str, Any], since: bool
) -> None:
    target = dialled("USER_NOT_REGISTERED", "user", name, 4)
    (finding,) = findings(dialling(target, subscribers=(subscriber(**changes),)))
    assert (f"4 dials to user {name}, not registered since " in finding.summary) is since
    assert finding.summary.endswith("(USER_NOT_REGISTERED)")


def test_dials_to_a_gateway_that_does_not_exist_are_told_beside_those_to_one_that_is_down() -> None:
    refused = CallsSeen(gateway="telnyx", direction="outbound", refused=5)
    diagnosis = diagnose(
        dialling(
            gateways=(gateway(problem="auth_rejected", up=False, usable=False, state="FAIL_WAIT"),),
            recent=RecentCalls(seconds=600, calls=(refused,), refused_unnamed=4),
        )
    )
    assert [one.cause.fault for one in diagnosis.conclusion.ranking] == ["auth_rejected", "unknown_gateway"]
    assert diagnosis.conclusion.others[0].summary == (
        "FreeSWITCH refused 4 dials: the gateway dialled does not exist"
    )
