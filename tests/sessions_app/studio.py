"""Runs the tasks of a show's recording, and reads the recording's document and its rows on the timeline."""

from datetime import timedelta
from typing import Any

from time_machine import Traveller

from goals.models import Goal
from goals.tasks import deactivate_goal
from sessions_app.recordings.tasks import check_recording, start_record, stop_record
from tests.factories.documents import stored, stored_one
from tests.factories.moments import SECONDS, WHOLE
from tests.sessions_app.conftest import SHOW_SECONDS

MINUTE = timedelta(minutes=1)
END = WHOLE + timedelta(seconds=SHOW_SECONDS)
END_SECONDS = SECONDS + SHOW_SECONDS


def start(show: Goal) -> Any:
    return start_record(str(show.pk), show.conditions.session_id, show.metadata.user_id)


def stop(show: Goal) -> Any:
    return stop_record(str(show.pk), show.conditions.session_id)


def check(show: Goal) -> Any:
    return check_recording(str(show.pk))


def end(show: Goal, clock: Traveller) -> None:
    """Let the show end on time."""
    clock.move_to(END)
    assert deactivate_goal(str(show.pk), END_SECONDS) == "ended"


def recording(show: Goal) -> dict[str, Any]:
    return stored_one("recordings", show.pk)


def state(show: Goal) -> tuple[str, int, str]:
    """Return the recording's state, number of attempts, and last error."""
    document = recording(show)
    return document["state"], document["attempts"], document["error"]


def rows(show: Goal) -> list[tuple[str, str, str]]:
    """Return the name, outcome and detail of each of the recording's rows on the timeline."""
    entries = stored("goal_timeline", goal_id=str(show.pk), kind="recording")
    return [(row["name"], row["outcome"], row["detail"]) for row in entries]
