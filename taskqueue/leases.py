"""What happens to the claims of workers that have died.

A cluster immediately releases the claims of its own dead workers, and of all dead processes in its place (host, boot
and pid namespace). Other clusters release the claims of a place from which no cluster has been heard for Q_SILENCE
seconds. Nothing is written to a message while a living worker holds it, because the worker deletes it in a transaction,
and another write would conflict with that.
"""

import logging
import math

from django.conf import settings

from mongodb.collections import collection, tolerant_collection
from mongodb.deadlines import QUEUE_SECONDS
from taskqueue.broker import release
from taskqueue.claim_owner import is_dead, place, this_process
from taskqueue.heartbeat import CLUSTERS, clusters, heard_within
from taskqueue.messages import MESSAGES

logger = logging.getLogger(__name__)

# A cluster whose last look at MongoDB is longer ago than this was cut off from MongoDB, or was stopped itself.
LONGEST_GAP_SECONDS = QUEUE_SECONDS + 2.0
FORGET_AFTER_SECONDS = 60.0
MOST_CLUSTERS = 10_000


class Contact:
    """Measures for how long this cluster has been in contact with MongoDB without a gap.

    The cluster may call others silent only after Q_SILENCE seconds of contact. If it did so earlier, the first cluster
    to come back after an outage of MongoDB, or an election, would release the claims of all others.
    """

    def __init__(self, now: float) -> None:
        self._since = self._last = now

    def note(self, now: float) -> None:
        """Note that MongoDB has responded at this monotonic time."""
        if now - self._last > LONGEST_GAP_SECONDS:
            self._since = now
        self._last = now

    def lose(self) -> None:
        """Note that MongoDB has not responded."""
        self._last = -math.inf

    def is_long(self, now: float) -> bool:
        """Tell whether the contact has lasted so long that every living cluster must have been heard from."""
        return now - self._last <= LONGEST_GAP_SECONDS and self._last - self._since >= settings.Q_SILENCE


def release_dead_owners(*, also_silent: bool = False) -> int:
    """Release the claims of dead processes in this place and, if `also_silent`, of all processes in silent places.

    Return the number of messages.
    """
    found = tolerant_collection(MESSAGES).distinct("owner", {"owner": {"$type": "string"}})
    owners = [owner for owner in found if isinstance(owner, str)]  # `$type` also matches lists that hold a string
    if not owners:
        return 0
    dead = [owner for owner in owners if is_dead(owner)]
    if also_silent:
        living = _living_places() | {place(this_process())}
        dead += [owner for owner in owners if place(owner) not in living]
    return release(dead, died=True) if dead else 0


def _living_places() -> set[str]:
    """Return the places of the clusters that are not silent, by the database's clock."""
    return {place(cluster["_id"]) for cluster in clusters(heard_within(settings.Q_SILENCE), limit=MOST_CLUSTERS)}


def forget_silent_clusters() -> None:
    """Remove the clusters that have been silent for a minute, by the database's clock."""
    silent = {"$nor": [heard_within(FORGET_AFTER_SECONDS)]}
    if names := [cluster["_id"] for cluster in tolerant_collection(CLUSTERS).find(silent, {"_id": True})]:
        collection(CLUSTERS).delete_many(silent)  # a query for the names would miss those that are not UTF-8
        logger.critical("clusters have been silent for a minute clusters=%s", names)
