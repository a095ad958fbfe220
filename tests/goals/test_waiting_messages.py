"""At most one message waits for the start of a show, and one for its end, whatever happens to the show."""

from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import User
from pymongo.errors import OperationFailure
from time_machine import Traveller

from goals.models import Goal
from goals.tasks import activate_goal, deactivate_goal
from mongodb.transactions import run_in_transaction
from sessions_app.models import Session
from showgoals.changes import begin_show, cancel_show_goal, move_show_goal
from showgoals.session_end import end_session
from taskqueue.messages import MESSAGES
from tests.conftest import FailCommand
from tests.factories.documents import everything_stored, queued_messages, stored
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import as_stored
from tests.goals.steps import MINUTE, NBF, NBF_SECONDS, start


def waiting(name: str, *goals: Goal) -> list[tuple[str, object]]:
    """Return the two arguments of each waiting message of the task, for these goals or else for all goals."""
    messages = [(str(message.args[0]), message.args[1]) for message in queued_messages(name)]
    return [each for each in messages if not goals or each[0] in {str(goal.pk) for goal in goals}]


def move(show: Goal, seconds: int) -> None:
    nbf = NBF + timedelta(seconds=seconds)
    run_in_transaction(partial(move_show_goal, str(show.pk), now=NBF - HOUR, nbf=nbf))


def cancel(show: Goal) -> None:
    run_in_transaction(partial(cancel_show_goal, str(show.pk), now=NBF - HOUR))


def test_moved_show_has_one_start(show: Goal) -> None:
    other = ShowGoalFactory(nbf=NBF)
    for seconds in (60, 0, 60, 30):
        move(show, seconds)

    assert waiting("activate_goal") == [(str(other.pk), NBF_SECONDS), (str(show.pk), NBF_SECONDS + 30)]
    (start,) = stored(MESSAGES, name="activate_goal", subject=str(show.pk))
    assert start["lock"] == as_stored(NBF + timedelta(seconds=30))


def test_move_that_changes_nothing_queues_nothing(show: Goal) -> None:
    before = everything_stored()
    move(show, 0)
    assert everything_stored() == before


def test_cancelled_show_has_no_start_and_a_revived_one_has_one(show: Goal) -> None:
    cancel(show)
    assert waiting("activate_goal") == []
    move(show, 60)
    assert waiting("activate_goal") == [(str(show.pk), NBF_SECONDS + 60)]
    cancel(show)
    assert waiting("activate_goal") == []


def test_messages_of_earlier_moves_go_with_the_next_one(show: Goal) -> None:
    """In earlier versions, each move of a show left one more waiting message."""
    for seconds in range(20):
        activate_goal.enqueue(
            str(show.pk), NBF_SECONDS + seconds, at=NBF + timedelta(seconds=seconds), subject=str(show.pk)
        )
    move(show, 60)
    assert waiting("activate_goal") == [(str(show.pk), NBF_SECONDS + 60)]


def test_move_that_fails_leaves_the_start_alone(show: Goal, fail_command: FailCommand) -> None:
    before = everything_stored()
    fail_command("delete", errorCode=8000)  # the last write
    with pytest.raises(OperationFailure, match="failCommand"):
        move(show, 60)
    assert everything_stored() == before


def test_begun_show_has_one_end(show: Goal, clock: Traveller) -> None:
    clock.move_to(NBF)
    assert start(show) == ["started"]
    assert waiting("deactivate_goal", show) == [(str(show.pk), NBF_SECONDS + 60)]

    run_in_transaction(partial(begin_show, str(show.pk), now=NBF + timedelta(seconds=7)))

    assert waiting("deactivate_goal", show) == [(str(show.pk), NBF_SECONDS + 67)]
    clock.move_to(NBF + timedelta(seconds=67))
    assert deactivate_goal(str(show.pk), NBF_SECONDS + 67) == "ended"
    assert waiting("deactivate_goal", show) == []


def test_session_that_ends_leaves_no_start_and_no_end(
    show: Goal, session: Session, viewer: User, clock: Traveller
) -> None:
    funding = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    next_show = ShowGoalFactory(funding_goal=funding, nbf=NBF + HOUR)
    open_goal = ShowFundingGoalFactory(session=session, exp=NBF + HOUR)
    clock.move_to(NBF)
    assert start(show) == ["started"]
    assert waiting("activate_goal") == [(str(next_show.pk), NBF_SECONDS + 3600)]
    assert len(waiting("deactivate_goal", show, open_goal)) == 2

    run_in_transaction(partial(end_session, str(session.pk), cancel_shows=True, now=NBF + MINUTE / 2))

    assert (waiting("activate_goal"), waiting("deactivate_goal", show, open_goal)) == ([], [])
