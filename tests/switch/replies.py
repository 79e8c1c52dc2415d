"""Recorded replies without their frame, and text strategies that look like them."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hypothesis import strategies as st

from exporter.switch.reply import ReplyError

_T = TypeVar("_T")

CAPTURES = Path(__file__).resolve().parent.parent / "captures"


def reply(name: str) -> str:
    """The body of the recorded api/response `name`, or of the first if the file has several frames."""
    head, _, rest = (CAPTURES / name).read_bytes().partition(b"\n\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\n"))
    return rest[: int(headers["Content-Length"])].decode()


def recorded(pattern: str) -> list[str]:
    """Names of the captures that match, never none."""
    names = sorted(path.name for path in CAPTURES.glob(pattern))
    assert names, pattern
    return names


# Everything a decoder may hand over: lone surrogates and control characters too.
anything = st.text(st.characters(), max_size=200)


@st.composite
def damaged(draw: st.DrawFn, names: list[str]) -> str:
    """A recorded reply with a few stretches of it replaced, doubled or cut out."""
    text = reply(draw(st.sampled_from(names)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 80)))
        other = draw(st.integers(0, len(text)))
        filling = draw(
            st.one_of(
                anything,
                st.just(text[other : other + 80]),
                st.sampled_from(["\n", "\t", "<", "&", "-1", "9" * 400, "1e999", "nan", "\n  <gateway>\n"]),
            )
        )
        text = text[:start] + filling + text[end:]
    return text


def read_or_refused(parse: Callable[[str], _T], text: str) -> _T | None:
    """What the parser reads, or None if it refuses in one short line. Any other exception passes."""
    try:
        return parse(text)
    except ReplyError as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert len(refusal) < 1000
    return None
