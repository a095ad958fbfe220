"""The show of the tests of its start, and queries for its state."""

from datetime import timedelta

from goals.models import Goal
from tests.factories.documents import stored
from tests.factories.goals import HOUR
from tests.factories.moments import SECONDS, WHOLE

NOTHING = "started 0, ended 0"  # of the reconciler
MINUTE = timedelta(minutes=1)
NBF = WHOLE + HOUR
NBF_SECONDS = SECONDS + 3600


def started_announcements(goal: Goal) -> int:
    """Count how often `goal.started` was announced."""
    return len(stored("goal_timeline", goal_id=str(goal.pk), kind="signal", name="goal.started"))
