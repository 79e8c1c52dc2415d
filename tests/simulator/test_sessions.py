"""The session counters of the simulated switch: the rate is that of FreeSWITCH's own clock."""

from exporter.simulator.clock import SwitchClock
from exporter.simulator.sessions import WINDOW_SECONDS, Load


class HandClock(SwitchClock):
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_the_rate_is_that_of_the_last_whole_second_and_counts_what_was_refused() -> None:
    clock = HandClock()
    load = Load(clock)
    for _ in range(29):
        load.began(1)
    for _ in range(91):
        load.refused()
    assert (load.attempts, load.per_second, load.since_startup) == (120, 0, 29)
    clock.seconds = 1.0
    load.began(1)
    assert (load.attempts, load.per_second, load.per_second_peak) == (1, 120, 120)
    clock.seconds = 1.99
    assert load.per_second == 120
    clock.seconds = 2.0
    assert load.per_second == 1
    clock.seconds = 9.0
    assert (load.per_second, load.per_second_peak, load.per_second_five_minutes) == (0, 120, 120)
    clock.seconds = WINDOW_SECONDS
    assert (load.per_second_peak, load.per_second_five_minutes) == (120, 0)
