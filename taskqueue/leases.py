"""What happens to the claims of workers that have died.

A cluster releases those of its own workers, and of all dead processes in its place (host, boot and pid namespace), at
once. The claims of a place from which no cluster has been heard for `retry` seconds are released by the others. Nothing
is written to a message while a worker holds it, because the worker deletes it in a transaction.
"""

from django_q.conf import Conf

from mongodb.collections import collection
from taskqueue.broker import release
from taskqueue.claim_owner import is_dead, place, this_process
from taskqueue.heartbeat import CLUSTERS
from taskqueue.messages import MESSAGES


def release_dead_owners(*, also_silent: bool = False) -> int:
    """Release the claims of dead processes here, and perhaps of silent places. Returns the number of messages."""
    owners: list[str] = collection(MESSAGES).distinct("owner", {"owner": {"$type": "string"}})
    if not owners:
        return 0
    dead = [owner for owner in owners if is_dead(owner)]
    if also_silent:
        living = _living_places() | {place(this_process())}
        dead += [owner for owner in owners if place(owner) not in living]
    return release(dead, died=True) if dead else 0


def _living_places() -> set[str]:
    """Return the places of the clusters that have been heard of, by the database's clock."""
    since = {"$subtract": ["$$NOW", Conf.RETRY * 1000]}
    living = collection(CLUSTERS).find({"$expr": {"$gt": ["$beat_at", since]}}, {"_id": True})
    return {place(cluster["_id"]) for cluster in living}
