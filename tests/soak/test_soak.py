"""The soaks in a shorter form: hours of the week; and what the check of the memory does not accept."""

from pathlib import Path

import pytest

from tests.soak.events import MILLION, Figures, check_growth
from tests.soak.week import HOUR, soak_in_virtual_time


def test_hours_in_virtual_time(tmp_path: Path) -> None:
    figures = soak_in_virtual_time(2.1 / 24, tmp_path, reload_each=HOUR)
    assert (figures.flaps, figures.reloads) == (2, 2)
    assert figures.legs > 500
    assert 1 <= figures.probes <= 3  # the schedule draws when the first is due


def test_memory_that_grows_is_found() -> None:
    flat = Figures(resident=[60 * MILLION, 60 * MILLION + 900_000], descriptors=[20, 21])
    check_growth(flat)
    flat.resident[-1] += 200_000
    with pytest.raises(AssertionError):
        check_growth(flat)
