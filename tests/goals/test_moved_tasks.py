"""Messages that were queued by an earlier version still run, although they name tasks by their former paths."""

import pydoc
from typing import Any

import pytest

from tests.factories.moments import SECONDS

pytestmark = pytest.mark.django_db
NO_GOAL, NO_SESSION = "0" * 24, "1" * 24


@pytest.mark.parametrize(
    ("path", "arguments", "outcome"),
    [
        ("goals.ending.deactivate_goal", (NO_GOAL, SECONDS), "not_endable"),
        ("showgoals.contributions.fold_contributions", (NO_GOAL,), 0),
        ("sessions_app.tasks.start_record", (NO_GOAL, NO_SESSION, NO_GOAL), "not_startable"),
        ("sessions_app.tasks.stop_record", (NO_GOAL, NO_SESSION), "not_stoppable"),
        ("sessions_app.tasks.check_recording", (NO_GOAL,), "nothing_to_check"),
        ("sessions_app.tasks.check_recordings", (), 0),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_task_is_found_where_it_was(path: str, arguments: tuple[Any, ...], outcome: object) -> None:
    task: Any = pydoc.locate(path)  # as django-q does
    assert task(*arguments) == outcome
