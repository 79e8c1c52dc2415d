"""The times armed inside FreeSWITCH."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.probe.limits import TONE_SECONDS, Limits, limits, talk_seconds
from tests.probe.settings import settings


def test_as_tried_on_a_switch() -> None:
    # tried.md: M ring, N talk, N + 2 after answer, M + N + 5 in all; a ring limit needed in full gets a
    # second more.
    assert limits(settings(talk_time=5.0), 4.0) == Limits(ring=5, talk=5.0, answered=7, total=15)
    assert limits(settings(application="tone"), 4.0) == Limits(5, TONE_SECONDS, answered=16, total=24)


@given(ring=st.floats(0.5, 300), talk=st.floats(0.5, 3000))
def test_nothing_cuts_a_healthy_call_short(ring: float, talk: float) -> None:
    probe = settings(talk_time=talk)
    made = limits(probe, ring)
    assert (
        made.ring - 1 >= ring - 1
    )  # may end up to a second early, and then still not before the whole second
    assert ring < made.ring <= ring + 1
    assert made.answered - 1 >= talk
    assert made.total - 1 >= made.ring + 0.5 + talk
    assert talk_seconds(probe) == talk


@pytest.mark.parametrize(
    ("ring", "talk"),
    [(0.0, 5.0), (-1.0, 5.0), (3601.0, 5.0), (5.0, 0.0), (2000.0, 2200.0), (5.0, float("inf"))],
)
def test_absurd_times_are_refused(ring: float, talk: float) -> None:
    with pytest.raises(ValueError, match="talk time"):
        limits(settings(talk_time=talk), ring)
