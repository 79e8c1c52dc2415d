"""The diagnosis on a terminal, or in a pipe: findings, what each rests on, and the conclusion last.

On a terminal: colours, lines wrapped under their own beginning, and a word on what is being done meanwhile.
Elsewhere: the same text, plain and unwrapped. Nothing is interpreted as markup; every text has been made
printable before it came here.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from exporter.diagnosis.checks import CHECKS, TITLES
from exporter.diagnosis.conclusion import Conclusion
from exporter.diagnosis.finding import Finding, Remedy, Status, shown
from exporter.diagnosis.report import Diagnosis

if TYPE_CHECKING:
    from rich.status import Status as Spinner

_WORDS: Final[dict[Status, tuple[str, str]]] = {
    "pass": ("ok", "green"),
    "warn": ("warn", "yellow"),
    "fail": ("FAIL", "bold red"),
    "not_checked": ("-", "dim"),
}
_NUMBERS: Final = {check.name: number for number, check in enumerate(CHECKS, 1)}
_TITLE_WIDTH: Final = max(map(len, TITLES.values()))
_INDENT: Final = 2 + 2 + _TITLE_WIDTH + 2 + 4 + 2
_NARROWEST: Final = 30


class Screen:
    """Where the doctor speaks.

    Args:
        console: standard output; tests give their own.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, markup=False, emoji=False)
        self._spinner: Spinner | None = None

    def working(self, what: str) -> None:
        """Say what is being done; only on a terminal."""
        if not self._console.is_terminal:
            return
        if self._spinner is None:
            self._spinner = self._console.status(Text(f"{what} ..."))
            self._spinner.start()
        else:
            self._spinner.update(Text(f"{what} ..."))

    def done(self) -> None:
        """Nothing is being done any more."""
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None

    def node(self, name: str, host: str, port: int) -> None:
        """The heading of a node."""
        where = f"{shown(host)}:{port}"
        heading = shown(name) if shown(name) == where else f"{shown(name)} ({where})"
        self._print(Text(heading, "bold"))

    def findings(self, findings: Iterable[Finding]) -> None:
        """Some findings, in order."""
        for finding in findings:
            word, style = _WORDS[finding.status]
            number, title = _NUMBERS[finding.check], TITLES[finding.check]
            head = Text.assemble(f"{number:>2}  {title:<{_TITLE_WIDTH}}  ", (f"{word:<4}  ", style))
            if finding.status == "not_checked":
                self._hang(head, Text(f"not checked, because {finding.seen}", "dim"))
                continue
            self._hang(head, Text(finding.summary))
            if finding.seen:
                self._hang(Text(" " * _INDENT), Text(finding.seen, "dim"))

    def conclusion(self, diagnosis: Diagnosis) -> None:
        """The conclusion on a node: the cause, what to do, what follows from it, what else there is."""
        conclusion = diagnosis.conclusion
        self._print(Text())
        self._hang(Text("=> ", _WORDS[conclusion.status][1]), Text(conclusion.text, "bold"))
        self._remedy(conclusion.remedy)
        self._list("Follows from it", conclusion.consequences)
        self._others(conclusion)
        self._print(Text())

    # -- inside -------------------------------------------------------------------------------------------

    def _others(self, conclusion: Conclusion) -> None:
        for other in conclusion.others:
            word, style = _WORDS[other.status]
            self._hang(Text("Also ") + Text(f"{word} ", style), Text(f"{other.summary}."))
            self._remedy(other.remedy)

    def _list(self, heading: str, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self._hang(Text(f"{heading}: ", "dim"), Text(finding.summary))

    def _remedy(self, remedy: Remedy) -> None:
        if remedy.advice:
            self._hang(Text("   Do: "), Text(remedy.advice))
        for command in remedy.commands:
            # Never wrapped: it is there to be copied.
            self._console.print(Text(f"       $ {command}", "cyan"), soft_wrap=True)

    def _hang(self, head: Text, body: Text) -> None:
        """The body behind the head, its further lines under its first."""
        width = self._console.width - head.cell_len
        if not self._console.is_terminal or width < _NARROWEST:
            self._print(head + body)
            return
        for line in body.wrap(self._console, width):
            self._print(head + line)
            head = Text(" " * head.cell_len)

    def _print(self, text: Text) -> None:
        text.rstrip()
        self._console.print(text, soft_wrap=True)
