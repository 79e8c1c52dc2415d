"""The diagnosis as one HTML file, by `doctor --html FILE`: to be read by a colleague, from a mail or ticket.

The file needs no network and no script, and has what the terminal shows: also what is private, such as the
addresses of strangers and lines of FreeSWITCH's log. Whoever hands it on decides who reads it.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import jinja2

from exporter import __version__
from exporter.diagnosis.conclusion import CHECK, Diagnosis, worst
from exporter.diagnosis.finding import STATUS_WORDS, heading, local_time
from exporter.diagnosis.skipped import skipped_checks

_TEMPLATES: Final = Path(__file__).parent / "templates"


def page(diagnoses: Sequence[Diagnosis]) -> str:
    """The diagnoses of one or more nodes as a page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    taken = local_time(max(diagnosis.snapshot.taken_at for diagnosis in diagnoses))
    return environment.get_template("doctor.html").render(
        diagnoses=diagnoses,
        worst=worst(diagnoses).conclusion,
        taken=f"{taken:%Y-%m-%d %H:%M:%S %Z}",
        version=__version__,
        words=STATUS_WORDS,
        checks=CHECK,
        heading=lambda seen: heading(seen.node, seen.host, seen.port),
        skipped=skipped_checks,
    )


def write(path: Path, text: str) -> None:
    """Write the page: a reader sees the old one or the new one, never a part.

    Raises:
        OSError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
