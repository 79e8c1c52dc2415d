"""The JSON of the history: what the daemon writes, the commands read again; CSV has the same columns."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from exporter.history.answers import CallAnswer, ChangeAnswer, OutageAnswer, columns, row
from exporter.history.model import Outage, Phase
from exporter.watch.changes import Change
from tests.history.pasts import FULL_CALL, call, change, outage

TEXTS = st.text(max_size=20)
TIMES = st.integers(1, 10**9).map(float)
CHANGES = st.builds(Change, TIMES, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
OUTAGES = st.builds(
    Outage,
    id=st.integers(1, 2**53 - 1),
    layer=st.sampled_from(["gateway", "switch"]),
    node=TEXTS,
    gateway=TEXTS,
    profile=TEXTS,
    began=TIMES,
    ended=TIMES | st.none(),
    seconds=st.integers(0, 10**9).map(lambda number: number / 1000),
    ended_unwatched=st.booleans(),
    course=st.lists(st.builds(Phase, TIMES, TEXTS, TEXTS), min_size=1, max_size=3).map(tuple),
    times=st.integers(1, 99),
    calls_failed=st.integers(0, 99),
    dials_refused=st.integers(0, 99),
    probes_failed=st.integers(0, 99),
    changes_before=st.lists(CHANGES, max_size=2).map(tuple),
)


@given(OUTAGES)
def test_an_outage_comes_back(kept: Outage) -> None:
    body = msgspec.json.encode(OutageAnswer.of(kept))
    assert msgspec.json.decode(body, type=OutageAnswer).kept() == kept


@given(CHANGES)
def test_a_change_comes_back(kept: Change) -> None:
    body = msgspec.json.encode(ChangeAnswer.of(kept))
    assert msgspec.json.decode(body, type=ChangeAnswer).kept() == kept


def test_keys_of_a_later_release_do_no_harm() -> None:
    body = msgspec.to_builtins(OutageAnswer.of(outage())) | {"new": 1}
    assert msgspec.convert(body, OutageAnswer).kept() == outage()


def test_every_row_has_a_cell_for_each_column() -> None:
    for answer in (
        CallAnswer.of(FULL_CALL),
        CallAnswer.of(call()),
        ChangeAnswer.of(change()),
        OutageAnswer.of(outage(0, None)),
    ):
        assert len(row(answer)) == len(columns(type(answer)))
        assert all(isinstance(cell, str | int | float) for cell in row(answer))
    assert len(set(columns(CallAnswer))) == len(columns(CallAnswer))
