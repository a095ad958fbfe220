"""The paths for monitoring."""

from django.urls import path

from ops.health import Healthz, Readyz
from ops.metrics.views import MetricsView

urlpatterns = [
    path("healthz", Healthz.as_view(), name="healthz"),
    path("readyz", Readyz.as_view(), name="readyz"),
    path("metrics", MetricsView.as_view(), name="metrics"),
]
