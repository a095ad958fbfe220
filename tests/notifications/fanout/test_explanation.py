"""The report on a viewer explains in each case, by a sentence and a code, why the viewer was let in or not."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from time_machine import Traveller

from goals.models import Goal
from goals.tasks import activate_goal, deactivate_goal
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from notifications.fanout.explanation import Why
from notifications.fanout.ledger import State
from notifications.models import NotificationChunk
from notifications.tasks import batch_notify_stream_authorized
from sessions_app.models import Session
from showgoals.changes import begin_show, cancel_show_goal
from showgoals.excluding import exclude_payer
from showgoals.live_shows import end_show, extend_show
from showgoals.settlement.tasks import lapse_funding_goal
from tests.factories.client import ApiClient
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import SECONDS, WHOLE
from tests.factories.people import MEI
from tests.notifications.steps import begin_attempt, send_all, store

pytestmark = pytest.mark.django_db
Funding = Callable[..., Goal]


@pytest.fixture
def funding(clock: Traveller, session: Session, viewer: User) -> Funding:
    """Return a function that creates a funding goal for which the viewer has paid."""
    return partial(ShowFundingGoalFactory, session=session, paid_by=[viewer])


@pytest.fixture
def live(funding: Funding) -> Goal:
    """A live show of a minute."""
    show = ShowGoalFactory(funding_goal=funding(closed=True), nbf=WHOLE)
    activate_goal(str(show.pk), SECONDS)
    return Goal.objects.get(pk=show.pk)


def plan(show: Goal) -> None:
    show = Goal.objects.get(pk=show.pk)
    batch_notify_stream_authorized(
        str(show.pk), show.context.funding_goal_id, show.version, int(show.window[1].timestamp())
    )


def mark(state: State) -> None:
    store(begin_attempt(NotificationChunk.objects.get(preset="sd").pk), {0: state})


def end(show: Goal, clock: Traveller) -> None:
    clock.move_to(WHOLE + timedelta(seconds=60))
    deactivate_goal(str(show.pk), SECONDS + 60)


def begin(show: Goal) -> None:
    run_in_transaction(lambda: begin_show(str(show.pk), now=WHOLE))


def told(goal: Goal, viewer: User) -> tuple[str, str | None, str]:
    """Return the code, outcome and sentence. They must be the same for the ids of the show and its funding goal."""
    client = ApiClient(viewer)
    ids = {str(goal.pk), goal.context.funding_goal_id or str(goal.pk)}
    bodies = [client.get(f"/goals/{goal_id}/viewers/{viewer.pk}").body for goal_id in ids]
    ((code, outcome, sentence),) = {(body["code"], body["outcome"], body["explanation"]) for body in bodies}
    return code, outcome, sentence


def test_viewer_before_there_is_a_show(funding: Funding, viewer: User, clock: Traveller) -> None:
    open_goal, closed = funding(), funding(closed=True)
    assert told(open_goal, viewer)[:2] == ("funding_open", "pending")
    assert told(closed, viewer)[:2] == ("no_show_yet", "pending")
    show = ShowGoalFactory(funding_goal=closed, nbf=WHOLE + HOUR)
    assert told(show, viewer) == ("scheduled", "pending", "The show has not started yet.")
    run_in_transaction(lambda: cancel_show_goal(str(show.pk), now=WHOLE))
    assert told(show, viewer)[:2] == ("cancelled", "pending")


def test_viewer_of_a_lapsed_funding_goal(clock: Traveller, session: Session, viewer: User) -> None:
    minute = {"exp": WHOLE + timedelta(seconds=60), "hesitation_countdown": 60}
    goal = ShowFundingGoalFactory(session=session, paid_by=[viewer], **minute)
    clock.move_to(WHOLE + timedelta(seconds=121))
    deactivate_goal(str(goal.pk), SECONDS + 60)
    assert lapse_funding_goal(str(goal.pk), SECONDS + 120) == "lapsed"
    sentence = "The funding goal has lapsed without a show. The payment is due back."
    assert told(goal, viewer) == ("lapsed", "refund_due", sentence)


def test_viewer_who_is_excluded(live: Goal, viewer: User) -> None:
    run_in_transaction(lambda: exclude_payer(live, str(viewer.pk), reason="Abuse.", by=MEI, now=timezone.now()))
    sentence = "This viewer was excluded from the show. The payment is due back."
    assert told(live, viewer) == ("excluded", "refund_due", sentence)


def test_viewer_whose_account_is_closed(live: Goal, viewer: User, streamer: User) -> None:
    User.objects.filter(pk=viewer.pk).update(is_active=False)
    body = ApiClient(streamer).get(f"/goals/{live.pk}/viewers/{viewer.pk}").body
    assert body["code"] == "account_inactive"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State.SENT, "sent"),
        (State.UNKNOWN, "unknown"),
        (State.FAILED, "failed"),
        (State.EXCLUDED, "not_sent"),
    ],
)
def test_viewer_of_a_live_show_is_told_what_became_of_the_event(
    live: Goal, viewer: User, state: State, code: str
) -> None:
    assert told(live, viewer)[0] == "not_sent"
    plan(live)
    assert told(live, viewer)[0] == "planned"
    mark(state)
    assert told(live, viewer)[0] == code


def test_viewer_of_an_extended_show_is_told_of_the_new_credentials(live: Goal, viewer: User, outbox: list[Any]) -> None:
    plan(live)
    send_all()
    run_in_transaction(lambda: extend_show(str(live.pk), seconds=60, now=WHOLE, by=MEI))
    assert told(live, viewer)[0] == "not_sent"
    plan(live)
    assert told(live, viewer)[0] == "planned"


def test_viewer_whose_client_has_confirmed_the_event(live: Goal, viewer: User, outbox: list[Any]) -> None:
    plan(live)
    send_all()
    event_id = NotificationChunk.objects.get(preset="sd").event_id
    assert ApiClient(viewer).post(f"/goals/{live.pk}/received", {"event_id": event_id}).status == 204
    assert told(live, viewer)[0] == "received"
    ApiClient(viewer).get(f"/sessions/{live.conditions.session_id}/token")
    assert told(live, viewer)[0] == "credentials_fetched"


def test_viewer_after_a_performance(live: Goal, viewer: User, clock: Traveller, outbox: list[Any]) -> None:
    begin(live)
    collection("goals").update_one({"_id": live.pk}, {"$set": {"context.started": WHOLE}})
    plan(live)
    send_all()
    end(live, clock)
    assert told(live, viewer) == ("ended", "earned", "The show has ended. The payment is earned.")


def test_viewer_who_was_not_reached(live: Goal, viewer: User, clock: Traveller) -> None:
    clock.move_to(WHOLE + timedelta(seconds=60))  # no worker has ended the show yet
    assert told(live, viewer)[0] == "not_reached"
    end(live, clock)
    assert told(live, viewer)[0] == "not_reached"


def test_viewer_of_a_show_without_evidence(live: Goal, viewer: User, clock: Traveller, outbox: list[Any]) -> None:
    plan(live)
    send_all()
    end(live, clock)
    sentence = (
        "The show has ended, but nothing proves that it was performed. "
        "It is not decided yet what becomes of the payment."
    )
    assert told(live, viewer) == ("no_evidence", "in_question", sentence)


def test_viewer_of_a_show_that_was_ended_early(live: Goal, viewer: User) -> None:
    run_in_transaction(lambda: end_show(str(live.pk), now=WHOLE + timedelta(seconds=9), by=MEI))
    assert told(live, viewer)[:2] == ("ended_early", "in_question")


def test_viewer_of_a_settled_goal_without_a_show(funding: Funding, viewer: User) -> None:
    goal = funding(closed=True)
    decided = {"state": "refund_due", "reason": "A person.", "decided_at": WHOLE, "decided_by": "mei"}
    settlement = {**decided, "as_sold": None, "total": 5, "payers": 1}
    collection("goals").update_one({"_id": goal.pk}, {"$set": {"settlement": settlement}})
    sentence = "There is no show, and the payments were settled. The payment is due back."
    assert told(goal, viewer) == ("settled", "refund_due", sentence)


def test_sentence_is_translated(live: Goal, viewer: User) -> None:
    body = ApiClient(viewer).get(f"/goals/{live.pk}/viewers/{viewer.pk}", lang="zh-hant").body
    assert (body["code"], body["explanation"].isascii()) == (Why.NOT_SENT, False)
