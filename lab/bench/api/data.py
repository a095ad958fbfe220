"""Inserts the data of `bench api`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from django.contrib.auth.models import User

from api.authentication import issue_access
from lab.bench.api.requests import Caller, Data, OpenGoal, WaitingShow
from lab.bodies import FUNDING_CONTEXT
from lab.seed import SeededShow, seed_shows
from mongodb.transactions import run_in_transaction
from showgoals.tasks import create_show_funding_goal

ACCESS_LIFETIME = timedelta(hours=1)
OPEN_GOALS = 10
TARGET = 10**9


def insert_data(*, viewers: int, shows: int) -> Data:
    """Insert the documents, and return what the clients need. The funding goal of each show has one payer."""
    now = datetime.now(UTC)
    seeded = list(seed_shows(max(shows, viewers) + OPEN_GOALS, viewers=1, now=now))
    waiting = [WaitingShow(_caller(each.streamer.id), each.funding_goal_id, each.session_id) for each in seeded]
    payers = [_caller(each.viewers[0].id) for each in seeded[:viewers]]
    return Data(list(_open_goals(seeded[-OPEN_GOALS:], now)), waiting[:shows], payers)


def _open_goals(seeded: list[SeededShow], now: datetime) -> Iterator[OpenGoal]:
    for each in seeded:
        create = partial(
            create_show_funding_goal,
            user_id=each.streamer.id,
            session_id=each.session_id,
            levels=[{"title": "Proceed", "target": TARGET}],
            exp=None,
            context=FUNDING_CONTEXT,
            now=now,
        )
        yield OpenGoal(str(run_in_transaction(create).pk), each.session_id)


def _caller(user_id: str) -> Caller:
    return Caller(user_id, issue_access(User(pk=user_id), ACCESS_LIFETIME))
