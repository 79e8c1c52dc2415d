"""Draws the table of docs/growing.md as two curves: docs/images/growing.svg.

    python -m scripts.growth_picture > docs/images/growing.svg

Left: CPU by events per second, of the rows with as many switches and gateways. Right: the median scrape by
lines of a page. A test compares the committed file with this output.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

PAGE: Final = Path(__file__).resolve().parent.parent / "docs/growing.md"
WIDTH: Final = 360
HEIGHT: Final = 220
LEFT: Final = 56
RIGHT: Final = 16
TOP: Final = 34
BOTTOM: Final = 40
STEPS: Final = 4


class Row(NamedTuple):
    """One row of the table: counts, CPU in percent of a core, milliseconds."""

    nodes: int
    gateways: int
    events: float
    cpu: float
    lines: int
    scrape: float


def rows() -> list[Row]:
    """The table, as `make bench-fleet` printed it."""
    pattern = (
        r"^\| (\d+) \| (\d+) \| [\d.]+ \| ([\d,]+) \| ([\d.]+)% of a core \| \d+ MB \| ([\d,]+) \| (\d+) ms"
    )
    found = re.findall(pattern, PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [Row(*(float(cell.replace(",", "")) for cell in row)) for row in found]  # type: ignore[arg-type]


def picture() -> str:
    """The SVG; colours that can be read on white and on black."""
    table = rows()
    loads = [row for row in table if sum((one.nodes, one.gateways) == row[:2] for one in table) > 1]
    size = f'width="{2 * WIDTH}" height="{HEIGHT}" viewBox="0 0 {2 * WIDTH} {HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"',
        '  font-family="sans-serif" font-size="11" fill="#768390">',
        "<title>CPU by events per second, and the scrape by lines of a page</title>",
        "<g>",
        *_chart("CPU, % of a core", "events per second", sorted((row.events, row.cpu) for row in loads)),
        f'</g><g transform="translate({WIDTH} 0)">',
        *_chart("scrape, ms (median)", "lines of a page", sorted((row.lines, row.scrape) for row in table)),
        "</g>",
    ]
    return "\n".join([*parts, "</svg>", ""])


def _chart(title: str, below: str, points: Sequence[tuple[float, float]]) -> Iterator[str]:
    most = [_round_up(max(values)) for values in zip(*points, strict=True)]
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    yield f'<text x="{LEFT}" y="18" font-weight="bold">{title}</text>'
    for step in range(STEPS + 1):
        y = HEIGHT - BOTTOM - down * step / STEPS
        x = LEFT + across * step / STEPS
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#768390" stroke-opacity=".35"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{most[1] * step / STEPS:g}</text>'
        text, anchor = f"{most[0] * step / STEPS:,g}", "end" if step == STEPS else "middle"
        yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="{anchor}">{text}</text>'
    yield f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{below}</text>'
    places = [(LEFT + across * x / most[0], HEIGHT - BOTTOM - down * y / most[1]) for x, y in points]
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    yield f'<path d="M{line}" fill="none" stroke="#2f81f7" stroke-width="2"/>'
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#2f81f7"/>'


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 8 times a power of ten."""
    power = 10.0 ** (len(str(int(value))) - 1)
    return next(power * digit for digit in (1, 2, 4, 8, 10) if power * digit >= value)


if __name__ == "__main__":
    print(picture(), end="")
