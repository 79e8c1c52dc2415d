"""One target under hypothesis: `python -m tests.fuzz.drawn TARGET SECONDS PREFIX`.

For machines without atheris. Inputs are drawn, not guided by coverage: one of the corpus with a few changes,
or any bytes. hypothesis shrinks what it finds; the input is written to PREFIX followed by `crash-` and a hash
of it, as libFuzzer does.
"""

import hashlib
import logging
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import MAX_INPUT, corpus
from tests.fuzz.targets import TARGETS

_AT_ONCE: Final = 200  # inputs of one seed; between two seeds the time is looked at
_SPLICED: Final = st.one_of(
    st.binary(max_size=40), st.sampled_from([b"\n\n", b"\0", b'"', b"\\", b":", b"%", b"\xff", b"9" * 30])
)


@st.composite
def _changed(draw: st.DrawFn, inputs: Sequence[bytes]) -> bytes:
    """An input of the corpus in which up to four pieces are replaced."""
    data = draw(st.sampled_from(inputs))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 100)))
        data = data[:at] + draw(_SPLICED) + data[end:]
    return data[:MAX_INPUT]


def search(
    target: Callable[[bytes], None], inputs: Sequence[bytes], seconds: float
) -> tuple[int, bytes | None]:
    """Give the target inputs for so many seconds, or until one makes it raise.

    Args:
        target: raises if the code under test breaks a promise.
        inputs: the corpus.
        seconds: how long to search; one seed is always finished.

    Returns:
        How many inputs were tried, and the one that was found, with its traceback printed.
    """
    tried, last = 0, b""
    seeds = sorted(inputs, key=len)  # it shrinks towards the first

    def test(data: bytes) -> None:
        nonlocal tried, last
        tried, last = tried + 1, data
        target(data)

    ends, number = time.monotonic() + seconds, time.time_ns()
    while True:
        number += 1
        run = settings(
            max_examples=_AT_ONCE,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )(seed(number)(given(st.one_of(_changed(seeds), st.binary(max_size=1000)))(test)))
        try:
            run()
        except Exception:  # noqa: BLE001 - whatever the target raises is what is searched for
            traceback.print_exc()
            return tried, last  # the last that hypothesis runs is the smallest it knows
        if time.monotonic() > ends:
            return tried, None


def main() -> int:
    """The command; the exit code."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    logging.disable(logging.CRITICAL)
    name, seconds, prefix = sys.argv[1:]
    tried, found = search(TARGETS[name], corpus(name), float(seconds))
    print(f"stat::number_of_executed_units: {tried}")
    if found is None:
        return 0
    Path(f"{prefix}crash-{hashlib.sha1(found, usedforsecurity=False).hexdigest()}").write_bytes(found)
    return 1


if __name__ == "__main__":
    sys.exit(main())
