"""Metrics of this process's backends and clock, to reveal a deployment that sends nothing, or whose clock is wrong."""

from collections.abc import Iterable
from math import isnan

from django.conf import settings
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config import clock


class BackendsCollector(Collector):
    """Yields a metric that is always 1, with the names of the backends as labels, and the skew of the host's clock."""

    def collect(self) -> Iterable[Metric]:
        """Return the metrics. The clock's metric is missing until the clock was measured."""
        names = {
            "realtime": settings.REALTIME_BACKEND,
            "rtc": settings.RTC_BACKEND,
            "analytics": settings.ANALYTICS_BACKEND,
            "cache": "redis" if settings.CACHE_URL else "files",
        }
        text = "The backends of this process, as labels."
        metric = GaugeMetricFamily("showgoals_backends_info", text, labels=list(names))
        metric.add_metric(list(names.values()), 1)
        skew = clock.skew_seconds()
        text = "By how much the database's clock is ahead of that of the host of this process."
        return [metric] if isnan(skew) else [metric, GaugeMetricFamily("showgoals_web_clock_skew_seconds", text, skew)]
