"""The heartbeat that each running cluster writes, so that other clusters see that it is alive."""

import math
from datetime import datetime

from config import clock
from mongodb.collections import Document, collection, quick_collection, tolerant_collection
from taskqueue.clock_skew import counting
from taskqueue.models import Cluster, Repair

CLUSTERS = Cluster._meta.db_table
REPAIRS = Repair._meta.db_table


def beat(owner: str, *, started_at: datetime, workers: dict[str, int], deaths: int, problem: str = "") -> None:
    """Write that the cluster is alive now, by the database's clock.

    `workers` counts its workers by lane, `deaths` those that died unexpectedly. `problem` says what hinders the
    workers.
    """
    skew = clock.skew_seconds()
    alive = {"started_at": started_at, "beat_at": "$$NOW", "deaths": deaths}
    alive |= {"clock": counting().value, "skew_seconds": None if math.isnan(skew) else skew}
    alive |= {"workers": {"$literal": workers}, "problem": {"$literal": problem}}
    quick_collection(CLUSTERS).update_one({"_id": owner}, [{"$set": alive}], upsert=True)


def heard_within(seconds: float) -> Document:
    """Return the condition that a cluster has written a heartbeat within this time, by the database's clock."""
    is_late_enough = {"$gte": ["$beat_at", {"$subtract": ["$$NOW", int(seconds * 1000)]}]}
    return {"beat_at": {"$type": "date"}, "$expr": is_late_enough}


def clusters(condition: Document, *, limit: int) -> list[Document]:
    """Return up to `limit` matching clusters. Rows with a field of a wrong type are left out: no cluster wrote them."""
    return [row for row in tolerant_collection(CLUSTERS).find(condition).limit(limit) if _is_ours(row)]


def _is_ours(row: Document) -> bool:
    workers, skew = row.get("workers"), row.get("skew_seconds")
    return (
        isinstance(row["_id"], str)
        and all(isinstance(row.get(name), datetime) for name in ("started_at", "beat_at"))
        and isinstance(workers, dict)
        and all(isinstance(count, int) for count in [*workers.values(), row.get("deaths")])
        and isinstance(row.get("clock", ""), str)
        and isinstance(row.get("problem", ""), str)
        and (skew is None or isinstance(skew, int | float))
    )


def leave(owner: str) -> None:
    """Remove the row of a cluster that has stopped in an orderly way."""
    collection(CLUSTERS).delete_one({"_id": owner})


def count_repairs(what: str, count: int) -> None:
    """Add to the number of things that a reconciler, a task that looks for forgotten work, had to put right.

    The number should stay 0.
    """
    former = {"$cond": [{"$isNumber": "$count"}, "$count", 0]}
    repaired = {"count": {"$add": [former, count]}, "last_at": clock.now()}
    collection(REPAIRS).update_one({"_id": what}, [{"$set": repaired}], upsert=True)
