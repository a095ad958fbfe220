"""Inserts demo data in bulk: streamers, each with a live session and a closed funding goal that viewers have paid.

The documents are those that the use cases would leave behind, but no event is announced.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple, TypeVar

from bson import ObjectId
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import models

from goals.kinds import GoalKind
from goals.models import Conditions, Context, Level, Metadata
from lab.bodies import HESITATION_SECONDS, SHOW_SECONDS, TICKET
from sessions_app.models import Session, ShowGoalPair
from showgoals.models import Contribution, ShowFundingGoal
from showgoals.tasks import ShowRequest

TICKET_PRICE = 200
OPENED_BEFORE = timedelta(hours=1)
CLOSED_BEFORE = timedelta(minutes=1)
CONTRIBUTION_KEY = "seed_demo"
DOCUMENTS_AT_ONCE = 5000

M = TypeVar("M", bound=models.Model)
OnInsert = Callable[[int], None]


class Person(NamedTuple):
    """A user. The id is a string of 24 hex digits."""

    id: str
    username: str


@dataclass(frozen=True, slots=True)
class SeededShow:
    """The objects that `POST /goals?type=show` needs: a streamer, a live session, a funding goal and its payers."""

    streamer: Person
    session_id: str
    funding_goal_id: str
    viewers: list[Person]


def seed_shows(
    shows: int,
    *,
    viewers: int,
    now: datetime,
    password_hash: str | None = None,
    on_insert: OnInsert = lambda _count: None,
) -> Iterator[SeededShow]:
    """Insert the shows' documents, and yield each show once all of its documents are stored.

    No two shows share a viewer. If there is no password_hash, none of the users can sign in. `on_insert` is called with
    the number of documents of each insert.
    """
    password_hash = password_hash or make_password(None)
    at_once = max(1, DOCUMENTS_AT_ONCE // (viewers + 1))
    for first in range(0, shows, at_once):
        planned = [_plan(viewers) for _ in range(min(at_once, shows - first))]
        people = (person for show in planned for person in (show.streamer, *show.viewers))
        users = (_user(person, password_hash, now) for person in people)
        contributions = (_contribution(show, viewer, now) for show in planned for viewer in show.viewers)
        _insert(User, users, on_insert)
        _insert(Contribution, contributions, on_insert)
        _insert(ShowFundingGoal, (_funding_goal(show, now) for show in planned), on_insert)
        _insert(Session, (_session(show, now) for show in planned), on_insert)
        yield from planned


def documents(shows: int, *, viewers: int) -> int:
    """Return how many documents `seed_shows` inserts."""
    return shows * (3 + 2 * viewers)


def show_request(show: SeededShow, *, nbf: datetime, target_seconds: int = SHOW_SECONDS) -> ShowRequest:
    """Return what `create_show_goal` needs to create the show."""
    return ShowRequest(
        user_id=show.streamer.id,
        funding_goal_id=show.funding_goal_id,
        session_id=show.session_id,
        title="Proceed",
        target_seconds=target_seconds,
        nbf=nbf,
        **TICKET,
    )


def _plan(viewers: int) -> SeededShow:
    return SeededShow(_person("streamer"), _id(), _id(), [_person("viewer") for _ in range(viewers)])


def _person(role: str) -> Person:
    """Return a person with a name that no other call has used."""
    person_id = _id()
    return Person(person_id, f"{role}-{person_id}")


def _id() -> str:
    return str(ObjectId())


def _insert(model: type[M], instances: Iterator[M], on_insert: OnInsert) -> None:
    """Insert in batches, with at most one batch of instances in memory."""
    while batch := list(islice(instances, DOCUMENTS_AT_ONCE)):
        model._default_manager.bulk_create(batch)  # noqa: SLF001 - Django's documented API
        on_insert(len(batch))


def _user(person: Person, password_hash: str, now: datetime) -> User:
    return User(pk=person.id, username=person.username, password=password_hash, date_joined=now)


def _contribution(show: SeededShow, viewer: Person, now: datetime) -> Contribution:
    return Contribution(
        funding_goal_id=show.funding_goal_id,
        viewer_id=viewer.id,
        amount=TICKET_PRICE,
        key=CONTRIBUTION_KEY,
        folded=True,
        created_at=now - OPENED_BEFORE,
    )


def _funding_goal(show: SeededShow, now: datetime) -> ShowFundingGoal:
    """Return a closed funding goal. Its payers and amounts match the contributions."""
    progress = TICKET_PRICE * len(show.viewers)
    return ShowFundingGoal(
        pk=show.funding_goal_id,
        kind=GoalKind.SHOW_FUNDING,
        active=False,
        exp=(now - CLOSED_BEFORE).replace(microsecond=0),
        conditions=Conditions(session_id=show.session_id),
        levels=[Level(title="Proceed", target=max(progress, 1))],
        progress=progress,
        breakdown=_breakdown(show.viewers),
        payers=len(show.viewers),
        context=Context(
            type=GoalKind.SHOW_FUNDING.wire_type,
            session_id=show.session_id,
            **TICKET,
            perform_duration=SHOW_SECONDS,
            hesitation_countdown=HESITATION_SECONDS,
            discount_percentage=0,
        ),
        metadata=Metadata(user_id=show.streamer.id),
        created_at=now - OPENED_BEFORE,
    )


def _breakdown(viewers: Iterable[Person]) -> dict[str, dict[str, int]]:
    return {viewer.id: {"amount": TICKET_PRICE} for viewer in viewers}


def _session(show: SeededShow, now: datetime) -> Session:
    return Session(
        pk=show.session_id,
        user_id=show.streamer.id,
        title=f"Session of {show.streamer.username}",
        show_goal_pairs=[ShowGoalPair(funding_goal=ObjectId(show.funding_goal_id), funding_ended=True)],
        created_at=now - OPENED_BEFORE,
    )
