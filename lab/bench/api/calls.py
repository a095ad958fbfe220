"""What a client does next: it reads, pays or creates, and now and then something that must be refused."""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any
from uuid import uuid4

from lab.bench.api.scene import Caller, OpenGoal, Scene, WaitingShow

READ, CONTRIBUTE, CREATE = "read", "contribute", "create"
# Of a hundred calls.
SHARES = {READ: 60, CONTRIBUTE: 30, CREATE: 10}
# One of so many is a repeat, or one that has to be refused.
ODD_ONE_OF = 10
MOST_PAID = 100
STARTS_IN_SECONDS = 24 * 60 * 60

Outcome = tuple[int, str]  # status, and the code of a problem
OK, CREATED = (200, ""), (201, "")
CLOSED, EXISTS, NO_GOAL = (409, "funding_closed"), (409, "show_goal_exists"), (404, "goal_not_found")


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and the outcome that is meant."""

    kind: str
    intended: Outcome
    caller: Caller
    method: str
    path: str
    body: dict[str, Any] | None = None
    key: str = ""


class Shows:
    """Hands each waiting show to one client; when all are taken, begins again with the first."""

    def __init__(self, shows: list[WaitingShow]) -> None:
        self._shows = cycle(shows)
        self._left = len(shows)
        self._lock = threading.Lock()

    def take(self) -> tuple[WaitingShow, bool]:
        """Return one, and whether it is new."""
        with self._lock:
            self._left -= 1
            return next(self._shows), self._left >= 0


class Client:
    """Chooses one viewer's calls; the same seed chooses the same."""

    def __init__(self, scene: Scene, shows: Shows, number: int) -> None:
        self._scene = scene
        self._shows = shows
        self._viewer = scene.viewers[number % len(scene.viewers)]
        self._dice = random.Random(number)  # noqa: S311 - a load, not a secret
        self._paid: Call | None = None
        self._made: WaitingShow | None = None

    def calls(self) -> Iterator[Call]:
        """Yield one call after the other, without end."""
        choices = {READ: self._read, CONTRIBUTE: self._contribute, CREATE: self._create}
        while True:
            (kind,) = self._dice.choices(list(SHARES), weights=list(SHARES.values()))
            yield choices[kind]()

    def _read(self) -> Call:
        goal = self._dice.choice(self._scene.goals)
        if self._is_odd():
            return self._get(f"/goals/{goal.goal_id}", NO_GOAL)  # a stranger who doesn't name the session
        paths = (
            f"/goals/{goal.goal_id}?session_id={goal.session_id}",
            f"/goals?session_id={goal.session_id}",
            f"/sessions/{goal.session_id}",
            f"/sessions/{goal.session_id}/token",
        )
        return self._get(self._dice.choice(paths), OK)

    def _get(self, path: str, intended: Outcome) -> Call:
        return Call(READ, intended, self._viewer, "GET", path)

    def _contribute(self) -> Call:
        if not self._is_odd():
            self._paid = self._pay(self._dice.choice(self._scene.goals), CREATED)
            return self._paid
        if self._paid and self._dice.random() < 0.5:  # noqa: PLR2004 - a coin
            return self._paid  # the same again: the first answer
        show = self._dice.choice(self._scene.shows)
        return self._pay(OpenGoal(show.funding_goal_id, show.session_id), CLOSED)

    def _pay(self, goal: OpenGoal, intended: Outcome) -> Call:
        body = {"amount": self._dice.randint(1, MOST_PAID)}
        path = f"/goals/{goal.goal_id}/contributions"
        return Call(CONTRIBUTE, intended, self._viewer, "POST", path, body, key=str(uuid4()))

    def _create(self) -> Call:
        if self._made and self._is_odd():
            return self._create_show(self._made, EXISTS)
        show, is_new = self._shows.take()
        self._made = show
        return self._create_show(show, CREATED if is_new else EXISTS)

    def _create_show(self, show: WaitingShow, intended: Outcome) -> Call:
        body = {
            "levels": [{"title": "Proceed", "target": 60}],
            "context": {
                "funding_goal_id": show.funding_goal_id,
                "session_id": show.session_id,
                "ticket_product_id": self._scene.ticket,
                "ticket_product_type": "show",
            },
            "nbf": int(time.time()) + STARTS_IN_SECONDS,
        }
        return Call(CREATE, intended, show.streamer, "POST", "/goals?type=show", body, key=str(uuid4()))

    def _is_odd(self) -> bool:
        return self._dice.random() < 1 / ODD_ONE_OF
