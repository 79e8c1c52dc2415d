"""Checks 9 and 12: calls that ended recently, and the synthetic call.

A busy line or an unanswered telephone is no fault of a trunk: `switch.cause.OF_THE_CALL` has those causes,
the same that the alert on failing calls leaves out. Other failures are reported by their most exact sign, in
this order: the provider's own codes (their class is the fault's word), answered calls without audio, dials
that FreeSWITCH refused itself, one country to which calls fail (check_countries.py), and then hang-up causes.
Calls that are up and in which nothing is heard come after these (check_live_audio.py).
Where it is known what was dialled, refused dials are told by their target (check_dials.py).

Recent is a window: `CallWindow` notes the totals of a node every NOTE_EVERY seconds, keeps the last KEPT of
them, and subtracts the oldest from the totals now. So the window is 10 to 15 minutes long, less right after
the start.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from exporter.diagnosis.check_countries import (
    FAIL_COUNT,
    FAIL_SHARE,
    Totals,
    countries_since,
    country_findings,
    country_totals,
    failing_countries,
)
from exporter.diagnosis.check_dials import NO_SESSION, check_dials
from exporter.diagnosis.check_live_audio import live_audio_findings
from exporter.diagnosis.check_switch import unreached
from exporter.diagnosis.finding import (
    SEVERITY,
    Finding,
    Remedy,
    Status,
    duration,
    not_checked,
    passed,
    shown,
    time_of_day,
)
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.snapshot import CallsSeen, RecentCalls, Snapshot
from exporter.switch.cause import OF_THE_CALL, explain
from exporter.switch.local_failure import NO_RTP_PORTS, NO_RTP_PORTS_CAUSE
from exporter.switch.provider import OTHER, ProviderCode, provider
from exporter.watch.call_stats import CallStats
from exporter.watch.node import Node

MAX_NAMED: Final = 20
NOTE_EVERY: Final = 300.0  # seconds
KEPT: Final = 3

# The classes of providers' codes (switch/providers/*.tsv): the reason, after "the provider rejects calls: ".
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
    problems.sort(key=lambda finding: SEVERITY[finding.status])
    without_port = sum(calls.no_rtp_ports for calls in snapshot.recent.calls)
    if without_port:
        # First: the fault is FreeSWITCH's, whatever else there is.
        problems.insert(
            0,
            Finding(
                check="calls",
                status="fail" if without_port >= FAIL_COUNT else "warn",
                fault="no_rtp_ports",
                summary=f"FreeSWITCH had no RTP port for {_calls(without_port)}",
                seen=_window(snapshot.recent),
                remedy=remedy(snapshot, "commands", "no_rtp_ports"),
            ),
        )
    refused = snapshot.recent.refused_locally
    if refused and not any(finding.fault in NO_SESSION for finding in problems):
        problems.append(
            Finding(
                check="calls",
                status="warn",
                fault="refused",
                summary=f"FreeSWITCH refused {_dials(refused)}: the gateway was down or unknown",
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
            status="warn",
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
    status: Status = "warn" if record.result == "degraded" else "fail"
    if record.provider_code is not None:
        fault = record.provider_code.class_
    elif record.failed_phase == "media":
        fault = "no_media"
    else:
        fault = "degraded" if record.result == "degraded" else record.cause or "failed"
    what = "is degraded" if status == "warn" else "failed"
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
    yield Finding(
        check="call",
        status=status,
        fault=fault,
        gateway=record.gateway,
        summary=f"Synthetic call {name} {what}: {words}".rstrip("."),
        seen=", ".join(filter(None, seen)),
        remedy=Remedy(shown(record.remedy, 300)),
    )


# -- inside -------------------------------------------------------------------------------------------


def _troubles(snapshot: Snapshot, recent: RecentCalls, calls: CallsSeen) -> Iterator[Finding]:
    gateway = f"Gateway {shown(calls.gateway)}"
    seen = f"{calls.direction} calls {_window(recent)}: {_outcomes(calls)}"

    def finding(count: int, fault: str, summary: str, advice: Remedy) -> Finding:
        fails = count >= FAIL_COUNT and count >= FAIL_SHARE * (_ended(calls) + calls.refused)
        return Finding(
            check="calls",
            status="fail" if fails else "warn",
            fault=fault,
            gateway=calls.gateway,
            summary=summary,
            seen=seen,
            remedy=advice,
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
            f"{gateway}: the provider rejects calls: {_CLASSES.get(code.class_, code.class_)} "
            f"({name}, {code.meaning}, {_times(count)})",
            Remedy(f"{code.remedy[:1].upper()}{code.remedy[1:]}."),
        )
    if calls.silent:
        yield finding(
            calls.silent,
            "no_media",
            f"{gateway}: no audio from the far end in {calls.silent} of {calls.answered} answered calls",
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
            f"{gateway}: {calls.direction} calls fail with {shown(most, 40)} ({_times(bad[most])})",
            Remedy(f"{cause.meaning} {cause.remedy}"),
        )


def _unexplained(calls: CallsSeen) -> dict[str, int]:
    """Failures by cause, less those that a provider's code explains."""
    bad = {cause: count for cause, count in calls.causes.items() if cause not in OF_THE_CALL}
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
    return f"{answered} of {ended} calls answered"


