"""The world of an evening: its session, its clients, its worker, Pusher, and the truth at each moment."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from notifications.backends import get_realtime
from notifications.backends.base import ChannelEvent
from notifications.channels import streamer_channels, viewer_channel
from tests.evenings.cast import Cast, Person
from tests.evenings.client import Data, ObedientClient, ReadGoal, ReadGoals, ReadToken
from tests.evenings.opening import PAYERS, Opening
from tests.evenings.partner import Partner
from tests.evenings.pusher import MoodyPusher
from tests.evenings.reading import READING
from tests.evenings.worker import Worker


def unix_now() -> int:
    return int(datetime.now(UTC).timestamp())


@dataclass(frozen=True)
class Truth:
    """What was true of a goal. `access` is the time in which its payers may watch."""

    version: int
    status: str
    access: tuple[int, int] | None


# What was true of each goal, who was banned, and who was excluded from which funding goal.
Known = tuple[dict[str, Truth], frozenset[str], frozenset[tuple[str, str]]]
_at_beginning: ContextVar[Known | None] = ContextVar("at_beginning", default=None)


@dataclass(frozen=True)
class Sent:
    """An event that went out. `before`, `banned` and `excluded` are what was true when the sending task began."""

    channel: str
    name: str
    data: Data
    before: Truth | None
    banned: frozenset[str]
    excluded: frozenset[tuple[str, str]]


@dataclass
class World:
    """One evening."""

    cast: Cast
    opening: Opening
    worker: Worker = field(default_factory=Worker)
    sent: list[Sent] = field(default_factory=list)
    # What was true of each goal in each of its versions.
    history: dict[str, dict[int, Truth]] = field(default_factory=dict)
    truths: dict[str, Truth] = field(default_factory=dict)
    # The states of each funding goal's settlement, in order.
    settlements: dict[str, list[str]] = field(default_factory=dict)
    # (funding goal, viewer) of each payment. Those in `paid` got a 201, and those in `tried` may have been made.
    paid: set[tuple[str, str]] = field(default_factory=set)
    tried: set[tuple[str, str]] = field(default_factory=set)
    # The funding goals that may have ended before a payment was committed.
    paid_late: set[str] = field(default_factory=set)
    banned: set[str] = field(default_factory=set)
    # (funding goal, viewer) of each payer who is excluded now, and of each payer who was ever excluded.
    excluded: set[tuple[str, str]] = field(default_factory=set)
    ever_excluded: set[tuple[str, str]] = field(default_factory=set)
    # (show, number of the viewer) of each request to redeliver to one viewer. All of these requests got a 200.
    redelivered: list[tuple[str, int]] = field(default_factory=list)
    # Whether a request, a task or the clock may have changed something since the last check.
    has_changed: bool = True

    def __post_init__(self) -> None:
        streamer = self.cast.streamer
        screens = streamer_channels(streamer.id)
        self.screen = ObedientClient(set(screens), *self._readers(streamer)[:2])
        self.pages = [
            ObedientClient({screens[0], *self.own_channels(viewer)}, *self._readers(viewer))
            for viewer in self.cast.viewers
        ]
        # The same viewers' phones, which listen only to the viewers' own channels.
        self.phones = [
            ObedientClient(set(self.own_channels(viewer)), *self._readers(viewer)) for viewer in self.cast.viewers
        ]
        self.partner = Partner(self.cast.staff)
        self.pusher.deliver, self.pusher.note_refusal = self.deliver, self.note_refusal
        for client in (*self.clients, self.partner.client):
            for goal in self.opening.goals:
                client.take(goal)
        self.paid = {(goal["id"], self.cast.viewers[payer].id) for goal in self.opening.goals for payer in PAYERS}
        self.tried = set(self.paid)
        self.observe()

    @property
    def session_id(self) -> str:
        return str(self.opening.session_id)

    @property
    def pusher(self) -> MoodyPusher:
        return cast(MoodyPusher, get_realtime())

    @property
    def clients(self) -> list[ObedientClient]:
        return [self.screen, *self.pages, *self.phones]

    def own_channels(self, viewer: Person) -> tuple[str, str]:
        preview, sd = (viewer_channel(self.cast.streamer.id, preset, viewer.id) for preset in ("preview", "sd"))
        return preview, sd

    def may_hear(self, viewer: Person, funding_goal: str) -> bool:
        """Tell whether the viewer was neither banned nor ever excluded from the funding goal."""
        return viewer.id not in self.banned and (funding_goal, viewer.id) not in self.ever_excluded

    def deliver(self, event: ChannelEvent) -> None:
        """Note the event, and give it to the clients."""
        data = json.loads(event.data)
        truths, banned, excluded = _at_beginning.get() or self._known()
        self.sent.append(Sent(event.channel, event.name, data, truths.get(data["goal_id"]), banned, excluded))
        for client in self.clients:
            client.receive(event.channel, event.name, data)

    def note_refusal(self, channels: set[str]) -> None:
        """Note that the clients of these channels have missed an event for good."""
        for client in self.clients:
            client.misses_events = client.misses_events or bool(client.channels & channels)

    @contextmanager
    def task(self) -> Iterator[None]:
        """Note the state in which a task begins. The task's events are checked against it, even if the task is held."""
        token = _at_beginning.set(self._known())
        try:
            yield
        finally:
            _at_beginning.reset(token)

    def _known(self) -> Known:
        return dict(self.truths), frozenset(self.banned), frozenset(self.excluded)

    def observe(self) -> None:
        """Note what is true now. The evening calls this method between two steps."""
        self.has_changed = True
        pairs = (each["_id"].split(":") for each in READING.stored("exclusions"))
        self.excluded = {(funding_goal, viewer) for funding_goal, viewer in pairs}
        self.ever_excluded |= self.excluded
        now = datetime.now(UTC)
        for document in READING.stored("goals"):
            goal_id, truth = str(document["_id"]), _truth(document, now)
            self.truths[goal_id] = truth
            self.history.setdefault(goal_id, {})[truth.version] = truth
            if (settlement := document.get("settlement")) is not None:
                states = self.settlements.setdefault(goal_id, [])
                if settlement["state"] not in states[-1:]:
                    states.append(settlement["state"])

    def tick(self) -> None:
        """Let the clients do what is due."""
        self.has_changed = True
        for client in self.clients:
            client.tick(unix_now())

    def _readers(self, person: Person) -> tuple[ReadGoal, ReadGoals, ReadToken]:
        def read_goal(goal_id: str) -> Data | None:
            answer = person.api.get(f"/goals/{goal_id}", session_id=self.session_id)
            return answer.body if answer.status == 200 else None

        def read_goals() -> list[Data]:
            answer = person.api.get("/goals", session_id=self.session_id)
            return list(answer.body["results"]) if answer.status == 200 else []

        def read_token() -> Data | None:
            answer = person.api.get(f"/sessions/{self.session_id}/token")
            return answer.body if answer.status == 200 else None

        return read_goal, read_goals, read_token


def _truth(goal: Data, now: datetime) -> Truth:
    """Return what is true of a stored goal according to docs/api.md, without using the product's code."""
    version = goal.get("version") or 1
    if goal["_cls"] != "ShowGoal":
        is_open = goal["exp"] is None or goal["exp"].replace(tzinfo=UTC) >= now
        return Truth(version, "open" if is_open else "closed", None)
    begins = goal["context"].get("started") or goal["nbf"]
    ends = begins + timedelta(seconds=max(goal["levels"][-1]["target"] - goal["progress"], 0))
    return Truth(version, _status(goal), (_seconds(goal["nbf"]), _seconds(ends)))


def _status(show: Data) -> str:
    if show["cancelled_at"] is not None:
        return "cancelled"
    if show["exp"] is not None:
        return "ended"
    return "scheduled" if show["activated_at"] is None else "live"


def _seconds(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())
