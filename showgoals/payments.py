"""Who has paid for what: asked when a token is minted or a channel authorised."""

from dataclasses import dataclass
from functools import lru_cache

from bson import ObjectId
from django.db.models import Sum

from goals.kinds import GoalKind
from goals.states import UNENDED
from mongodb.collections import collection
from sessions_app.models import Session, SessionStatus
from showgoals.models import Contribution, ShowGoal

CONTRIBUTIONS = Contribution._meta.db_table
# In each process; they take some 20 MB.
KNOWN_PAYERS = 50_000


@dataclass(frozen=True, slots=True)
class Payment:
    """What a viewer has paid for a show, None for nothing, and whether `breakdown` lists it yet."""

    amount: int | None
    is_listed: bool


class _NotPaid(Exception):
    """The viewer has paid nothing yet; an answer that may change, so it is not kept."""


def is_payer(viewer_id: str, funding_goal_id: str) -> bool:
    """Tell whether the viewer is in the funding goal's `breakdown`.

    A folded contribution says so by an index; only for others the server searches the breakdown itself. Who
    is known to have paid is not looked up again: contributions are never withdrawn.
    """
    try:
        _find_payment(viewer_id, funding_goal_id)
    except _NotPaid:
        return False
    return True


@lru_cache(maxsize=KNOWN_PAYERS)
def _find_payment(viewer_id: str, funding_goal_id: str) -> None:
    """Raise _NotPaid unless there is one. The cache keeps no exceptions."""
    folded = {"funding_goal_id": funding_goal_id, "viewer_id": viewer_id, "folded": True}
    # Not by the ORM, which takes longer than MongoDB: a crowd asks this.
    if collection(CONTRIBUTIONS).find_one(folded, {"_id": True}) is not None:
        return
    if not _is_in_breakdown(viewer_id, [funding_goal_id]):
        raise _NotPaid


def has_paid(viewer_id: str, funding_goal_ids: list[str]) -> bool:
    """Tell whether the viewer paid for one of the funding goals, folded already or not."""
    if not funding_goal_ids:
        return False
    paid = Contribution.objects.filter(funding_goal_id__in=funding_goal_ids, viewer_id=viewer_id)
    return paid.exists() or _is_in_breakdown(viewer_id, funding_goal_ids)


def payment_of(viewer_id: str, funding_goal_id: str) -> Payment:
    """Return the sum of the viewer's contributions; where there are none what `breakdown` says, which may be older."""
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
    """Return the streamer's funding goals whose show is waiting, live, or not yet created."""
    sessions = Session.objects.filter(user_id=streamer_id, status=SessionStatus.LIVE)
    pairs = [pair for session in sessions for pair in session.show_goal_pairs if not pair.show_ended]
    shows = [pair.show_goal for pair in pairs if pair.show_goal]
    waiting = set(
        ShowGoal.objects.filter(UNENDED.q(GoalKind.SHOW), pk__in=shows).values_list("pk", flat=True) if shows else ()
    )
    return [str(pair.funding_goal) for pair in pairs if pair.show_goal is None or pair.show_goal in waiting]
