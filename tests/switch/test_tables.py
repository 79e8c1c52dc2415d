"""Tables beside the code."""

import pytest

from exporter.switch.tables import read_table


def test_rows() -> None:
    rows = read_table("causes.tsv", columns=5)
    assert rows[0][:3] == ("NONE", "0", "")


def test_a_table_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"causes\.tsv: 5 columns instead of 4"):
        read_table("causes.tsv", columns=4)
