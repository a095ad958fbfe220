"""`deactivate_goal` ends a show or a funding goal once."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from bson import ObjectId
from time_machine import Traveller

from config.ports import load_port
from goals.event_ids import event_id
from goals.models import Goal
from goals.suspects import Suspects
from goals.tasks import deactivate_goal, reconcile_goals
from mongodb.collections import collection
from notifications.backends import get_realtime
from notifications.tasks import notify_goal
from sessions_app.models import Session
from tests.factories.documents import everything_stored, queued_messages, stored, stored_one
from tests.factories.goals import HOUR, ContributionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import SECONDS, WHOLE, as_stored
from tests.factories.threads import at_once
from tests.goals.steps import NOTHING, start

NBF, NBF_SECONDS = WHOLE + HOUR, SECONDS + 3600
EXP, EXP_SECONDS = NBF + timedelta(seconds=60), NBF_SECONDS + 60


def ended_announcements(goal: Goal) -> int:
    return len(stored("goal_timeline", goal_id=str(goal.pk), kind="signal", name="goal.ended"))


def test_end_changes_the_goal_and_its_pair(live: Goal, session: Session, clock: Traveller) -> None:
    clock.move_to(EXP)
    before = everything_stored()

    assert deactivate_goal(str(live.pk), EXP_SECONDS) == "ended"

    funding_goal, show = before["goals"]
    settlement = {
        "state": "in_question",
        "reason": "no_evidence",
        "decided_at": as_stored(EXP),
        "decided_by": None,
        "as_sold": True,
        "total": 5,
        "payers": 1,
    }
    assert everything_stored()["goals"] == [
        funding_goal | {"settlement": settlement, "version": 3},
        show | {"active": False, "exp": as_stored(EXP), "version": 3},
    ]
    (stored_session,) = before["sessions"]
    pair = stored_session["show_goal_pairs"][0] | {"show_ended": True}
    version = stored_session["cache_version"] + 1
    assert stored_one("sessions", session.pk) == stored_session | {"show_goal_pairs": [pair], "cache_version": version}


def test_end_queues_analytics_and_events(live: Goal, clock: Traveller) -> None:
    clock.move_to(EXP)
    collection("django_q_ormq").delete_many({})
    deactivate_goal(str(live.pk), EXP_SECONDS)
    assert [(message.func, message.args[:3]) for message in queued_messages()] == [
        ("sessions_app.recordings.tasks.stop_record", (str(live.pk), live.conditions.session_id)),
        ("analytics.tasks.track", (event_id(str(live.pk), "goal.ended", 3), "goal.ended", str(live.pk))),
        ("notifications.tasks.notify_goal", ("goal.ended", str(live.pk), live.metadata.user_id)),
        ("notifications.tasks.close_deliveries", (str(live.pk),)),
        ("webhooks.tasks.publish_events", ()),
    ]


def test_goal_ended_event_says_when(live: Goal, clock: Traveller) -> None:
    clock.move_to(EXP)
    deactivate_goal(str(live.pk), EXP_SECONDS)
    load_port.cache_clear()
    notify_goal("goal.ended", str(live.pk))
    realtime: Any = get_realtime()
    assert json.loads(realtime.outbox[0].data) == {
        "event_id": event_id(str(live.pk), "goal.ended", 3),
        "version": 3,
        "goal_id": str(live.pk),
        "type": "show",
        "session_id": live.conditions.session_id,
        "progress": 0,
        "exp": EXP_SECONDS,
    }


def test_second_end_does_nothing(live: Goal, clock: Traveller) -> None:
    clock.move_to(EXP)
    deactivate_goal(str(live.pk), EXP_SECONDS)
    before = everything_stored()
    assert deactivate_goal(str(live.pk), EXP_SECONDS) == "not_endable"
    assert everything_stored() == before


def test_eight_ends_at_once_are_one(live: Goal, clock: Traveller) -> None:
    clock.move_to(EXP)
    outcomes = at_once([partial(deactivate_goal, str(live.pk), EXP_SECONDS)] * 8)
    assert sorted(str(outcome) for outcome in outcomes) == ["ended"] + ["not_endable"] * 7
    assert ended_announcements(live) == 1


def test_message_of_an_old_end_does_nothing(live: Goal, clock: Traveller) -> None:
    collection("goals").update_one({"_id": live.pk}, {"$set": {"context.started": NBF + timedelta(seconds=10)}})
    clock.move_to(EXP)
    assert deactivate_goal(str(live.pk), EXP_SECONDS) == "not_endable"
    clock.move_to(EXP + timedelta(seconds=10))
    assert deactivate_goal(str(live.pk), EXP_SECONDS + 10) == "ended"


def test_message_that_comes_early_is_queued_again(live: Goal, clock: Traveller) -> None:
    collection("django_q_ormq").delete_many({})
    clock.move_to(EXP - timedelta(milliseconds=1))
    assert deactivate_goal(str(live.pk), EXP_SECONDS) == "too_early"
    (message,) = queued_messages("deactivate_goal")
    assert (message.args, message.lock) == ((str(live.pk), EXP_SECONDS), as_stored(EXP))


def test_reconciler_leaves_a_running_show_alone(live: Goal, clock: Traveller) -> None:
    collection("goals").update_many({"_cls": "ShowFundingGoal"}, {"$set": {"active": False}})
    clock.move_to(NBF + timedelta(seconds=30))
    before = everything_stored()
    assert (reconcile_goals(), everything_stored()) == (NOTHING, before)
    clock.move_to(EXP + timedelta(seconds=4))
    assert (reconcile_goals(), everything_stored()) == (NOTHING, before)  # the message for the end may still come


@pytest.mark.parametrize("change", [{"activated_at": None}, {"cancelled_at": WHOLE, "activated_at": None}])
def test_show_that_has_not_started_does_not_end(live: Goal, clock: Traveller, change: dict[str, Any]) -> None:
    collection("goals").update_one({"_id": live.pk}, {"$set": change})
    clock.move_to(EXP)
    assert deactivate_goal(str(live.pk), EXP_SECONDS) == "not_endable"


def test_deleted_goal_is_no_error(db: None) -> None:
    assert deactivate_goal(str(ObjectId()), SECONDS) == "not_endable"


def test_funding_goal_ends_after_its_exp_and_folds_the_last_payment(session: Session, clock: Traveller) -> None:
    goal = ShowFundingGoalFactory(session=session, exp=NBF)
    ContributionFactory(funding_goal=goal)
    (message,) = queued_messages("deactivate_goal")
    assert (message.args, message.lock) == (
        (str(goal.pk), NBF_SECONDS),
        as_stored(NBF + timedelta(milliseconds=1)),
    )
    clock.move_to(NBF + timedelta(milliseconds=1))

    assert deactivate_goal(str(goal.pk), NBF_SECONDS) == "ended"

    ended = stored_one("goals", goal.pk)
    assert (ended["active"], ended["exp"]) == (False, as_stored(NBF))
    assert [pair["funding_ended"] for pair in stored_one("sessions", session.pk)["show_goal_pairs"]] == [True]
    assert ended["progress"] == 5
    assert deactivate_goal(str(goal.pk), NBF_SECONDS) == "not_endable"


def test_funding_goal_without_exp_has_no_end(session: Session, clock: Traveller) -> None:
    ShowFundingGoalFactory(session=session, exp=None)
    assert queued_messages("deactivate_goal") == []


def test_reconciler_ends_missed_goals(live: Goal, session: Session, clock: Traveller) -> None:
    """The exp of the fixture's funding goal is long past, so the reconciler ends the funding goal too."""
    collection("django_q_ormq").delete_many({})
    clock.move_to(EXP + timedelta(seconds=6))
    assert (reconcile_goals(), reconcile_goals()) == ("started 0, ended 2", NOTHING)
    assert ended_announcements(live) == 1
    assert [goal["active"] for goal in stored("goals")] == [False, False]
    (repaired,) = stored("repairs")
    assert (repaired["_id"], repaired["count"]) == ("goals.ended_by_reconciler", 2)


