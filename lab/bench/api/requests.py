"""The requests of a client, which reads data, pays, and creates shows. The server must refuse some of the requests.

The clients run in a process without Django, so this module does not import Django.
"""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any
from uuid import uuid4

from lab.bodies import show_body

READ, CONTRIBUTE, CREATE = "read", "contribute", "create"
# The share of each kind of request, in percent.
SHARES = {READ: 60, CONTRIBUTE: 30, CREATE: 10}
# One in this many requests is a repetition, or must be refused.
ODD_ONE_OF = 10
MOST_PAID = 100
STARTS_IN_SECONDS = 24 * 60 * 60

Result = tuple[int, str]  # status, and the code of a problem
OK, CREATED = (200, ""), (201, "")
CLOSED, EXISTS, NO_GOAL = (409, "funding_closed"), (409, "show_goal_exists"), (404, "goal_not_found")


@dataclass(frozen=True, slots=True)
class Caller:
    """A user, and the access token of the user's requests."""

    id: str
    access: str


@dataclass(frozen=True, slots=True)
class OpenGoal:
    """A funding goal that accepts contributions, and its session."""

    goal_id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class WaitingShow:
    """The ids that `POST /goals?type=show` needs."""

    streamer: Caller
    funding_goal_id: str
    session_id: str


@dataclass(frozen=True)
class Data:
    """Open funding goals, closed funding goals that wait for their show, and the viewers for whom the clients act."""

    goals: list[OpenGoal]
    shows: list[WaitingShow]
    viewers: list[Caller]


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """One request, and its intended result."""

    kind: str
    intended: Result
    caller: Caller
    method: str
    path: str
    body: dict[str, Any] | None = None
    key: str = ""


class Shows:
    """Gives each waiting show to one client. After the last show, it begins again with the first."""

    def __init__(self, shows: list[WaitingShow]) -> None:
        self._shows = cycle(shows)
        self._left = len(shows)
        self._lock = threading.Lock()

    def take(self) -> tuple[WaitingShow, bool]:
        """Return a show, and whether no client has had it before."""
        with self._lock:
            self._left -= 1
            return next(self._shows), self._left >= 0


class Client:
    """Chooses the requests of one viewer at random. `number` is the seed of the random numbers."""

    def __init__(self, data: Data, shows: Shows, number: int) -> None:
        self._data = data
        self._shows = shows
        self._viewer = data.viewers[number % len(data.viewers)]
        self._dice = random.Random(number)  # noqa: S311 - a load, not a secret
        self._paid: ClientRequest | None = None
        self._made: WaitingShow | None = None

    def requests(self) -> Iterator[ClientRequest]:
        """Yield one request after the other, without end."""
        choices = {READ: self._read, CONTRIBUTE: self._contribute, CREATE: self._create}
        while True:
            (kind,) = self._dice.choices(list(SHARES), weights=list(SHARES.values()))
            yield choices[kind]()

    def _read(self) -> ClientRequest:
        goal = self._dice.choice(self._data.goals)
        if self._is_odd():
            return self._get(f"/goals/{goal.goal_id}", NO_GOAL)  # not the viewer's own goal, and no session is named
        paths = (
            f"/goals/{goal.goal_id}?session_id={goal.session_id}",
            f"/goals?session_id={goal.session_id}",
            f"/sessions/{goal.session_id}",
            f"/sessions/{goal.session_id}/token",
        )
        return self._get(self._dice.choice(paths), OK)

    def _get(self, path: str, intended: Result) -> ClientRequest:
        return ClientRequest(READ, intended, self._viewer, "GET", path)

    def _contribute(self) -> ClientRequest:
        if not self._is_odd():
            self._paid = self._pay(self._dice.choice(self._data.goals), CREATED)
            return self._paid
        if self._paid and self._dice.random() < 0.5:  # noqa: PLR2004 - a coin
            return self._paid  # with the same key, so the first response is repeated
        show = self._dice.choice(self._data.shows)
        return self._pay(OpenGoal(show.funding_goal_id, show.session_id), CLOSED)

    def _pay(self, goal: OpenGoal, intended: Result) -> ClientRequest:
        body = {"amount": self._dice.randint(1, MOST_PAID)}
        path = f"/goals/{goal.goal_id}/contributions"
        return ClientRequest(CONTRIBUTE, intended, self._viewer, "POST", path, body, key=str(uuid4()))

    def _create(self) -> ClientRequest:
        if self._made and self._is_odd():
            return self._create_show(self._made, EXISTS)
        show, is_new = self._shows.take()
        self._made = show
        return self._create_show(show, CREATED if is_new else EXISTS)

    def _create_show(self, show: WaitingShow, intended: Result) -> ClientRequest:
        nbf = int(time.time()) + STARTS_IN_SECONDS
        body = show_body(show.funding_goal_id, show.session_id, nbf=nbf)
        return ClientRequest(CREATE, intended, show.streamer, "POST", "/goals?type=show", body, key=str(uuid4()))

    def _is_odd(self) -> bool:
        return self._dice.random() < 1 / ODD_ONE_OF
