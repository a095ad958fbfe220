"""`bench token_view`: `GET /sessions/{id}/token` for a crowd of payers, against bare views with the same answer."""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.test import override_settings

from api.authentication import issue_access
from goals.tasks import activate_goal
from lab.bench import bare_view
from lab.bench.comparison import aim
from lab.bench.crowd import HEADING, Crowd, Pass
from lab.bench.round_trips import RoundTrips
from lab.bench.surroundings import BenchFailed, surroundings
from lab.seed import TICKET, SeededShow, seed_shows
from mongodb.transactions import run_in_transaction
from ops.gunicorn_settings import threads
from sessions_app.cache_version import raise_cache_version
from showgoals.tasks import ShowRequest, create_show_goal

HELP = "GET /sessions/{id}/token through the WSGI app, no network, for a crowd of payers, against a bare view"
LEAST_VIEWERS = 100
SHOW_SECONDS = 24 * 60 * 60
MOST_TIMES_SLOWER = 2


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--viewers", type=int, default=10_000, help="payers, who all ask (default 10,000)")


def run(write: Callable[[str], object], *, viewers: int, **_options: Any) -> None:
    """Measure, and write the comparison. Raises BenchFailed."""
    if viewers < LEAST_VIEWERS:
        raise BenchFailed(f"--viewers must be at least {LEAST_VIEWERS}.")
    listener = RoundTrips()
    listener.register()
    with surroundings(), override_settings(ROOT_URLCONF=bare_view.__name__), ThreadPoolExecutor(threads) as pool:
        show = _live_show(viewers)
        crowd = Crowd([issue_access(User(pk=viewer.id)) for viewer in show.viewers], pool, listener)
        measured = _measure(crowd, show.session_id)
    write(f"{viewers:,} payers ask once a pass; one process, {threads} threads as gunicorn has\n")
    for line in measured.lines():
        write(line)


@dataclass(frozen=True)
class Measured:
    """Our two passes and the two peers'."""

    cold: Pass
    warm: Pass
    bare: Pass
    bare_drf: Pass

    def lines(self) -> Iterator[str]:
        """Yield the comparison."""
        yield HEADING
        yield from (each.line for each in (self.cold, self.warm, self.bare, self.bare_drf))
        yield ""
        ratio = self.bare.requests_a_second / self.warm.requests_a_second
        yield aim("warm, against the bare Django view", round(ratio, 2), MOST_TIMES_SLOWER, "x")
        yield f"  warm, against the bare DRF view: {self.bare_drf.requests_a_second / self.warm.requests_a_second:.2f}x"
        commands = ", ".join(f"{count:,} {name}" for name, count in self.cold.commands.most_common())
        yield f"\n  Commands of the cold pass, after an invalidation: {commands}"


def _measure(crowd: Crowd, session_id: str) -> Measured:
    path = f"/sessions/{session_id}/token"
    bare_view.answer[0] = crowd.first_answer(path)
    if b'"preset":"sd"' not in bare_view.answer[0]:
        raise BenchFailed("The show's payers are not let in.")
    measured = Measured(*map(Pass, ("ours, cold", "ours, warm", "bare Django view", "bare DRF view")))
    run_in_transaction(lambda: raise_cache_version(session_id))
    crowd.ask([(measured.cold, path)])
    peers = [(measured.bare, bare_view.DJANGO_PATH), (measured.bare_drf, bare_view.DRF_PATH)]
    crowd.ask([(measured.warm, path), *peers])
    return measured


def _live_show(viewers: int) -> SeededShow:
    """Return a show that has started, with all its payers."""
    now = datetime.now(UTC)
    (show,) = seed_shows(1, viewers=viewers, password_hash=make_password(None), now=now)
    request = ShowRequest(
        user_id=show.streamer.id,
        funding_goal_id=show.funding_goal_id,
        session_id=show.session_id,
        ticket_product_id=TICKET,
        ticket_product_type="show",
        title="Proceed",
        target_seconds=SHOW_SECONDS,
        nbf=now,
    )
    goal = run_in_transaction(lambda: create_show_goal(request, now=now))
    activate_goal(str(goal.pk), int(goal.window[0].timestamp()))
    return show
