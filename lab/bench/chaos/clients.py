"""Clients that create one show after another. They repeat a request, with the same key, until its result is final."""

import random
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

import requests

from lab.bodies import show_body

Seed = dict[str, Any]

CLIENTS = 8
SHOWS_A_SECOND = 2.0
STARTS_IN_SECONDS = (1, 3)
# Shows last longer than the benchmark takes, because viewers are not let in after the end of a show.
SHOW_SECONDS = 3600
TIMEOUT_SECONDS = 15
PAUSE_SECONDS = 0.3
PATIENCE_SECONDS = 90.0
IN_PROGRESS = "idempotency_in_progress"


@dataclass(frozen=True, slots=True)
class Created:
    """A show that was created at `at` (Unix seconds), by the last of `attempts` requests."""

    seed: Seed
    goal_id: str
    at: float
    attempts: int


class Clients:
    """Creates one show for each seed, SHOWS_A_SECOND shows a second, until the end of the block.

    `created` has the shows whose creation got a 201, `refused` all other final responses, and `unanswered` the seeds
    whose requests got no final response in time.
    """

    def __init__(self, url: str, seeds: list[Seed]) -> None:
        self.created: list[Created] = []
        self.refused: list[str] = []
        self.unanswered: list[Seed] = []
        self._url = f"{url}/goals?type=show"
        self._seeds = seeds[::-1]
        self._in_flight = 0
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._next_at = time.monotonic()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.begin_no_more()

    def begin_no_more(self) -> None:
        """Let no client begin another show. A client goes on with the show that it is creating."""
        self._ended.set()

    def are_settled(self) -> bool:
        """Tell whether all requests have ended."""
        return not any(thread.is_alive() for thread in self._threads)

    def await_request(self, seconds: float) -> bool:
        """Wait until a request is under way. Return False if there was none within `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._in_flight > 0, seconds)

    def _work(self) -> None:
        while seed := self._next_seed():
            if created := self._create(seed):
                self.created.append(created)

    def _next_seed(self) -> Seed | None:
        with self._changed:
            if not self._seeds:
                return None
            seed, at = self._seeds.pop(), self._next_at
            self._next_at = max(self._next_at, time.monotonic()) + 1 / SHOWS_A_SECOND
        return None if self._ended.wait(at - time.monotonic()) else seed

    def _create(self, seed: Seed) -> Created | None:
        nbf = int(time.time()) + random.randint(*STARTS_IN_SECONDS)  # noqa: S311 - not a secret
        body = show_body(seed["funding_goal_id"], seed["session_id"], nbf=nbf, target_seconds=SHOW_SECONDS)
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        attempts = 0
        while time.monotonic() < give_up_at:
            attempts += 1
            answer = self._post(body, seed)
            if answer is not None and answer.status_code == HTTPStatus.CREATED:
                return Created(seed, answer.json()["id"], time.time(), attempts)
            if answer is not None and not _is_temporary(answer):
                self.refused.append(f"{answer.status_code} {answer.text[:300]}")
                return None
            time.sleep(PAUSE_SECONDS)
        self.unanswered.append(seed)
        return None

    def _post(self, body: Any, seed: Seed) -> requests.Response | None:
        """Send the request once. Return None if no response came back."""
        headers = {
            "Authorization": f"Bearer {seed['streamer']['access']}",
            "Idempotency-Key": seed["funding_goal_id"],
            "Connection": "close",
        }
        self._count(1)
        try:
            return requests.post(self._url, json=body, headers=headers, timeout=TIMEOUT_SECONDS)
        except requests.RequestException:
            return None
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._changed:
            self._in_flight += change
            self._changed.notify_all()


def _is_temporary(answer: requests.Response) -> bool:
    return answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE or (
        answer.status_code == HTTPStatus.CONFLICT and answer.json().get("code") == IN_PROGRESS
    )
