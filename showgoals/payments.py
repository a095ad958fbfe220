"""Tells which viewers have paid for which goals. Credentials and access to channels depend on the answers."""

from dataclasses import dataclass
from functools import lru_cache

from bson import ObjectId
from django.db.models import Sum

from goals.kinds import GoalKind
from goals.states import UNENDED
from mongodb.collections import collection
from sessions_app.models import Session, SessionStatus
from showgoals.exclusions import admitted_to, known_excluded
from showgoals.folds import CONTRIBUTIONS
from showgoals.models import Contribution, ShowGoal

# Each process remembers at most this many payers, which takes about 20 MB.
KNOWN_PAYERS = 50_000


@dataclass(frozen=True, slots=True)
class Payment:
    """What a viewer has paid for a show (None if nothing), and whether `breakdown` lists the viewer yet."""

    amount: int | None
    is_listed: bool


class _NotPaid(Exception):
    """The viewer has paid nothing yet. `lru_cache` does not keep exceptions, so a later payment is found."""


def is_payer(viewer_id: str, funding_goal_id: str, *, version: int) -> bool:
    """Tell whether the viewer has paid for the funding goal and is not excluded. The payment need not be folded yet.

    Known payers are cached. `version` is the session's `cache_version`, which the caller has read first. Excluding a
    payer raises the version (docs/adr/0015-cache-version.md).
    """
    try:
        _find_payment(viewer_id, funding_goal_id, version)
    except _NotPaid:
        return False
    return viewer_id not in known_excluded(funding_goal_id, version)


@lru_cache(maxsize=KNOWN_PAYERS)
def _find_payment(viewer_id: str, funding_goal_id: str, version: int) -> None:
    """Raise _NotPaid unless the viewer has paid. The cache does not keep exceptions.

    If there is a contribution, MongoDB reads only the index. If there is none, MongoDB searches `breakdown`.
    """
    del version  # only part of the cache's key
    paid = {"funding_goal_id": funding_goal_id, "viewer_id": viewer_id}
    # Many viewers ask at the same time. This query avoids the ORM, which would take longer than MongoDB itself.
    if collection(CONTRIBUTIONS).find_one(paid, {"_id": False, "viewer_id": True}) is not None:
        return
    if not _is_in_breakdown(viewer_id, [funding_goal_id]):
        raise _NotPaid


def has_paid(viewer_id: str, funding_goal_ids: list[str]) -> bool:
    """Tell whether the viewer has paid for one of the funding goals, even if the payment is not folded yet.

    Funding goals from which the viewer is excluded do not count.
    """
    funding_goal_ids = admitted_to(viewer_id, funding_goal_ids)
    if not funding_goal_ids:
        return False
    paid = Contribution.objects.filter(funding_goal_id__in=funding_goal_ids, viewer_id=viewer_id)
    return paid.exists() or _is_in_breakdown(viewer_id, funding_goal_ids)


def payment_of(viewer_id: str, funding_goal_id: str) -> Payment:
    """Return what the viewer has paid: the sum of the contributions, or the amount in `breakdown` if there are none."""
    paid = Contribution.objects.filter(funding_goal_id=funding_goal_id, viewer_id=viewer_id).order_by()
    total: int | None = paid.aggregate(total=Sum("amount"))["total"]
    key = f"breakdown.{viewer_id}"
    goal = collection("goals").find_one({"_id": ObjectId(funding_goal_id), key: {"$exists": True}}, {key: True})
    if goal is None:
        return Payment(total, is_listed=False)
    return Payment(total if total is not None else goal["breakdown"][viewer_id].get("amount"), is_listed=True)


def _is_in_breakdown(viewer_id: str, funding_goal_ids: list[str]) -> bool:
    ids = [ObjectId(goal_id) for goal_id in funding_goal_ids]
    paid = {"_id": {"$in": ids}, f"breakdown.{viewer_id}": {"$exists": True}}
    return collection("goals").find_one(paid, {"_id": True}) is not None


def awaited_funding_goals(streamer_id: str) -> list[str]:
    """Return the ids of those of the streamer's funding goals whose show is waiting, live, or not created yet.

    Funding goals of ended sessions are left out. So are settled funding goals without a show.
    """
    sessions = Session.objects.order_by().filter(user_id=streamer_id, status=SessionStatus.LIVE)
    pairs = [pair for session in sessions for pair in session.show_goal_pairs if not pair.show_ended]
    shows = [pair.show_goal for pair in pairs if pair.show_goal]
    waiting = set(
        ShowGoal.objects.filter(UNENDED.q(GoalKind.SHOW), pk__in=shows).values_list("pk", flat=True) if shows else ()
    )
    lapsed = _lapsed([pair.funding_goal for pair in pairs if pair.show_goal is None])
    return [
        str(pair.funding_goal)
        for pair in pairs
        if (pair.funding_goal not in lapsed if pair.show_goal is None else pair.show_goal in waiting)
    ]


def _lapsed(funding_goals: list[ObjectId]) -> set[ObjectId]:
    """Return the ids of those funding goals that are settled. The caller passes only goals without a show."""
    if not funding_goals:
        return set()
    settled = {"_id": {"$in": funding_goals}, "settlement": {"$ne": None}}
    return {goal["_id"] for goal in collection("goals").find(settled, {"_id": True})}
