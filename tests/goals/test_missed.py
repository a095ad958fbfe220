"""A show that is overdue by more than START_GRACE is cancelled, not started."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.models import Goal
from goals.starting import start_goals
from goals.tasks import activate_goal, reconcile_goals
from taskqueue.calls import Call
from tests.factories.client import ApiClient
from tests.factories.documents import queued_messages, stored, stored_one
from tests.factories.goals import ShowGoalFactory
from tests.goals.steps import NBF, NBF_SECONDS, started_announcements

GRACE = timedelta(seconds=3600)


@pytest.mark.parametrize("late", [GRACE, GRACE - timedelta(milliseconds=1)])
def test_show_within_the_grace_starts(show: Goal, clock: Traveller, late: timedelta) -> None:
    clock.move_to(NBF + late)
    assert activate_goal(str(show.pk), NBF_SECONDS) == "started"


def test_show_beyond_the_grace_is_cancelled_and_its_payers_hear_it(show: Goal, clock: Traveller) -> None:
    clock.move_to(NBF + GRACE + timedelta(milliseconds=1))
    assert activate_goal(str(show.pk), NBF_SECONDS) == "missed"

    goal = stored_one("goals", show.pk)
    assert (goal["active"], goal["cancelled_at"] is not None, goal["activated_at"]) == (False, True, None)
    assert started_announcements(show) == 0
    (told,) = queued_messages("batch_notify_payers")
    assert '"reason":"missed"' in str(told.args[3])
    assert [repair["_id"] for repair in stored("repairs")] == ["goals.missed"]
    assert activate_goal(str(show.pk), NBF_SECONDS) == "not_startable"


def test_reconciler_cancels_missed_shows_and_starts_the_others(clock: Traveller, db: None) -> None:
    missed, late = ShowGoalFactory(nbf=NBF), ShowGoalFactory(nbf=NBF + GRACE)
    clock.move_to(NBF + GRACE + timedelta(seconds=10))
    assert str(reconcile_goals()).startswith("started 1, ended 2, missed 1")  # the funding goals end, too
    assert [started_announcements(show) for show in (missed, late)] == [0, 1]


def test_run_that_takes_long_stops_and_reports_what_it_has_done(
    clock: Traveller, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    monkeypatch.setattr("goals.tasks.RUN_SECONDS", 0.0)
    monkeypatch.setattr("goals.tasks.BATCH", 1)
    for nbf in (NBF, NBF, NBF + GRACE, NBF + GRACE):
        ShowGoalFactory(nbf=nbf)
    clock.move_to(NBF + GRACE + timedelta(seconds=10))

    outcomes = [str(reconcile_goals()) for _run in range(5)]

    assert outcomes == [
        "started 1, ended 1, missed 1",
        "started 1, ended 1, missed 1",
        "started 0, ended 1",
        "started 0, ended 1",
        "started 0, ended 0",
    ]
    assert {repair["_id"]: repair["count"] for repair in stored("repairs")} == {
        "goals.started_by_reconciler": 2,
        "goals.missed": 2,
        "goals.ended_by_reconciler": 4,
    }


def test_missed_shows_do_not_delay_starts(clock: Traveller, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr("goals.starting.GOALS_A_LOOK", 1)
    monkeypatch.setattr("goals.cancelling.CANCELLED_AT_ONCE", 1)
    for nbf in (NBF, NBF, NBF + GRACE):
        ShowGoalFactory(nbf=nbf)
    clock.move_to(NBF + GRACE + timedelta(seconds=10))

    assert str(reconcile_goals()).startswith("started 1, ")


def test_missed_show_is_revived_like_any_cancelled_show(show: Goal, streamer: User, clock: Traveller) -> None:
    clock.move_to(NBF + GRACE + timedelta(seconds=1))
    activate_goal(str(show.pk), NBF_SECONDS)
    nbf = NBF_SECONDS + 2 * 3600
    answer = ApiClient(streamer).patch(f"/goals/{show.pk}", {"nbf": nbf})
    assert (answer.status, answer.body["status"], answer.body["nbf"]) == (200, "scheduled", nbf)
    clock.move_to(NBF + timedelta(hours=2))
    assert activate_goal(str(show.pk), nbf) == "started"


def test_grace_is_a_setting(show: Goal, clock: Traveller, settings: Any) -> None:
    settings.START_GRACE = 10
    clock.move_to(NBF + timedelta(seconds=11))
    assert activate_goal(str(show.pk), NBF_SECONDS) == "missed"


def test_show_that_is_missed_while_its_batch_starts_does_not_hold_up_the_others(clock: Traveller, db: None) -> None:
    missed, *others = (ShowGoalFactory(nbf=nbf) for nbf in (NBF, NBF + GRACE, NBF + GRACE))
    began = NBF + GRACE
    clock.move_to(began + timedelta(milliseconds=1))

    started = start_goals({show.pk: Call((str(show.pk),)) for show in (missed, *others)}, now=began)

    assert sorted(started) == sorted(show.pk for show in others)
    assert [started_announcements(show) for show in (missed, *others)] == [0, 1, 1]
