"""Finds the evidence for the funding goals on a page of the list of decisions, with at most four queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bson import ObjectId
from django.contrib.auth.models import User
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from desk.moments import at
from goals.models import DEFERRED, Goal
from mongodb.documents import find
from sessions_app.models import Recording
from showgoals.settlement.performance import Judgement
from showgoals.settlement.reasons import reason_in_words

BEFORE_SETTLEMENTS = _("The funding goal was closed by an earlier release, and has no show.")
BEGUN_BY = {"streamer": _("by the streamer"), "system": _("by the product, late")}


@dataclass(frozen=True, slots=True)
class Case:
    """A funding goal that waits for a decision, with its streamer and, if they exist, its show and the recording."""

    goal: Goal
    streamer: str
    show: Goal | None
    recording: Recording | None

    @property
    def why(self) -> Promise | str:
        """Why the funding goal waits."""
        settlement = self.goal.settlement
        return reason_in_words(settlement.reason) if settlement else BEFORE_SETTLEMENTS

    @property
    def total(self) -> int:
        """The sum that viewers have paid."""
        return self.goal.settlement.total if self.goal.settlement else self.goal.progress

    @property
    def payers(self) -> int:
        """How many viewers have paid."""
        return self.goal.settlement.payers if self.goal.settlement else self.goal.payers or 0

    @property
    def as_sold(self) -> bool | None:
        """Whether the show had the promised ticket and at least the promised length; None if no show was performed."""
        return self.goal.settlement.as_sold if self.goal.settlement else None

    @property
    def began(self) -> SafeString:
        """When the show began, as text; "-" if it did not begin."""
        return at(self.show.begun_at if self.show else None)

    @property
    def begun_by(self) -> Promise | str:
        """Who has recorded that the show began: the streamer, the product, or nobody."""
        return BEGUN_BY.get((self.show and self.show.context.started_by) or "", _("nobody has said so"))

    @property
    def planned(self) -> timedelta | None:
        """How long the show should have lasted; None if there was no show."""
        return timedelta(seconds=self.show.levels[-1].target) if self.show else None

    @property
    def lasted(self) -> timedelta | None:
        """How long the show lasted; None if that is not known."""
        if self.show is None or self.show.exp is None or self.show.begun_at is None:
            return None
        if self.goal.settlement is not None and self.goal.settlement.reason == Judgement.RESTORED:
            return None
        return max(self.show.exp - self.show.begun_at, timedelta(0))

    @property
    def files(self) -> int:
        """How many files the recording has."""
        return len(self.recording.provider.get("files") or ()) if self.recording else 0


def cases_of(ids: Sequence[ObjectId]) -> list[Case]:
    """Return the cases of these funding goals, in the order of the ids, with at most four queries."""
    goals = {goal.pk: goal for goal in _found(Goal, ids, deferred=DEFERRED)}
    show_ids = [ObjectId(goal.context.show_goal_id) for goal in goals.values() if goal.context.show_goal_id]
    shows = {str(show.pk): show for show in _found(Goal, show_ids, deferred=DEFERRED)}
    recordings = {str(each.pk): each for each in _found(Recording, show_ids)}
    streamers = {ObjectId(goal.metadata.user_id) for goal in goals.values()}
    names = {str(user.pk): user.username for user in _found(User, list(streamers))}
    return [
        Case(
            goal,
            names.get(goal.metadata.user_id, goal.metadata.user_id),
            shows.get(goal.context.show_goal_id or ""),
            recordings.get(goal.context.show_goal_id or ""),
        )
        for goal in (goals[each] for each in ids if each in goals)
    ]


def _found(model: Any, ids: Sequence[Any], *, deferred: Sequence[str] = ()) -> list[Any]:
    return find(model, {"_id": {"$in": list(ids)}}, deferred=deferred) if ids else []
