"""Check 13: FreeSWITCH's database answers in time.

It is never the reason that calls fail, so it comes last and is a warning at most: what depends on the answers
are counts of calls, channels and registrations, and the calls that were up before the exporter.
"""

from collections.abc import Iterator

from exporter.diagnosis.check_switch import unreached
from exporter.diagnosis.finding import Finding, duration, not_checked, passed, shown
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.severity import fault_of
from exporter.diagnosis.snapshot import Snapshot


def check_database(snapshot: Snapshot) -> Iterator[Finding]:
    """13: the optional questions are answered in time, and with something that can be used."""
    switch = snapshot.switch
    if switch is None:
        yield not_checked("database", unreached(snapshot) or "")
        return
    slow = max(switch.slow_answers, key=lambda answer: answer.seconds, default=None)
    if slow is not None:
        how_long = duration(slow.seconds)
        said = f"answered after {how_long}" if slow.answered else f"no answer for {how_long}"
        yield Finding(
            check="database",
            status=fault_of("database", "slow_database").status,
            fault="slow_database",
            summary=f"FreeSWITCH's database is slow: {said}",
            seen=f"`{slow.command}`; FreeSWITCH answers other commands at once",
            remedy=remedy(snapshot, "database", "slow_database"),
        )
    elif switch.worthless_answers:
        worthless = switch.worthless_answers[0]
        yield Finding(
            check="database",
            status=fault_of("database", "unusable_answer").status,
            fault="unusable_answer",
            summary=f"FreeSWITCH's answer to `{worthless.command}` cannot be used",
            seen=shown(str(worthless.error)),
            remedy=remedy(snapshot, "database", "unusable_answer"),
        )
    elif switch.answers_ok:
        yield passed("database", "FreeSWITCH's database answers in time")
    elif "api show" in snapshot.denied:
        yield not_checked("database", "The event socket user may not run `show`")
    else:
        yield not_checked("database", "FreeSWITCH has not been asked yet, or keeps no database of calls")
