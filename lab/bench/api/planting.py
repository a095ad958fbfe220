"""Writes the scene of `bench api` into the database."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User

from api.authentication import issue_access
from lab.bench.api.scene import Caller, OpenGoal, Scene, WaitingShow
from lab.seed import TICKET, SeededShow, seed_shows
from mongodb.transactions import run_in_transaction
from showgoals.tasks import create_show_funding_goal

ACCESS_LIFETIME = timedelta(hours=1)
OPEN_GOALS = 10
TARGET = 10**9
CONTEXT = {
    "ticket_product_id": TICKET,
    "ticket_product_type": "show",
    "perform_duration": 60,
    "hesitation_countdown": 10,
    "discount_percentage": 0,
}


def set_scene(*, viewers: int, shows: int) -> Scene:
    """Write it, and return it. Each show's funding has one payer, who is one of the viewers."""
    now = datetime.now(UTC)
    seeded = list(seed_shows(max(shows, viewers) + OPEN_GOALS, viewers=1, password_hash=make_password(None), now=now))
    waiting = [WaitingShow(_caller(each.streamer.id), each.funding_goal_id, each.session_id) for each in seeded]
    payers = [_caller(each.viewers[0].id) for each in seeded[:viewers]]
    return Scene(list(_open_goals(seeded[-OPEN_GOALS:], now)), waiting[:shows], payers, TICKET)


def _open_goals(seeded: list[SeededShow], now: datetime) -> Iterator[OpenGoal]:
    for each in seeded:
        create = partial(
            create_show_funding_goal,
            user_id=each.streamer.id,
            session_id=each.session_id,
            levels=[{"title": "Proceed", "target": TARGET}],
            exp=None,
            context=CONTEXT,
            now=now,
        )
        yield OpenGoal(str(run_in_transaction(create).pk), each.session_id)


def _caller(user_id: str) -> Caller:
    return Caller(user_id, issue_access(User(pk=user_id), ACCESS_LIFETIME))
