"""Pages are what prometheus_client would have written, and other tasks run while they are written."""

import asyncio
import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client import Histogram as ClientHistogram
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.clock import Clock
from exporter.metrics.exposition import Exemplar, Family, Histogram, Page, Unit, labels, render
from tests.support.openmetrics import families

GAUGE = Family("a_gauge", "gauge", 'What "it" is\nand \\ is not.', ("node", "name"))
COUNTER = Family("some_things_total", "counter", "Things.", ("node",))
HISTOGRAM = Family("a_seconds", "histogram", "Seconds.", ("node",), (0.1, 1, 2.5))
ALL = (GAUGE, COUNTER, HISTOGRAM)


def text(page: Page) -> str:
    return b"".join(page.chunks()).decode()


def filled(*, openmetrics: bool, names: frozenset[str] | None = None) -> Page:
    page = Page(ALL, openmetrics=openmetrics, names=names)
    page.add(GAUGE, labels(node="a", name='quo"te\\ \n é'), 1.5)
    page.add(COUNTER, labels(node="a"), 1e7, Exemplar("0" * 36, 5.25))
    histogram = Histogram(HISTOGRAM)
    for value in (0.05, 0.1, 0.3, 9):
        histogram.observe(value, Exemplar("f" * 36, 7.5))
    page.histogram(HISTOGRAM, labels(node="a"), histogram)
    return page


def test_the_text_format_has_the_samples_of_the_library() -> None:
    registry = CollectorRegistry()
    Gauge("a_gauge", GAUGE.help, ["node", "name"], registry=registry).labels("a", 'quo"te\\ \n é').set(1.5)
    Counter("some_things", "Things.", ["node"], registry=registry).labels("a").inc(1e7)
    client = ClientHistogram("a_seconds", "Seconds.", ["node"], buckets=(0.1, 1, 2.5), registry=registry)
    for value in (0.05, 0.1, 0.3, 9):
        client.labels("a").observe(value)
    theirs = sample_set(generate_latest(registry).decode())
    assert sample_set(text(filled(openmetrics=False))) == {s for s in theirs if "_created" not in s[0]}


def sample_set(page: str) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
    return {
        (sample.name, tuple(sorted(sample.labels.items())), sample.value)
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_openmetrics_passes_the_strict_parser_and_has_exemplars() -> None:
    read = {family.name: family for family in families(text(filled(openmetrics=True)))}
    assert set(read) == {"a_gauge", "some_things", "a_seconds"}
    [thing] = read["some_things"].samples
    assert thing.exemplar is not None
    assert thing.exemplar.labels == {"call_uuid": "0" * 36}
    buckets = [sample for sample in read["a_seconds"].samples if sample.name.endswith("_bucket")]
    assert [(bucket.labels["le"], bucket.value) for bucket in buckets] == [
        ("0.1", 2),
        ("1.0", 3),
        ("2.5", 3),
        ("+Inf", 4),
    ]
    assert [bucket.exemplar is not None for bucket in buckets] == [True, True, False, True]


def test_only_the_names_asked_for_are_written() -> None:
    wanted = frozenset({"a_gauge", "a_seconds_count"})
    assert {name for name, _, _ in sample_set(text(filled(openmetrics=False, names=wanted)))} == wanted


def test_a_stateset_has_every_value_and_exactly_one_is_1() -> None:
    page = Page(ALL, openmetrics=False)
    page.stateset(GAUGE, labels(node="a"), "name", ("x", "y", "z"), "y")
    assert {(dict(key)["name"], value) for _, key, value in sample_set(text(page))} == {
        ("x", 0),
        ("y", 1),
        ("z", 0),
    }


@given(st.text())
def test_any_text_can_be_a_label_value(value: str) -> None:
    value = value.encode("utf-8", "replace").decode()
    page = Page(ALL, openmetrics=True)
    page.add(GAUGE, labels(node="a", name=value), 1)
    [family] = families(text(page))
    assert family.samples[0].labels["name"] == value


@given(st.lists(st.floats(allow_nan=False, min_value=-10, max_value=10), max_size=30))
def test_a_histogram_counts_as_the_librarys(values: list[float]) -> None:
    ours = Histogram(HISTOGRAM)
    registry = CollectorRegistry()
    theirs = ClientHistogram("a_seconds", "Seconds.", buckets=HISTOGRAM.buckets, registry=registry)
    for value in values:
        ours.observe(value)
        theirs.observe(value)
    page = Page(ALL, openmetrics=False)
    page.histogram(HISTOGRAM, "", ours)
    expected = {
        (n, k): v for n, k, v in sample_set(generate_latest(registry).decode()) if "_created" not in n
    }
    assert {(n, k): v for n, k, v in sample_set(text(page))} == pytest.approx(expected)


class Slow:
    """A source whose units take 10 ms each."""

    node = None

    def units(self) -> Iterable[Unit]:
        return [self._write] * 10

    @staticmethod
    def _write(page: Page) -> None:
        until = time.perf_counter() + 0.01
        while time.perf_counter() < until:
            pass
        page.add(GAUGE, labels(node="a", name=str(time.perf_counter())), 1)


async def test_other_tasks_run_while_a_page_is_written() -> None:
    page = Page(ALL, openmetrics=False)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    running = asyncio.create_task(other())
    await render(page, [Slow()], Clock())
    running.cancel()
    assert turns >= 9
