"""What the tests of a show's start ask about it."""

from goals.models import Goal
from tests.factories.documents import stored


def started_announcements(goal: Goal) -> int:
    """Count how often `goal.started` was announced."""
    return len(stored("goal_timeline", goal_id=str(goal.pk), kind="signal", name="goal.started"))
