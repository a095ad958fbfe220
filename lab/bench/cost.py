"""`bench cost`: measures the CPU time of each kind of request, and compares it with the CPU time of a bare DRF view.

The benchmark calls the WSGI application directly, without an HTTP server.
"""

import json
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from cProfile import Profile
from dataclasses import dataclass
from http import HTTPStatus
from pstats import Stats
from typing import Any
from uuid import uuid4

from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

from lab.bench.api.data import insert_data
from lab.bench.api.peer_settings import SIMPLE_JWT
from lab.bench.api.requests import CONTRIBUTE, CREATE, MOST_PAID, READ, SHARES, STARTS_IN_SECONDS, Caller
from lab.bench.environment import BenchFailed, bench_environment, mongodb_cpu_seconds
from lab.bench.report import Write, aim
from lab.bench.wsgi_calls import RoundTrips, call
from lab.bodies import show_body

HELP = "CPU time, function calls and round-trips of each kind of request, compared with a bare DRF view"
VIEWERS = 20
# This module does not import cost_peer, because cost_peer imports Simple JWT, which reads its settings on import.
URLS = "lab.bench.cost_peer"
# Each kind is sent twice before it is measured, because the first requests import modules and fill caches.
WARM_UP = 2
LEAST_REQUESTS = 10
BLOCK = 10
GOAL, GOALS, SESSION, TOKEN, BARE = "a goal", "goals of a session", "a session", "its token", "bare DRF view"
READS = (GOAL, GOALS, SESSION, TOKEN)
MOST_MILLISECONDS = 1.5
MOST_TIMES_THE_VIEW = 2.2

Send = Callable[[], object]


@dataclass
class Cost:
    """The cost of one kind of request.

    The times are the totals of all requests. The function calls and the MongoDB commands belong to a
    single request.
    """

    calls: int
    commands: list[str]
    cpu_seconds: float = 0.0
    mongodb_seconds: float = 0.0
    seconds: float = 0.0
    requests: int = 0

    @property
    def milliseconds(self) -> float:
        """The CPU time of this process per request."""
        return self.cpu_seconds * 1000 / self.requests

    @property
    def mongodb_milliseconds(self) -> float:
        """MongoDB's CPU time per request."""
        return self.mongodb_seconds * 1000 / self.requests

    @property
    def elapsed_milliseconds(self) -> float:
        """The time from a request to its response."""
        return self.seconds * 1000 / self.requests


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--requests", type=int, default=300, help="number of requests of each kind (default: 300)")


def run(write: Write, *, requests: int, **_options: Any) -> None:
    """Measure, and write the table. Raises BenchFailed."""
    if requests < LEAST_REQUESTS:
        raise BenchFailed(f"--requests must be at least {LEAST_REQUESTS}.")
    listener = RoundTrips()
    listener.register()
    with bench_environment(), override_settings(ROOT_URLCONF=URLS, SIMPLE_JWT=SIMPLE_JWT):
        sends = _sends(shows=requests + BLOCK + WARM_UP + 2)
        costs = {kind: _first(send, listener) for kind, send in sends.items()}
        for _block in range(requests // BLOCK):
            for kind, send in sends.items():
                _measure(costs[kind], send)
    sent = requests // BLOCK * BLOCK
    write(f"{sent} requests of each kind, in alternating blocks of {BLOCK}; one process, one thread\n")
    for line in _lines(costs):
        write(line)


def _sends(*, shows: int) -> dict[str, Send]:
    """Map each kind of request to a function that sends one such request.

    All read requests of a kind ask for the same object. Each write request creates a new object.
    """
    data = insert_data(viewers=VIEWERS, shows=shows)
    application, waiting = WSGIHandler(), iter(data.shows)
    goal, viewer = data.goals[0], data.viewers[0]

    def get(path: str) -> Send:
        return lambda: call(application, "GET", path, access=viewer.access)

    def post(caller: Caller, path: str, body: dict[str, Any]) -> None:
        content, key = json.dumps(body).encode(), {"Idempotency-Key": str(uuid4())}
        call(application, "POST", path, access=caller.access, body=content, headers=key, wanted=HTTPStatus.CREATED)

    def create() -> None:
        show, nbf = next(waiting), int(time.time()) + STARTS_IN_SECONDS
        post(show.streamer, "/goals?type=show", show_body(show.funding_goal_id, show.session_id, nbf=nbf))

    return {
        GOAL: get(f"/goals/{goal.goal_id}?session_id={goal.session_id}"),
        GOALS: get(f"/goals?session_id={goal.session_id}"),
        SESSION: get(f"/sessions/{goal.session_id}"),
        TOKEN: get(f"/sessions/{goal.session_id}/token"),
        CONTRIBUTE: lambda: post(viewer, f"/goals/{goal.goal_id}/contributions", {"amount": MOST_PAID}),
        CREATE: create,
        BARE: get("/bare"),
    }


def _first(send: Send, listener: RoundTrips) -> Cost:
    """Count the function calls and commands of one request, which don't depend on the machine's load."""
    for _ in range(WARM_UP):
        send()
    with Profile() as profile:
        send()
    with listener.listen() as commands:
        send()
    counted: Any = Stats(profile)
    return Cost(counted.total_calls, commands)


def _measure(cost: Cost, send: Send) -> None:
    """Send a block of requests, and add its cost to `cost`."""
    before = mongodb_cpu_seconds()
    began, began_at = time.process_time(), time.perf_counter()
    for _ in range(BLOCK):
        send()
    cost.seconds += time.perf_counter() - began_at
    cost.cpu_seconds += time.process_time() - began
    cost.mongodb_seconds += mongodb_cpu_seconds() - before
    cost.requests += BLOCK


def _lines(costs: dict[str, Cost]) -> Iterator[str]:
    yield f"  {'':<20}{'ms':>10}{'CPU ms':>10}{'MongoDB ms':>12}{'calls':>10}{'round-trips':>14}"
    for kind, cost in costs.items():
        times = f"{cost.elapsed_milliseconds:>10.2f}{cost.milliseconds:>10.2f}{cost.mongodb_milliseconds:>12.2f}"
        figures = f"{times}{cost.calls:>10,}{len(cost.commands):>14}"
        yield f"  {kind:<20}{figures}   {', '.join(cost.commands)}"
    reads = sum(costs[kind].milliseconds for kind in READS) / len(READS)
    writes = sum(costs[kind].milliseconds * SHARES[kind] for kind in (CONTRIBUTE, CREATE))
    mixed = (reads * SHARES[READ] + writes) / 100
    bare = costs[BARE]
    yield ""
    yield f"  mixed as in `bench api`: {mixed:.2f} ms"
    yield aim("mixed, times the bare view", round(mixed / bare.milliseconds, 2), MOST_TIMES_THE_VIEW, "x")
    yield aim("CPU of GET /goals?session_id=", round(costs[GOALS].milliseconds, 2), MOST_MILLISECONDS, " ms")
