"""Gauges, and the counts behind them, which are bounded: a scrape must never be what slows the product down."""

from collections.abc import Mapping
from typing import Any

from prometheus_client.metrics_core import GaugeMetricFamily

from mongodb.transactions import collection

# A count that reaches it means "so many or more".
COUNTED = 10_000


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    """Return a gauge without labels."""
    return GaugeMetricFamily(f"showgoals_{name}", text, value)


def gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    """Return a gauge with one label."""
    family = GaugeMetricFamily(f"showgoals_{name}", text, labels=[label])
    for labelled, value in values.items():
        family.add_metric([labelled], value)
    return family


def count(name: str, condition: Mapping[str, Any]) -> int:
    """Count the documents, up to COUNTED."""
    return int(collection(name).count_documents(condition, limit=COUNTED))
