"""Evenings with real processes: gunicorn and a qcluster whose workers are killed and stopped, and a Pusher that fails.

Obedient clients get the events in the order in which Pusher's stand-in got them.
"""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from lab.bodies import FUNDING_CONTEXT, show_body
from notifications.channels import streamer_channels, viewer_channel
from taskqueue.queues import Queue
from tests.e2e.running_product import Person, RunningProduct, run_product, sleep_until
from tests.evenings.client import ObedientClient
from tests.factories.documents import stored_one
from tests.lab.process_tree import descendants
from tests.taskqueue.clusters import messages

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.crash, pytest.mark.slow]

# Long enough for the payments on any machine.
FUNDING_SECONDS = 600
CLOSES_IN_SECONDS = 3
STARTS_IN = (1, 2, 3, 5)
SHOW_SECONDS = 600
STEPS = 8
QUIET_WITHIN_SECONDS = 90.0

Answer = dict[str, Any]


@pytest.fixture
def product(db: None, tmp_path: Path) -> Iterator[RunningProduct]:
    with run_product(tmp_path) as product:
        yield product


class RealEvening:
    """One evening: a session, a funding goal with two payers, its show, and what happens to it."""

    def __init__(self, product: RunningProduct, rng: random.Random) -> None:
        self.product, self.rng = product, rng
        self.session_id: str = product.streamer.post("/sessions", {"title": "Evening"}, wanted=201)["id"]
        self.payers = product.viewers[:2]
        self.funding_goal, self.show = self._fund(), ""
        self.log: list[str] = []

    def run(self) -> None:
        """Create the show, and let things happen around its start."""
        body = show_body(self.funding_goal, self.session_id, nbf=self._soon(), target_seconds=SHOW_SECONDS)
        created = self.product.streamer.post("/goals?type=show", body, wanted=201)
        self.show = created["id"]
        for _ in range(STEPS):
            step = self.rng.choice((self.move, self.move, self.cancel, self.kill, self.stop, self.break_pusher))
            self.log.append(step.__name__)
            step()
            time.sleep(self.rng.choice((0.0, 0.1, 0.5, 1.0)))

    def move(self) -> None:
        self._call("PATCH", f"/goals/{self.show}", {"nbf": self._soon()})

    def cancel(self) -> None:
        self._call("POST", f"/goals/{self.show}/cancel", {})

    def kill(self) -> None:
        """Kill a worker of the queue or of the server with kill -9."""
        with suppress(ProcessLookupError, IndexError):
            os.kill(self.rng.choice(_workers()), signal.SIGKILL)

    def stop(self) -> None:
        """Stop a worker of the queue for a moment, as happens on a machine that swaps."""
        with suppress(ProcessLookupError, IndexError):
            pid = self.rng.choice(_workers(web=False))
            os.kill(pid, signal.SIGSTOP)
            time.sleep(self.rng.choice((0.2, 1.0, 2.0)))
            os.kill(pid, signal.SIGCONT)

    def break_pusher(self) -> None:
        """Let Pusher respond 500, either after it has sent the events or without sending them."""
        self.product.stand_ins.pusher.fail_next(
            status=500, times=self.rng.randint(1, 6), applied=self.rng.random() < 0.5
        )

    def end(self) -> None:
        """End the session, because a streamer may have only a limited number of live ones."""
        self.product.streamer.post(f"/sessions/{self.session_id}/end", {"cancel_shows": True}, wanted=200)

    def is_quiet(self) -> bool:
        """Tell whether only the end of the show is left to do."""
        # One message announces the start of several shows, so it has no subject.
        own = [message["name"] for message in messages() if message.get("subject") in (None, "", self.show)]
        left = set(own) - {"deactivate_goal", "check_recording"}
        show = stored_one("goals", self.show)
        return not left and not (show["activated_at"] is None and show["cancelled_at"] is None)

    def check(self) -> None:
        """Check that what every client knows equals the server's response, and that all payers are let in."""
        goal = self.product.streamer.get(f"/goals/{self.show}")
        for client in self._clients():
            for event in list(self.product.stand_ins.pusher.events):
                self._deliver(client, event)
            picture = client.pictures[self.show]
            facts = (goal["status"], goal["nbf"] if picture.nbf else None, goal["access_exp"])
            assert picture.facts == facts, (self.log, client.heard)
        if goal["status"] == "live":
            for payer in self.payers:
                answer = payer.get(f"/sessions/{self.session_id}/token")
                assert (answer["preset"], answer["exp"]) == ("sd", goal["access_exp"]), self.log
                report = payer.get(f"/goals/{self.show}/viewers/{payer.id}")
                assert {event["preset"]: event["state"] for event in report["events"]} == {
                    "preview": "sent",
                    "sd": "sent",
                }
        signals = [name for name, _outcome in self._timeline("signal")]
        assert signals.count("goal.started") == (goal["status"] == "live"), (self.log, signals)

    def _clients(self) -> list[ObedientClient]:
        streamer = self.product.streamer
        screens = streamer_channels(streamer.id)
        pages = [
            {screens[0], *(viewer_channel(streamer.id, each, payer.id) for each in ("preview", "sd"))}
            for payer in self.payers
        ]
        return [ObedientClient(channels, self._reader(streamer)) for channels in (set(screens), *pages)]

    def _reader(self, person: Person) -> Any:
        return lambda goal_id: person.get(f"/goals/{goal_id}")

    def _deliver(self, client: ObedientClient, event: Any) -> None:
        if self.show in event.data:
            client.receive(event.channel, event.name, json.loads(event.data))

    def _timeline(self, kind: str) -> list[tuple[str, str]]:
        return self.product.timeline(self.show, kind)

    def _fund(self) -> str:
        body = {
            "levels": [{"title": "Tickets", "target": 100}],
            "exp": int(time.time()) + FUNDING_SECONDS,
            "context": {"session_id": self.session_id, **FUNDING_CONTEXT, "hesitation_countdown": 86_400},
        }
        goal = self.product.streamer.post("/goals?type=show-funding", body, wanted=201)
        for payer in self.payers:
            payer.post(f"/goals/{goal['id']}/contributions", {"amount": 5}, wanted=201, key=goal["id"])
        exp = int(time.time()) + CLOSES_IN_SECONDS
        self.product.streamer.call("PATCH", f"/goals/{goal['id']}", {"exp": exp})
        sleep_until(exp + 1)
        return str(goal["id"])

    def _soon(self) -> int:
        return int(time.time()) + self.rng.choice(STARTS_IN)

    def _call(self, method: str, path: str, body: Answer) -> None:
        """Call the API. A refusal is fine, and so is a missing response if the server was killed."""
        headers = {"Authorization": f"Bearer {self.product.streamer.access}"}
        with suppress(requests.RequestException):
            answer = requests.request(
                method, self.product.streamer.base_url + path, json=body, headers=headers, timeout=15
            )
            assert answer.status_code < 500 or answer.status_code == 503, answer.text


@pytest.mark.timeout(0)
@pytest.mark.parametrize("evenings", [1, pytest.param(20, marks=pytest.mark.long)])
def test_real_evenings_end_well(product: RunningProduct, evenings: int) -> None:
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    for number in range(evenings):
        evening = RealEvening(product, rng)
        evening.run()
        product.until(evening.is_quiet, QUIET_WITHIN_SECONDS)
        try:
            evening.check()
        except AssertionError as error:
            raise AssertionError(f"evening {number} of seed {seed}: {evening.log}") from error
        evening.end()


def _workers(*, web: bool = True) -> list[int]:
    """Return the ids of the processes that run tasks or, with `web`, serve requests."""
    found = []
    for pid in descendants(os.getpid()):
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.name() in {queue.value for queue in Queue} or (web and _is_web_worker(process)):
                found.append(pid)
    return found


def _is_web_worker(process: psutil.Process) -> bool:
    parent = process.parent()
    return "gunicorn" in process.cmdline() and parent is not None and "gunicorn" in parent.cmdline()
