"""Lets the peers, which run Celery, make the calls that the product has made, at the nbf of the same shows."""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain

from lab.bench.environment import BenchFailed
from lab.bench.lateness.systems import Peer
from lab.bench.letin.figures import Measured, StartingShow
from lab.bench.letin.loads import Load, Vendor
from lab.bench.letin.observed import Call, Observed, observe_calls
from lab.bench.letin.trial import CpuClock, Done, Trial, measure, wait_until
from lab.bench.letin.vendors import Vendors
from lab.bench.letin.verdict import breaches_of_calls

# A peer makes this many calls before the measurement, so that each of its connections has made several.
WARM_UP_CALLS = 200
# A peer has one second to queue this many calls. Celery can queue at least this many.
CALLS_FED_A_SECOND = 150
SECONDS_AHEAD = 5.0
DONE_WITHIN_SECONDS = 300.0


def replay(peer: Peer, vendors: Vendors, load: Load, trial: Trial) -> Measured:
    """Let a running peer make the calls of the trial, and return its figures. Raises BenchFailed."""
    calls = _by_moment(trial.observed)
    vendors.forget()
    _feed_and_wait(peer, vendors, [(each, 0.0) for each in calls[:WARM_UP_CALLS]])
    begin = math.ceil(time.time() + SECONDS_AHEAD + len(calls) / CALLS_FED_A_SECOND)
    shows, due = moved_to(trial.shows, begin=begin)
    vendors.forget()
    clock = CpuClock(peer, vendors)
    before = clock.read()
    _feed_and_wait(peer, vendors, [(each, min(due[name] for name in each.ids)) for each in calls], begin=begin)
    seen = {vendor: vendors.seen(vendor) for vendor in Vendor}
    observed = observe_calls(seen[Vendor.PUSHER], seen[Vendor.BYTEPLUS])
    wrong = list(breaches_of_calls(shows, observed))
    return measure(load, Done(shows, clock.since(before)), observed, seen, wrong=wrong)


def _by_moment(observed: Observed) -> list[Call]:
    return sorted(chain(*observed.calls.values()), key=lambda call: call.request.at)


def _feed_and_wait(
    peer: Peer, vendors: Vendors, calls: Sequence[tuple[Call, float]], *, begin: float = math.inf
) -> None:
    peer.feed([(_as_json(call), due) for call, due in calls])
    if time.time() > begin:
        raise BenchFailed(f"{peer.title}: {len(calls)} calls were not queued in time; the machine is too busy.")
    if not wait_until(lambda: vendors.answered() >= len(calls), peer, seconds=DONE_WITHIN_SECONDS):
        raise BenchFailed(f"{peer.title}: {len(calls)} calls were not made in time.")


def moved_to(shows: Sequence[StartingShow], *, begin: float) -> tuple[list[StartingShow], dict[str, float]]:
    """Return the shows as if the first started at `begin`, and when each goal and streamer is due (Unix seconds)."""
    shift = begin - int(min(show.planted.nbf for show in shows).timestamp())
    moved = [
        replace(
            show, planted=replace(show.planted, nbf=datetime.fromtimestamp(show.planted.nbf.timestamp() + shift, UTC))
        )
        for show in shows
    ]
    due = {
        name: show.planted.nbf.timestamp()
        for show in moved
        for name in (show.planted.goal_id, show.planted.streamer_id)
    }
    return moved, due


def _as_json(call: Call) -> str:
    request = call.request
    url = f"http://{request.headers['host']}{request.target}"
    return json.dumps([request.method, url, dict(request.headers), request.body.decode()])
