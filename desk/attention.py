"""What needs a person now: shows, failed tasks, and faults of the server. Each query uses an index."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bson import ObjectId
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from goals.holding import held
from goals.kinds import GoalKind
from goals.states import LIVE, NOT_HELD, SCHEDULED
from goals.tasks import OVERDUE_AFTER
from mongodb.collections import collection
from notifications.fanout.ledger import UNSENT
from notifications.models import CHUNKS
from ops.readiness import OK, living_clusters, readiness
from sessions_app.models import Recording, RecordingState
from taskqueue import outages
from taskqueue.claim_owner import host_of
from taskqueue.clock_skew import WARN_ABOVE_SECONDS
from taskqueue.results import RESULTS

RECORDINGS = Recording._meta.db_table
# A count of this value means "this many or more".
MOST_COUNTED = 500
# This long after the start of a show, its payers should have been told, and its recording should be running.
TOLD_AFTER = RECORDED_AFTER = timedelta(seconds=15)
FAILED_RECORDINGS_SINCE = timedelta(days=1)
_ANY_UNSENT = f"[{''.join(sorted(UNSENT))}]"


class Need(models.TextChoices):
    """Why shows need a person. Each reason is also a filter of the list of goals."""

    OVERDUE = "overdue", _("should have started")
    HELD = "held", _("held since the database was restored")
    UNTOLD = "untold", _("live, and not everybody was told")
    UNRECORDED = "unrecorded", _("not recorded")


def shows_in_need(need: Need, *, now: datetime) -> list[ObjectId]:
    """Return the ids of at most MOST_COUNTED shows with this need."""
    return _SHOWS[need](now)


def dead_letters() -> int:
    """Count the failed tasks, up to MOST_COUNTED."""
    return int(collection(RESULTS).count_documents({"success": False}, limit=MOST_COUNTED))


def troubles() -> list[str | Promise]:
    """Return a sentence for each thing that is wrong with the server, its queue, its clocks or its vendors."""
    checks = readiness()
    found: list[str | Promise] = [
        _WORDS.get(f"{name} {result}", f"{name}: {result}") for name, result in checks.items() if result != OK
    ]
    clusters = living_clusters()
    skews = {host_of(each["_id"]): each["skew_seconds"] for each in clusters if each.get("skew_seconds") is not None}
    for host, skew in sorted(skews.items()):
        if abs(skew) > WARN_ABOVE_SECONDS:
            found.append(_("The clock of %(host)s is wrong by %(seconds).1f s.") % {"host": host, "seconds": -skew})
    found += [_("%s does not answer. Calls to it wait.") % vendor for vendor in sorted(outages.away())]
    return found


def _overdue(now: datetime) -> list[ObjectId]:
    overdue = {**SCHEDULED.condition(GoalKind.SHOW), "nbf": {"$lte": now - OVERDUE_AFTER}, **NOT_HELD}
    return _newest(overdue, most=MOST_COUNTED)


def _held(now: datetime) -> list[ObjectId]:
    return _newest(held(now=now), most=MOST_COUNTED)


def _untold(now: datetime) -> list[ObjectId]:
    """Return the ids of the live shows with an event that was not sent to all of its viewers.

    An event that is sent again only because viewers have subscribed late counts as sent.
    """
    live = _live(now - TOLD_AFTER)
    unsent = {"goal_id": {"$in": [str(show) for show in live]}, "sent_at": None, "states": {"$regex": _ANY_UNSENT}}
    untold = set(collection(CHUNKS).distinct("goal_id", {**unsent, "planned_at": {"$lte": now - TOLD_AFTER}}))
    return [show for show in live if str(show) in untold][:MOST_COUNTED]


def _unrecorded(now: datetime) -> list[ObjectId]:
    """Return the ids of the live shows that are not being recorded, and of the shows whose recording has failed.

    Only recordings that were requested in the last 24 hours count as failed.
    """
    live = _live(now - RECORDED_AFTER)
    runs = {"_id": {"$in": live}, "state": {"$nin": [RecordingState.REQUESTED.value, RecordingState.FAILED.value]}}
    recorded = {each["_id"] for each in collection(RECORDINGS).find(runs, {"_id": True})}
    failed = {"state": RecordingState.FAILED.value, "requested_at": {"$gte": now - FAILED_RECORDINGS_SINCE}}
    lost = [each["_id"] for each in collection(RECORDINGS).find(failed, {"_id": True}).limit(MOST_COUNTED)]
    return list(dict.fromkeys([*(show for show in live if show not in recorded), *lost]))[:MOST_COUNTED]


def _live(began_by: datetime) -> list[ObjectId]:
    """Return the ids of all live shows whose `nbf` is `began_by` or earlier."""
    return _newest({**LIVE.condition(GoalKind.SHOW), "nbf": {"$lte": began_by}})


def _newest(condition: dict[str, object], *, most: int = 0) -> list[ObjectId]:
    """Return the ids of the newest `most` shows that meet the condition, or of all if `most` is 0.

    MongoDB finds them with the index `unended`.
    """
    found = collection("goals").find(condition, {"_id": True}).sort("nbf", -1).limit(most)
    return [show["_id"] for show in found]


_SHOWS: dict[Need, Callable[[datetime], list[ObjectId]]] = {
    Need.OVERDUE: _overdue,
    Need.HELD: _held,
    Need.UNTOLD: _untold,
    Need.UNRECORDED: _unrecorded,
}
_WORDS: dict[str, Promise] = {
    "mongodb away": _("MongoDB does not answer, or answers too slowly."),
    "mongodb not_primary": _("MongoDB takes no writes now."),
    "mongodb no_replica_set": _("MongoDB does not run as a replica set, so there are no transactions."),
    "migrations pending": _("There are migrations to apply: run manage.py migrate."),
    "queue late": _("Tasks have waited for a worker for over 30 seconds."),
    "cluster none_alive": _("No qcluster is alive, so no show starts."),
    "cluster no_locks": _("A qcluster can't keep its locks."),
    "cluster no_clock": _("No qcluster trusts its clock, so no show starts."),
    "cache away": _("The cache does not answer. Everything works, but more slowly."),
}
