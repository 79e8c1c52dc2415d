"""Checks 9 and 12: calls that ended recently, and the synthetic call.

A busy line or an unanswered telephone is no fault of a trunk: `switch.cause.OF_THE_CALL` has those causes,
the same that the alert on failing calls leaves out. Other failures are reported by their most exact sign, in
this order: the provider's own codes (their class is the fault's word), calls to which nothing came from the
network, answered calls without audio, dials that FreeSWITCH refused itself, one country to which calls fail
(check_countries.py), and then hang-up causes. Calls that are up and in which nothing is heard come last
(check_live_audio.py). Where it is known what was dialled, refused dials are told by their target
(check_dials.py).

Recent is the window of call_window.py.
"""

from collections.abc import Iterator
from typing import Final

from exporter.diagnosis.check_countries import (
    country_findings,
    failing_countries,
)
from exporter.diagnosis.check_dials import check_dials, known_targets
from exporter.diagnosis.check_live_audio import live_audio_findings
from exporter.diagnosis.check_switch import REPORTABLE_USE, unreached
from exporter.diagnosis.finding import (
    SEVERITY,
    Finding,
    Remedy,
    lately,
    not_checked,
    passed,
    shown,
    time_of_day,
)
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.severity import (
    CALLS_FAIL,
    FAIL_SHARE,
    SILENT_SHARE,
    Fault,
    by_count,
    fault_of,
    fault_of_class,
)
from exporter.diagnosis.snapshot import CallsSeen, RecentCalls, Snapshot
from exporter.switch.cause import OF_THE_CALL, explain
from exporter.switch.local_failure import EXPLAINED
from exporter.switch.provider import OTHER, Provider, ProviderCode

MAX_NAMED: Final = 20

# The classes of providers' codes (config.provider_table.CLASSES): the reason, after "the provider rejects
# calls: ".
_CLASSES: Final = {
    "account": "account barred",
    "authentication": "calling account not recognised",
    "billing": "billing block",
    "caller_id": "caller ID not accepted",
    "capacity": "call limit reached",
    "configuration": "a setting of the account",
    "destination": "called number not accepted",
    "fraud": "destination barred as a fraud risk",
    "media": "offered media not accepted",
    "protocol": "SIP request not accepted",
    "provider": "a fault of the provider",
    "routing": "no route",
    "other": "unknown code",
}

# Calls that FreeSWITCH failed itself, by the words of call_window.UNANSWERED: the cause they end with,
# and how to say it. A status of its own for another reason is told by its cause.
_LOCAL: Final = {
    "no_answer_to_invite": ("RECOVERY_ON_TIMER_EXPIRE", "nothing came back for the INVITE"),
    "refused_port": ("NORMAL_TEMPORARY_FAILURE", "nothing takes SIP at its address"),
    "dns": ("NORMAL_TEMPORARY_FAILURE", "its name has no address"),
}


def check_calls(snapshot: Snapshot) -> Iterator[Finding]:
    """9: recent calls: how many fail and why, and whether there is audio."""
    if (reason := unreached(snapshot)) is not None:
        yield not_checked("calls", reason)
        return
    if snapshot.recent is None:
        yield not_checked("calls", snapshot.unseen.get("calls", "No calls were watched"))
        return
    # A leg without a gateway fails with the leg it is bridged to: counted there.
    through = [calls for calls in snapshot.recent.calls if calls.gateway]
    problems = [finding for calls in through for finding in _troubles(snapshot, snapshot.recent, calls)]
    told = {finding.gateway for finding in problems if finding.fault == "refused"}
    problems += [
        finding
        for finding in check_dials(snapshot)
        if finding.fault != "refused" or finding.gateway not in told
    ]
    problems += live_audio_findings(snapshot)
    problems += _near_limits(snapshot)
    problems.sort(key=lambda finding: SEVERITY[finding.status])
    without_port = sum(calls.no_rtp_ports for calls in snapshot.recent.calls)
    if without_port:
        # First: the fault is FreeSWITCH's, whatever else there is.
        problems.insert(
            0,
            Finding(
                check="calls",
                status=by_count(fault_of("calls", "no_rtp_ports"), without_port, 0.0),
                fault="no_rtp_ports",
                summary=f"FreeSWITCH had no RTP port for {_calls(without_port)}",
                seen=_window(snapshot.recent),
                remedy=remedy(snapshot, "commands", "no_rtp_ports"),
                failed=without_port,
            ),
        )
    unnamed = snapshot.recent.refused_unnamed - known_targets(snapshot)
    if unnamed > 0:
        problems.append(
            Finding(
                check="calls",
                status=fault_of("calls", "unknown_gateway").status,
                fault="unknown_gateway",
                summary=f"FreeSWITCH refused {_dials(unnamed)}: the gateway dialled does not exist",
                seen=f"{_window(snapshot.recent)}; what was dialled is in FreeSWITCH's log",
                remedy=remedy(snapshot, "calls", "unknown_gateway"),
                failed=unnamed,
            )
        )
    yield from problems[:MAX_NAMED]
    if problems:
        return
    ended = sum(_ended(calls) for calls in snapshot.recent.calls)
    if ended:
        yield passed(
            "calls",
            "No call failed for a technical reason",
            f"{_summed(snapshot.recent)} {_window(snapshot.recent)}",
        )
    else:
        yield not_checked("calls", f"No call ended {_window(snapshot.recent)}{_counters(snapshot)}")


