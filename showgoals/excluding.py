"""The use cases that exclude a payer from a funding goal, and let the payer in again."""

from datetime import datetime

from api.audit import Author, record_change
from config.errors import raises
from goals.models import Goal, TimelineKind
from goals.payloads import PayerIncluded
from goals.signals import announce, payers_included
from goals.timeline import record_each
from mongodb.collections import collection
from sessions_app.cache_version import raise_cache_version
from showgoals.change_notes import CHANGED_BY
from showgoals.errors import ViewerNotFound
from showgoals.exclusions import EXCLUSIONS, exclusion_id, funding_goal_of
from showgoals.models import Exclusion
from showgoals.payments import payment_of


@raises(ViewerNotFound)
def exclude_payer(goal: Goal, viewer_id: str, *, reason: str, by: Author, now: datetime) -> tuple[Exclusion, bool]:
    """Exclude the payer from the funding goal. `goal` is the funding goal or its show.

    The timelines of both goals have the `reason` and the author `by`. Return the exclusion, and whether it is new. If
    the payer is already excluded, the first reason stays. Credentials that the payer already has stay valid until the
    access ends. Runs in the caller's transaction. Raises ViewerNotFound if the viewer has not paid.
    """
    funding_goal = _funding_goal(goal, viewer_id)
    its_id = exclusion_id(str(funding_goal.pk), viewer_id)
    if known := Exclusion.objects.filter(pk=its_id).first():
        return known, False
    exclusion = Exclusion(id=its_id, reason=reason, at=now)
    exclusion.save(force_insert=True)
    collection("goals").update_one({"_id": funding_goal.pk}, {"$set": {"has_excluded": True}})
    _note("exclude_payer", funding_goal, viewer_id, reason=reason, by=by)
    return exclusion, True


@raises(ViewerNotFound)
def include_payer(goal: Goal, viewer_id: str, *, reason: str, by: Author) -> bool:
    """Let an excluded payer in again, and announce it. The timelines have the `reason` and the author `by`.

    Return whether the payer was excluded. Runs in the caller's transaction. Raises ViewerNotFound if the viewer has not
    paid.
    """
    funding_goal = _funding_goal(goal, viewer_id)
    its_id = exclusion_id(str(funding_goal.pk), viewer_id)
    if not collection(EXCLUSIONS).delete_one({"_id": its_id}).deleted_count:
        return False
    _note("include_payer", funding_goal, viewer_id, reason=reason, by=by)
    show_goal_id, has_lapsed = funding_goal.context.show_goal_id, funding_goal.lapsed_version is not None
    included = PayerIncluded.of(funding_goal, viewer_id=viewer_id, show_goal_id=show_goal_id, has_lapsed=has_lapsed)
    announce(payers_included, included)
    return True


def _funding_goal(goal: Goal, viewer_id: str) -> Goal:
    """Return the funding goal as this transaction sees it. Raise ViewerNotFound unless the viewer has paid for it."""
    funding_goal_id = funding_goal_of(goal)
    funding_goal = Goal.objects.filter(pk=funding_goal_id).first()
    payment = payment_of(viewer_id, funding_goal_id)
    if funding_goal is None or (payment.amount is None and not payment.is_listed):
        raise ViewerNotFound(goal_id=str(goal.pk), viewer_id=viewer_id)
    return funding_goal


def _note(use_case: str, funding_goal: Goal, viewer_id: str, *, reason: str, by: Author) -> None:
    """Put the change on both timelines and into the record of changes, and make the session's cached answers stale."""
    excluded = use_case == "exclude_payer"
    both = [goal_id for goal_id in (str(funding_goal.pk), funding_goal.context.show_goal_id) if goal_id]
    record_each(both, TimelineKind.TASK, use_case, CHANGED_BY, f"{by}, viewer {viewer_id}: {reason}")
    about = [funding_goal.metadata.user_id, viewer_id]
    before, after = {"excluded": not excluded}, {"excluded": excluded, "viewer_id": viewer_id}
    record_change(use_case, funding_goal, by=by, about=about, reason=reason, before=before, after=after)
    raise_cache_version(funding_goal.conditions.session_id)
