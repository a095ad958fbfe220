"""A server that is killed with kill -9 while it creates shows leaves no incomplete show behind."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import User

from api.authentication import issue_access
from tests.crash.server import KillableServer
from tests.factories.bodies import Body, show_body
from tests.factories.documents import queued_messages, stored
from tests.factories.goals import SessionFactory, ShowFundingGoalFactory
from tests.factories.people import UserFactory

CLIENTS = 8
# How long the server lives after its first response. It creates about 100 shows a second.
LIVES_SECONDS = (0.05, 0.4)
# A transaction whose process was killed locks its documents for 5 s.
SETTLED_AFTER_SECONDS = 30
PATH = "/goals?type=show"

pytestmark = [pytest.mark.crash, pytest.mark.slow]


@dataclass
class Clients:
    """Clients that create shows. `created` has each show for which the response was 201, by funding goal."""

    server: KillableServer
    token: str
    created: dict[str, str] = field(default_factory=dict)

    def create(self, body: Body) -> int | None:
        """Send the request once. Return the status, or None if the server died meanwhile."""
        response = self.server.post(PATH, body, self.token)
        if response is not None and response.status_code == 201:
            self.created[body["context"]["funding_goal_id"]] = response.json()["id"]
        return None if response is None else response.status_code

    def create_until_settled(self, body: Body) -> int | None:
        """Repeat the request until the show exists."""
        give_up_at = time.monotonic() + SETTLED_AFTER_SECONDS
        while (status := self.create(body)) not in {201, 409} and time.monotonic() < give_up_at:
            time.sleep(0.2)
        return status


@pytest.fixture
def server(child_environment: dict[str, str]) -> Iterator[KillableServer]:
    server = KillableServer(child_environment)
    yield server
    server.close()


def bodies(streamer: User, shows: int) -> list[Body]:
    """Return a body for each show. Each show has its own session, so that a killed transaction blocks no other show."""
    viewer = UserFactory()
    goals = [
        ShowFundingGoalFactory(session=SessionFactory(user=streamer), closed=True, paid_by=[viewer])
        for _ in range(shows)
    ]
    return [show_body(goal) for goal in goals]


@pytest.mark.timeout(600)  # the server starts about twenty times, and each start takes seconds
@pytest.mark.parametrize(("shows", "least_kills"), [(10, 1), pytest.param(200, 3, marks=pytest.mark.long)])
def test_killed_server_leaves_whole_shows_only(
    server: KillableServer, streamer: User, shows: int, least_kills: int
) -> None:
    wanted = bodies(streamer, shows)
    clients = Clients(server, issue_access(streamer))
    with server.clients(CLIENTS) as pool:
        attempts = [pool.submit(clients.create, body) for body in wanted]
        kills = _kill_until_done(server, attempts)
        server.start()
        statuses = [attempt.result() for attempt in attempts]
        _assert_whole()
        retried = [body for body, status in zip(wanted, statuses, strict=True) if status != 201]
        assert set(pool.map(clients.create_until_settled, retried)) <= {201, 409}

    assert kills >= least_kills
    assert set(statuses) <= {201, 503, None}
    made = _assert_whole()
    assert len(made) == shows
    assert clients.created.items() <= made.items()
    assert statuses.count(201) <= len(clients.created)


def _kill_until_done(server: KillableServer, attempts: list[Future[int | None]]) -> int:
    """Start and kill the server until every client has sent its request. Return the number of kills."""
    kills = 0
    while not all(attempt.done() for attempt in attempts):
        server.start()
        time.sleep(random.uniform(*LIVES_SECONDS))
        server.kill()
        kills += 1
    return kills


def _assert_whole() -> dict[str, str]:
    """Check that each show has a link, pair, message and timeline, and that none of these lacks a show.

    Return the ids of the shows by funding goal.
    """
    goals = stored("goals")
    shows = {goal["context"]["funding_goal_id"]: str(goal["_id"]) for goal in goals if goal["_cls"] == "ShowGoal"}
    assert _links(goals) == shows
    assert _pairs(stored("sessions")) == shows
    assert sorted(str(message.args[0]) for message in queued_messages("activate_goal")) == sorted(shows.values())
    scheduled = stored("timeline_rows", name="bind_show_goal_to_funding_goal", outcome="linked")
    announced = [row["goal_id"] for row in scheduled if row["goal_id"] not in _funding_goals(goals)]
    assert sorted(announced) == sorted(shows.values())
    return shows


def _funding_goals(goals: list[dict[str, Any]]) -> set[str]:
    return {str(goal["_id"]) for goal in goals if goal["_cls"] == "ShowFundingGoal"}


def _links(goals: list[dict[str, Any]]) -> dict[str, str]:
    links = {str(goal["_id"]): goal["context"]["show_goal_id"] for goal in goals if goal["_cls"] == "ShowFundingGoal"}
    return {funding_goal: show for funding_goal, show in links.items() if show}


def _pairs(sessions: list[dict[str, Any]]) -> dict[str, str]:
    pairs = [pair for session in sessions for pair in session["show_goal_pairs"]]
    return {str(pair["funding_goal"]): str(pair["show_goal"]) for pair in pairs if pair["show_goal"]}
