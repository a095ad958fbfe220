"""Measures one load on one system: plants the shows, lets them start, waits until nothing is left to do, and checks."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lab.bench.environment import BenchFailed, connection, mongodb_cpu_seconds
from lab.bench.fanout.show_starts import PRESETS
from lab.bench.lateness.systems import Product, System
from lab.bench.letin.figures import Calls, Cost, Measured, StartingShow, let_in_seconds, recorded_seconds
from lab.bench.letin.loads import HANG_AHEAD_SECONDS, Audience, Load, Vendor
from lab.bench.letin.observed import Observed, observe_calls
from lab.bench.letin.vendors import Seen, Vendors
from lab.bench.letin.verdict import breaches_of_calls, breaches_of_ledger
from lab.bench.planting import bring_forward, plant, plant_audience, queue_starts
from lab.bench.queued import waiting

WARM_UP = Load("warm-up", "warm-up", Audience(40, 30))
FAR_AHEAD_SECONDS = 3600
LARGE_PAYERS = 1000
SECONDS_AHEAD = 3.0
SHOWS_QUEUED_A_SECOND = 150
DONE_WITHIN_SECONDS = 300.0
POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Done:
    """The shows that have started, the total cost, and the time at which a vendor that hung returned (Unix seconds)."""

    shows: Sequence[StartingShow]
    cost: Cost
    returned_at: float = 0.0


@dataclass(frozen=True)
class Trial:
    """What one run has measured and seen."""

    measured: Measured
    shows: Sequence[StartingShow]
    observed: Observed


@dataclass(frozen=True, slots=True)
class CpuClock:
    """Reads the CPU time that the system, the stand-ins and MongoDB have used."""

    system: System
    vendors: Vendors

    def read(self) -> Cost:
        """Return the CPU time so far."""
        return Cost(self.system.cpu_seconds(), mongodb_cpu_seconds(), self.vendors.cpu_seconds())

    def since(self, before: Cost) -> Cost:
        """Return the CPU time that was used since `before`."""
        now = self.read()
        return Cost(now.system - before.system, now.mongodb - before.mongodb, now.stand_ins - before.stand_ins)


def run_product(product: Product, vendors: Vendors, load: Load, shows: Sequence[StartingShow]) -> Trial:
    """Let the planted shows start on a running cluster. Raises BenchFailed."""
    _start_and_wait(product, vendors, WARM_UP, plant_far_ahead(WARM_UP))
    done = _start_and_wait(product, vendors, load, shows)
    seen = {vendor: vendors.seen(vendor) for vendor in Vendor}
    observed = observe_calls(seen[Vendor.PUSHER], seen[Vendor.BYTEPLUS])
    wrong = [*breaches_of_calls(done.shows, observed), *breaches_of_ledger(done.shows, observed)]
    return Trial(measure(load, done, observed, seen, wrong=wrong), done.shows, observed)


def measure(
    load: Load, done: Done, observed: Observed, seen: Mapping[Vendor, Seen], *, wrong: Sequence[str]
) -> Measured:
    """Return the figures. The figure of a vendor that hung counts from its return. Raises BenchFailed."""
    since = {vendor: done.returned_at if load.hang and load.hang.vendor is vendor else 0.0 for vendor in Vendor}
    let_in, large = let_in_seconds(done.shows, observed, returned_at=since[Vendor.PUSHER])
    refused = sum(each.refused for each in seen.values())
    return Measured(
        let_in=let_in,
        recorded=recorded_seconds(done.shows, observed.recorded, returned_at=since[Vendor.BYTEPLUS]),
        large=large,
        calls=Calls(
            made=sum(map(len, observed.calls.values())),
            over_limit=sum(each.over_limit for each in seen.values()),
            connections=sum(each.connections for each in seen.values()),
        ),
        cost=done.cost,
        wrong=[*wrong, *([f"{refused:,} calls were refused"] if refused else [])],
    )


def plant_far_ahead(load: Load) -> list[StartingShow]:
    """Insert the shows of a load with an nbf that is an hour ahead. `_start_and_wait` brings the nbf forward."""
    far = math.ceil(time.time()) + FAR_AHEAD_SECONDS
    planted = []
    for audience in load.audiences:
        moments = list(load.moments(audience, far))
        is_large = audience is load.large
        if audience.payers > LARGE_PAYERS:
            shows = [plant_audience(moment, viewers=audience.payers) for moment in moments]
        else:
            shows = plant(moments, viewers=audience.payers)
        planted += [StartingShow(show, audience.payers, is_large) for show in shows]
    return planted


def wait_until(condition: Callable[[], bool], system: System, *, seconds: float) -> bool:
    """Wait until the condition holds. Return False if time is up. Raises BenchFailed if a process ends."""
    until = time.monotonic() + seconds
    while not condition():
        system.check()
        if time.monotonic() > until:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _start_and_wait(product: Product, vendors: Vendors, load: Load, planted: Sequence[StartingShow]) -> Done:
    """Let the shows start soon, and wait until nothing is left to do. Raises BenchFailed."""
    vendors.forget()
    authorized, recorded = vendors.progress()
    hang_ahead = HANG_AHEAD_SECONDS if load.hang else 0
    begin = math.ceil(time.time() + SECONDS_AHEAD + len(planted) / SHOWS_QUEUED_A_SECOND + hang_ahead)
    earliest = min(show.planted.nbf for show in planted)
    shows = _brought_forward(planted, int(earliest.timestamp()) - begin)
    queue_starts([show.planted for show in shows])
    lead = begin - hang_ahead - time.time()
    if lead < 0:
        raise BenchFailed(f"{len(shows)} shows were not queued in time; the machine is too busy.")
    time.sleep(lead)
    clock = CpuClock(product, vendors)
    before = clock.read()
    returned_at = vendors.hang(load.hang) if load.hang else 0.0

    def has_arrived() -> bool:
        now = vendors.progress()
        return now[0] - authorized >= PRESETS * load.payers and now[1] - recorded >= load.shows

    wait_until(has_arrived, product, seconds=DONE_WITHIN_SECONDS)
    if not wait_until(lambda: not waiting(connection.database), product, seconds=DONE_WITHIN_SECONDS):
        raise BenchFailed(f"{product.title} is still busy after {DONE_WITHIN_SECONDS:.0f} s.")
    return Done(shows, clock.since(before), returned_at)


def _brought_forward(shows: Sequence[StartingShow], seconds: int) -> list[StartingShow]:
    soon = bring_forward([show.planted for show in shows], seconds)
    return [StartingShow(now, show.payers, show.is_large) for now, show in zip(soon, shows, strict=True)]
