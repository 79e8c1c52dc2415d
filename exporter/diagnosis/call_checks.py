"""Checks 9 and 12: calls that ended lately, and the synthetic call that was asked for.

A busy line or an unanswered telephone is no fault of a trunk: `BENIGN` has those causes, the same that the
alert on failing calls leaves out. What is left is told by its most telling sign, in this order: the
provider's own codes (their class is the fault's word), answered calls without audio, dials that FreeSWITCH
refused itself, and then plain causes.
"""

from collections.abc import Iterator
from typing import Final

from exporter.diagnosis.finding import Finding, Remedy, Status, not_checked, passed, shown
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.snapshot import CallsSeen, RecentCalls, Snapshot
from exporter.diagnosis.switch_checks import clock, duration, unreached
from exporter.switch.cause import explain
from exporter.switch.provider import OTHER, ProviderCode, provider

BENIGN: Final = frozenset(
    """
    NORMAL_CLEARING USER_BUSY BUSY_EVERYWHERE NO_ANSWER NO_PICKUP NO_USER_RESPONSE SUBSCRIBER_ABSENT
    UNALLOCATED_NUMBER INVALID_NUMBER_FORMAT NUMBER_CHANGED DOES_NOT_EXIST_ANYWHERE
    REDIRECTION_TO_NEW_DESTINATION ORIGINATOR_CANCEL DECLINE REJECT_ALL UNWANTED LOSE_RACE PICKED_OFF
    MANAGER_REQUEST ALLOTTED_TIMEOUT BLIND_TRANSFER ATTENDED_TRANSFER USER_CHALLENGE
    """.split()
)
GRAVE_SHARE: Final = 0.2  # of the calls that ended; from there on a failure, below a warning
GRAVE_COUNT: Final = 3
MAX_NAMED: Final = 20

_CLASSES: Final = {
    "account": "the provider bars the account",
    "authentication": "the provider does not recognise the account that calls",
    "billing": "the provider blocks calls over money",
    "caller_id": "the provider rejects the caller ID",
    "capacity": "the provider's limit of calls is reached",
    "configuration": "a setting at the provider keeps calls from going through",
    "destination": "the provider rejects numbers that are called",
    "fraud": "the provider bars a destination as a fraud risk",
    "media": "the provider rejects the media we offer",
    "protocol": "the provider rejects how we speak SIP",
    "provider": "the provider has a fault of its own",
    "routing": "the provider has no route",
    "other": "the provider rejects calls with a code that we do not know",
}


def check_calls(snapshot: Snapshot) -> Iterator[Finding]:
    """9: recent calls: how many fail and why, and whether there is audio."""
    if (reason := unreached(snapshot)) is not None:
        yield not_checked("calls", reason)
        return
    if snapshot.recent is None:
        yield not_checked("calls", snapshot.unseen.get("calls", "no calls were watched"))
        return
    # A leg without a gateway fails as the leg that it was bridged to.
    through = [calls for calls in snapshot.recent.calls if calls.gateway]
    problems = [finding for calls in through for finding in _troubles(snapshot, snapshot.recent, calls)]
    problems.sort(key=lambda finding: finding.status)
    refused = snapshot.recent.refused_locally
    if refused and not any(finding.fault == "refused" for finding in problems):
        problems.append(
            Finding(
                check="calls",
                status="warn",
                fault="refused",
                summary=f"FreeSWITCH itself refused {_dials(refused)}: their gateway was down or unknown",
                seen=_window(snapshot.recent),
                remedy=remedy(snapshot, "calls", "refused"),
            )
        )
    yield from problems[:MAX_NAMED]
    if problems:
        return
    ended = sum(_ended(calls) for calls in snapshot.recent.calls)
    if ended:
        yield passed(
            "calls",
            "no call failed for a technical reason",
            f"{_summed(snapshot.recent)} {_window(snapshot.recent)}",
        )
    else:
        yield not_checked("calls", f"no call ended {_window(snapshot.recent)}{_counters(snapshot)}")


def check_call(snapshot: Snapshot) -> Iterator[Finding]:
    """12: the synthetic call that was asked for, and whether any can be placed."""
    if snapshot.state_problem:
        yield Finding(
            check="call",
            status="warn",
            fault="state_dir",
            summary="the exporter cannot record probe calls, so it places none",
            seen=shown(snapshot.state_problem, 200),
            remedy=remedy(snapshot, "call", "state_dir"),
        )
    record = snapshot.call
    if record is None:
        yield not_checked("call", snapshot.unseen.get("call", "no call was asked for (--call PROBE)"))
        return
    words = shown(record.message, 200) or record.result or ""
    name = shown(record.probe or record.gateway)
    if record.result == "success":
        yield passed("call", f"the synthetic call {name} got through", words)
        return
    if record.result == "aborted":
        yield not_checked("call", f"the call was cut short: {words}")
        return
    status: Status = "warn" if record.result == "degraded" else "fail"
    if record.provider_code is not None:
        fault = record.provider_code.class_
    elif record.failed_phase == "media":
        fault = "no_media"
    else:
        fault = "degraded" if record.result == "degraded" else record.cause or "failed"
    what = "is degraded" if status == "warn" else "failed"
    cause = explain(record.cause)
    seen = [f"at {clock(record.started_at)}", f"phase {record.failed_phase}" if record.failed_phase else ""]
    if record.sip_code is not None:
        seen.append(f"SIP {record.sip_code} {shown(record.sip_phrase, 80)}".strip())
    if record.cause:
        seen.append(f"{shown(record.cause, 40)}: {cause.meaning}")
    seen.append("; ".join(shown(reason) for reason in record.reasons))
    yield Finding(
        check="call",
        status=status,
        fault=fault,
        gateway=record.gateway,
        summary=f"the synthetic call {name} {what}: {words}".rstrip("."),
        seen=", ".join(filter(None, seen)),
        remedy=Remedy(shown(record.remedy, 300)),
    )


