"""Live shows, some with planned events, and a loopback server behind the real backend."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from goals.models import Goal
from goals.tasks import activate_goal
from lab.loopback.pusher import PusherLoopback
from mongodb.collections import collection
from notifications.tasks import batch_notify_stream_authorized
from sessions_app.models import Session
from tests.contract import keys
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import UserFactory


@pytest.fixture
def pusher(settings: Any) -> Iterator[PusherLoopback]:
    """Connect the real backend, to the loopback server."""
    with PusherLoopback(app_id=keys.PUSHER_APP_ID, key=keys.PUSHER_KEY, secret=keys.PUSHER_SECRET) as server:
        settings.REALTIME = {
            "BACKEND": "notifications.backends.pusher.PusherRealtime",
            "OPTIONS": {
                "app_id": keys.PUSHER_APP_ID,
                "key": keys.PUSHER_KEY,
                "secret": keys.PUSHER_SECRET,
                "host": server.host,
                "port": server.port,
                "ssl": False,
                "timeout_seconds": keys.TIMEOUT_SECONDS,
            },
        }
        yield server


@pytest.fixture
def impatient(pusher: PusherLoopback, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the real backend soon give up a call that hangs, and try it again however slow the machine is."""
    monkeypatch.setattr("config.libcurl.TRIED_AGAIN_WITHIN_SECONDS", 60)
    options = {**settings.REALTIME["OPTIONS"], "timeout_seconds": keys.SHORT_SECONDS}
    settings.REALTIME = {**settings.REALTIME, "OPTIONS": options}


@pytest.fixture
def funding_goal(session: Session, viewer: User) -> Goal:
    return ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])


@pytest.fixture
def show(funding_goal: Goal) -> Goal:
    """Return a show of one payer that has just started."""
    return started(ShowGoalFactory(funding_goal=funding_goal, nbf=timezone.now().replace(microsecond=0)))


@dataclass(frozen=True)
class Audience:
    """A live show, and the ids of its payers in order."""

    show: Goal
    viewers: list[str]

    @property
    def funding_goal_id(self) -> str:
        funding_goal_id: str = self.show.context.funding_goal_id
        return funding_goal_id


@pytest.fixture
def live(session: Session) -> Callable[[int], Audience]:
    """Return a function that starts a show with the given number of payers."""

    def start(count: int) -> Audience:
        payers = UserFactory.create_batch(count)
        paid = ShowFundingGoalFactory(session=session, closed=True, paid_by=payers)
        show = started(ShowGoalFactory(funding_goal=paid, nbf=timezone.now().replace(microsecond=0)))
        return Audience(show, sorted(str(payer.pk) for payer in payers))

    return start


@pytest.fixture
def in_sequence(pusher: PusherLoopback, settings: Any) -> None:
    """Make calls one after the other."""
    settings.REALTIME = {**settings.REALTIME, "OPTIONS": {**settings.REALTIME["OPTIONS"], "concurrency": 1}}


@pytest.fixture
def planned(in_sequence: None, live: Callable[[int], Audience]) -> Audience:
    """Return a show whose events are planned, in one chunk for each preset. Calls are made one after the other."""
    audience = live(25)
    batch_notify_stream_authorized(str(audience.show.pk), audience.funding_goal_id)
    return audience


@pytest.fixture
def in_chunks(live: Callable[[int], Audience], settings: Any) -> Audience:
    """Return a show whose events are planned, in three chunks for each preset. Its messages are deleted."""
    settings.NOTIFY_CHUNK = 2
    audience = live(5)
    batch_notify_stream_authorized(str(audience.show.pk), audience.funding_goal_id)
    collection("django_q_ormq").delete_many({})
    return audience


def started(show: Goal) -> Goal:
    activate_goal(str(show.pk), int(show.window[0].timestamp()))
    return Goal.objects.get(pk=show.pk)
