"""What MongoDB knows, asked at each scrape: it is the same for all processes, and none has to count it."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime

import pymongo
from django.db import DatabaseError
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from pymongo.errors import PyMongoError

from ops.metrics.deliveries import deliveries
from ops.metrics.families import gauge
from ops.metrics.queue import clusters, queues, tasks
from ops.metrics.shows import recordings, shows, starts

logger = logging.getLogger(__name__)

# All questions of one scrape together.
ANSWERED_WITHIN_SECONDS = 3.0
QUESTIONS = (queues, tasks, clusters, shows, starts, deliveries, recordings)


class StoredCollector(Collector):
    """Asks MongoDB; says `showgoals_mongodb_up 0`, and what it has learned until then, if MongoDB doesn't answer."""

    def collect(self) -> Iterable[Metric]:
        """Return the metrics. Never raises for MongoDB."""
        now, is_up = datetime.now(UTC), 1
        found: list[Metric] = []
        try:
            with pymongo.timeout(ANSWERED_WITHIN_SECONDS):
                for question in QUESTIONS:
                    found += question(now)
        except (PyMongoError, DatabaseError) as error:
            logger.warning("scrape is incomplete error=%s", type(error).__name__)
            is_up = 0
        return [*found, gauge("mongodb_up", "Whether MongoDB has answered this scrape.", is_up)]
