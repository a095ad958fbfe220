"""Moments and steps that several tests of goals share."""

from collections.abc import Sequence
from datetime import timedelta

from bson import ObjectId

from goals.models import Goal
from goals.tasks import activate_goal
from taskqueue.calls import Call
from taskqueue.packages import unpack
from tests.factories.documents import stored
from tests.factories.goals import HOUR
from tests.factories.moments import SECONDS, WHOLE

NOTHING = "started 0, ended 0"  # the outcome of a reconciler that finds nothing
MINUTE = timedelta(minutes=1)
NBF = WHOLE + HOUR
NBF_SECONDS = SECONDS + 3600


def start_calls(shows: Sequence[Goal]) -> dict[ObjectId, Call]:
    """Return the call that a worker would make from each show's queued message, by the show's id."""
    messages = {message["subject"]: message for message in stored("django_q_ormq", name="activate_goal")}
    return {
        show.pk: Call(
            unpack(messages[str(show.pk)]["payload"])["args"],
            subject=str(show.pk),
            request_id=f"request {number}",
            message_id=messages[str(show.pk)]["_id"],
        )
        for number, show in enumerate(shows)
    }


def start(*shows: Goal) -> list[object]:
    """Run the queued starts of the shows in one batch, as a worker does. Return their outcomes."""
    return list(activate_goal.run(list(start_calls(shows).values())))


def started_announcements(goal: Goal) -> int:
    """Count how often `goal.started` was announced."""
    return len(stored("goal_timeline", goal_id=str(goal.pk), kind="signal", name="goal.started"))
