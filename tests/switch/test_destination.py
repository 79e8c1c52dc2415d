"""Dialled numbers: their country and kind, and that what is kept of them is bounded and cheap."""

import time

import pytest

from exporter.switch import destination
from exporter.switch.destination import KINDS, OTHER, NumberPlan, expensive_kind, load_numbering_plans

load_numbering_plans()

# region, dialled, country, E.164 digits
DIALLED = (
    (None, "+15550000001", "US", "15550000001"),
    (None, "+18765551234", "JM", "18765551234"),  # of the countries with +1
    (None, "+923001234567", "PK", "923001234567"),
    (None, "00923001234567", "PK", "923001234567"),
    (None, "+77012345678", "KZ", "77012345678"),  # +7 is Russia's too
    (None, "+37312345678", "MD", "37312345678"),  # no subscriber's: its code counts
    (None, "+2461234567", "IO", "2461234567"),
    (None, "+8816123456789", "001", "8816123456789"),
    (None, "+80012345678", "001", "80012345678"),
    (None, "+21012345678", OTHER, ""),  # nobody's code
    (None, "+99912345678", OTHER, ""),
    (None, "2025550123", OTHER, ""),  # Egypt's code, or a number of Washington
    (None, "1000", OTHER, ""),
    (None, "alice", OTHER, ""),
    (None, "", OTHER, ""),
    (None, "+" + "1" * 5000, OTHER, ""),
    (None, "+١٥٥٥٠٠٠٠٠٠١", OTHER, ""),
    (None, "0", OTHER, ""),
    ("US", "2025550123", "US", "12025550123"),
    ("US", "12025550123", "US", "12025550123"),
    ("US", "442071234567", "GB", "442071234567"),
    ("US", "20255501234", "EG", "20255501234"),
    ("US", "011442071234567", "GB", "442071234567"),
    ("US", "911", OTHER, ""),
    ("GB", "02071234567", "GB", "442071234567"),
    ("GB", "00923001234567", "PK", "923001234567"),
    ("GB", "+12025550123", "US", "12025550123"),
    ("US", "00442071234567", "GB", "442071234567"),  # no number of North America begins with 00
    ("US", "0037312345678", "MD", "37312345678"),  # no subscriber's either: its code counts
    ("US", "0021012345678", OTHER, ""),
    ("GB", "0012025550123", "US", "12025550123"),
)


@pytest.mark.parametrize(("region", "number", "country", "digits"), DIALLED)
def test_a_dialled_number_leads_to_a_country(
    region: str | None, number: str, country: str, digits: str
) -> None:
    reading = NumberPlan(region).find(number)
    assert (reading.country, reading.digits(number)) == (country, digits)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("+19002345678", "premium_rate"),
        ("+19002345678999", "premium_rate"),  # a switch dials what it needs
        ("+449061234567", "premium_rate"),
        ("+491801234567", "shared_cost"),
        ("+8816123456789", "international_network"),
        ("+882991234567", "international_network"),
        ("+447012345678", "personal_number"),
        ("+12025550123", ""),
        ("+443001234567", ""),  # universal access, at the price of an ordinary call
        ("+80012345678", ""),
        ("+37312345678", ""),
    ],
)
def test_expensive_kinds_of_numbers_are_known(number: str, kind: str) -> None:
    assert NumberPlan(None).find(number).kind == kind
    assert not kind or kind in KINDS


def test_the_guard_takes_universal_access_numbers_for_expensive() -> None:
    assert expensive_kind("+443001234567") == destination.UNIVERSAL


def test_numbers_that_begin_alike_are_read_once() -> None:
    plan = NumberPlan("US")
    for last in range(10):
        number = f"+92300123456{last}"
        assert plan.find(number).digits(number) == number[1:]
        national = f"202555012{last}"
        assert plan.find(national).digits(national) == f"1202555012{last}"
    assert len(plan) == 2


def test_what_is_no_number_is_not_kept_and_speaks_for_no_other() -> None:
    plan = NumberPlan(None)
    assert plan.find("+1202555012x").country == OTHER
    assert len(plan) == 0
    assert plan.find("+12025550123").country == "US"


def test_the_beginnings_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destination, "KEPT", 50)
    plan = NumberPlan(None)
    for middle in range(1000, 1200):
        assert plan.find(f"+92{middle}234567").country == "PK"
    assert len(plan) == 50
    assert plan.find("+921199234567").country == "PK"


def test_a_number_whose_beginning_is_kept_costs_less_than_two_microseconds() -> None:
    """Processor time, the best of several rounds, so that a loaded machine changes nothing."""
    plan = NumberPlan("US")
    numbers = [f"+92300{last:07}" for last in range(1000)]
    plan.find(numbers[0])

    def spent() -> float:
        before = time.process_time()
        for number in numbers:
            plan.find(number)
        return (time.process_time() - before) / len(numbers)

    assert min(spent() for _ in range(20)) < 2e-6
