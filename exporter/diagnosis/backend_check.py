"""Check 11: the calling application sees FreeSWITCH as we do (`GET /api/calls/health` of backend_url)."""

from collections.abc import Iterator

from exporter.diagnosis.finding import Finding, not_checked, passed, shown
from exporter.diagnosis.picture import BackendSeen, Picture
from exporter.diagnosis.remedies import remedy


def check_backend(picture: Picture) -> Iterator[Finding]:
    """11: the calling application."""
    backend = picture.backend
    if backend is None:
        yield not_checked("backend", picture.unseen.get("backend", "no backend_url is configured"))
        return
    url, says = shown(backend.url), shown(backend.message, 200)
    if backend.connected is None:
        fault = "unclear" if backend.answered else "unreachable"
        what = "does not say whether it is connected" if backend.answered else "does not answer"
        yield _wrong(picture, fault, f"the calling application at {url} {what}", backend)
    elif backend.connected:
        if picture.connected:
            yield passed("backend", "the calling application is connected too", says)
        else:
            yield passed(
                "backend",
                "the calling application says it is connected, so FreeSWITCH may be well and the way from "
                "here to it is not",
                says,
            )
    elif not picture.connected:
        yield passed("backend", "the calling application is not connected either", says)
    elif picture.others_down:
        down = ", ".join(shown(name) for name in picture.others_down[:5])
        yield not_checked("backend", f"it is not connected, perhaps to {down}, which is down")
    else:
        summary = "FreeSWITCH is well, and the calling application says that it is not connected to it"
        yield _wrong(picture, "disconnected", summary, backend)


def _wrong(picture: Picture, fault: str, summary: str, backend: BackendSeen) -> Finding:
    return Finding(
        check="backend",
        status="fail",
        fault=fault,
        summary=summary,
        seen=shown(backend.error or backend.message, 200),
        remedy=remedy(picture, "backend", fault),
    )
