"""A stand-in for Pusher's webhooks. It reports who subscribes and who leaves, in signed bundles.

It repeats a bundle until the app's server accepts it, or until TRIED_SECONDS have passed. It shares no code with
`notifications/`.

Source: Pusher's docs (2025-06), Webhooks.
"""

import hmac
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, Self

import requests

from lab.loopback.pusher import PusherLoopback

IDLE_SECONDS = 0.5
BUNDLED_SECONDS = 0.02  # a bundle is complete if no other report follows within this time
MOST_IN_A_BUNDLE = 1000
TIMEOUT_SECONDS = 5.0
TRIED_SECONDS = 300.0
FIRST_PAUSE_SECONDS = 0.2
Report = dict[str, Any]


class Webhooks:
    """Sends the webhooks of an app to a URL. Use it as a context manager. It drops webhooks not accepted in time."""

    def __init__(self, pusher: PusherLoopback, url: str) -> None:
        self.taken: list[Report] = []
        self._hub = pusher.hub
        self._key, self._secret = pusher.key, pusher.secret
        self._url = url
        self._reports: SimpleQueue[Report] = SimpleQueue()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        self._hub.report = self._reports.put
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._hub.report = None
        self._stopping.set()
        self._thread.join()

    def send(self, reports: list[Report], *, at: float) -> bool:
        """Send a bundle once, with `at` (Unix seconds) as its time. Return whether the server has accepted it."""
        body = json.dumps({"time_ms": int(at * 1000), "events": reports}).encode()
        signature = hmac.digest(self._secret.encode(), body, "sha256").hex()
        headers = {"Content-Type": "application/json", "X-Pusher-Key": self._key, "X-Pusher-Signature": signature}
        try:
            return requests.post(self._url, body, headers=headers, timeout=TIMEOUT_SECONDS).ok
        except requests.RequestException:
            return False

    def _run(self) -> None:
        while not self._stopping.is_set():
            if bundle := list(self._bundle()):
                self._deliver(bundle)

    def _bundle(self) -> Iterator[Report]:
        """Yield the next report, if one comes, and the reports that follow it quickly."""
        wait = IDLE_SECONDS
        with suppress(Empty):
            for _ in range(MOST_IN_A_BUNDLE):
                yield self._reports.get(timeout=wait)
                wait = BUNDLED_SECONDS

    def _deliver(self, bundle: list[Report]) -> None:
        at, pause = time.time(), FIRST_PAUSE_SECONDS
        while not self.send(bundle, at=at):
            if time.time() > at + TRIED_SECONDS or self._stopping.wait(pause):
                return
            pause *= 2
        self.taken += bundle
