"""The calls of the last minutes: totals of a node now, less those at the beginning of the window.

`CallWindow` notes the totals every NOTE_EVERY seconds, keeps the last KEPT of them, and subtracts the oldest
from the totals now. So the window is 10 to 15 minutes long, less right after the start.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from exporter.diagnosis.check_countries import Totals, countries_since, country_totals
from exporter.diagnosis.snapshot import CallsSeen, RecentCalls
from exporter.switch.local_failure import NO_RTP_PORTS, NO_RTP_PORTS_CAUSE
from exporter.watch.call_stats import CallStats
from exporter.watch.node import Node

NOTE_EVERY: Final = 300.0  # seconds
KEPT: Final = 3
UNANSWERED: Final = ("no_answer_to_invite", "refused_port", "dns")
"""Of local_failure.LOCAL_FAILURES those in which nothing came from the provider."""


@dataclass(frozen=True, slots=True)
class _Total:
    """Of one gateway and direction, since the start of the watch."""

    answered: int
    silent: int
    refused: int
    causes: dict[str, int]
    codes: dict[str, int]
    no_rtp_ports: int
    local: dict[str, int]


_NOTHING: Final = _Total(0, 0, 0, {}, {}, 0, {})
_Totals = dict[tuple[str, str], _Total]


class _Noted(NamedTuple):
    """The totals at one moment.

    Attributes:
        at: monotonic seconds.
        listed: dials refused before any INVITE until the gateways were last listed.
        refused: those of them to each gateway while it was down.
    """

    at: float
    totals: _Totals
    listed: int
    refused: dict[str, int]
    countries: Totals


class CallWindow:
    """The recent calls of one node.

    Args:
        now: monotonic seconds; the first window begins here, with nothing counted yet.
    """

    def __init__(self, now: float) -> None:
        self._noted = deque([_Noted(now, {}, 0, {}, {})], maxlen=KEPT)

    def note(self, node: Node, now: float) -> None:
        """Note the totals, if NOTE_EVERY seconds have passed."""
        if now - self._noted[-1].at >= NOTE_EVERY:
            listed = node.known.refused_at_list
            self._noted.append(_Noted(now, _totals(node), listed, _refused(node), country_totals(node)))

    def calls(self, node: Node, now: float) -> RecentCalls:
        """The calls that ended since the window began."""
        began, before, listed_before, refused_before, countries_before = self._noted[0]
        countries = countries_since(node, countries_before)
        grown = []
        for (gateway, direction), total in _totals(node).items():
            old = before.get((gateway, direction), _NOTHING)
            stats = node.calls.stats[gateway, direction]
            grown.append(
                CallsSeen(
                    gateway=gateway,
                    direction=direction,
                    provider=stats.provider,
                    answered=total.answered - old.answered,
                    silent=total.silent - old.silent,
                    refused=total.refused - old.refused,
                    causes=_grown(total.causes, old.causes),
                    codes=_grown(total.codes, old.codes),
                    no_rtp_ports=total.no_rtp_ports - old.no_rtp_ports,
                    local=_grown(total.local, old.local),
                    countries=countries(gateway) if direction == "outbound" else (),
                )
            )
        return RecentCalls(
            seconds=now - began,
            calls=tuple(calls for calls in grown if _any(calls)),
            refused_unnamed=_unnamed(node, listed_before, refused_before),
        )


def _refused(node: Node) -> dict[str, int]:
    return {gateway.name: gateway.refused.total for gateway in node.gateways}


def _unnamed(node: Node, listed_before: int, before: Mapping[str, int]) -> int:
    """Dropped sessions since `before` that no gateway's being down explains.

    FreeSWITCH counts those of a gateway, and the list of gateways has its counts. So where one is down, or
    was, only the sessions until the last list are compared.
    """
    of_gateways = sum(
        max(0, gateway.refused.total + gateway.refused.pending - before.get(gateway.name, 0))
        for gateway in node.gateways
    )
    all_up = not of_gateways and all(gateway.up for gateway in node.gateways if gateway.listed)
    dropped = node.calls.refused_locally if all_up else node.known.refused_at_list
    return max(0, dropped - listed_before - of_gateways)


def _totals(node: Node) -> _Totals:
    refused = _refused(node)
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
    local = {reason: count for reason, count in stats.local_failures.items() if reason in UNANSWERED}
    return _Total(answered, stats.without_media, refused, causes, codes, without_port, local)


def _grown(new: dict[str, int], old: dict[str, int]) -> dict[str, int]:
    return {name: count - old.get(name, 0) for name, count in new.items() if count > old.get(name, 0)}


def _any(calls: CallsSeen) -> bool:
    return bool(calls.answered or calls.causes or calls.refused or calls.silent or calls.no_rtp_ports)
