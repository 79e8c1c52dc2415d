"""The keys of `destinations`, and the table of rates: what is refused with which line, what calls cost."""

from pathlib import Path

import pytest

from exporter.config import Config, ConfigError, rates
from exporter.config.rates import Rate, RateTable
from tests.config.files import loaded


def load_rates(folder: Path, table: str | bytes, **more: str) -> Config:
    (folder / "rates.csv").write_bytes(table.encode() if isinstance(table, str) else table)
    keys = {"rates": "rates.csv", "currency": "USD"} | more
    lines = "".join(f"  {key}: {value}\n" for key, value in keys.items() if value)
    return loaded(folder, f"destinations:\n{lines}")


def table_of(folder: Path, table: str) -> RateTable:
    found = load_rates(folder, table).rates
    assert found is not None
    return found


def test_without_the_keys_countries_are_counted_and_nothing_is_priced(tmp_path: Path) -> None:
    config = loaded(tmp_path, "{}")
    assert (config.destinations.countries, config.destinations.region, config.rates) == (True, None, None)


def test_the_longest_prefix_wins(tmp_path: Path) -> None:
    table = table_of(tmp_path, "prefix,price_per_minute\n# mobile\n+44,0.01\n\n447, 0.05, 60\n1,0\n")
    assert table.find("442071234567") == Rate(0.01)
    assert table.find("447911123456") == Rate(0.05, 60)
    assert table.find("12025550123") == Rate(0.0)
    assert table.find("4") is None
    assert table.find("923001234567") is None
    assert table.find("") is None


@pytest.mark.parametrize(
    ("rate", "seconds", "cost"),
    [
        (Rate(0.6), 30, 0.30),
        (Rate(0.6), 30.2, 0.31),
        (Rate(0.6, 60), 1, 0.6),
        (Rate(0.6, 60), 60, 0.6),
        (Rate(0.6, 60), 61, 1.2),
        (Rate(0.6, 6), 0, 0),
    ],
)
def test_each_started_increment_is_charged(rate: Rate, seconds: float, cost: float) -> None:
    assert rate.cost(seconds) == pytest.approx(cost)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1", "has 1 columns"),
        ("1,0.01,60,more", "has 4 columns"),
        ("1,", "has the price"),
        (",0.01", "has the prefix"),
        ("1,-0.01", "has the price"),
        ("1,0,01", "has the increment"),
        ("1,1e9", "has the price"),
        ("1,nan", "has the price"),
        ("1,0.01,0", "has the increment"),
        ("1,0.01,3601", "has the increment"),
        ("1,0.01,6.5", "has the increment"),
        ("00441,0.01", "has the prefix"),
        ("44-1,0.01", "has the prefix"),
        ("٤٤,0.01", "has the prefix"),
        ("44 1,0.01", "has the prefix"),
        ("1234567890123456,0.01", "has the prefix"),
        ("+92,0.01", "has prefix 92 again, as line 2; keep one"),
        ("prefix,price_per_minute", "has the prefix"),  # not in the first line
    ],
)
def test_a_wrong_line_is_refused_with_its_number(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_rates(tmp_path, f"prefix,price_per_minute\n92,0.01\n{line}\n7,0.01\n")
    [problem] = refused.value.problems
    assert problem.startswith(f"{tmp_path / 'rates.csv'}:3: {message}")


def test_every_wrong_line_is_told_up_to_a_bound(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_rates(tmp_path, "x,1\n1,0.01\ny,1\n")
    assert [problem.split(":")[1] for problem in refused.value.problems] == ["1", "3"]
    with pytest.raises(ConfigError) as refused:
        load_rates(tmp_path, "x,1\n" * 10_000)
    assert refused.value.count <= 50


@pytest.mark.parametrize("table", ["", "prefix,price_per_minute\n", "# nothing\n"])
def test_a_table_without_rates_is_refused(tmp_path: Path, table: str) -> None:
    with pytest.raises(ConfigError, match=r"exporter\.yml:2: destinations\.rates: is .* has no rate"):
        load_rates(tmp_path, table)


def test_a_table_that_is_absent_too_large_or_no_text_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"destinations\.rates: cannot read .*nothing\.csv"):
        load_rates(tmp_path, "1,0.01\n", rates="nothing.csv")
    with pytest.raises(ConfigError, match="not text in UTF-8"):
        load_rates(tmp_path, b"1,0.01\n\xff\xfe")
    monkeypatch.setattr(rates, "MAX_BYTES", 2048)
    with pytest.raises(ConfigError, match="larger than 2 KiB"):
        load_rates(tmp_path, "1,0.01\n" * 1000)


def test_rates_need_a_currency(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"destinations\.currency: is missing; write the currency"):
        load_rates(tmp_path, "1,0.01\n", currency="")


def test_rates_that_are_not_used_are_warned_of(tmp_path: Path) -> None:
    config = load_rates(tmp_path, "1,0.01\n", countries="false")
    [warning] = config.warnings
    assert "destinations.rates: is not used" in warning


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("region", "us", "did you mean US?"),
        ("region", "ZZ", "no country's code; write one such as US"),
        ("region", "no", "not text; put it in quotes"),  # Norway needs quotes
        ("region", "1", "not text"),
        ("currency", "usd", "write three capital letters"),
        ("currency", "$", "write three capital letters"),
        ("countries", "1", "write true or false"),
        ("countries", '"yes"', "write true or false"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(tmp_path: Path, key: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, f"destinations: {{{key}: {value}}}\n")
    [problem] = refused.value.problems
    assert f":1: destinations.{key}: " in problem
    assert message in problem
