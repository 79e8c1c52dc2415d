"""Records the verdict and the state of one gateway as they change."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tests.watch.watching import Watch

_LOOK: Final = 0.02


class Words:
    """Verdicts and states of a gateway, each with the seconds since the recording began."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.problems: list[tuple[float, str]] = []
        self.states: list[tuple[float, str]] = []

    def look(self, watch: Watch, gateway: str) -> None:
        """Record changes."""
        after = time.monotonic() - self.began
        found = watch.node.gateways.named(gateway)
        for seen, word in ((self.problems, found[0].problem), (self.states, found[0].state)):
            if not seen or seen[-1][1] != word:
                seen.append((round(after, 2), word))

    @property
    def verdicts(self) -> list[str]:
        """The verdicts in their order of time."""
        return [word for _, word in self.problems]

    def when(self, problem: str) -> float:
        """Seconds from the beginning to the first occurrence of a verdict."""
        return next(after for after, word in self.problems if word == problem)


@asynccontextmanager
async def looking(watch: Watch, gateway: str = "telnyx") -> AsyncIterator[Words]:
    """Record a gateway during the block."""
    words = Words()

    async def look() -> None:
        while True:
            words.look(watch, gateway)
            await asyncio.sleep(_LOOK)

    task = asyncio.create_task(look())
    try:
        yield words
    finally:
        words.look(watch, gateway)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        print(gateway, words.problems, words.states)  # pytest shows it when a test fails