def test_show_whose_length_is_stored_as_text_is_not_ended_early(live: Goal, clock: Traveller) -> None:
    levels = [{"title": "Proceed", "target": "60"}]  # MongoDB can't compute the end, so the reconciler does
    collection("goals").update_one({"_id": live.pk}, {"$set": {"levels": levels}})
    collection("goals").update_many({"_cls": "ShowFundingGoal"}, {"$set": {"active": False}})
    clock.move_to(EXP - timedelta(seconds=1))
    assert (reconcile_goals(), ended_announcements(live)) == (NOTHING, 0)
    clock.move_to(EXP + timedelta(seconds=6))
    assert (reconcile_goals(), ended_announcements(live)) == ("started 0, ended 1", 1)


@pytest.mark.parametrize(
    "broken",
    [
        {"$unset": {"metadata": ""}},
        {"$set": {"levels": [None]}},
        {"$set": {"levels": "Proceed"}},
        {"$set": {"levels": []}},
        {"$set": {"levels": [{"title": "Proceed", "target": "long"}]}},
        {"$set": {"progress": "none"}},
        {"$set": {"context.started": "soon"}},
    ],
    ids=[
        "no metadata",
        "null level",
        "text as levels",
        "no level",
        "text as target",
        "text as progress",
        "text as start",
    ],
)
def test_goal_that_cannot_end_does_not_stop_the_others(
    broken: dict[str, Any], clock: Traveller, suspects: Suspects, caplog: pytest.LogCaptureFixture, db: None
) -> None:
    bad, healthy = (ShowGoalFactory(nbf=NBF) for _ in range(2))
    collection("goals").update_many({"_cls": "ShowFundingGoal"}, {"$set": {"active": False}})
    clock.move_to(NBF)
    start(bad, healthy)
    collection("goals").update_one({"_id": bad.pk}, broken)
    clock.move_to(EXP + timedelta(seconds=6))

    failing = f"failing 1: {bad.pk}"
    assert [reconcile_goals() for _ in range(2)] == [f"started 0, ended 1, {failing}", f"{NOTHING}, {failing}"]

    assert [ended_announcements(goal) for goal in (bad, healthy)] == [0, 1]
    assert stored_one("goals", bad.pk)["exp"] is None
    assert caplog.text.count(f"action on goal failed goal={bad.pk}") == 1  # the second run skipped it


def test_goals_that_cannot_end_leave_the_reconciler_room_for_others(
    live: Goal, clock: Traveller, suspects: Suspects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goals.ending.RECONCILED_AT_ONCE", 2)
    goals = collection("goals")
    broken = goals.find_one({"_id": live.pk}, {"metadata": False, "context.funding_goal_id": False})
    goals.delete_one({"_id": live.pk})
    bad = sorted(ObjectId() for _ in range(5))
    goals.insert_many([{**broken, "_id": goal_id} for goal_id in bad])
    goals.insert_one({**broken, "_id": live.pk, "metadata": {"user_id": live.metadata.user_id}})
    goals.update_many({"_cls": "ShowFundingGoal"}, {"$set": {"active": False}})
    clock.move_to(EXP + timedelta(seconds=6))
    assert reconcile_goals() == f"started 0, ended 1, failing 5: {' '.join(map(str, bad))}"
