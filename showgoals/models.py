"""Shows, the goals that fund them, the payments of viewers, their fetches of credentials, and their exclusions."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from goals.access import access_exp, access_is_over_expression, whole_second_after
from goals.kinds import GoalKind
from goals.models import Goal
from goals.states import ACTIVE, CLOSED, LIVE, OPEN, Condition, State
from showgoals.folds import CONTRIBUTIONS, fold_into_breakdown

# A row of the timeline has room for a reason of this length and for the name of the person who gives it.
REASON_LENGTH = 400
# How long a funding goal waits for its show if its `hesitation_countdown` is absent or 0.
HESITATION_SECONDS = 900


class ShowGoal(Goal):
    """A performance. It has one level, whose target is its length in seconds."""

    KIND: ClassVar[GoalKind | None] = GoalKind.SHOW
    STARTS: ClassVar[bool] = True
    RUNNING: ClassVar[State | None] = LIVE

    class Meta:
        proxy = True

    @property
    def window(self) -> tuple[datetime, datetime]:
        """The time in which its payers have access: [nbf, access_exp)."""
        ends = access_exp(
            target_seconds=self.levels[-1].target,
            progress_seconds=self.progress,
            nbf=self.starts_at,
            started=self.context.started,
        )
        return self.starts_at, ends

    @property
    def access_exp(self) -> datetime | None:
        """When viewers' access ends."""
        return self.window[1]

    @property
    def ends_at(self) -> datetime | None:
        """When the show ends, which is when its viewers' access ends."""
        return self.window[1]

    @classmethod
    def overdue_end(cls, running: Condition, *, before: datetime) -> Condition:
        """Return the condition for running shows whose viewers' access ended earlier than `before`."""
        return {**running, "nbf": {"$lte": before}, "$expr": access_is_over_expression(before)}


class ShowFundingGoal(Goal):
    """Collects viewers' money for a show. `breakdown` holds what each viewer paid: `{viewer id: {"amount": n}}`."""

    KIND: ClassVar[GoalKind | None] = GoalKind.SHOW_FUNDING
    STATES: ClassVar[tuple[State, ...]] = (OPEN, CLOSED)
    RUNNING: ClassVar[State | None] = ACTIVE

    class Meta:
        proxy = True

    def close_books(self) -> None:
        """Fold the remaining contributions, so that the end is announced with the whole sum."""
        fold_into_breakdown(str(self.pk))

    def changes_at_end(self, ended_at: datetime) -> dict[str, Any]:
        """Return the fields that let the goal lapse unless it gets a show; none if it is settled or has a show."""
        waits = self.settlement is None and self.context.show_goal_id is None
        return {"lapses_at": lapse_moment(self, since=ended_at), "settlement": None} if waits else {}


def lapse_moment(funding_goal: Goal, *, since: datetime) -> datetime:
    """Return when the funding goal lapses if it began to wait for its show, or for the show's revival, at `since`."""
    hesitation_seconds = funding_goal.context.hesitation_countdown or HESITATION_SECONDS
    return whole_second_after(since) + timedelta(seconds=hesitation_seconds)


class Contribution(models.Model):
    """One payment of a viewer. `breakdown` sums up these documents."""

    funding_goal_id = models.CharField(max_length=24)
    viewer_id = models.CharField(max_length=24)
    amount = models.BigIntegerField()
    key = models.CharField(max_length=255)
    folded = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        db_table = CONTRIBUTIONS
        ordering = ("-pk",)
        constraints = (models.UniqueConstraint(fields=["viewer_id", "key"], name="one_payment_a_key"),)
        indexes = (
            models.Index(fields=["funding_goal_id", "folded"], name="to_fold"),
            models.Index(fields=["funding_goal_id", "viewer_id"], name="payer"),
            models.Index(fields=["viewer_id", "created_at", "id"], name="payments_of_viewer"),
            # This index is almost always empty, because a contribution is folded after a second or two.
            models.Index(fields=["created_at"], condition=models.Q(folded=False), name="unfolded"),
        )

    def __str__(self) -> str:
        return f"{self.viewer_id} paid {self.amount} for {self.funding_goal_id}"


class CredentialFetch(models.Model):
    """A viewer's fetches of one show's credentials. The id is `{goal_id}:{viewer_id}`.

    A TTL index deletes the document a month after `last_at`.
    """

    id = models.CharField(primary_key=True, db_column="_id", max_length=49)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.IntegerField()

    class Meta:
        db_table = "credential_fetches"

    def __str__(self) -> str:
        return f"{self.id} {self.count}"


class Exclusion(models.Model):
    """A payer who was excluded from a funding goal and its show. The id is `{funding_goal_id}:{viewer_id}`."""

    id = models.CharField(primary_key=True, db_column="_id", max_length=49)
    reason = models.CharField(max_length=REASON_LENGTH)
    at = models.DateTimeField()

    class Meta:
        db_table = "exclusions"
        default_permissions = ()
        permissions = (("exclude_payers", _("Can exclude payers, and include them again")),)

    def __str__(self) -> str:
        return self.id