def check_call(snapshot: Snapshot) -> Iterator[Finding]:
    """12: the synthetic call, and whether any can be placed."""
    if snapshot.state_problem:
        yield Finding(
            check="call",
            status=fault_of("call", "state_dir").status,
            fault="state_dir",
            summary="The exporter cannot record probe calls, so it places none",
            seen=shown(snapshot.state_problem, 200),
            remedy=remedy(snapshot, "call", "state_dir"),
        )
    record = snapshot.call
    if record is None:
        yield not_checked("call", snapshot.unseen.get("call", "No call was requested (--call PROBE)"))
        return
    words = shown(record.message, 200) or record.result or ""
    name = shown(record.probe or record.gateway)
    if record.result == "success":
        yield passed("call", f"Synthetic call {name} succeeded", words)
        return
    if record.result == "aborted":
        yield not_checked("call", f"The call was aborted: {words}")
        return
    row = fault_of("call", "degraded" if record.result == "degraded" else "failed")
    if record.provider_code is not None:
        fault = record.provider_code.class_
    elif record.failed_phase == "media":
        fault = "no_media"
    else:
        fault = "degraded" if record.result == "degraded" else record.cause or "failed"
    what = "is degraded" if record.result == "degraded" else "failed"
    cause = explain(record.cause)
    seen = [
        f"at {time_of_day(record.started_at, snapshot.taken_at)}",
        f"phase {record.failed_phase}" if record.failed_phase else "",
    ]
    if record.sip_code is not None:
        seen.append(f"SIP {record.sip_code} {shown(record.sip_phrase, 80)}".strip())
    if record.cause:
        seen.append(f"{shown(record.cause, 40)}: {cause.meaning}")
    seen.append("; ".join(shown(reason) for reason in record.reasons))
    if row.status == "fail" and record.sip_call_id:
        seen.append(f"SIP Call-ID {shown(record.sip_call_id)}")
    yield Finding(
        check="call",
        status=row.status,
        fault=fault,
        gateway=record.gateway,
        summary=f"Synthetic call {name} {what}: {words}".rstrip("."),
        seen=", ".join(filter(None, seen)),
        remedy=Remedy(shown(record.remedy, 300), section=record.failed_phase or row.section),
    )


# -- inside -------------------------------------------------------------------------------------------


