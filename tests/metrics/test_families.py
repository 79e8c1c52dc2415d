"""The declarations of the metric families: help texts that fit on a line of a terminal, and plain words."""

import re

import pytest

from exporter.metrics.exposition import Family
from exporter.metrics.families import FAMILIES

MAX_HELP = 119
FIRST_PERSON = re.compile(r"\b(we|us|our|ours)\b", re.IGNORECASE)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_help_is_one_short_line_in_plain_words(family: Family) -> None:
    assert len(family.help) <= MAX_HELP
    assert "\n" not in family.help
    assert family.help.endswith(".")
    assert not FIRST_PERSON.search(family.help)


def test_a_family_is_filed_under_its_name() -> None:
    assert [family.name for family in FAMILIES.values()] == list(FAMILIES)
    assert all((family.type == "counter") is family.name.endswith("_total") for family in FAMILIES.values())
    assert all(bool(family.buckets) is (family.type == "histogram") for family in FAMILIES.values())
