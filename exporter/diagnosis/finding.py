"""What a check comes to: a status, the fault's word, what was seen, and what to do about it.

Everything in a finding is safe to show: texts from the network went through `shown`, and commands are built
from checked names only (`remedies`).
"""

from dataclasses import dataclass
from typing import Final, Literal

from exporter.esl.errors import quoted

Status = Literal["pass", "warn", "fail", "not_checked"]
CheckName = Literal[
    "port",
    "password",
    "commands",
    "events",
    "profile",
    "gateway",
    "registration",
    "provider",
    "calls",
    "log",
    "backend",
    "call",
]

SHOWN: Final = 120  # characters of one text from elsewhere


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do.

    Attributes:
        advice: sentences for people; empty if there is nothing to do.
        commands: to type, in this order, on FreeSWITCH's host unless the advice says otherwise.
    """

    advice: str = ""
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One result of one check.

    Attributes:
        check: the check's name, a row of checks.CHECKS.
        fault: what is wrong, in one word; empty unless the status is warn or fail. With `check` it names the
            fault; for a gateway it is the word of `freeswitch_gateway_problem`.
        gateway: the gateway it is about; empty if it is about the node.
        summary: one sentence without a full stop.
        seen: what that rests on; for `not_checked` the reason why not.
    """

    check: CheckName
    status: Status
    summary: str
    fault: str = ""
    gateway: str = ""
    seen: str = ""
    remedy: Remedy = Remedy()

    @property
    def is_problem(self) -> bool:
        """Something to do about."""
        return self.status in ("warn", "fail")


def passed(check: CheckName, summary: str, seen: str = "") -> Finding:
    """All is well."""
    return Finding(check=check, status="pass", summary=summary, seen=seen)


def not_checked(check: CheckName, because: str) -> Finding:
    """The check could not be made; `because` completes "not checked, because ..."."""
    return Finding(check=check, status="not_checked", summary="not checked", seen=because)


def shown(text: str, limit: int = SHOWN) -> str:
    """A text from elsewhere as one short printable line."""
    line = quoted(text)
    return line if len(line) <= limit else line[:limit] + "..."
