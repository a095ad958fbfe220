"""The kinds of goal. A receiver names the kinds that it serves, so it need not import the models of other apps."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class GoalKind(models.TextChoices):
    """The kind of a goal. Its value is the `_cls` of the goal's document."""

    SHOW = "ShowGoal", _("show")
    SHOW_FUNDING = "ShowFundingGoal", _("show funding")
    KARAOKE = "KaraokeGoal", _("karaoke")
    EXCLUSIVE = "ExclusiveGoal", _("exclusive")
    TRIGGER_EXCLUSIVE = "TriggerExclusiveGoal", _("trigger exclusive")
    TRIGGER_PRIVATE = "TriggerPrivateGoal", _("trigger private")

    @property
    def wire_type(self) -> str:
        """The `type` that clients send and receive, such as `show-funding` for SHOW_FUNDING."""
        return self.name.lower().replace("_", "-")


WIRE_TYPES = [kind.wire_type for kind in GoalKind]
