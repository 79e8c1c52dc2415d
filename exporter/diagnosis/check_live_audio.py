"""Part of check 9: running calls of a gateway in which nothing is heard any more (watch/live_audio.py).

It fails where the alert would fire: SILENT_COUNT calls and SILENT_SHARE of those that were judged.
"""

from collections.abc import Iterator
from typing import Final

from exporter.diagnosis.finding import Finding, shown
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.severity import fault_of
from exporter.diagnosis.snapshot import Snapshot

SILENT_COUNT: Final = 3  # calls
SILENT_SHARE: Final = 0.25  # of the calls judged


def live_audio_findings(snapshot: Snapshot) -> Iterator[Finding]:
    """One finding for each gateway and direction with silent calls."""
    told = set()
    for gateway in snapshot.gateways:
        if gateway.name in told:  # of two gateways of one name the calls are the same
            continue
        told.add(gateway.name)
        for direction, (sampled, silent) in sorted(gateway.live.items()):
            if silent:
                fails = silent >= SILENT_COUNT and silent >= SILENT_SHARE * sampled
                yield Finding(
                    check="calls",
                    status=fault_of("calls", "silent_now").status if fails else "warn",
                    fault="silent_now",
                    gateway=gateway.name,
                    summary=f"Gateway {shown(gateway.name)}: nothing is heard now in {silent} of {sampled} "
                    f"running {direction} calls",
                    seen="no packet for 10 s, although FreeSWITCH sends or the call was heard before",
                    remedy=remedy(snapshot, "calls", "silent_now"),
                    failed=silent,
                )
