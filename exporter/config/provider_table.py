"""The table of a provider's own codes: `providers.NAME.file`, and what its keys say of where a code stands.

A file of text, one code a line, five columns with a tab between them:

    code    SIP status, 0 for any    class    what it means    what to do

as the exporter's own tables (exporter/switch/providers/*.tsv). Empty lines and lines that begin with `#` are
left out. Everything else that is no code is an error with its line. Each code is a series of each gateway
that names the provider, so there are at most MAX_CODES, and the class is one of a fixed list.
"""

import re
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec

from exporter.config import kinds
from exporter.config.files import read_text
from exporter.config.key import Key
from exporter.config.problems import InvalidValue, Origin, Problems, show
from exporter.config.values import nearest

CLASSES: Final = (
    "account",
    "authentication",
    "billing",
    "caller_id",
    "capacity",
    "configuration",
    "destination",
    "fraud",
    "media",
    "protocol",
    "provider",
    "routing",
)
"""The words for who can solve it, the label `class`; beside them the exporter says `other`."""
MAX_CODES: Final = 300
_COLUMNS: Final = ("code", "SIP status", "class", "what it means", "what to do")
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", re.ASCII)
_STATUS: Final = re.compile(r"0|[3-6][0-9]{2}", re.ASCII)
_RESERVED: Final = "other"
_MAX_TEXT: Final = 200
_MAX_PROBLEMS: Final = 50


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One provider. Its codes stand in `header` or, with `phrase`, in the reason phrase: one of the two."""

    file: Annotated[
        Path,
        Key(
            kinds.FILE,
            "Its codes, a line each: code, SIP status (0: any), class, what it means, what to do; a tab "
            "between them.",
            missing="the path of the table of its codes",
        ),
    ]
    header: Annotated[
        str | None,
        Key(
            kinds.ANSWER_HEADER,
            "The header of its rejections whose first word is the code. `Reason`: the `cause` there of a "
            "protocol of its own, else the last word of the text.",
            default="none",
        ),
    ] = None
    phrase: Annotated[
        bool, Key(kinds.YES_NO, "Whether the code is the last word of the SIP reason phrase.")
    ] = False


class CodeRow(NamedTuple):
    """One code; `sip` 0: it comes with any status."""

    code: str
    sip: int
    class_: str
    meaning: str
    remedy: str


class ProviderTable(msgspec.Struct, frozen=True):
    """The codes of a provider. `header` None: they stand in the reason phrase."""

    rows: tuple[CodeRow, ...]
    header: str | None


def read_provider(name: str, config: ProviderConfig, problems: Problems) -> ProviderTable | None:
    """The table of the provider `name`; None if it cannot be used: `problems` have the lines."""
    place = ("providers", name)
    if problems.concern(place):
        return None
    if config.phrase == (config.header is not None):
        both = "has header and phrase; keep one" if config.phrase else "does not say where its codes stand"
        problems.add(place, f"{both}; write header: X-..., or phrase: true")
        return None
    try:
        lines = read_text(config.file).splitlines()
    except InvalidValue as invalid:
        problems.add((*place, "file"), str(invalid))
        return None
    rows = _rows(config.file, lines, problems)
    if rows is not None and not rows:
        problems.add(
            (*place, "file"),
            f"is {config.file}, which has no code; write one a line: {', '.join(_COLUMNS)}",
        )
    return ProviderTable(tuple(rows), config.header) if rows else None


def _rows(path: Path, lines: list[str], problems: Problems) -> list[CodeRow] | None:
    rows: dict[str, CodeRow] = {}
    first_seen: dict[str, int] = {}
    wrong = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            row = _row(line)
            if row.code in rows:
                raise InvalidValue(f"has code {row.code} again, as line {first_seen[row.code]}; keep one")
            if len(rows) == MAX_CODES:
                raise InvalidValue(f"is code {MAX_CODES + 1}; keep the {MAX_CODES} that matter")
        except InvalidValue as invalid:
            problems.add((), str(invalid), Origin(str(path), number))
            wrong += 1
            if wrong == _MAX_PROBLEMS or len(rows) == MAX_CODES:
                return None
        else:
            rows[row.code] = row
            first_seen[row.code] = number
    return list(rows.values()) if not wrong else None


def _row(line: str) -> CodeRow:
    cells = tuple(cell.strip() for cell in line.split("\t"))
    if len(cells) != len(_COLUMNS):
        raise InvalidValue(f"has {len(cells)} columns; write {', '.join(_COLUMNS)}, with a tab between them")
    code, status, class_, meaning, remedy = cells
    if _CODE.fullmatch(code) is None or code == _RESERVED:
        raise InvalidValue(f"has the code {show(code)}; write up to 32 letters, digits and . _ -")
    if _STATUS.fullmatch(status) is None:
        raise InvalidValue(f"has the SIP status {show(status)}; write 300 to 699, or 0 for any")
    if class_ not in CLASSES:
        advice = nearest(class_, CLASSES) or f"write one of {', '.join(CLASSES)}"
        raise InvalidValue(f"has the class {show(class_)}; {advice}")
    for what, text in zip(_COLUMNS[3:], (meaning, remedy), strict=True):
        if not 0 < len(text) <= _MAX_TEXT or not text.isprintable():
            raise InvalidValue(f"does not say {what}; write 1 to {_MAX_TEXT} printable characters")
    return CodeRow(code, int(status), class_, meaning, remedy)
