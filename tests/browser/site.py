"""The product's servers and a page in the browser, for the tests."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.test import override_settings

from lab.demo.api import Api, start_gunicorn
from lab.demo.children import Children
from lab.demo.expectations import Show
from lab.stand_ins import StandIns
from showgoals.models import ShowFundingGoal
from tests.browser.chromium import Chromium, Page
from tests.browser.realtime import Realtime, StandIn
from tests.factories.bodies import show_body

SUCCEEDED, REFUSED = "pusher:subscription_succeeded", "pusher:subscription_error"
# A busy machine can be slow. Only a failing test waits this long.
ARRIVES_WITHIN_SECONDS = 60.0
POLL_SECONDS = 0.1
# Each process takes seconds to load the product. Each worker of the queue takes some tenths of a second more.
FEW_QUEUE_WORKERS = dict.fromkeys(
    (f"Q_{lane}WORKERS" for lane in ("START_", "", "TELL_", "AUDIENCE_", "RECORD_", "WEBHOOK_")), "1"
)
# The product does not know the hasher of the tests.
HASHERS = ["api.passwords.Argon2Hasher"]

Seeded = dict[str, Any]
# What the page has recorded: {channel, event, data}.
Note = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """The running product. `stand_ins` has the product's keys, and records its calls to the vendors.

    `sockets` stands in for Pusher. `shown` and `elsewhere` are the output of `seed_demo` for two streamers, each with
    two payers by default.
    """

    stand_ins: StandIns
    sockets: Realtime
    children: Children
    api: Api
    shown: Seeded
    elsewhere: Seeded

    def start_qcluster(self) -> None:
        """Start the qcluster, without which no show begins."""
        self.children.start("qcluster", ["manage.py", "qcluster"])

    @contextmanager
    def paused_qcluster(self) -> Iterator[None]:
        """Pause the qcluster inside the block."""
        (pid,) = self.children.pids
        os.killpg(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(pid, signal.SIGCONT)

    def listen(self, chromium: Chromium, person: dict[str, Any], channels: list[str]) -> "Listener":
        """Open the page as this person, and subscribe to the channels."""
        page = chromium.open(f"{self.api.base_url}/static/index.html")
        page.call("listen", {"access": person["access"], "channels": channels})
        return Listener(page, channels)

    def create_show(self, *, starts_in_seconds: int, lasts_seconds: int = 60) -> Show:
        """Create a show, over HTTP, as the streamer."""
        streamer = self.shown["streamer"]
        self.api.sign_in(streamer["username"], streamer["password"])
        funding_goal = ShowFundingGoal.objects.get(pk=self.shown["funding_goal_id"])
        body = show_body(funding_goal, nbf=int(time.time()) + starts_in_seconds)
        body["levels"] = [{"title": "Proceed", "target": lasts_seconds}]
        goal = self.api.post("/goals?type=show", body)
        return Show(
            goal_id=goal["id"],
            session_id=self.shown["session_id"],
            streamer_id=streamer["id"],
            viewers=[viewer["id"] for viewer in self.shown["viewers"]],
            nbf=goal["nbf"],
            access_exp=goal["access_exp"],
        )

    def move_show(self, show: Show, *, starts_in_seconds: int) -> Show:
        """Move the start of the show. A test can create a show for much later, prepare everything, and then move it."""
        goal = self.api.patch(f"/goals/{show.goal_id}", {"nbf": int(time.time()) + starts_in_seconds})
        return replace(show, nbf=goal["nbf"], access_exp=goal["access_exp"])

    def access_exp(self, show: Show) -> int:
        """Return the show's current end from the API. The show ends later if a busy machine has started it late."""
        access_exp: int = self.api.get(f"/goals/{show.goal_id}")["access_exp"]
        return access_exp

    def await_status(self, show: Show, status: str) -> None:
        """Wait until the API says that the show has this status."""
        wait_until(lambda: self.api.get(f"/goals/{show.goal_id}")["status"] == status)
        assert self.api.get(f"/goals/{show.goal_id}")["status"] == status

    def accepted(self, channels: list[str]) -> list[Note]:
        """Return the events that were accepted for the channels, sorted by channel and name."""
        events = [event for event in self.sockets.events() if event.channel in channels]
        return _sorted(
            [{"channel": event.channel, "event": event.name, "data": json.loads(event.data)} for event in events]
        )


@dataclass(frozen=True)
class Listener:
    """A page that subscribes to some channels."""

    page: Page
    channels: list[str]

    def notes(self) -> list[Note]:
        """Return everything that the page has recorded, in order."""
        notes: list[Note] = self.page.evaluate("heard")
        return notes

    def subscriptions(self) -> dict[str, str]:
        """Return the result of each subscription by channel: "succeeded", or the status of the refusal."""

        def outcomes() -> dict[str, str]:
            return {
                note["channel"]: f"refused: {note['data'].get('status')}" if note["event"] == REFUSED else "succeeded"
                for note in self.notes()
                if note["event"] in {SUCCEEDED, REFUSED}
            }

        wait_until(lambda: len(outcomes()) == len(self.channels))
        return outcomes()

    def events(self, count: int) -> list[Note]:
        """Wait for that number of the product's events. Return them sorted by channel and name."""

        def events() -> list[Note]:
            return _sorted([note for note in self.notes() if not note["event"].startswith("pusher:")])

        wait_until(lambda: len(events()) >= count)
        return events()


@contextmanager
def open_site(
    stand_ins: StandIns, *, viewers: int = 2, realtime: Realtime | None = None, web_workers: int = 1, **settings: str
) -> Iterator[Site]:
    """Seed two streamers, and run gunicorn inside the block, with `realtime` or a stand-in for Pusher.

    A web worker checks one password at a time. If several people sign in at once, more workers are needed.
    """
    environment = {**stand_ins.environment(), **FEW_QUEUE_WORKERS, **settings}
    with (
        realtime or StandIn(stand_ins.pusher) as sockets,
        # The clients connect to one port, and the queue sends the events to another.
        Children({**environment, "PUSHER_PORT": str(sockets.api_port)}, stand_ins.directory) as children,
        Children({**environment, "PUSHER_PORT": str(sockets.port)}, stand_ins.directory) as web,
        start_gunicorn(web, "--workers", str(web_workers)) as api,
    ):
        shown, elsewhere = _seed(viewers)
        wait_until(api.is_up)
        web.check()
        yield Site(stand_ins, sockets, children, api, shown, elsewhere)
        children.terminate()  # now, so that they stop at the same time as the web server, which saves time


def _seed(viewers: int) -> list[Seeded]:
    """Return the output of `seed_demo`, which runs in this process."""
    printed = StringIO()
    with override_settings(PASSWORD_HASHERS=HASHERS):
        call_command("seed_demo", viewers=viewers, shows=2, stdout=printed, stderr=StringIO())
    return [json.loads(line) for line in printed.getvalue().splitlines()]


def _sorted(notes: list[Note]) -> list[Note]:
    return sorted(notes, key=lambda note: (note["channel"], note["event"]))


def wait_until(is_reached: Callable[[], bool], seconds: float = ARRIVES_WITHIN_SECONDS) -> None:
    """Wait until the condition holds, but no longer than `seconds`. The caller asserts the condition."""
    give_up_at = time.monotonic() + seconds
    while not is_reached() and time.monotonic() < give_up_at:
        time.sleep(POLL_SECONDS)
