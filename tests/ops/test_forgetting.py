"""`manage.py forget_user` removes the names, the e-mail address and the password of a user, and keeps payments."""

import time
from io import StringIO

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from goals.models import Goal
from mongodb.collections import collection
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored, stored, stored_one
from tests.factories.goals import ContributionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    """A user whose names and address occur nowhere else."""
    user: User = UserFactory(username="mei-lin", first_name="Meifirst", last_name="Linlast", email="mei@example.org")
    return user


def forget(user_id: object) -> str:
    output = StringIO()
    call_command("forget_user", str(user_id), stdout=output)
    return output.getvalue()


def remains() -> list[str]:
    """Return the collections in which a name or the address still occurs."""
    words = ("mei-lin", "Meifirst", "Linlast", "mei@example.org")
    return [name for name, documents in everything_stored().items() if any(word in str(documents) for word in words)]


def test_payer_is_forgotten_and_the_payment_stays(person: User, session: Session, streamer_client: ApiClient) -> None:
    goal = ShowFundingGoalFactory(session=session, closed=True)
    paid = ContributionFactory(funding_goal=goal, viewer=person)
    LogEntry.objects.log_actions(person.pk, [person], CHANGE, change_message="Changed email.", single_object=True)
    assert ApiClient().post("/auth/token", {"username": "mei-lin", "password": PASSWORD}).status == 200
    contributions = stored("contributions")

    assert forget(person.pk) == f"User {person.pk} is forgotten. Earlier backups still have the name.\n"

    assert remains() == []
    assert stored("contributions") == contributions
    (payer,) = streamer_client.get(f"/goals/{goal.pk}/payers").body["results"]
    assert (payer["viewer_id"], payer["username"], payer["amount"]) == (
        str(person.pk),
        f"forgotten-{person.pk}",
        paid.amount,
    )


def test_forgotten_user_can_not_sign_in_and_tokens_end(person: User) -> None:
    client = ApiClient(person)
    forget(person.pk)

    assert client.get("/me").problem[:2] == (401, "not_authenticated")
    assert ApiClient().post("/auth/token", {"username": "mei-lin", "password": PASSWORD}).status == 401
    stored_user = stored_one("auth_user", person.pk)
    assert (stored_user["is_active"], stored_user["password"][0]) == (False, "!")


def test_streamer_is_forgotten_in_timelines_after_the_show(person: User) -> None:
    show = _show(person)
    answer = ApiClient(person).patch(f"/goals/{show.pk}", {"nbf": int(time.time()) + 7200})
    assert answer.status == 200
    collection("goals").update_one({"_id": show.pk}, {"$set": {"exp": show.nbf, "active": False}})
    collection("sessions").update_many({}, {"$set": {"status": "ended"}})
    assert "goal_timeline" in remains()

    forget(person.pk)

    assert remains() == []
    assert f"streamer forgotten-{person.pk}" in str(stored("goal_timeline"))


def test_streamer_with_a_live_session_or_a_show_is_not_forgotten(person: User) -> None:
    _show(person)
    with pytest.raises(CommandError, match=r"^The user has a live session\. End it first\.$"):
        forget(person.pk)
    collection("sessions").update_many({}, {"$set": {"status": "ended"}})
    with pytest.raises(CommandError, match=r"^The user has a show that has not ended\. End or cancel it first\.$"):
        forget(person.pk)
    assert stored_one("auth_user", person.pk)["username"] == "mei-lin"


def test_user_is_forgotten_twice(person: User) -> None:
    assert forget(person.pk) == forget(person.pk)


@pytest.mark.parametrize("user_id", ["nobody", "0" * 24])
def test_unknown_user_is_said(user_id: str) -> None:
    with pytest.raises(CommandError, match=rf"^There is no user {user_id}\.$"):
        forget(user_id)


def _show(streamer: User) -> Goal:
    session = Session.objects.create(user=streamer, title="Evening", created_at=streamer.date_joined)
    show: Goal = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True))
    return show
