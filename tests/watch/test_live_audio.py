"""The audio of running calls: which legs are looked at in which round, and how they are judged."""

import tracemalloc
from math import ceil
from typing import Final

import pytest

from exporter.switch.leg import LegStart
from exporter.switch.live_audio import AudioReading
from exporter.watch.live_audio import SILENT_AFTER, STAY, LiveAudio
from tests.watch.test_calls import Tracked

EVERY: Final = 5.0
BEGUN: Final = AudioReading(
    received=150,
    sent=150,
    missing=0,
    comfort_noise=0,
    digits=0,
    both_ways=True,
    bridged=False,
    pausing=False,
)


class Side:
    """Calls that are up, and the rounds of looks at them."""

    def __init__(self, legs: int = 1, *, answered: bool = True) -> None:
        self.calls = Tracked().calls
        self.live = LiveAudio(self.calls)
        self.now = 1000.0
        self.add(legs, answered=answered)

    def add(self, legs: int, *, answered: bool = True) -> None:
        for _ in range(legs):
            uuid = f"leg-{self.calls.live}"
            self.calls.learn(LegStart(uuid, "outbound", "telnyx", ""), answered=answered)

    def round(
        self, limit: int = 100, *, every: float = EVERY, reading: AudioReading | None = BEGUN
    ) -> list[str]:
        """One round; all its legs have the same reading."""
        legs = self.live.turn(limit, every, self.now)
        for uuid in legs:
            self.live.on_reading(uuid, reading, self.now)
        self.live.on_round()
        self.now += every
        return legs

    def readings(self, *readings: AudioReading | None) -> list[tuple[int, int]]:
        """How many legs were judged and were silent after each round."""
        seen = []
        for reading in readings:
            self.round(reading=reading)
            seen.append(self.judged)
        return seen

    @property
    def judged(self) -> tuple[int, int]:
        stats = self.calls.stats["telnyx", "outbound"]
        return stats.live_sampled, stats.live_silent


def grown(reading: AudioReading, *, received: int = 250, sent: int = 250, missing: int = 0) -> AudioReading:
    return reading._replace(
        received=reading.received + received, sent=reading.sent + sent, missing=reading.missing + missing
    )


def test_a_leg_is_judged_after_ten_seconds() -> None:
    second = grown(BEGUN)
    assert Side().readings(BEGUN, second, grown(second)) == [(0, 0), (0, 0), (1, 0)]


def test_a_leg_of_which_nothing_is_heard_is_silent_after_ten_seconds_until_it_is_heard() -> None:
    mute = [BEGUN]
    for _ in range(3):
        mute.append(grown(mute[-1], received=0, missing=250))
    again = grown(mute[-1])
    side = Side()
    assert side.readings(*mute, again) == [(0, 0), (0, 0), (1, 1), (1, 1), (1, 0)]
    assert side.calls.stats["telnyx", "outbound"].live_packet_loss.total == 1  # of the last window


def test_a_leg_that_dies_is_silent_ten_seconds_after_it_was_heard_last() -> None:
    readings = [BEGUN]
    for _ in range(3):
        readings.append(grown(readings[-1]))
    for _ in range(2):
        readings.append(grown(readings[-1], received=0, missing=250))
    assert Side().readings(*readings)[-3:] == [(1, 0), (1, 0), (1, 1)]


@pytest.mark.parametrize(
    "left_out",
    [
        BEGUN._replace(both_ways=False),
        BEGUN._replace(comfort_noise=1, pausing=True),
        BEGUN._replace(sent=0),
        None,
    ],
)
def test_a_leg_that_is_left_out(left_out: AudioReading | None) -> None:
    """On hold or one-way; silent by its own account; sent nothing; not readable."""
    assert Side().readings(*[left_out] * 5) == [(0, 0)] * 5


def test_a_leg_taken_from_hold_is_judged_anew() -> None:
    held = BEGUN._replace(both_ways=False)
    mute = [BEGUN]
    for _ in range(3):
        mute.append(grown(mute[-1], received=0))
    assert Side().readings(held, held, held, *mute) == [(0, 0)] * 5 + [(1, 1)] * 2


def test_the_loss_of_each_window_is_counted_for_its_gateway() -> None:
    side = Side(legs=3)
    side.readings(BEGUN, grown(BEGUN, received=225, missing=25))
    loss = side.calls.stats["telnyx", "outbound"].live_packet_loss
    assert loss.total == 3
    assert loss.sum == pytest.approx(0.3)
    assert side.calls.stats["telnyx", "inbound"].live_packet_loss.total == 0


def test_only_answered_legs_are_looked_at_and_only_while_they_are_up() -> None:
    side = Side(legs=2, answered=False)
    assert side.round() == []
    side.add(1)
    assert side.round() == ["leg-2"]
    side.calls.lose(["leg-2"])
    assert side.round() == []
    assert side.judged == (0, 0)


def test_all_legs_have_their_turn_and_most_are_judged_all_the_time() -> None:
    side = Side(legs=300)
    seen: set[str] = set()
    judged = []
    reading = BEGUN
    for _ in range(100):
        reading = grown(reading)
        legs = side.round(60, reading=reading)
        assert len(legs) == len(set(legs)) == 60
        seen |= set(legs)
        judged.append(side.judged[0])
    assert len(seen) == 300
    share = SILENT_AFTER / STAY  # those that are new
    assert min(judged[3:]) >= 60 * (1 - share) - 6


@pytest.mark.parametrize("every", [2.0, 5.0, 30.0, 60.0, 90.0, 300.0])
def test_a_leg_keeps_its_place_until_it_has_been_judged_however_seldom_it_is_looked_at(every: float) -> None:
    side = Side(legs=90)
    judged, reading = 0, BEGUN
    for _ in range(ceil(600 / every)):
        reading = grown(reading)
        side.round(30, every=every, reading=reading)
        judged = max(judged, side.judged[0])
    assert judged >= 20


def test_few_legs_keep_their_place() -> None:
    side = Side(legs=60)
    first = side.round(60)
    for _ in range(50):
        assert side.round(60) == first
    assert side.judged[0] == 0  # nothing was heard or sent


def test_a_smaller_limit_holds_at_once() -> None:
    side = Side(legs=50)
    assert len(side.round(50)) == 50
    assert len(side.round(20)) == 20


def test_what_was_judged_is_forgotten_with_the_lane() -> None:
    side = Side()
    side.readings(BEGUN, grown(BEGUN), grown(grown(BEGUN)))
    assert side.judged == (1, 0)
    side.live.forget()
    assert side.judged == (0, 0)
    assert not side.live.known


def test_the_memory_of_a_leg_that_is_looked_at() -> None:
    side = Side(legs=2000)
    tracemalloc.start()
    side.round(2000)
    side.round(2000)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used / 2000 < 700  # bytes, a reading of its own included
