"""Everybody whom a lapse concerns is told of it once, including payers who are listed late."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.event_ids import event_id
from goals.models import Goal
from goals.tasks import deactivate_goal
from mongodb.collections import collection
from notifications.channels import streamer_channels, viewer_channel
from notifications.tasks import batch_notify_payers, notify_late_payers
from sessions_app.models import Session
from showgoals.settlement.tasks import lapse_funding_goal
from showgoals.tasks import fold_contributions
from taskqueue.calls import Call
from tests.factories.client import ApiClient
from tests.factories.documents import queued_messages, stored
from tests.factories.goals import ContributionFactory, ShowFundingGoalFactory
from tests.factories.moments import SECONDS, WHOLE
from tests.factories.people import UserFactory
from tests.factories.profiler import profiled
from tests.properties.queue import work_off

pytestmark = pytest.mark.django_db
LAPSES_AT = WHOLE + timedelta(seconds=60)


@pytest.fixture
def lapsed(clock: Traveller, session: Session, viewer: User) -> Goal:
    """A funding goal that has just lapsed. The viewer has paid 5. Nothing is sent yet."""
    goal = closed(session)
    ContributionFactory(funding_goal=goal, viewer=viewer)
    return lapse(goal, clock)


def closed(session: Session) -> Goal:
    goal: Goal = ShowFundingGoalFactory(session=session, exp=WHOLE, hesitation_countdown=60)
    return goal


def lapse(goal: Goal, clock: Traveller) -> Goal:
    deactivate_goal(str(goal.pk), SECONDS)
    clock.move_to(LAPSES_AT)
    assert lapse_funding_goal(str(goal.pk), SECONDS + 60) == "lapsed"
    return Goal.objects.get(pk=goal.pk)


def told(outbox: list[Any]) -> dict[str, dict[str, Any]]:
    """Return the data of `goal.lapsed` by channel. Check that no channel got the event twice."""
    events = [(event.channel, json.loads(event.data)) for event in outbox if event.name == "goal.lapsed"]
    assert len(dict(events)) == len(events)
    return dict(events)


def pay_late(goal: Goal, viewer: User) -> None:
    """Store and fold a payment that was accepted before the funding closed."""
    payment = {"funding_goal_id": str(goal.pk), "viewer_id": str(viewer.pk), "amount": 7, "folded": False}
    collection("contributions").insert_one({**payment, "key": str(viewer.pk), "created_at": WHOLE})
    fold_contributions(str(goal.pk))


def test_streamer_and_payers_hear_of_the_lapse(
    lapsed: Goal, session: Session, streamer: User, viewer: User, outbox: list[Any]
) -> None:
    work_off(now=LAPSES_AT + timedelta(seconds=2))
    data = {
        "event_id": event_id(str(lapsed.pk), "goal.lapsed", 3),
        "version": 3,
        "goal_id": str(lapsed.pk),
        "session_id": str(session.pk),
        "reason": "no_show",
        "total": 5,
    }
    channels = (*streamer_channels(str(streamer.pk)), viewer_channel(str(streamer.pk), "preview", str(viewer.pk)))
    assert told(outbox) == dict.fromkeys(channels, data)


def test_lapses_at_one_moment_are_planned_together(session: Session, clock: Traveller) -> None:
    """One query reads the payers of three goals. Another reads the payers of the goal that has no number of payers."""
    goals = [closed(session) for _ in range(4)]
    payers = [UserFactory.create_batch(2) for _ in goals]
    for goal, theirs in zip(goals, payers, strict=True):
        for payer in theirs:
            ContributionFactory(funding_goal=goal, viewer=payer)
    for goal in goals:
        lapse(goal, clock)
        clock.move_to(WHOLE)
    collection("goals").update_one({"_id": goals[0].pk}, {"$unset": {"payers": ""}})
    calls = [Call(message.args) for message in queued_messages("batch_notify_payers")]

    with profiled() as profile:
        assert batch_notify_payers.run(calls) == ["planned"] * 4

    assert len([query for query in profile.queries if "$breakdown" in str(query.command)]) == 2
    chunks = {chunk["goal_id"]: chunk["viewers"] for chunk in stored("notification_chunks")}
    assert chunks == {
        str(goal.pk): b"".join(sorted(payer.pk.binary for payer in theirs))
        for goal, theirs in zip(goals, payers, strict=True)
    }


def test_payer_who_is_listed_late_hears_the_same(
    lapsed: Goal, streamer: User, clock: Traveller, outbox: list[Any]
) -> None:
    work_off(now=LAPSES_AT + timedelta(seconds=2))
    late = UserFactory()
    pay_late(lapsed, late)
    work_off(now=LAPSES_AT + timedelta(seconds=4))
    heard = told(outbox)
    assert len(heard) == 5
    (data,) = {json.dumps(data) for data in heard.values()}
    assert json.loads(data)["total"] == 5  # the sum at the time of the lapse
    assert viewer_channel(str(streamer.pk), "preview", str(late.pk)) in heard


def test_first_payer_may_be_late(clock: Traveller, session: Session, streamer: User, outbox: list[Any]) -> None:
    """At the lapse nobody had paid, so no event was planned for payers."""
    goal = lapse(closed(session), clock)
    assert queued_messages("batch_notify_payers") == []
    late = UserFactory.create_batch(2)
    for seconds, payer in enumerate(late):
        pay_late(goal, payer)
        work_off(now=LAPSES_AT + timedelta(seconds=seconds))
    work_off(now=LAPSES_AT + timedelta(seconds=9))
    heard = told(outbox)
    channels = {viewer_channel(str(streamer.pk), "preview", str(payer.pk)) for payer in late}
    assert (len(heard), channels - heard.keys()) == (5, set())
    assert [(data["event_id"], data["total"]) for data in heard.values()] == [
        (event_id(str(goal.pk), "goal.lapsed", 3), 0)  # the same as in the streamer's event
    ] * 5
    assert notify_late_payers(str(goal.pk)) == "nothing_to_plan"


def test_second_run_plans_nothing(lapsed: Goal) -> None:
    (message,) = queued_messages("batch_notify_payers")
    assert [batch_notify_payers(*message.args) for _ in range(2)] == ["planned", "nothing_to_plan"]
    assert [chunk["name"] for chunk in stored("notification_chunks")] == ["goal.lapsed"]


def test_late_payer_of_a_cancelled_show_hears_of_both(
    clock: Traveller, session: Session, streamer: User, outbox: list[Any]
) -> None:
    goal = closed(session)
    deactivate_goal(str(goal.pk), SECONDS)
    client = ApiClient(streamer)
    body = {"funding_goal_id": str(goal.pk), "session_id": str(session.pk), "ticket_product_id": "a"}
    created = client.post(
        "/goals?type=show",
        {
            "levels": [{"title": "Proceed", "target": 60}],
            "nbf": SECONDS + 3600,
            "context": {**body, "ticket_product_type": "show"},
        },
    )
    client.post(f"/goals/{created.body['id']}/cancel")
    clock.move_to(LAPSES_AT + timedelta(seconds=2))
    assert lapse_funding_goal(str(goal.pk), SECONDS + 61) == "lapsed"
    late = UserFactory()
    pay_late(goal, late)
    work_off(now=LAPSES_AT + timedelta(seconds=4))
    channel = viewer_channel(str(streamer.pk), "preview", str(late.pk))
    assert [event.name for event in outbox if event.channel == channel] == ["goal.cancelled", "goal.lapsed"]


def test_sd_channel_is_closed_after_the_lapse(clock: Traveller, session: Session, streamer: User, viewer: User) -> None:
    goal = closed(session)
    ContributionFactory(funding_goal=goal, viewer=viewer)
    channel = viewer_channel(str(streamer.pk), "sd", str(viewer.pk))
    subscription = {"socket_id": "1234.5678", "channel_name": channel}
    client = ApiClient(viewer)
    before = client.post("/pusher/auth", subscription).status
    lapse(goal, clock)
    assert (before, client.post("/pusher/auth", subscription).status) == (200, 403)
