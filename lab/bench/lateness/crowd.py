"""The payers of a show that is already live while other shows start: they confirm their events, or subscribe again.

Their requests go through the application in this process, so they take the CPU time that a web server would take.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event, get_native_id
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

from api.authentication import issue_access
from config.clock import sleep_until
from lab.bench.environment import BenchFailed
from lab.bench.planting import PlantedShow, plant, queue_starts
from lab.bench.wsgi_calls import call
from mongodb.collections import collection
from notifications.channels import viewer_channel
from notifications.events import SD
from notifications.models import CHUNKS, NotificationChunk
from notifications.webhook import KEY_HEADER, MEMBER_ADDED, SIGNATURE_HEADER, signature
from ops.management.commands.serve import WEB_NICENESS

PAYERS = 10_000
# The show of the crowd starts this long before the load, and its fan-out may take LET_IN_WITHIN_SECONDS.
SHOW_AHEAD = timedelta(seconds=22)
LET_IN_WITHIN_SECONDS = 15.0
# How long it takes to insert the crowd.
PLANTED_SECONDS = 10.0
POLL_SECONDS = 0.1
# Clients confirm at random moments within this time. The first sixth of it lies before the load.
SPREAD = timedelta(seconds=30)
# After a restart of Pusher, all clients subscribe again within this time, and Pusher reports BUNDLE of them at a time.
RETURN_WITHIN = timedelta(seconds=1)
BUNDLE = 100
THREADS = 4
KEYS = {"key": "bench", "secret": "bench"}


class Due(NamedTuple):
    """A request, and the moment at which it is sent."""

    at: datetime
    send: Callable[[], object]


class Crowd:
    """Lets the payers of one show do something while each load is measured, and counts their requests."""

    def __init__(self, payers: int, act: Callable[[PlantedShow, list[str], datetime], Iterator[Due]]) -> None:
        self._payers = payers
        self._act = act
        self._late: list[float] = []
        self._leave = Event()
        self._sender: Future[None] | None = None

    @property
    def seconds(self) -> float:
        """The seconds that the crowd needs before the load."""
        return SHOW_AHEAD.total_seconds() + PLANTED_SECONDS

    def gather(self, begin: datetime) -> None:
        """Let the payers into a show of their own, and start a thread that sends their requests. Raises BenchFailed."""
        (show,) = plant([begin - SHOW_AHEAD], viewers=self._payers)
        queue_starts([show])
        sleep_until(show.nbf)
        viewers = self._let_in(show)
        requests = sorted(self._act(show, viewers, begin), key=lambda due: due.at)
        self._leave.clear()
        self._sender = ThreadPoolExecutor(1).submit(self._send_all, requests)

    def leave(self) -> None:
        """Send no further requests. Raises BenchFailed if a request did not get the intended response."""
        self._leave.set()
        if self._sender:
            self._sender.result()

    def verdict(self) -> str:
        """Return a line with the number of requests, and the 99th percentile of the delay of their responses."""
        late = sorted(self._late) or [0.0]
        return f"{len(self._late):,} requests, answered after {late[int(len(late) * 0.99)]:,.0f} ms (p99)"

    def _let_in(self, show: PlantedShow) -> list[str]:
        """Wait until all payers were sent their credentials. Return their ids."""
        give_up_at = time.monotonic() + LET_IN_WITHIN_SECONDS
        while time.monotonic() < give_up_at:
            sent = NotificationChunk.objects.filter(goal_id=show.goal_id, preset=SD).exclude(sent_at=None)
            viewers = [viewer for chunk in sent for viewer in chunk.ledger.each_viewer()]
            if len(viewers) == self._payers:
                return viewers
            time.sleep(POLL_SECONDS)
        raise BenchFailed(f"{self._payers:,} payers were not let in within {LET_IN_WITHIN_SECONDS:.0f} s.")

    def _send_all(self, requests: list[Due]) -> None:
        server = ThreadPoolExecutor(THREADS, initializer=_give_way)
        with override_settings(PUSHER={**settings.PUSHER, **KEYS}), server:
            answers = []
            for each in requests:
                if self._leave.wait((each.at - datetime.now(UTC)).total_seconds()):
                    break
                answers.append(server.submit(self._send, each))
            for answer in answers:
                answer.result()

    def _send(self, request: Due) -> None:
        request.send()
        self._late.append((datetime.now(UTC) - request.at).total_seconds() * 1000)


def _give_way() -> None:
    """Give the calling thread the priority of `serve`'s web server. On Linux, each thread has a niceness of its own."""
    thread = get_native_id()
    niceness = os.getpriority(os.PRIO_PROCESS, thread) + WEB_NICENESS
    os.setpriority(os.PRIO_PROCESS, thread, niceness)  # the kernel lowers it to 19 if necessary


def confirm(show: PlantedShow, viewers: list[str], begin: datetime) -> Iterator[Due]:
    """For each viewer, yield a request that confirms the sd event, due at a random moment around the load."""
    event = collection(CHUNKS).find_one({"goal_id": show.goal_id, "preset": SD}, {"event_id": True})["event_id"]
    application, body = WSGIHandler(), json.dumps({"event_id": event}).encode()
    path = f"/goals/{show.goal_id}/received"
    dice = random.Random(len(viewers))  # noqa: S311 - a load, not a secret
    for viewer in viewers:

        def send(access: str = issue_access(User(pk=viewer))) -> None:
            call(application, "POST", path, access=access, body=body, wanted=204)

        yield Due(begin + (dice.random() - 1 / 6) * SPREAD, send)


def come_again(show: PlantedShow, viewers: list[str], begin: datetime) -> Iterator[Due]:
    """Yield the webhooks after a restart of Pusher: all viewers subscribe again in the second before the load."""
    application = WSGIHandler()
    bundles = [viewers[start : start + BUNDLE] for start in range(0, len(viewers), BUNDLE)]
    for number, bundle in enumerate(bundles):
        at = begin - RETURN_WITHIN * (1 - number / len(bundles))
        channels = [(viewer_channel(show.streamer_id, SD, viewer), viewer) for viewer in bundle]
        events = [{"name": MEMBER_ADDED, "channel": channel, "user_id": viewer} for channel, viewer in channels]
        body = json.dumps({"time_ms": int(at.timestamp() * 1000), "events": events}).encode()
        headers = {KEY_HEADER: KEYS["key"], SIGNATURE_HEADER: signature(body, KEYS["secret"])}

        def send(body: bytes = body, headers: dict[str, str] = headers) -> None:
            call(application, "POST", "/pusher/webhook", body=body, headers=headers)

        yield Due(at, send)
