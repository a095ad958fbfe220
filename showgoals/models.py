"""Shows, the goals that fund them, and the contributions of viewers."""

from typing import ClassVar

from django.db import models

from goals.kinds import GoalKind
from goals.models import Goal


class ShowGoal(Goal):
    """A performance. Its one level's target is its length in seconds."""

    KIND: ClassVar[GoalKind | None] = GoalKind.SHOW

    class Meta:
        proxy = True


class ShowFundingGoal(Goal):
    """Collects viewers' money for a show; `breakdown` says who paid how much: `{viewer id: {"amount": n}}`."""

    KIND: ClassVar[GoalKind | None] = GoalKind.SHOW_FUNDING

    class Meta:
        proxy = True


class Contribution(models.Model):
    """One payment of a viewer: the truth of which `breakdown` is a projection."""

    funding_goal_id = models.CharField(max_length=24)
    viewer_id = models.CharField(max_length=24)
    amount = models.BigIntegerField()
    key = models.CharField(max_length=255)
    folded = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "contributions"
        ordering = ("-pk",)
        constraints = (models.UniqueConstraint(fields=["viewer_id", "key"], name="one_payment_a_key"),)
        indexes = (
            models.Index(fields=["funding_goal_id", "folded"], name="to_fold"),
            models.Index(fields=["funding_goal_id", "viewer_id"], name="payer"),
        )

    def __str__(self) -> str:
        return f"{self.viewer_id} paid {self.amount} for {self.funding_goal_id}"
