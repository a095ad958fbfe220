"""Callers who come through the proxy while a procedure is carried out."""

import time
from collections import Counter
from threading import Event, Thread
from typing import Self

import requests

from tests.handbook.house import APPS, House

# Slow enough to stay below the limit `THROTTLE_USER`.
ASK_EVERY_SECONDS = 0.15


class Visitors:
    """Reads a session all the time inside the block, from each of the two hosts in turn. `answers` counts statuses.

    If a host refuses the connection, the request goes to the other host, as it does with the proxy. If that host
    refuses it too, or does not answer in time, `answers` counts the error instead.
    """

    def __init__(self, house: House, path: str, token: str) -> None:
        self._house = house
        self._path = path
        self._token = token
        self._ended = Event()
        self._thread = Thread(target=self._ask, daemon=True)
        self.answers: Counter[int | str] = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        order = APPS
        while not self._ended.is_set():
            order = order[::-1]
            try:
                answer = self._house.call("GET", self._path, token=self._token, on=order)
                self.answers[answer.status_code] += 1
            except (AssertionError, requests.RequestException) as error:
                self.answers[repr(error)] += 1
            time.sleep(ASK_EVERY_SECONDS)
