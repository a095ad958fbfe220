"""`goal.progressed` goes out at most once a second for each funding goal, and never with an older progress.

The last progress always goes out.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.event_ids import event_id
from goals.models import Goal
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from notifications.streamer_events import next_progress_at
from notifications.tasks import notify_progress
from sessions_app.models import Session
from showgoals.contributions import FOLD_BATCH
from showgoals.folds import fold_into_breakdown
from showgoals.tasks import fold_contributions
from tests.factories.client import ApiClient
from tests.factories.documents import queued_messages, stored, stored_one
from tests.factories.goals import HOUR, ContributionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW, WHOLE, as_stored
from tests.factories.people import UserFactory
from tests.factories.threads import at_once
from tests.properties.queue import work_off

pytestmark = pytest.mark.django_db
Pay = Callable[..., None]


@pytest.fixture
def goal(clock: Traveller, session: Session, outbox: list[Any]) -> Goal:
    """An open funding goal. The event of its creation has been sent."""
    opened: Goal = ShowFundingGoalFactory(session=session)
    work_off(now=NOW)
    outbox.clear()
    return opened


@pytest.fixture
def pay(goal: Goal) -> Pay:
    """Return a function that lets a viewer pay 5, and folds the payment."""

    def pay(viewer: User) -> None:
        ContributionFactory(funding_goal=goal, viewer=viewer)
        fold_contributions(str(goal.pk))

    return pay


def told(outbox: list[Any]) -> list[tuple[str, int, int]]:
    """Return the kind of channel, the progress and the number of payers of each event."""
    sent = [(event.channel.partition("@")[0], json.loads(event.data)) for event in outbox]
    return [(kind, data["progress"], data["payers"]) for kind, data in sent]


def on_all_channels(progress: int, payers: int) -> list[tuple[str, int, int]]:
    return [(kind, progress, payers) for kind in ("private-stream", "presence-stream", "private-user")]


def test_payments_are_told_on_the_streamers_channels(goal: Goal, viewer: User, outbox: list[Any]) -> None:
    for payer in (viewer, viewer, UserFactory()):
        ContributionFactory(funding_goal=goal, viewer=payer)
    fold_contributions(str(goal.pk))
    work_off(now=NOW + HOUR / 60)

    assert {(event.channel, event.name) for event in outbox} == {
        (f"{kind}@{goal.metadata.user_id}", "goal.progressed")
        for kind in ("private-stream", "presence-stream", "private-user")
    }
    assert [json.loads(event.data) for event in outbox] == 3 * [
        {
            "event_id": event_id(str(goal.pk), "goal.progressed", 15),
            "version": 1,
            "goal_id": str(goal.pk),
            "progress": 15,
            "target": 1000,
            "payers": 2,
        }
    ]


def test_folds_share_the_message_that_waits_longest(goal: Goal, clock: Traveller, pay: Pay, outbox: list[Any]) -> None:
    for seconds in (0, 0.1, 0.7, 5):
        clock.move_to(NOW + timedelta(seconds=seconds))
        pay(UserFactory())

    (message,) = queued_messages("notify_progress")
    assert (message.lock, message.group) == (as_stored(WHOLE + timedelta(seconds=1.2)), str(goal.pk))
    assert notify_progress(*message.args) == "sent"
    assert told(outbox) == on_all_channels(20, 4)


@pytest.mark.parametrize(("now", "due"), [(0, 0.2), (0.199999, 0.2), (0.2, 1.2), (0.9, 1.2)])
def test_event_may_go_out_once_a_second(now: float, due: float) -> None:
    assert next_progress_at(WHOLE + timedelta(seconds=now)) == WHOLE + timedelta(seconds=due)


def test_older_progress_does_not_follow_a_newer_one(goal: Goal, viewer: User, pay: Pay, outbox: list[Any]) -> None:
    """A worker holds the first message when the second is queued."""
    pay(viewer)
    (held,) = queued_messages("notify_progress")
    collection("django_q_ormq").update_one({"name": "notify_progress"}, {"$set": {"owner": "a worker"}})
    pay(viewer)
    newer = queued_messages("notify_progress")[-1]

    assert [notify_progress(*message.args) for message in (newer, held, newer)] == ["sent", "superseded", "sent"]
    assert told(outbox) == 2 * on_all_channels(10, 1)
    assert len({json.loads(event.data)["event_id"] for event in outbox}) == 1


def test_fold_that_fails_tells_nothing(goal: Goal, viewer: User) -> None:
    ContributionFactory(funding_goal=goal, viewer=viewer)

    def fold_and_fail() -> None:
        fold_into_breakdown(str(goal.pk))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run_in_transaction(fold_and_fail)
    assert queued_messages("notify_progress") == []
    assert stored_one("goals", goal.pk)["payers"] is None


def test_fold_in_batches_is_told_once(goal: Goal, viewer: User, outbox: list[Any]) -> None:
    payment = {"funding_goal_id": str(goal.pk), "viewer_id": str(viewer.pk), "amount": 1, "folded": False}
    count = 2 * FOLD_BATCH + 1
    collection("contributions").insert_many(
        [{**payment, "key": str(number), "created_at": NOW} for number in range(count)]
    )
    fold_contributions(str(goal.pk))
    work_off(now=NOW + HOUR / 60)

    assert told(outbox) == on_all_channels(count, 1)


def test_payers_of_an_earlier_release_are_counted(goal: Goal, viewer: User, pay: Pay) -> None:
    former = {"breakdown": {str(viewer.pk): {"amount": 5}, "not-an-id": {"amount": 1}}, "progress": 6}
    collection("goals").update_one({"_id": goal.pk}, {"$set": former, "$unset": {"payers": ""}})
    pay(viewer)
    assert stored_one("goals", goal.pk)["payers"] == 1
    pay(UserFactory())
    assert stored_one("goals", goal.pk)["payers"] == 2


def test_payers_at_once_are_counted_exactly(goal: Goal, outbox: list[Any]) -> None:
    """Six viewers pay twice while eight folds run."""
    viewers = UserFactory.create_batch(6)
    paying = [partial(ContributionFactory, funding_goal=goal, viewer=viewer) for viewer in 2 * viewers]
    at_once([*paying, *[partial(fold_contributions, str(goal.pk))] * 8])
    fold_contributions(str(goal.pk))
    work_off(now=NOW + HOUR / 60)

    assert stored_one("goals", goal.pk)["payers"] == 6
    assert told(outbox)[-3:] == on_all_channels(60, 6)


def test_last_progress_is_told_by_closing_and_by_creating_the_show(
    goal: Goal, streamer: User, viewer: User, outbox: list[Any]
) -> None:
    ContributionFactory(funding_goal=goal, viewer=viewer)
    assert ApiClient(streamer).post(f"/goals/{goal.pk}/close").status == 200
    ContributionFactory(funding_goal=ShowFundingGoalFactory(session=Session.objects.get()), viewer=viewer)
    (other,) = Goal.objects.exclude(pk=goal.pk)
    collection("goals").update_one({"_id": other.pk}, {"$set": {"exp": WHOLE - HOUR, "active": False}})
    ShowGoalFactory(funding_goal=Goal.objects.get(pk=other.pk))
    work_off(now=NOW + HOUR / 60)

    events = [(event.name, json.loads(event.data)) for event in outbox if "private-user" in event.channel]
    progressed = [(data["goal_id"], data["progress"]) for name, data in events if name == "goal.progressed"]
    assert sorted(progressed) == sorted([(str(goal.pk), 5), (str(other.pk), 5)])
    assert [data["progress"] for name, data in events if name == "goal.ended"] == [5]


def test_telling_is_on_the_timeline(goal: Goal, viewer: User, pay: Pay, outbox: list[Any]) -> None:
    pay(viewer)
    work_off(now=NOW + timedelta(seconds=2))
    (announced,) = stored("goal_timeline", goal_id=str(goal.pk), name="goal.progressed", kind="signal")
    (delivered,) = stored("goal_timeline", goal_id=str(goal.pk), name="goal.progressed", kind="delivery")
    assert (announced["answers"], delivered["outcome"]) == (
        {"store_event": "event_stored", "notify_goal_progressed": "notified"},
        "sent",
    )
