"""The page of `GET /probe`, for calls that are over and calls that are not."""

import pytest
from msgspec.structs import replace

from exporter.probe.record import Status, ToneRecord
from exporter.probe.runner import Answer
from exporter.probe.samples import samples
from tests.probe.test_collector import RECORD


def page(answer: Answer) -> dict[str, float]:
    text = samples(answer, timeout=29.5, waited=29.6, openmetrics=False).decode()
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


@pytest.mark.parametrize(
    ("status", "phase"),
    [("initiated", "originate"), ("dialing", "originate"), ("ringing", "ringing"), ("answered", "media")],
)
def test_a_call_that_outlasts_its_asker_has_failed_where_it_is(status: Status, phase: str) -> None:
    record = replace(RECORD, status=status, result=None, failed_phase=None, duration_seconds=None, media=None)
    shown = page(Answer(record, timed_out=True))
    assert shown["probe_success"] == 0
    assert shown["probe_duration_seconds"] == 29.6
    assert [name for name in shown if "failed" in name] == [f'probe_failed_phase_info{{phase="{phase}"}}']
    assert not [name for name in shown if "cause" in name]


def test_an_aborted_call_failed_in_no_phase() -> None:
    shown = page(Answer(replace(RECORD, result="aborted", failed_phase=None, cause="")))
    assert shown["probe_success"] == 0
    assert not [name for name in shown if "failed" in name or "cause" in name]


def test_a_degraded_call_got_through() -> None:
    tone = ToneRecord(returned=True, before_ours=False, round_trip_seconds=0.24)
    shown = page(Answer(replace(RECORD, result="degraded", failed_phase=None, tone=tone), cached=True))
    assert (shown["probe_success"], shown["probe_cached"]) == (1, 1)
    assert shown["probe_round_trip_seconds"] == 0.24
