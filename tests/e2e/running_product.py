"""The product from outside: a real gunicorn, a real qcluster, and stand-ins for the vendors."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
from django.db import connection as django_connection

from lab.demo.api import start_gunicorn
from lab.demo.children import Children
from lab.stand_ins import StandIns, run_stand_ins
from tests.taskqueue.clusters import eventually

VIEWERS = 3
CALLBACK_SECRET = "a secret that BytePlus has been told"
TIMEOUT_SECONDS = 10

Answer = dict[str, Any]
connection: Any = django_connection


@dataclass(frozen=True)
class Person:
    """A signed-in user who calls the API over the network."""

    id: str
    access: str
    base_url: str

    def call(self, method: str, path: str, body: Any = None, *, wanted: int = 200, key: str = "") -> Any:
        """Send a request and return the JSON of the response, if any. `key` is the Idempotency-Key."""
        headers = {"Authorization": f"Bearer {self.access}"} | ({"Idempotency-Key": key} if key else {})
        answer = requests.request(method, self.base_url + path, json=body, headers=headers, timeout=TIMEOUT_SECONDS)
        assert answer.status_code == wanted, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None, *, wanted: int = 200, key: str = "") -> Any:
        return self.call("POST", path, {} if body is None else body, wanted=wanted, key=key)


@dataclass(frozen=True)
class Event:
    """An event that Pusher's stand-in received at `at` (Unix seconds)."""

    channel: str
    data: Answer
    at: float


@dataclass(frozen=True)
class RunningProduct:
    """The product, with a streamer who has a live session, and viewers who have not paid yet."""

    stand_ins: StandIns
    children: Children
    streamer: Person
    viewers: list[Person]
    session_id: str

    def events(self, name: str, channel: str = "") -> list[Event]:
        """Return the events of that name, and on that channel if one is given, in order of arrival."""
        return [
            Event(event.channel, json.loads(event.data), event.at)
            for event in list(self.stand_ins.pusher.events)
            if event.name == name and channel in ("", event.channel)
        ]

    def events_of(self, goal_id: str, name: str) -> list[Event]:
        """Return the events of that name about one goal."""
        return [event for event in self.events(name) if event.data["goal_id"] == goal_id]

    def authorised(self, viewer: Person, preset: str) -> list[Event]:
        """Return the viewer's `stream.authorized` events of the preset."""
        channel = f"presence-stream-viewer@{self.streamer.id}.{preset}.{viewer.id}"
        return self.events("stream.authorized", channel)

    def token(self, person: Person) -> Answer:
        """Return the session token view's response."""
        answer: Answer = person.get(f"/sessions/{self.session_id}/token")
        return answer

    def timeline(self, goal_id: str, kind: str) -> list[tuple[str, str]]:
        """Return the name and the outcome of each row of that kind, in order."""
        rows = self.streamer.get(f"/goals/{goal_id}/timeline?page_size=200")["results"]
        return [(row["name"], row["outcome"]) for row in rows if row["kind"] == kind]

    def call_back(self, event_type: str, goal_id: str) -> None:
        """Send the callback with which BytePlus reports that a recording has started or stopped."""
        body = {
            "EventType": event_type,
            "EventData": json.dumps({"TaskId": f"show-{goal_id}", "RoomId": self.session_id}),
            "EventTime": "2026-01-01T00:00:00Z",
            "EventId": uuid4().hex,
            "AppId": self.stand_ins.byteplus.app_id,
            "Version": "2022-06-01",
            "Nonce": "1",
        }
        text = "".join(sorted([*body.values(), CALLBACK_SECRET]))
        self.streamer.post("/byteplus/callback", body | {"Signature": hashlib.sha256(text.encode()).hexdigest()})

    def until(self, condition: Callable[[], object], within: float = 20.0) -> None:
        """Wait until the condition holds, and check that all processes still run."""

        def holds() -> object:
            self.children.check()
            return condition()

        eventually(holds, within)


@contextmanager
def run_product(directory: Path, **environment: str) -> Iterator[RunningProduct]:
    """Run the product on the test's database inside the block, with these additional environment variables."""
    name = connection.settings_dict["NAME"]
    with (
        run_stand_ins(mongodb_uri=os.environ["MONGODB_URI"], database=name, directory=directory) as stand_ins,
        Children(
            stand_ins.environment() | {"BYTEPLUS_CALLBACK_SECRET": CALLBACK_SECRET, **environment}, directory
        ) as children,
        start_gunicorn(children) as api,
    ):
        children.start("qcluster", ["manage.py", "qcluster"])
        seeded = json.loads(children.run("seed_demo", ["manage.py", "seed_demo", "--viewers", str(VIEWERS)]))
        streamer, *viewers = (
            Person(who["id"], who["access"], api.base_url) for who in (seeded["streamer"], *seeded["viewers"])
        )
        eventually(api.is_up, 30.0)
        yield RunningProduct(stand_ins, children, streamer, viewers, seeded["session_id"])


def sleep_until(moment: float) -> None:
    """Sleep until the moment, which is given in Unix seconds."""
    time.sleep(max(0.0, moment - time.time()))
