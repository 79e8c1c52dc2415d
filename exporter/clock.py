"""Time, given to whoever needs it.

Nothing else in the package asks the machine for the time (a test holds it to that): a `Clock` is passed in.
So what takes minutes or days is tested in virtual time, with a clock that follows the test's event loop
(tests/support/virtual_time.py). Deadlines of asyncio (`asyncio.timeout`, `loop.call_later`) follow the event
loop's own time, which is the same as `monotonic` here and the virtual time there.
"""

import asyncio
import time


class Clock:
    """The machine's clocks. Its methods may be called from any thread, but for `sleep`."""

    def monotonic(self) -> float:
        """Seconds that never go back, from an arbitrary start: for durations and deadlines."""
        return time.monotonic()

    def epoch(self) -> float:
        """Seconds since 1970-01-01 UTC by the machine's wall clock, which may step: for times of day."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait; other tasks run meanwhile."""
        await asyncio.sleep(seconds)