def _troubles(snapshot: Snapshot, recent: RecentCalls, calls: CallsSeen) -> Iterator[Finding]:
    gateway = f"Gateway {shown(calls.gateway)}"
    seen = f"{calls.direction} calls {_window(recent)}: {_outcomes(calls)}"

    def finding(
        count: int, fault: str, row: Fault, summary: str, advice: Remedy, least_share: float = 0.0
    ) -> Finding:
        share = count / max(_ended(calls) + calls.refused, 1)
        return Finding(
            check="calls",
            status=by_count(row, count, share, least_share),
            fault=fault,
            gateway=calls.gateway,
            summary=summary,
            seen=seen,
            remedy=advice,
            failed=count,
        )

    codes = [(code, count) for code, count in calls.codes.items() if count]
    reported: set[str] = set()
    for name, count in sorted(codes, key=lambda pair: -pair[1]):
        code = _code(calls.provider, name)
        if code.class_ in reported:
            continue
        reported.add(code.class_)
        alike = sum(n for other, n in codes if _code(calls.provider, other).class_ == code.class_)
        yield finding(
            alike,
            code.class_,
            fault_of_class(code.class_),
            f"{gateway}: the provider rejects calls: {_CLASSES.get(code.class_, code.class_)} "
            f"({name}, {code.meaning}, {_times(count)})",
            Remedy(
                f"{code.remedy[:1].upper()}{code.remedy[1:]}.", section=fault_of_class(code.class_).section
            ),
        )
    for reason, count in calls.local.items():
        yield finding(
            count,
            reason,
            fault_of("calls", reason),
            f"{gateway}: no answer from the provider to {_calls(count)}: {_LOCAL[reason][1]}",
            Remedy(" ".join(EXPLAINED[reason]), section=fault_of("calls", reason).section),
        )
    if calls.silent:
        yield finding(
            calls.silent,
            "no_media",
            fault_of("calls", "no_media"),
            f"{gateway}: no audio from the far end in {calls.silent} of {calls.answered} answered "
            f"{calls.direction} calls",
            remedy(snapshot, "calls", "no_media", profile=_profile_of(snapshot, calls.gateway)),
            SILENT_SHARE,
        )
    if calls.refused:
        yield finding(
            calls.refused,
            "refused",
            fault_of("calls", "refused"),
            f"FreeSWITCH refused {_dials(calls.refused)} because gateway {shown(calls.gateway)} was down",
            remedy(snapshot, "calls", "refused"),
        )
    bad = _unexplained(calls)
    if calls.direction == "inbound":  # a caller whose bridge was refused ends with the cause of that
        for target in snapshot.refused_dials:
            bad.pop(target.cause, None)
    countries = failing_countries(calls) if bad else ()
    yield from country_findings(snapshot, calls, countries, _window(recent))
    if sum(bad.values()) > sum(seen.failed for seen in countries):
        most = max(bad, key=lambda name: bad[name])
        cause = explain(most)
        yield finding(
            sum(bad.values()),
            cause.name,
            CALLS_FAIL,
            f"{gateway}: {calls.direction} calls fail with {shown(most, 40)} ({_times(bad[most])})",
            Remedy(f"{cause.meaning} {cause.remedy}", section=CALLS_FAIL.section),
            FAIL_SHARE,
        )


def _near_limits(snapshot: Snapshot) -> Iterator[Finding]:
    """Gateways with almost as many calls as max_calls of the config, or more."""
    told = set()
    for gateway in snapshot.gateways:
        limit, active = gateway.max_calls, sum(gateway.active.values())
        if not limit or gateway.name in told or active < REPORTABLE_USE * limit:
            continue
        told.add(gateway.name)
        where = "over" if active > limit else "at" if active == limit else "close to"
        yield Finding(
            check="calls",
            status=fault_of("calls", "call_limit").status,
            fault="call_limit",
            gateway=gateway.name,
            summary=f"Gateway {shown(gateway.name)} is {where} its limit: {active} of {limit} calls",
            seen="the limit is max_calls of the exporter's configuration",
            remedy=remedy(snapshot, "calls", "call_limit", gateway=gateway.name),
        )


def _unexplained(calls: CallsSeen) -> dict[str, int]:
    """Failures by cause, less those that a provider's code explains, or that FreeSWITCH failed itself."""
    bad = {cause: count for cause, count in calls.causes.items() if cause not in OF_THE_CALL}
    for reason, count in calls.local.items():
        cause, _ = _LOCAL[reason]
        bad[cause] = bad.get(cause, 0) - count
    for name, count in calls.codes.items():
        sip = _code(calls.provider, name).sip
        of_it = [cause for cause in bad if sip in explain(cause).sip or sip == OTHER.sip]
        if of_it:
            bad[max(of_it, key=lambda cause: bad[cause])] -= count
    return {cause: count for cause, count in bad.items() if count > 0}


def _code(provider: Provider | None, code: str) -> ProviderCode:
    return provider.find(code) if provider is not None else OTHER


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
    return f"{answered} of {ended} calls answered"


def _window(recent: RecentCalls) -> str:
    return lately(recent.seconds)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _calls(count: int) -> str:
    return "a call" if count == 1 else f"{count} calls"


def _dials(count: int) -> str:
    return "a dial" if count == 1 else f"{count} dials"


def _counters(snapshot: Snapshot) -> str:
    """FreeSWITCH's own counters, where there are no calls; they count a busy line as failed."""
    busiest = max(snapshot.gateways, key=lambda gateway: gateway.calls_out, default=None)
    if busiest is None or not busiest.calls_out:
        return ""
    return (
        f"; FreeSWITCH's own counters for {shown(busiest.name)}: {busiest.failed_calls_out} of "
        f"{busiest.calls_out} outbound calls unanswered"
    )
