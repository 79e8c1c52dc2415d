"""Calls of the last while: the calls's totals now, less what they were at the beginning of a window.

The calls counts since the start of the watch; what an operator wants to know is what happened lately. So
totals are noted every EVERY seconds, the last KEPT of them are kept, and the window reaches back to the
oldest: 10 to 15 minutes, less right after the start.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from exporter.diagnosis.snapshot import CallsSeen, RecentCalls
from exporter.watch.call_stats import CallStats
from exporter.watch.node import Node

EVERY: Final = 300.0  # seconds
KEPT: Final = 3


@dataclass(frozen=True, slots=True)
class _Total:
    """Of one gateway and direction."""

    answered: int
    silent: int
    refused: int
    causes: dict[str, int]
    codes: dict[str, int]


_NOTHING: Final = _Total(0, 0, 0, {}, {})
_Totals = dict[tuple[str, str], _Total]


class Recent:
    """The recent calls of one node.

    Args:
        now: monotonic seconds; the first window begins here, with nothing counted yet.
    """

    def __init__(self, now: float) -> None:
        self._noted: deque[tuple[float, _Totals, int]] = deque([(now, {}, 0)], maxlen=KEPT)

    def note(self, node: Node, now: float) -> None:
        """Note the totals, if it is time."""
        if now - self._noted[-1][0] >= EVERY:
            self._noted.append((now, _totals(node), node.calls.refused_locally))

    def calls(self, node: Node, now: float) -> RecentCalls:
        """What ended since the beginning of the window."""
        began, before, refused_before = self._noted[0]
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
    return _Total(answered, stats.without_media, refused, causes, codes)


def _grown(new: dict[str, int], old: dict[str, int]) -> dict[str, int]:
    return {name: count - old.get(name, 0) for name, count in new.items() if count > old.get(name, 0)}


def _any(calls: CallsSeen) -> bool:
    return bool(calls.answered or calls.causes or calls.refused or calls.silent)
