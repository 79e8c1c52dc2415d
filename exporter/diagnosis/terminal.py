"""The diagnosis on a terminal, or in a pipe: findings, their evidence, and the conclusion last.

On a terminal: colours, lines wrapped to their own indent, and meanwhile what is being done. Elsewhere: the
same text, plain and unwrapped. Nothing is interpreted as markup; findings are printable already.

A doctor that watches clears the terminal before each look. Elsewhere it prints a look only if that found
other faults than the one before.

Where the reader of a pipe has read enough (`| head`), the rest is printed nowhere: what the doctor finds, the
page that it writes and its exit code do not depend on who reads.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from exporter import standard_output
from exporter.diagnosis.conclusion import CHECK, CHECKS, Conclusion, Diagnosis
from exporter.diagnosis.finding import STATUS_WORDS, Finding, Remedy, Status, heading, local_time
from exporter.diagnosis.skipped import skipped_checks

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
_NARROW_INDENT: Final = 4


class _Printer(Console):
    """Standard output. Once nobody reads it any more, `quiet` is True and nothing is printed."""

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False, emoji=False)

    def on_broken_pipe(self) -> None:
        """Go on without printing; by default rich ends the process."""
        self.quiet = True
        standard_output.let_go()


class Screen:
    """Prints diagnoses.

    Args:
        console: by default one on standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or _Printer()
        self._spinner: Spinner | None = None
        self._found: object = None  # by the last look that was printed

    @property
    def unread(self) -> bool:
        """Nobody reads what is printed any more."""
        return self._console.quiet

    def working(self, what: str) -> None:
        """Show what is being done; only on a terminal."""
        if not self._console.is_terminal:
            return
        if self._spinner is None:
            # Its dots are in no encoding but UTF-8's.
            drawn = "dots" if self._console.encoding.startswith("utf") else "line"
            self._spinner = self._console.status(Text(f"{what} ..."), spinner=drawn)
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
        self._print(Text(heading(name, host, port), "bold"))

    def findings(self, findings: Iterable[Finding]) -> None:
        """Some findings, in order; those of checks that were not made are left to `rest`."""
        for finding in findings:
            if finding.status == "not_checked":
                continue
            check, word = CHECK[finding.check], STATUS_WORDS[finding.status]
            head = Text.assemble(
                f"{check.number:>2}  {check.title:<{_TITLE_WIDTH}}  ",
                (f"{word:<{_WORD_WIDTH}}  ", _STYLES[finding.status]),
            )
            self._hang(head, Text(finding.text))
            if finding.evidence:
                self._hang(Text(" " * _INDENT), Text(finding.evidence, "dim"))

    def rest(self, diagnosis: Diagnosis) -> None:
        """What was not looked at, in one line, and the conclusion."""
        if skipped := skipped_checks(diagnosis):
            self._hang(Text("Skipped: ", "dim"), Text(skipped, "dim"))
        self.conclusion(diagnosis)

    def watching(self, diagnoses: Sequence[Diagnosis]) -> None:
        """The first look has been printed, and others follow."""
        self._found = _found(diagnoses)
        self._print(Text("Looking again every 5 s; Ctrl-C ends this.", "dim"))

    def again(self, diagnoses: Sequence[Diagnosis]) -> None:
        """One more look, after `watching`."""
        found = _found(diagnoses)
        if not self._console.is_terminal and found == self._found:
            return
        self._found = found
        if self._console.is_terminal:
            self._console.clear()
        taken = local_time(max(one.snapshot.taken_at for one in diagnoses))
        self._print(Text(f"{taken:%H:%M:%S}", "dim"))
        for diagnosis in diagnoses:
            seen = diagnosis.snapshot
            self.node(seen.node, seen.host, seen.port)
            self.findings(diagnosis.findings)
            self.rest(diagnosis)

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
        if not self._console.is_terminal:
            self._print(head + body)
            return
        width = self._console.width - head.cell_len
        if width < _NARROWEST:  # the body begins on a line of its own
            if head.plain.strip():
                self._print(head)
            head = Text(" " * _NARROW_INDENT)
            width = max(self._console.width - _NARROW_INDENT, 1)
        for line in body.wrap(self._console, width):
            self._print(head + line)
            head = Text(" " * head.cell_len)

    def _print(self, text: Text) -> None:
        text.rstrip()
        self._console.print(text, soft_wrap=True)


def _found(diagnoses: Sequence[Diagnosis]) -> object:
    """What distinguishes a look from the one before: faults, but no times or counts."""
    return [
        [(finding.check, finding.status, finding.fault, finding.gateway) for finding in diagnosis.findings]
        for diagnosis in diagnoses
    ]
