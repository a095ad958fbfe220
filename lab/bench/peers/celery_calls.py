"""Celery on Redis makes given calls to the vendors. Each call is a task, with the `eta` at which it is due.

The product has made and signed the same calls before. So Celery reads no database, mints no credentials and records
nothing.

    python -m celery -A lab.bench.peers.celery_calls worker
    python -m lab.bench.peers.celery_calls SOCKET
"""

import json
import os
from datetime import UTC, datetime
from threading import local

import requests
from celery import Celery  # type: ignore[import-not-found] # only in the peers' own environment

from lab.bench.peers.feed import Start, take_starts

TIMEOUT_SECONDS = 10

app = Celery("bench", broker=os.environ["BENCH_REDIS_URL"])
app.conf.update(
    task_acks_late=True,  # a killed worker's task runs again
    task_ignore_result=True,
    broker_transport_options={"visibility_timeout": 3600},  # must be longer than the furthest eta
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)
# Each process or thread keeps its connections.
_own = local()


def _call(call: str) -> None:
    if not hasattr(_own, "http"):
        _own.http = requests.Session()
        _own.http.trust_env = False
    method, url, headers, body = json.loads(call)
    answer = _own.http.request(method, url, headers=headers, data=body.encode(), timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()


call = app.task(_call, name="call")


def schedule(calls: list[Start]) -> None:
    """Send one message for each call, all over one connection."""
    with app.producer_pool.acquire(block=True) as producer:
        for request, due in calls:
            call.apply_async((request,), eta=datetime.fromtimestamp(due, tz=UTC), producer=producer)


if __name__ == "__main__":
    take_starts(schedule)
