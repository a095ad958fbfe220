"""The people of the evenings. They are created once, but each evening has a session of its own."""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User

from api.authentication import issue_access
from tests.factories.client import ApiClient
from tests.factories.people import UserFactory

VIEWERS = 3
# The clock of the evenings runs years ahead.
FOR_EVER = timedelta(days=36_500)


@dataclass(frozen=True)
class Person:
    """A user and a client of the API that is signed in as the user."""

    user: User
    api: ApiClient

    @property
    def id(self) -> str:
        return str(self.user.pk)


@dataclass(frozen=True)
class Cast:
    """A streamer, viewers, and a member of staff."""

    streamer: Person
    viewers: list[Person]
    staff: Person


def hire() -> Cast:
    """Create the people."""
    return Cast(
        streamer=_person(UserFactory(username="streamer")),
        viewers=[_person(UserFactory(username=f"viewer-{index}")) for index in range(VIEWERS)],
        staff=_person(UserFactory(username="staff", is_staff=True, is_superuser=True)),
    )


def _person(user: User) -> Person:
    token = issue_access(user, FOR_EVER)
    return Person(user, ApiClient(authorization=f"Bearer {token}"))
