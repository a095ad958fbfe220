"""Celery with `eta` on Redis: one worker with two processes. The call to Pusher is a task of its own.

python -m celery -A lab.bench.peers.celery_eta worker
python -m lab.bench.peers.celery_eta SOCKET
"""

import os
from datetime import UTC, datetime

from celery import Celery  # type: ignore[import-not-found] # only in the peers' own environment

from lab.bench.peers import work
from lab.bench.peers.feed import Start, take_starts

app = Celery("bench", broker=os.environ["BENCH_REDIS_URL"])
app.conf.update(
    task_acks_late=True,  # a killed worker's task runs again, as in the other systems
    task_ignore_result=True,
    broker_transport_options={"visibility_timeout": 3600},  # must be longer than the furthest eta
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)


def _start(goal_id: str, nbf: float) -> None:
    if telling := work.start_show(goal_id, nbf):
        tell.delay(*telling)


start = app.task(_start, name="start")
tell = app.task(work.tell, name="tell")


def schedule(starts: list[Start]) -> None:
    """Send one message for each show, all over one connection."""
    with app.producer_pool.acquire(block=True) as producer:
        for goal_id, nbf in starts:
            start.apply_async((goal_id, nbf), eta=datetime.fromtimestamp(nbf, tz=UTC), producer=producer)


if __name__ == "__main__":
    take_starts(schedule)
