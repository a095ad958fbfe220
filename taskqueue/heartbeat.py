"""What each running cluster writes about itself, so that others see that it is alive."""

from datetime import UTC, datetime

from mongodb.collections import collection, quick_collection
from taskqueue.models import Cluster, Repair

CLUSTERS = Cluster._meta.db_table
REPAIRS = Repair._meta.db_table


def beat(owner: str, *, started_at: datetime, workers: dict[str, int], deaths: int, problem: str = "") -> None:
    """Write that the cluster is alive now, by the database's clock.

    `workers` counts its workers by lane, `deaths` those that died unexpectedly. `problem` says what hinders them.
    """
    alive = {"started_at": started_at, "beat_at": "$$NOW", "deaths": deaths}
    alive |= {"workers": {"$literal": workers}, "problem": {"$literal": problem}}
    quick_collection(CLUSTERS).update_one({"_id": owner}, [{"$set": alive}], upsert=True)


def leave(owner: str) -> None:
    """Remove the cluster, which has stopped in order."""
    collection(CLUSTERS).delete_one({"_id": owner})


def count_repairs(what: str, count: int) -> None:
    """Add to the number of things that a reconciler had to put right. It should stay 0."""
    repaired = {"$inc": {"count": count}, "$set": {"last_at": datetime.now(UTC)}}
    collection(REPAIRS).update_one({"_id": what}, repaired, upsert=True)
