"""The action that cancels the selected shows asks first, and never cancels more shows than a person can check."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from goals.models import Goal
from goals.tasks import activate_goal
from mongodb.collections import collection
from sessions_app.models import Session
from showgoals.admin_cancelling import MOST_AT_ONCE
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored
from tests.factories.documents import stored as documents
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW
from tests.showgoals.pages import messages, notes, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
LIST = "/admin/goals/goal/"


@pytest.fixture
def shows(session: Session, viewer: User) -> list[Goal]:
    """Two shows; one viewer has paid for the second one."""
    paid: tuple[list[User], ...] = ([], [viewer])
    funding = [ShowFundingGoalFactory(session=session, closed=True, paid_by=payers) for payers in paid]
    return [
        ShowGoalFactory(funding_goal=goal, nbf=NOW + hours * HOUR, title=f"Show <{hours}>", target_seconds=60)
        for hours, goal in enumerate(funding, start=1)
    ]


def cancel(admin: Client, *goals: Goal, **fields: str) -> Any:
    body = {"action": "cancel", "_selected_action": [str(goal.pk) for goal in goals], **fields}
    return admin.post(LIST, body, follow=True)


def confirm(admin: Client, *goals: Goal, count: int, reason: str = "The drums are lost.", told: str = "") -> Any:
    told = told or told_by(cancel(admin, *goals))
    return cancel(admin, *goals, confirmed="yes", count=str(count), reason=reason, told=told)


def told_by(page: Any) -> str:
    """Return the hidden field that says which shows the page has listed."""
    form = page.context.get("form")
    return str(form["told"].value()) if form else ""


def statuses(goals: Sequence[Goal]) -> set[str]:
    return {stored(goal).status(NOW).value for goal in goals}


def test_page_lists_the_shows_with_their_payers_and_changes_nothing(admin: Client, shows: list[Goal]) -> None:
    before = everything_stored()
    text = cancel(admin, *shows).content.decode()

    for hours, payers in ((1, 0), (2, 1)):
        starts = f"{NOW + hours * HOUR:%Y-%m-%d %H:%M:%S} UTC"
        assert f"Show &lt;{hours}&gt;</a></td><td>{starts}</td><td>{payers}</td>" in text
    assert everything_stored() == before


def test_shows_are_cancelled_once_their_number_was_typed(admin: Client, shows: list[Goal]) -> None:
    response = confirm(admin, *shows, count=2, reason="The studio has burnt down.")

    assert sorted(messages(response)) == sorted(f"Cancelled: {show}" for show in shows)
    assert statuses(shows) == {"cancelled"}
    assert [notes(show) for show in shows] == [[("cancel_show_goal", "version 2, staff admin: cancelled")]] * 2
    assert {record["reason"] for record in documents("change_records")} == {"The studio has burnt down."}


@pytest.mark.parametrize(
    ("count", "error"),
    [("1", "The list has 2."), ("", "This field is required."), ("all", "Enter a whole number.")],
)
def test_another_number_cancels_nothing(admin: Client, shows: list[Goal], count: str, error: str) -> None:
    response = cancel(admin, *shows, confirmed="yes", count=count, reason="The drums are lost.")

    assert error in response.content.decode()
    assert statuses(shows) == {"scheduled"}


def test_nothing_is_cancelled_without_a_reason(admin: Client, shows: list[Goal]) -> None:
    response = confirm(admin, *shows, count=2, reason=" ")

    assert list(response.context["form"].errors) == ["reason"]
    assert statuses(shows) == {"scheduled"}


def test_second_submit_cancels_nothing_more(admin: Client, shows: list[Goal]) -> None:
    confirm(admin, *shows, count=2)
    before = everything_stored()

    response = confirm(admin, *shows, count=2)

    assert sorted(messages(response)) == sorted(f"{show}: It is cancelled." for show in shows)
    assert everything_stored() == before


def test_list_is_shown_again_if_a_show_has_started_meanwhile(
    admin: Client, shows: list[Goal], streamer_client: ApiClient
) -> None:
    activate_goal(str(shows[0].pk), None)
    streamer_client.patch(f"/goals/{shows[0].pk}", {"nbf": int(NOW.timestamp())})
    activate_goal(str(shows[0].pk), int(NOW.timestamp()))

    response = confirm(admin, *shows, count=2)

    assert "The list has 1." in response.content.decode()
    assert messages(response) == [f"{shows[0]}: It is live."]
    assert stored(shows[1]).status(NOW) == "scheduled"


def test_list_is_shown_again_if_a_show_was_moved_meanwhile(
    admin: Client, shows: list[Goal], streamer_client: ApiClient
) -> None:
    told = told_by(cancel(admin, *shows))
    streamer_client.patch(f"/goals/{shows[0].pk}", {"nbf": int((NOW + 30 * HOUR).timestamp())})

    again = confirm(admin, *shows, count=2, told=told)

    assert "The list has changed since you opened the page." in again.content.decode()
    assert f"{NOW + 30 * HOUR:%Y-%m-%d %H:%M:%S} UTC" in again.content.decode()
    assert statuses(shows) == {"scheduled"}
    confirm(admin, *shows, count=2, told=told_by(again))
    assert statuses(shows) == {"cancelled"}


def test_page_warns_of_a_held_show(admin: Client, shows: list[Goal]) -> None:
    collection("goals").update_one({"_id": shows[0].pk}, {"$set": {"nbf": NOW - HOUR, "held_nbf": NOW - HOUR}})

    text = cancel(admin, *shows).content.decode()

    assert text.count("If it was performed, do not cancel it: its payments would go back.") == 1


def test_what_is_no_show_is_named(admin: Client, shows: list[Goal]) -> None:
    funding_goal = Goal.objects.get(pk=shows[0].context.funding_goal_id)

    assert messages(cancel(admin, funding_goal)) == [f"{funding_goal}: Only shows can be cancelled."]


def test_too_many_are_refused_whole(admin: Client, session: Session) -> None:
    funding = [ShowFundingGoalFactory(session=session, closed=True) for _ in range(MOST_AT_ONCE + 1)]
    shows = [
        ShowGoalFactory(funding_goal=goal, nbf=NOW + hours * HOUR, target_seconds=60)
        for hours, goal in enumerate(funding, start=1)
    ]

    for response in (cancel(admin, *shows), confirm(admin, *shows, count=len(shows))):
        assert messages(response) == ["At most 20 shows can be cancelled together. Nothing was cancelled."]
    assert statuses(shows) == {"scheduled"}
