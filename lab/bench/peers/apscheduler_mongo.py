"""APScheduler 3 with its MongoDB job store: one process with two threads, and two more threads that call Pusher.

APScheduler has no queue for the calls to Pusher. If a job made its call itself, the next shows would have to wait.

    python -m lab.bench.peers.apscheduler_mongo SOCKET
"""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from apscheduler.executors.pool import (  # type: ignore[import-not-found] # only in the peers' own environment
    ThreadPoolExecutor as JobThreads,
)
from apscheduler.jobstores.mongodb import MongoDBJobStore  # type: ignore[import-not-found] # as above
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-not-found] # as above

from lab.bench.peers import work
from lab.bench.peers.feed import Start, take_starts

WORKERS = 2
_tellers = ThreadPoolExecutor(WORKERS)


def start(goal_id: str, nbf: float) -> None:
    """Start the show, and let another thread call Pusher."""
    if telling := work.start_show(goal_id, nbf):
        _tellers.submit(work.tell, *telling)


def main() -> None:
    """Run the scheduler until the benchmark ends."""
    store = MongoDBJobStore(
        database=os.environ["MONGODB_NAME"], collection="bench_jobs", host=os.environ["MONGODB_URI"]
    )
    scheduler = BackgroundScheduler(
        jobstores={"default": store},
        executors={"default": JobThreads(WORKERS)},
        job_defaults={"misfire_grace_time": None},  # run late jobs, too
        timezone=UTC,
    )
    scheduler.start()

    def schedule(starts: list[Start]) -> None:
        for goal_id, nbf in starts:
            # The job is given by its name, because this module is `__main__` if it is run as a program.
            job = "lab.bench.peers.apscheduler_mongo:start"
            scheduler.add_job(job, "date", run_date=datetime.fromtimestamp(nbf, tz=UTC), args=(goal_id, nbf))

    take_starts(schedule)
    scheduler.shutdown(wait=False)


if __name__ == "__main__":
    main()
