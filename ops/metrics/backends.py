"""Which backends this process uses, so that a deployment that tells nobody is seen."""

from collections.abc import Iterable

from django.conf import settings
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class BackendsCollector(Collector):
    """Answers one sample, always 1, whose labels are the names of the backends."""

    def collect(self) -> Iterable[Metric]:
        """Return the metric."""
        names = {
            "realtime": settings.REALTIME_BACKEND,
            "rtc": settings.RTC_BACKEND,
            "analytics": settings.ANALYTICS_BACKEND,
            "cache": "redis" if settings.CACHE_URL else "files",
        }
        text = "The backends of this process, as labels."
        metric = GaugeMetricFamily("showgoals_backends_info", text, labels=list(names))
        metric.add_metric(list(names.values()), 1)
        return [metric]
