"""`bench create`: `POST /goals?type=show`, compared with the same writes by pymongo alone."""

import json
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from pymongo import MongoClient

from api.authentication import issue_access
from lab.bench.create_peer import create_by_pymongo, read_back
from lab.bench.environment import BenchFailed, bench_environment, connection
from lab.bench.report import Series, Write, aim, comparison
from lab.bench.wsgi_calls import RoundTrips, call
from lab.bodies import show_body
from lab.seed import SeededShow, seed_shows

HELP = "POST /goals through the WSGI application, without a network, compared with the same writes by bare pymongo"
WARM_UP = 20
LEAST_ITERATIONS = 2  # one value has no percentiles
MOST_TIMES_SLOWER = 2.5
MOST_ROUND_TRIPS = 11
STARTS_IN_SECONDS = 3600

Work = Callable[[], object]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--iterations", type=int, default=300, help="number of creations of each kind (default: 300)")
    parser.add_argument("--viewers", type=int, default=10, help="number of payers of each funding goal (default: 10)")


def run(write: Write, *, iterations: int, viewers: int, **_options: Any) -> None:
    """Measure, and write the comparison. Raises BenchFailed."""
    if iterations < LEAST_ITERATIONS or viewers < 0:
        raise BenchFailed(f"--iterations must be at least {LEAST_ITERATIONS}, --viewers at least 0.")
    listener = RoundTrips()
    listener.register()
    ours, peer = Series("POST /goals"), Series("bare pymongo")
    with bench_environment(), MongoClient[dict[str, Any]](connection.get_connection_params()["host"]) as client:
        needed = 1 + 2 * (WARM_UP + iterations)
        pairs = _pairs(client, list(seed_shows(needed, viewers=viewers, now=datetime.now(UTC))))
        take_turns(Series(""), Series(""), pairs[:WARM_UP], listener)
        take_turns(ours, peer, pairs[WARM_UP:], listener)
    write(f"{iterations} creations each, in turns; {viewers} viewers a funding goal\n")
    for line in comparison(ours, peer):
        write(line)
    write("")
    write(aim("ratio of the medians", round(ours.percentiles.p50 / peer.percentiles.p50, 2), MOST_TIMES_SLOWER, "x"))
    write(aim("round-trips a request", ours.round_trips, MOST_ROUND_TRIPS))
    write(f"\n  Round-trips of POST /goals: {', '.join(ours.commands[-1])}")


def take_turns(ours: Series, peer: Series, pairs: Sequence[tuple[Work, Work]], listener: RoundTrips) -> None:
    """Run the pairs (our work, the peer's work). The order alternates, so that neither has an advantage."""
    for index, (our_work, peer_work) in enumerate(pairs):
        turns = [(ours, our_work), (peer, peer_work)]
        for series, work in turns if index % 2 else reversed(turns):
            _run(series, work, listener)


def _run(series: Series, work: Work, listener: RoundTrips) -> None:
    with listener.listen() as commands:
        began = time.perf_counter()
        work()
        series.milliseconds.append((time.perf_counter() - began) * 1000)
    series.commands.append(commands)


def _pairs(client: MongoClient[dict[str, Any]], shows: list[SeededShow]) -> list[tuple[Work, Work]]:
    """Return the work to compare. Preparations are done now, so that they are not measured."""
    application = WSGIHandler()
    database = client[connection.settings_dict["NAME"]]
    first, *others = shows
    written = read_back(database, _post(application, *_request(first))["id"])
    half = len(others) // 2
    return [
        (
            partial(_post, application, *_request(ours)),
            partial(create_by_pymongo, client, database, written.copy_for(peers)),
        )
        for ours, peers in zip(others[:half], others[half:], strict=True)
    ]


def _request(show: SeededShow) -> tuple[bytes, str]:
    """Return the body and the streamer's token."""
    body = show_body(show.funding_goal_id, show.session_id, nbf=int(time.time()) + STARTS_IN_SECONDS)
    return json.dumps(body).encode(), issue_access(User(pk=show.streamer.id))


def _post(application: WSGIHandler, body: bytes, access: str) -> dict[str, Any]:
    path = "/goals?lang=zh-hant&type=show"
    answer = call(application, "POST", path, access=access, body=body, wanted=HTTPStatus.CREATED)
    created: dict[str, Any] = json.loads(answer)
    return created
