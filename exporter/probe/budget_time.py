"""The time by which days of the budget begin: it never goes back, and no step of the clock moves it.

Strategy: budget time runs with the time that really passes (the monotonic clock, which all processes of one
boot share), and follows the wall clock's time of day slowly, by at most SLEW of the time that passes. So a
day of the budget begins at 00:00 UTC while the clock is right, and two days never begin less than 23 hours
apart, however the clock is set. A step by whole days changes nothing at all; a step by some hours is taken
over within 12 days.

What passed while the machine was off can only be known from the wall clock.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple, Self

DAY: Final = 86_400
SLEW: Final = 1 / 24


class BudgetTime(NamedTuple):
    """A reading, kept with the budget.

    Attributes:
        epoch: budget time, epoch seconds. It names the day and nothing else: it may be days off.
        wall: the wall clock at this reading, epoch seconds.
        monotonic: the monotonic clock at this reading, seconds.
        boot: identifies the boot that the monotonic clock belongs to.
    """

    epoch: float
    wall: float
    monotonic: float
    boot: str

    def at(self, wall: float, monotonic: float, boot: str) -> Self:
        """The reading at a later moment, from the clocks at that moment."""
        if boot == self.boot and monotonic >= self.monotonic:
            passed = monotonic - self.monotonic
        else:
            passed = max(wall - self.wall, 0.0)
        epoch = self.epoch + passed
        off = (wall - epoch + DAY / 2) % DAY - DAY / 2  # of the time of day
        epoch += max(min(off, passed * SLEW), -passed * SLEW)
        return self._replace(epoch=epoch, wall=wall, monotonic=monotonic, boot=boot)

    @property
    def day(self) -> str:
        """The day of the budget, as YYYY-MM-DD."""
        return day_of(self.epoch)

    @property
    def seconds_left(self) -> float:
        """Seconds until the next day of the budget begins."""
        return DAY - self.epoch % DAY


def day_of(epoch: float) -> str:
    """The UTC day of an epoch time, as YYYY-MM-DD."""
    return datetime.fromtimestamp(epoch, UTC).date().isoformat()
