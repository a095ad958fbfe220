"""Who has paid for what: asked when a token is minted or a channel authorised."""

from datetime import datetime

from bson import ObjectId

from config.transactions import collection
from goals.models import Goal
from sessions_app.models import Session, SessionStatus
from showgoals.models import Contribution, ShowGoal


def live_show_of(session: Session, *, now: datetime) -> Goal | None:
    """Return the session's show that has started and whose access has not ended; there is at most one."""
    shows = [pair.show_goal for pair in session.show_goal_pairs if pair.show_goal and not pair.show_ended]
    if not shows:
        return None
    live = ShowGoal.objects.filter(pk__in=shows, exp=None, cancelled_at=None).exclude(activated_at=None)
    return next((show for show in live if show.window[0] <= now < show.window[1]), None)


def is_payer(viewer_id: str, show: Goal) -> bool:
    """Tell whether the viewer is in the `breakdown` of the show's funding goal; the server looks, nobody loads it."""
    paid = {"_id": ObjectId(show.context.funding_goal_id), f"breakdown.{viewer_id}": {"$exists": True}}
    return collection("goals").find_one(paid, {"_id": True}) is not None


def has_paid(viewer_id: str, funding_goal_ids: list[str]) -> bool:
    """Tell whether the viewer paid for one of the funding goals, folded already or not."""
    if not funding_goal_ids:
        return False
    if Contribution.objects.filter(funding_goal_id__in=funding_goal_ids, viewer_id=viewer_id).exists():
        return True
    paid = {"_id": {"$in": [ObjectId(goal) for goal in funding_goal_ids]}, f"breakdown.{viewer_id}": {"$exists": True}}
    return collection("goals").find_one(paid, {"_id": True}) is not None


def awaited_funding_goals(streamer_id: str) -> list[str]:
    """Return the streamer's funding goals whose show is waiting, live, or not yet created."""
    sessions = Session.objects.filter(user_id=streamer_id, status=SessionStatus.LIVE)
    pairs = [pair for session in sessions for pair in session.show_goal_pairs if not pair.show_ended]
    shows = [pair.show_goal for pair in pairs if pair.show_goal]
    waiting = set(
        ShowGoal.objects.filter(pk__in=shows, exp=None, cancelled_at=None).values_list("pk", flat=True) if shows else ()
    )
    return [str(pair.funding_goal) for pair in pairs if pair.show_goal is None or pair.show_goal in waiting]
