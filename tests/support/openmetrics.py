"""prometheus_client's strict OpenMetrics parser, typed."""

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families


def families(text: str) -> list[Metric]:
    """The families of a page.

    Raises:
        ValueError: it is not valid OpenMetrics.
    """
    return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
