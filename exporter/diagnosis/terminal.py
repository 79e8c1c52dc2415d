"""The diagnosis on a terminal, or in a pipe: findings, their evidence, and the conclusion last.

On a terminal: colours, lines wrapped to their own indent, and meanwhile what is being done. Elsewhere: the
same text, plain and unwrapped. Nothing is interpreted as markup; findings are printable already.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from exporter.diagnosis.conclusion import CHECK, CHECKS, Conclusion, Diagnosis
from exporter.diagnosis.finding import STATUS_WORDS, Finding, Remedy, Status, shown

if TYPE_CHECKING:
    from rich.status import Status as Spinner

_STYLES: Final[dict[Status, str]] = {
    "pass": "green",
    "warn": "yellow",
    "fail": "bold red",
    "not_checked": "dim",
}
_TITLE_WIDTH: Final = max(len(check.title) for check in CHECKS)
_WORD_WIDTH: Final = max(map(len, STATUS_WORDS.values()))
_INDENT: Final = 2 + 2 + _TITLE_WIDTH + 2 + _WORD_WIDTH + 2
_NARROWEST: Final = 30


class Screen:
    """Prints diagnoses.

    Args:
        console: by default one on standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, markup=False, emoji=False)
        self._spinner: Spinner | None = None

    def working(self, what: str) -> None:
        """Show what is being done; only on a terminal."""
        if not self._console.is_terminal:
            return
        if self._spinner is None:
            self._spinner = self._console.status(Text(f"{what} ..."))
            self._spinner.start()
        else:
            self._spinner.update(Text(f"{what} ..."))

    def done(self) -> None:
        """Remove what `working` showed."""
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
            check, word = CHECK[finding.check], STATUS_WORDS[finding.status]
            head = Text.assemble(
                f"{check.number:>2}  {check.title:<{_TITLE_WIDTH}}  ",
                (f"{word:<{_WORD_WIDTH}}  ", _STYLES[finding.status]),
            )
            if finding.status == "not_checked":
                self._hang(head, Text(finding.evidence, "dim"))
                continue
            self._hang(head, Text(finding.text))
            if finding.evidence:
                self._hang(Text(" " * _INDENT), Text(finding.evidence, "dim"))

    def unasked(self, reason: str) -> None:
        """Why nothing is said of since when and how often."""
        self._hang(Text(" " * _INDENT), Text(f"History not asked: {reason}", "dim"))

    def conclusion(self, diagnosis: Diagnosis) -> None:
        """The conclusion on a node: the causes, what to do about each, their consequences."""
        conclusion = diagnosis.conclusion
        self._print(Text())
        self._hang(Text("=> ", _STYLES[conclusion.status]), Text(conclusion.text, "bold"))
        self._remedy(conclusion.remedy)
        self._others(conclusion)
        self._list("Caused by the above", conclusion.consequences)  # by the first cause, or by another
        self._print(Text())

    # -- inside -------------------------------------------------------------------------------------------

    def _others(self, conclusion: Conclusion) -> None:
        for other in conclusion.others:
            head = Text.assemble("Also ", (STATUS_WORDS[other.status], _STYLES[other.status]), ": ")
            self._hang(head, Text(f"{other.text}."))
            self._remedy(other.remedy)

    def _list(self, heading: str, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self._hang(Text(f"{heading}: ", "dim"), Text(finding.summary))

    def _remedy(self, remedy: Remedy) -> None:
        if remedy.advice:
            self._hang(Text("   Do: "), Text(remedy.advice))
        for command in remedy.commands:
            # Never wrapped, so that it can be copied.
            self._console.print(Text(f"       $ {command}", "cyan"), soft_wrap=True)
        if remedy.note:
            self._hang(Text("       "), Text(remedy.note, "dim"))

    def _hang(self, head: Text, body: Text) -> None:
        """The body after the head, all its lines at one indent."""
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
