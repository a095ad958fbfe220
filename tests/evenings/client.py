"""A client that follows docs/api.md. It keeps a picture of each goal, from events and from what it reads."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

JITTER_SECONDS = 3

Data = dict[str, Any]
# Functions that read a goal, all goals of the session, and the session token view.
ReadGoal = Callable[[str], Data | None]
ReadGoals = Callable[[], list[Data]]
ReadToken = Callable[[], Data | None]


@dataclass
class Picture:
    """What a client knows of a goal. `credentials_exp` is when its credentials for the paid video expire."""

    type: str
    version: int
    status: str
    nbf: int | None
    access_exp: int | None
    progress: int
    credentials_exp: int | None = None

    @property
    def facts(self) -> tuple[str, int | None, int | None]:
        """Return what the client displays."""
        return self.status, self.nbf, self.access_exp


@dataclass
class ObedientClient:
    """A client with its subscriptions.

    It ignores an event whose pair of `event_id` and `redelivery` it has seen before, and an event whose version is
    lower than its picture's. It reads again after it has reconnected, and when a show is due but no event has come.
    """

    channels: set[str]
    read_goal: ReadGoal
    read_goals: ReadGoals = list
    read_token: ReadToken | None = None
    is_connected: bool = True
    pictures: dict[str, Picture] = field(default_factory=dict)
    # Whether Pusher may have permanently refused an event on one of the channels.
    misses_events: bool = False
    heard: list[tuple[str, Data]] = field(default_factory=list)
    _known: set[tuple[str, int | None]] = field(default_factory=set)
    _asks_at: dict[str, int] = field(default_factory=dict)
    _read_for: set[tuple[str, int | None]] = field(default_factory=set)

    def receive(self, channel: str, name: str, data: Data) -> None:
        """Process an event if the client is connected and has subscribed to the channel."""
        if not self.is_connected or channel not in self.channels:
            return
        seen = (data["event_id"], data.get("redelivery"))
        if seen in self._known:
            return
        self._known.add(seen)
        goal_id = data["goal_id"]
        picture = self.pictures.get(goal_id)
        if picture is not None and data.get("version", picture.version) < picture.version:
            return
        self.heard.append((name, data))
        if picture is None:
            if name != "goal.added":
                self.read(goal_id)
                picture = self.pictures.get(goal_id)
            if picture is None or name == "goal.added":
                picture = self.pictures[goal_id] = _blank(data)
        picture.version = data.get("version", picture.version)
        self._apply(name, picture, data)

    def read(self, goal_id: str) -> None:
        """Read the goal. The response replaces the picture, except for the credentials."""
        answer = self.read_goal(goal_id)
        if answer is not None:
            self.take(answer)

    def take(self, answer: Data) -> None:
        """Make the picture of a goal equal the server's response."""
        before = self.pictures.get(answer["id"])
        self.pictures[answer["id"]] = Picture(
            type=answer["type"],
            version=answer.get("version", before.version if before else 0),
            status=answer["status"],
            nbf=answer["nbf"],
            access_exp=answer["access_exp"],
            progress=answer["progress"],
            credentials_exp=before.credentials_exp if before and answer["status"] == "live" else None,
        )

    def reconnect(self) -> None:
        """Subscribe again, and read what the client may have missed."""
        self.is_connected = True
        for goal in self.read_goals():
            self.take(goal)
        self._fetch_credentials()

    def tick(self, now: int) -> None:
        """Do what is due at `now`, in Unix seconds."""
        if not self.is_connected:
            return
        for goal_id, picture in list(self.pictures.items()):
            waits = picture.type == "show" and picture.status == "scheduled" and picture.nbf is not None
            if waits and now > (picture.nbf or 0) + JITTER_SECONDS and (goal_id, picture.nbf) not in self._read_for:
                self._read_for.add((goal_id, picture.nbf))
                self.read(goal_id)
                self._fetch_credentials()
            if picture.credentials_exp is not None and picture.credentials_exp <= now:
                picture.credentials_exp = None
        if any(at <= now for at in self._asks_at.values()):
            self._asks_at = {goal_id: at for goal_id, at in self._asks_at.items() if at > now}
            self._fetch_credentials()

    def lose_credentials(self, goal_id: str) -> None:
        """Forget the credentials, as a page does when it crashes. Only a redelivery or a read brings them back."""
        if goal_id in self.pictures:
            self.pictures[goal_id].credentials_exp = None

    def _apply(self, name: str, picture: Picture, data: Data) -> None:
        picture.progress = data.get("progress", picture.progress)
        match name:
            case "goal.added":
                picture.status = "scheduled" if picture.type == "show" else "open"
                picture.nbf = data["nbf"]
                if picture.nbf is not None:
                    picture.access_exp = picture.nbf + data["levels"][-1]["target"]
            case "goal.started":
                picture.status, picture.access_exp = "live", data["access_exp"]
                # The event that moved the show may still be on its way. After a late start, this event does not say
                # when the show was due.
                length = max(data["levels"][-1]["target"] - data["progress"], 0)
                picture.nbf = None if "started" in data["context"] else data["access_exp"] - length
            case "goal.updated":
                picture.nbf, picture.access_exp = data["nbf"], data["access_exp"]
                if data.get("reason") in ("moved", "revived"):
                    picture.status = "scheduled"
            case "goal.cancelled":
                picture.status, picture.nbf, picture.access_exp = "cancelled", data["nbf"], data["access_exp"]
                picture.credentials_exp = None
            case "goal.lapsed":
                picture.status = "closed"
            case "goal.ended":
                picture.status = "ended" if picture.type == "show" else "closed"
                picture.credentials_exp = None
            case "stream.authorized":
                self._authorize(picture, data)

    def _authorize(self, picture: Picture, data: Data) -> None:
        picture.status, picture.nbf, picture.access_exp = "live", data["nbf"], data["exp"]
        if "byteplus_token" in data:
            picture.credentials_exp = data["exp"]
        else:
            self._asks_at[data["goal_id"]] = data["nbf"] + data["jitter_factor"]

    def _fetch_credentials(self) -> None:
        answer = self.read_token() if self.read_token else None
        if answer is None or answer["preset"] != "sd":
            return
        for picture in self.pictures.values():
            if picture.type == "show" and (picture.nbf, picture.access_exp) == (answer["nbf"], answer["exp"]):
                picture.credentials_exp = answer["exp"]


def _blank(data: Data) -> Picture:
    return Picture(data.get("type", "show"), 0, "unknown", None, None, 0)
