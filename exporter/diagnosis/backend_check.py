"""Check 11: the calling application sees FreeSWITCH as we do (`GET /api/calls/health` of backend_url)."""

from collections.abc import Iterator

from exporter.diagnosis.finding import Finding, not_checked, passed, shown
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.snapshot import BackendSeen, Snapshot


def check_backend(snapshot: Snapshot) -> Iterator[Finding]:
    """11: the calling application."""
    backend = snapshot.backend
    if backend is None:
        yield not_checked("backend", snapshot.unseen.get("backend", "no backend_url is configured"))
        return
    url, says = shown(backend.url), shown(backend.message, 200)
    if backend.connected is None:
        fault = "unclear" if backend.answered else "unreachable"
        what = "does not say whether it is connected" if backend.answered else "does not answer"
        yield _wrong(snapshot, fault, f"the calling application at {url} {what}", backend)
    elif backend.connected:
        if snapshot.connected:
            yield passed("backend", "the calling application is connected too", says)
        else:
            yield passed(
                "backend",
                "the calling application says it is connected, so FreeSWITCH may be well and the way from "
                "here to it is not",
                says,
            )
    elif not snapshot.connected:
        yield passed("backend", "the calling application is not connected either", says)
    elif snapshot.others_down:
        down = ", ".join(shown(name) for name in snapshot.others_down[:5])
        yield not_checked("backend", f"it is not connected, perhaps to {down}, which is down")
    else:
        summary = "FreeSWITCH is well, and the calling application says that it is not connected to it"
        yield _wrong(snapshot, "disconnected", summary, backend)


def _wrong(snapshot: Snapshot, fault: str, summary: str, backend: BackendSeen) -> Finding:
    return Finding(
        check="backend",
        status="fail",
        fault=fault,
        summary=summary,
        seen=shown(backend.error or backend.message, 200),
        remedy=remedy(snapshot, "backend", fault),
    )
