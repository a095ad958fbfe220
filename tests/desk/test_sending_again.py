"""The pages of the buttons that send events again say what will happen."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from goals.models import Goal
from goals.tasks import activate_goal
from mongodb.transactions import run_in_transaction
from notifications.tasks import batch_notify_stream_authorized
from sessions_app.models import Session
from showgoals.excluding import exclude_payer
from tests.desk.pressing import agent, press, said, told
from tests.factories.documents import queued_messages
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.factories.people import MEI, UserFactory
from tests.notifications.steps import run_queue, send_all
from tests.showgoals.pages import messages, page

pytestmark = [pytest.mark.django_db]
NOTHING = "There is nothing to send."
DEACTIVATED = "The account of this payer is deactivated, so nothing can be sent."


def show_paid_by(session: Session, payers: list[User]) -> Goal:
    """Return a show that has just started, and whose events are not planned."""
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=payers)
    show = ShowGoalFactory(funding_goal=funding_goal, nbf=whole_second())
    activate_goal(str(show.pk), int(show.nbf.timestamp()))
    return Goal.objects.get(pk=show.pk)


def plan(show: Goal) -> None:
    batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id)
    run_queue()


def to_payer(show: Goal, viewer: User) -> str:
    return reverse("desk:payer-send-again", args=[show.pk, viewer.pk])


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def test_payers_who_are_left_out_do_not_count_as_unreached(session: Session) -> None:
    payers = UserFactory.create_batch(3)
    show = show_paid_by(session, payers)
    run_in_transaction(lambda: exclude_payer(show, str(payers[0].pk), reason="", by=MEI, now=timezone.now()))
    deactivate(payers[1])
    plan(show)
    client = agent("send_again")

    asked = client.get(page(show, "send-again/"))

    why = "When they were due, their payers had been taken out, or the payers' accounts were deactivated."
    assert told(asked) == [
        "Each payer gets two events. Sent so far: 2. Payers: 3.",
        f"Events left out: 4. {why}",
        NOTHING,
    ]
    assert said(press(client, show, "send-again/")) == [NOTHING]


def test_payers_whose_events_are_not_planned_count_as_unsent(session: Session) -> None:
    show = show_paid_by(session, UserFactory.create_batch(2))
    client = agent("send_again")

    asked = client.get(page(show, "send-again/"))

    assert told(asked)[:2] == [
        "Each payer gets two events. Sent so far: 0. Payers: 2.",
        "Not sent yet: 4. Perhaps sent: 0. Refused by Pusher: 0. All of these go out again.",
    ]
    assert said(press(client, show, "send-again/")) == ["Events that go out again: 4."]


def test_page_of_a_payer_says_who_else_is_sent_to(session: Session, viewer: User) -> None:
    show = show_paid_by(session, [viewer])
    client = agent("send_again")

    before = told(client.get(to_payer(show, viewer)))
    plan(show)
    after = told(client.get(to_payer(show, viewer)))

    assert before == [
        "viewer gets both events, with new credentials. So does every other payer for whom they are not planned yet."
    ]
    assert after == ["viewer gets both events again, with new credentials. Nobody else does."]


def test_deactivated_payer_is_not_sent_to(session: Session, viewer: User) -> None:
    show = show_paid_by(session, [viewer])
    plan(show)
    send_all()
    client, url = agent("send_again"), to_payer(show, viewer)
    payer = reverse("desk:payer", args=[show.pk, viewer.pk])
    offered = url in client.get(payer).content.decode()
    deactivate(viewer)

    responses = [client.get(url, follow=True), client.post(url, {}, follow=True)]

    assert [messages(response) for response in responses] == [[DEACTIVATED]] * 2
    assert (offered, url in client.get(payer).content.decode()) == (True, False)
    assert queued_messages("send_chunk") == []