def _window(recent: RecentCalls) -> str:
    return f"in the last {duration(recent.seconds)}"


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


# -- the window ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Total:
    """Of one gateway and direction, since the start of the watch."""

    answered: int
    silent: int
    refused: int
    causes: dict[str, int]
    codes: dict[str, int]
    no_rtp_ports: int


_NOTHING: Final = _Total(0, 0, 0, {}, {}, 0)
_Totals = dict[tuple[str, str], _Total]


class CallWindow:
    """The recent calls of one node.

    Args:
        now: monotonic seconds; the first window begins here, with nothing counted yet.
    """

    def __init__(self, now: float) -> None:
        self._noted: deque[tuple[float, _Totals, int, Totals]] = deque([(now, {}, 0, {})], maxlen=KEPT)

    def note(self, node: Node, now: float) -> None:
        """Note the totals, if NOTE_EVERY seconds have passed."""
        if now - self._noted[-1][0] >= NOTE_EVERY:
            self._noted.append((now, _totals(node), node.calls.refused_locally, country_totals(node)))

    def calls(self, node: Node, now: float) -> RecentCalls:
        """The calls that ended since the window began."""
        began, before, refused_before, countries_before = self._noted[0]
        countries = countries_since(node, countries_before)
        grown = []
        for (gateway, direction), total in _totals(node).items():
            old = before.get((gateway, direction), _NOTHING)
            stats = node.calls.stats[gateway, direction]
            grown.append(
                CallsSeen(
                    gateway=gateway,
                    direction=direction,
                    provider=stats.provider.name if stats.provider is not None else "",
                    answered=total.answered - old.answered,
                    silent=total.silent - old.silent,
                    refused=total.refused - old.refused,
                    causes=_grown(total.causes, old.causes),
                    codes=_grown(total.codes, old.codes),
                    no_rtp_ports=total.no_rtp_ports - old.no_rtp_ports,
                    countries=countries(gateway) if direction == "outbound" else (),
                )
            )
        return RecentCalls(
            seconds=now - began,
            calls=tuple(calls for calls in grown if _any(calls)),
            refused_locally=node.calls.refused_locally - refused_before,
        )


def _totals(node: Node) -> _Totals:
    refused = {gateway.name: gateway.refused.total for gateway in node.gateways}
    return {
        (gateway, direction): _total(stats, refused.get(gateway, 0) if direction == "outbound" else 0)
        for (gateway, direction), stats in node.calls.stats.items()
        if stats.hangups or refused.get(gateway, 0)
    }


def _total(stats: CallStats, refused: int) -> _Total:
    causes: dict[str, int] = {}
    answered = 0
    for (cause, was_answered), (count, _) in stats.hangups.items():
        if was_answered:
            answered += count
        else:
            causes[cause] = count
    codes: dict[str, int] = {}
    for (code, _), count in stats.rejections.items():
        codes[code] = codes.get(code, 0) + count
    without_port = stats.local_failures.get(NO_RTP_PORTS, 0)
    if without_port:
        causes[NO_RTP_PORTS_CAUSE] = max(causes.get(NO_RTP_PORTS_CAUSE, 0) - without_port, 0)
    return _Total(answered, stats.without_media, refused, causes, codes, without_port)


def _grown(new: dict[str, int], old: dict[str, int]) -> dict[str, int]:
    return {name: count - old.get(name, 0) for name, count in new.items() if count > old.get(name, 0)}


def _any(calls: CallsSeen) -> bool:
    return bool(calls.answered or calls.causes or calls.refused or calls.silent or calls.no_rtp_ports)
