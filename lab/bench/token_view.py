"""`bench token_view`: `GET /sessions/{id}/token` by many payers, compared with bare views that return the same body."""

import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

from api.authentication import issue_access
from goals.tasks import activate_goal
from lab.bench import token_view_peer
from lab.bench.environment import BenchFailed, bench_environment
from lab.bench.report import RESPONSES_HEADING, Responses, Write, aim
from lab.bench.wsgi_calls import RoundTrips, call
from lab.seed import SeededShow, seed_shows, show_request
from mongodb.transactions import run_in_transaction
from ops.gunicorn_settings import threads
from sessions_app.cache_version import raise_cache_version
from showgoals.tasks import create_show_goal

HELP = "measure GET /sessions/{id}/token for many payers, without a network, compared with bare views"
LEAST_VIEWERS = 100
SHOW_SECONDS = 24 * 60 * 60
MOST_TIMES_SLOWER = 2
BLOCKS = 20


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--viewers", type=int, default=10_000, help="number of payers, who all send requests (default: 10,000)"
    )


def run(write: Write, *, viewers: int, **_options: Any) -> None:
    """Measure, and write the comparison. Raises BenchFailed."""
    if viewers < LEAST_VIEWERS:
        raise BenchFailed(f"--viewers must be at least {LEAST_VIEWERS}.")
    listener = RoundTrips()
    listener.register()
    peers = override_settings(ROOT_URLCONF=token_view_peer.__name__)
    with bench_environment(), peers, ThreadPoolExecutor(threads) as pool:
        show = _live_show(viewers)
        payers = Payers([issue_access(User(pk=viewer.id)) for viewer in show.viewers], pool, listener)
        measured = _measure(payers, show.session_id)
    write(f"{viewers:,} payers ask once a pass; one process, {threads} threads as gunicorn has\n")
    for line in measured.lines():
        write(line)


class Payers:
    """The callers. Each pass has one request of each payer. The pool's threads send the requests."""

    def __init__(self, accesses: Sequence[str], pool: ThreadPoolExecutor, listener: RoundTrips) -> None:
        self._accesses = accesses
        self._pool = pool
        self._listener = listener
        self._application = WSGIHandler()

    def first_answer(self, path: str) -> bytes:
        """Return the response to the first payer."""
        return call(self._application, "GET", path, access=self._accesses[0])

    def ask(self, passes: Sequence[tuple[Responses, str]]) -> None:
        """Send the requests of several passes, each to a path of its own.

        The passes take turns after each block of payers, so that no pass has a quieter machine than the others.
        """
        size = -(-len(self._accesses) // BLOCKS)
        for start in range(0, len(self._accesses), size):
            block = self._accesses[start : start + size]
            for responses, path in passes if start // size % 2 == 0 else reversed(passes):
                self._ask(responses, path, block)

    def _ask(self, responses: Responses, path: str, block: Sequence[str]) -> None:
        with self._listener.listen() as commands:
            began = time.perf_counter()
            responses.milliseconds += self._pool.map(partial(self._time, path), block)
            responses.seconds += time.perf_counter() - began
        responses.commands.update(commands)

    def _time(self, path: str, access: str) -> float:
        began = time.perf_counter()
        call(self._application, "GET", path, access=access)
        return (time.perf_counter() - began) * 1000


@dataclass(frozen=True)
class Measured:
    """The responses of our two passes, and of one pass of each bare view."""

    cold: Responses
    warm: Responses
    bare: Responses
    bare_drf: Responses

    def lines(self) -> Iterator[str]:
        """Yield the comparison."""
        yield RESPONSES_HEADING
        yield from (each.line for each in (self.cold, self.warm, self.bare, self.bare_drf))
        yield ""
        ratio = self.bare.requests_a_second / self.warm.requests_a_second
        yield aim("warm, against the bare Django view", round(ratio, 2), MOST_TIMES_SLOWER, "x")
        yield f"  warm, against the bare DRF view: {self.bare_drf.requests_a_second / self.warm.requests_a_second:.2f}x"
        commands = ", ".join(f"{count:,} {name}" for name, count in self.cold.commands.most_common())
        yield f"\n  Commands of the cold pass, after an invalidation: {commands}"


def _measure(payers: Payers, session_id: str) -> Measured:
    path = f"/sessions/{session_id}/token"
    token_view_peer.answer[0] = payers.first_answer(path)
    if b'"preset":"sd"' not in token_view_peer.answer[0]:
        raise BenchFailed("The show's payers are not let in.")
    measured = Measured(*map(Responses, ("ours, cold", "ours, warm", "bare Django view", "bare DRF view")))
    run_in_transaction(lambda: raise_cache_version(session_id))
    payers.ask([(measured.cold, path)])
    peers = [(measured.bare, token_view_peer.DJANGO_PATH), (measured.bare_drf, token_view_peer.DRF_PATH)]
    payers.ask([(measured.warm, path), *peers])
    return measured


def _live_show(viewers: int) -> SeededShow:
    """Return a show that has started, with all its payers."""
    now = datetime.now(UTC)
    (show,) = seed_shows(1, viewers=viewers, now=now)
    request = show_request(show, nbf=now, target_seconds=SHOW_SECONDS)
    goal = run_in_transaction(lambda: create_show_goal(request, now=now))
    activate_goal(str(goal.pk), int(goal.window[0].timestamp()))
    return show
