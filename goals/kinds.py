"""The kinds of goal. Apps meet through them, so receivers need no model imports."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class GoalKind(models.TextChoices):
    """The kinds; the values are the `_cls` strings in the collection `goals`."""

    SHOW = "ShowGoal", _("show")
    SHOW_FUNDING = "ShowFundingGoal", _("show funding")
    KARAOKE = "KaraokeGoal", _("karaoke")
    EXCLUSIVE = "ExclusiveGoal", _("exclusive")
    TRIGGER_EXCLUSIVE = "TriggerExclusiveGoal", _("trigger exclusive")
    TRIGGER_PRIVATE = "TriggerPrivateGoal", _("trigger private")


# The `type` that clients say and hear, by kind.
WIRE_TYPES: dict[GoalKind, str] = {
    GoalKind.SHOW: "show",
    GoalKind.SHOW_FUNDING: "show-funding",
    GoalKind.KARAOKE: "karaoke",
    GoalKind.EXCLUSIVE: "exclusive",
    GoalKind.TRIGGER_EXCLUSIVE: "trigger-exclusive",
    GoalKind.TRIGGER_PRIVATE: "trigger-private",
}
