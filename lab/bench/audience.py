"""`bench audience`: how large an audience can be, how fast its events are planned, and how much space they take.

MongoDB generates the payers, so that only the planning uses memory of this process.
"""

import resource
import time
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo.errors import OperationFailure

from goals.models import Goal
from lab.bench.environment import BenchFailed, bench_environment, connection
from lab.bench.report import Write
from lab.seed import SeededShow, seed_shows, show_request
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from notifications.models import NotificationChunk
from notifications.tasks import batch_notify_stream_authorized
from showgoals.tasks import create_show_goal

HELP = "plan audiences of several sizes, and measure time, memory and bytes per viewer"
SIZES = "1000,100000,390000,450000,550000"
# An entry of `breakdown` that the fold has written takes 43 bytes, so 390,000 entries fit into a document. For larger
# audiences, this benchmark writes bare numbers, which take 30 bytes each.
LARGEST_AS_WRITTEN = 390_000
CHUNKS = NotificationChunk._meta.db_table


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--viewers", default=SIZES, help=f"sizes of the audiences, separated by commas (default: {SIZES})"
    )


def run(write: Write, *, viewers: str, **_options: Any) -> None:
    """Plan each audience and write a line about it. Raises BenchFailed."""
    with bench_environment():
        write(f"{'viewers':>8} {'seconds':>8} {'chunks':>7} {'BSON':>6} {'disk':>6} {'indexes':>8} {'memory':>10}")
        for count in sorted(int(size) for size in viewers.split(",")):
            write(_line(count))
        write("\nBytes are per viewer and event. Memory is what planning has added to the peak memory of the process.")


def _line(count: int) -> str:
    show = _show(count)
    before = _peak_megabytes()
    began = time.perf_counter()
    batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id)
    seconds = time.perf_counter() - began
    connection.database.client.admin.command("fsync")
    stats = connection.database.command("collStats", CHUNKS)
    size, disk, indexes = (stats[name] / count / 2 for name in ("size", "storageSize", "totalIndexSize"))
    memory = _peak_megabytes() - before
    collection(CHUNKS).delete_many({})
    connection.database.command("compact", CHUNKS, force=True)
    return f"{count:8} {seconds:8.2f} {stats['count']:7} {size:6.1f} {disk:6.1f} {indexes:8.2f} {memory:+7.0f} MB"


def _show(viewers: int) -> Goal:
    """Return a show with this number of payers."""
    now = datetime.now(UTC)
    (seeded,) = seed_shows(1, viewers=0, now=now)
    _fill_breakdown(seeded, viewers)
    request = show_request(seeded, nbf=now.replace(microsecond=0) + timedelta(hours=1))
    return run_in_transaction(lambda: create_show_goal(request, now=now))


def _fill_breakdown(show: SeededShow, viewers: int) -> None:
    digits = {"$substrCP": [{"$toString": {"$add": [10**12, "$$this"]}}, 1, 12]}
    entry = {"k": {"$concat": ["6811c05bf672", digits]}, "v": {"amount": 5} if viewers <= LARGEST_AS_WRITTEN else 5}
    breakdown = {"$arrayToObject": {"$map": {"input": {"$range": [0, viewers]}, "in": entry}}}
    try:
        collection("goals").update_one(
            {"_id": ObjectId(show.funding_goal_id)}, [{"$set": {"breakdown": breakdown, "payers": viewers}}]
        )
    except OperationFailure as error:
        raise BenchFailed(f"{viewers} payers don't fit into a document.") from error


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