# -- inside -------------------------------------------------------------------------------------------


def _troubles(snapshot: Snapshot, recent: RecentCalls, calls: CallsSeen) -> Iterator[Finding]:
    where = f"through gateway {shown(calls.gateway)}"
    seen = f"{calls.direction} {where} {_window(recent)}: {_outcomes(calls)}"

    def finding(count: int, fault: str, summary: str, advice: Remedy) -> Finding:
        grave = count >= GRAVE_COUNT and count >= GRAVE_SHARE * (_ended(calls) + calls.refused)
        return Finding(
            check="calls",
            status="fail" if grave else "warn",
            fault=fault,
            gateway=calls.gateway,
            summary=summary,
            seen=seen,
            remedy=advice,
        )

    codes = [(code, count) for code, count in calls.codes.items() if count]
    told: set[str] = set()
    for name, count in sorted(codes, key=lambda pair: -pair[1]):
        code = _code(calls.provider, name)
        if code.class_ in told:
            continue
        told.add(code.class_)
        alike = sum(n for other, n in codes if _code(calls.provider, other).class_ == code.class_)
        yield finding(
            alike,
            code.class_,
            f"{_CLASSES.get(code.class_, code.meaning)}: {code.meaning} ({name}, {_times(count)})",
            Remedy(f"{code.remedy[:1].upper()}{code.remedy[1:]}."),
        )
    if calls.silent:
        yield finding(
            calls.silent,
            "no_media",
            f"no audio came from the far end of {calls.silent} of {calls.answered} answered calls {where}",
            remedy(snapshot, "calls", "no_media", profile=_profile_of(snapshot, calls.gateway)),
        )
    if calls.refused:
        yield finding(
            calls.refused,
            "refused",
            f"FreeSWITCH refused {_dials(calls.refused)} because gateway {shown(calls.gateway)} was down",
            remedy(snapshot, "calls", "refused"),
        )
    bad = _unexplained(calls)
    if bad:
        most = max(bad, key=lambda name: bad[name])
        cause = explain(most)
        yield finding(
            sum(bad.values()),
            cause.name,
            f"{calls.direction} calls {where} fail: {shown(most, 40)}, {_times(bad[most])}",
            Remedy(f"{cause.meaning} {cause.remedy}"),
        )


def _unexplained(calls: CallsSeen) -> dict[str, int]:
    """Failures by cause, less those whose reason a provider's code has told."""
    bad = {cause: count for cause, count in calls.causes.items() if cause not in BENIGN}
    for name, count in calls.codes.items():
        sip = _code(calls.provider, name).sip
        of_it = [cause for cause in bad if sip in explain(cause).sip or sip == OTHER.sip]
        if of_it:
            bad[max(of_it, key=lambda cause: bad[cause])] -= count
    return {cause: count for cause, count in bad.items() if count > 0}


def _code(provider_name: str, code: str) -> ProviderCode:
    if not provider_name:
        return OTHER
    return next((one for one in provider(provider_name).codes if one.code == code), OTHER)


def _profile_of(snapshot: Snapshot, gateway: str) -> str:
    return next((seen.profile for seen in snapshot.gateways if seen.name == gateway), "")


def _ended(calls: CallsSeen) -> int:
    return calls.answered + sum(calls.causes.values())


def _outcomes(calls: CallsSeen) -> str:
    causes = sorted(calls.causes.items(), key=lambda pair: -pair[1])
    parts = [f"{calls.answered} answered"]
    parts += [f"{count} {shown(cause, 40)}" for cause, count in causes[:5] if count]
    if calls.refused:
        parts.append(f"{calls.refused} refused")
    return ", ".join(parts)


def _summed(recent: RecentCalls) -> str:
    ended = sum(_ended(calls) for calls in recent.calls)
    answered = sum(calls.answered for calls in recent.calls)
    return f"{answered} of {ended} ended calls had been answered"


def _window(recent: RecentCalls) -> str:
    return f"in the last {duration(recent.seconds)}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _dials(count: int) -> str:
    return "a dial" if count == 1 else f"{count} dials"


def _counters(snapshot: Snapshot) -> str:
    """FreeSWITCH's own counters, for want of calls; they count a busy line as failed."""
    busiest = max(snapshot.gateways, key=lambda gateway: gateway.calls_out, default=None)
    if busiest is None or not busiest.calls_out:
        return ""
    return (
        f"; FreeSWITCH's own counters for {shown(busiest.name)}: {busiest.failed_calls_out} of "
        f"{busiest.calls_out} calls out ended unanswered"
    )
