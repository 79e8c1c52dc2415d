"""Check 16: the exporter's last reload was not refused.

The node is watched either way, with the configuration from before. It concerns the exporter and not a node,
so only the first node shows it.
"""

from collections.abc import Iterator
from typing import Final

from exporter.diagnosis.finding import Finding, duration, not_checked, passed
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.severity import fault_of
from exporter.diagnosis.snapshot import Snapshot

SHOWN_ONCE: Final = "Shown with the first node"


def check_reload(snapshot: Snapshot) -> Iterator[Finding]:
    """16: the configuration in force is the one of the file, as far as a reload was asked for."""
    seen = snapshot.reload
    if seen is None:
        yield not_checked("reload", snapshot.unseen.get("reload", SHOWN_ONCE))
        return
    age = duration(max(0.0, snapshot.taken_at - seen.loaded_at))
    if not seen.refused:
        yield passed("reload", f"The configuration in force was loaded {age} ago")
        return
    yield Finding(
        check="reload",
        status=fault_of("reload", "reload_refused").status,
        fault="reload_refused",
        summary=f"The exporter refused its last reload: the configuration loaded {age} ago is still in force",
        seen="its log has each error",
        remedy=remedy(snapshot, "reload", "reload_refused"),
    )
