"""Lag is measured against the best of the last minutes, so that a wrong clock is none."""

import pytest

from exporter.watch.lag import WINDOW, Lag


def test_a_wrong_clock_is_no_lag() -> None:
    lag = Lag()
    assert lag.measure(1000.0, 400.0) == 0.0
    assert lag.measure(1001.0, 401.0) == 0.0


def test_what_comes_later_than_the_best_is_late() -> None:
    lag = Lag()
    lag.measure(1000.0, 999.99)
    assert lag.measure(1002.0, 1001.0) == pytest.approx(0.99)
    assert lag.measure(1003.0, 1002.999) == 0.0


def test_a_clock_that_is_set_back_is_forgotten_within_two_windows() -> None:
    lag = Lag()
    lag.measure(1000.0, 1000.0)
    assert lag.measure(1001.0, 991.0) == pytest.approx(10.0)
    assert lag.measure(1001.0 + WINDOW, 991.0 + WINDOW) == pytest.approx(10.0)
    assert lag.measure(1002.0 + 2 * WINDOW, 992.0 + 2 * WINDOW) == 0.0
