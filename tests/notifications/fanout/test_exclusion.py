"""An excluded payer gets no events. After the payer is included again, the events are sent."""

from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from goals.models import Goal
from mongodb.transactions import run_in_transaction
from notifications.fanout.inclusion import notify_included_payer
from notifications.models import NotificationChunk
from notifications.tasks import notify_late_payers
from sessions_app.models import Session
from showgoals.changes import cancel_show_goal
from showgoals.excluding import exclude_payer, include_payer
from showgoals.session_end import end_session
from tests.factories.documents import everything_stored, queued_messages, stored
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import MEI
from tests.notifications.conftest import Audience
from tests.notifications.steps import deliver_payers_events, got, plan_show, redeliver, run_queue, send_all

pytestmark = pytest.mark.django_db


def exclude(goal: Goal, viewer_id: str) -> None:
    run_in_transaction(lambda: exclude_payer(goal, viewer_id, reason="Abuse.", by=MEI, now=timezone.now()))


def include(goal: Goal, viewer_id: str) -> None:
    """Include the payer, and run the tasks that the inclusion has queued."""
    run_in_transaction(lambda: include_payer(goal, viewer_id, reason="A mistake.", by=MEI))
    for message in queued_messages("notify_included_payer"):
        notify_included_payer(*message.args)
    for message in queued_messages("notify_late_payers"):
        notify_late_payers(*message.args)
    run_queue()


def test_payer_who_was_excluded_before_the_start_is_not_planned(live: Any, outbox: list[Any]) -> None:
    audience = live(3)
    out, *others = audience.viewers
    exclude(audience.show, out)
    plan_show(audience)
    run_queue()
    assert got(outbox) == Counter(dict.fromkeys(others, 2))
    assert all(chunk.ledger.entry(out) is None for chunk in NotificationChunk.objects.all())

    outbox.clear()
    include(audience.show, out)
    assert got(outbox) == Counter({out: 2})


def test_payer_who_was_excluded_after_planning_is_not_sent_to(in_chunks: Audience, outbox: list[Any]) -> None:
    out, *others = in_chunks.viewers
    exclude(in_chunks.show, out)
    send_all()
    assert got(outbox) == Counter(dict.fromkeys(others, 2))
    assert [chunk.ledger.states for chunk in NotificationChunk.objects.order_by("preset", "first")] == [
        *("xs", "ss", "s"),
        *("xs", "ss", "s"),
    ]

    outbox.clear()
    include(in_chunks.show, out)
    assert got(outbox) == Counter({out: 2})


def test_included_payer_gets_credentials_again_that_were_sent_before(in_chunks: Audience, outbox: list[Any]) -> None:
    """After the exclusion, the payer's client has returned to the preview."""
    send_all()
    exclude(in_chunks.show, in_chunks.viewers[0])
    outbox.clear()
    include(in_chunks.show, in_chunks.viewers[0])
    assert got(outbox) == Counter({in_chunks.viewers[0]: 2})


def test_cancellation_is_told_to_the_included_payer(session: Session, viewer: User, outbox: list[Any]) -> None:
    paid = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    show = ShowGoalFactory(funding_goal=paid)
    exclude(paid, str(viewer.pk))
    run_in_transaction(lambda: cancel_show_goal(str(show.pk), now=timezone.now()))
    deliver_payers_events()
    assert got(outbox)[str(viewer.pk)] == 0
    include(paid, str(viewer.pk))
    assert got(outbox)[str(viewer.pk)] == 1


def test_lapse_is_told_to_the_included_payer(session: Session, viewer: User, outbox: list[Any]) -> None:
    goal = ShowFundingGoalFactory(session=session, paid_by=[viewer])
    exclude(goal, str(viewer.pk))
    run_in_transaction(lambda: end_session(str(session.pk), cancel_shows=True, now=timezone.now()))
    deliver_payers_events()
    assert got(outbox)[str(viewer.pk)] == 0
    include(goal, str(viewer.pk))
    assert [event.name for event in outbox if event.channel.endswith(str(viewer.pk))] == ["goal.lapsed"]


def test_included_payer_of_a_goal_without_a_show_is_told_nothing(session: Session, viewer: User) -> None:
    goal = ShowFundingGoalFactory(session=session, paid_by=[viewer])
    exclude(goal, str(viewer.pk))
    include(goal, str(viewer.pk))
    (row,) = stored("goal_timeline", goal_id=str(goal.pk), name="payers.included")
    assert (row["answers"], queued_messages("notify_included_payer")) == ({"let_included_payer_in": "no_show_yet"}, [])


def test_events_are_not_sent_again_to_a_deactivated_account(in_chunks: Audience, streamer: User) -> None:
    viewer = in_chunks.viewers[0]
    send_all()
    User.objects.filter(pk=viewer).update(is_active=False)
    before = everything_stored()
    assert redeliver(in_chunks.show, {"viewer_id": viewer}, streamer).problem == (409, "payer_deactivated", [])
    assert everything_stored() == before


def test_excluded_payers_do_not_count_as_missing(in_chunks: Audience, streamer: User, outbox: list[Any]) -> None:
    """The payer's events were planned before the exclusion."""
    planned = in_chunks.viewers[0]
    send_all()
    exclude(in_chunks.show, planned)
    assert redeliver(in_chunks.show, {}, streamer).body == {"events": 0}
    assert redeliver(in_chunks.show, {"viewer_id": planned}, streamer).problem == (409, "payer_excluded", [])


def test_unplanned_payer_who_is_excluded_is_not_missing(live: Any, streamer: User, outbox: list[Any]) -> None:
    audience = live(3)
    exclude(audience.show, audience.viewers[1])
    plan_show(audience)
    run_queue()
    assert redeliver(audience.show, {}, streamer).body == {"events": 0}
