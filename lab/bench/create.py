"""`bench create`: `POST /goals?type=show` against bare pymongo."""

import json
import time
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from pymongo import MongoClient

from api.authentication import issue_access
from lab.bench.bare import create_bare, read_back
from lab.bench.comparison import Series, Work, aim, table, take_turns
from lab.bench.round_trips import RoundTrips
from lab.bench.surroundings import BenchFailed, connection, surroundings
from lab.bench.wsgi import call
from lab.seed import SHOW_SECONDS, TICKET, SeededShow, seed_shows

HELP = "POST /goals through the WSGI app, no network, against the same writes by bare pymongo"
WARM_UP = 20
LEAST_ITERATIONS = 2  # one figure has no percentiles
MOST_TIMES_SLOWER = 3
MOST_ROUND_TRIPS = 12
STARTS_IN_SECONDS = 3600


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--iterations", type=int, default=300, help="creations of each kind (default 300)")
    parser.add_argument("--viewers", type=int, default=10, help="payers of each funding goal (default 10)")


def run(write: Callable[[str], object], *, iterations: int, viewers: int, **_options: Any) -> None:
    """Measure, and write the comparison. Raises BenchFailed."""
    if iterations < LEAST_ITERATIONS or viewers < 0:
        raise BenchFailed(f"--iterations must be at least {LEAST_ITERATIONS}, --viewers at least 0.")
    listener = RoundTrips()
    listener.register()
    ours, bare = Series("POST /goals"), Series("bare pymongo")
    with surroundings(), MongoClient[dict[str, Any]](connection.get_connection_params()["host"]) as client:
        unusable = make_password(None)
        needed = 1 + 2 * (WARM_UP + iterations)
        shows = list(seed_shows(needed, viewers=viewers, password_hash=unusable, now=datetime.now(UTC)))
        pairs = _pairs(client, shows)
        take_turns(Series(""), Series(""), pairs[:WARM_UP], listener)
        take_turns(ours, bare, pairs[WARM_UP:], listener)
    write(f"{iterations} creations each, in turns; {viewers} viewers a funding goal\n")
    for line in table(ours, bare):
        write(line)
    write("")
    write(aim("ratio of the medians", round(ours.p50 / bare.p50, 2), MOST_TIMES_SLOWER, "x"))
    write(aim("round-trips a request", ours.round_trips, MOST_ROUND_TRIPS))
    write(f"\n  Round-trips of POST /goals: {', '.join(ours.commands[-1])}")


def _pairs(client: MongoClient[dict[str, Any]], shows: list[SeededShow]) -> list[tuple[Work, Work]]:
    """Return the work to compare. Everything that only prepares it is done now."""
    application = WSGIHandler()
    database = client[connection.settings_dict["NAME"]]
    first, *others = shows
    written = read_back(database, _post(application, *_request(first))["id"])
    half = len(others) // 2
    return [
        (partial(_post, application, *_request(mine)), partial(create_bare, client, database, written.copy_for(bare)))
        for mine, bare in zip(others[:half], others[half:], strict=True)
    ]


def _request(show: SeededShow) -> tuple[bytes, str]:
    """Return the body and the streamer's token."""
    body = {
        "levels": [{"title": "Proceed", "target": SHOW_SECONDS}],
        "context": {
            "funding_goal_id": show.funding_goal_id,
            "session_id": show.session_id,
            "ticket_product_id": TICKET,
            "ticket_product_type": "show",
        },
        "nbf": int(time.time()) + STARTS_IN_SECONDS,
    }
    return json.dumps(body).encode(), issue_access(User(pk=show.streamer.id))


def _post(application: WSGIHandler, body: bytes, access: str) -> dict[str, Any]:
    answer = call(
        application, "POST", "/goals?lang=zh-hant&type=show", access=access, body=body, wanted=HTTPStatus.CREATED
    )
    created: dict[str, Any] = json.loads(answer)
    return created
