"""The model of a client does what docs/api.md tells clients to do, and the model of a form works as in a browser."""

from typing import Any

from django.contrib.auth.models import User

from goals.models import Goal
from tests.evenings.admin_form import AdminForm
from tests.evenings.client import ObedientClient
from tests.factories.goals import ShowGoalFactory
from tests.factories.moments import SECONDS
from tests.factories.people import UserFactory

CHANNEL, SHOW = "private-stream@s", "show"


def client() -> ObedientClient:
    return ObedientClient({CHANNEL}, lambda _goal_id: None)


def added(version: int = 1) -> dict[str, Any]:
    identity = {"event_id": "added", "version": version, "goal_id": SHOW, "type": "show"}
    return identity | {"nbf": SECONDS, "levels": [{"title": "Proceed", "target": 60}]}


def moved(event_id: str, version: int, nbf: int) -> dict[str, Any]:
    identity = {"event_id": event_id, "version": version, "goal_id": SHOW, "type": "show"}
    return identity | {"nbf": nbf, "access_exp": nbf + 60, "reason": "moved"}


def authorized(**redelivery: int) -> dict[str, Any]:
    window = {"nbf": SECONDS, "exp": SECONDS + 60, "jitter_factor": 3}
    return {"event_id": "sd", "version": 2, "goal_id": SHOW, "byteplus_token": "token", **window, **redelivery}


def test_client_takes_what_is_new() -> None:
    page = client()
    page.receive(CHANNEL, "goal.added", added())
    page.receive(CHANNEL, "goal.updated", moved("a", 2, SECONDS + 5))
    assert page.pictures[SHOW].facts == ("scheduled", SECONDS + 5, SECONDS + 65)


def test_client_passes_over_an_event_id_that_it_knows() -> None:
    page = client()
    page.receive(CHANNEL, "goal.added", added())
    for data in (moved("a", 2, SECONDS + 5), moved("b", 3, SECONDS + 9), moved("a", 4, SECONDS + 5)):
        page.receive(CHANNEL, "goal.updated", data)
    assert page.pictures[SHOW].nbf == SECONDS + 9


def test_client_passes_over_lower_versions_and_other_channels() -> None:
    page = client()
    page.receive(CHANNEL, "goal.added", added(version=3))
    page.receive(CHANNEL, "goal.updated", moved("a", 2, SECONDS + 5))
    page.receive("private-stream@another", "goal.updated", moved("b", 9, SECONDS + 9))
    assert page.pictures[SHOW].nbf == SECONDS


def test_client_takes_a_redelivery() -> None:
    page = client()
    page.receive(CHANNEL, "goal.added", added())
    for again in ({}, {"redelivery": 1}):
        page.lose_credentials(SHOW)
        page.receive(CHANNEL, "stream.authorized", authorized(**again))
        assert page.pictures[SHOW].credentials_exp == SECONDS + 60
    page.lose_credentials(SHOW)
    page.receive(CHANNEL, "stream.authorized", authorized(redelivery=1))
    assert page.pictures[SHOW].credentials_exp is None


def test_form_moves_a_show_unless_it_was_moved_since(db: None) -> None:
    show = ShowGoalFactory()
    staff: User = UserFactory(username="staff", is_staff=True, is_superuser=True)
    first, second = AdminForm(staff, str(show.pk)), AdminForm(staff, str(show.pk))
    later = int(show.nbf.timestamp()) + 60
    first.submit(later)
    second.submit(later + 60)
    assert int(Goal.objects.get(pk=show.pk).starts_at.timestamp()) == later
