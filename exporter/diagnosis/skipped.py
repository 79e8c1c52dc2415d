"""The checks that were not made, in one line, for the terminal and the page of the command `doctor`."""

from exporter.diagnosis.conclusion import CHECK, Diagnosis


def skipped_checks(diagnosis: Diagnosis) -> str:
    """The checks that were not made, by their reasons, as one line; empty if all were made."""
    reasons: dict[str, list[str]] = {}
    for finding in diagnosis.findings:
        if finding.status == "not_checked":
            reasons.setdefault(finding.evidence, []).append(CHECK[finding.check].title)
    if (reason := diagnosis.snapshot.unseen.get("history")) is not None:
        reasons.setdefault(f"The running exporter was not asked: {reason}", []).append("History")
    return "; ".join(f"{', '.join(titles)} ({reason})" for reason, titles in reasons.items())
