"""`bench pages`: the processor time that the open pages of streamers cost while their shows run.

Each page makes the calls that `clients/js/streamer.js` makes while nothing happens: the counts every 15 seconds, with
the `ETag` of the last response, and the state of the recording once a minute. Before a show starts, its
page reads only the counts.
"""

import time
from argparse import ArgumentParser
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import requests
from django.contrib.auth.models import User

from api.authentication import issue_access
from lab.bench.environment import (
    BenchFailed,
    bench_environment,
    clean_interruption,
    empty_directory,
    mongodb_cpu_seconds,
)
from lab.bench.lateness.loads import LOADS
from lab.bench.lateness.systems import Product
from lab.bench.lateness.trial import run_trial
from lab.bench.observers import observe
from lab.bench.processes import cpu_seconds
from lab.bench.report import Write, aim, machine, write_progress
from lab.bench.services import Supervisor, WebServer, web_server
from showgoals.models import ShowGoal

HELP = "processor time that open pages of streamers cost while their shows run"
VENDOR_SECONDS = 0.02
UP_WITHIN_SECONDS = 60.0
COUNTS_EVERY_SECONDS = 15.0
RECORDING_EVERY_READS = 4
ACCESS_LIFETIME = timedelta(hours=1)
MOST_PERCENT = 5.0
TIMEOUT_SECONDS = 10.0


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--pages", type=int, default=50, metavar="N", help="number of pages, one a show (default 50)")
    parser.add_argument("--seconds", type=int, default=60, help="how long each measurement takes (default 60)")


def run(write: Write, *, pages: int, seconds: int, **_options: Any) -> None:
    """Measure without pages, with pages, and with pages that send no `If-None-Match`. Raises BenchFailed."""
    if pages < 1 or seconds < COUNTS_EVERY_SECONDS:
        raise BenchFailed(f"--pages must be at least 1, --seconds at least {COUNTS_EVERY_SECONDS:g}.")
    directory = empty_directory("pages")
    with (
        clean_interruption(),
        bench_environment(),
        observe(directory, pusher_seconds=VENDOR_SECONDS, byteplus_seconds=VENDOR_SECONDS) as seen,
        web_server(seen.environment, directory / "gunicorn.log") as server,
        Supervisor([server]) as supervisor,
        Product(seen.environment, directory) as product,
    ):
        write(machine(f"{pages} pages, turns of {seconds} s"))
        supervisor.wait_for(server.answers, "the server is up", seconds=UP_WITHIN_SECONDS)
        run_trial(seen, product, LOADS["random"].resized(pages))
        opened = [_Page(server.url, str(show.pk), show.metadata.user_id) for show in ShowGoal.objects.all()]
        bench = _Bench(server, supervisor, seconds)
        write_progress(write, f"  {'':<28}{'gunicorn':>10}{'MongoDB':>10}   percent of a core")
        without = bench.measure(write, "no pages", [])
        beside = bench.measure(write, "pages", opened)
        for page in opened:
            page.has_validator = False
        bench.measure(write, "pages without validators", opened)
        write(aim(f"{pages} pages", round(beside - without, 1), MOST_PERCENT, "% of a core"))


@dataclass
class _Page:
    """A page of a streamer whose show runs."""

    base_url: str
    goal_id: str
    streamer_id: str
    has_validator: bool = True
    _validator: str = ""
    _reads: "count[int]" = field(default_factory=count)
    _http: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self._http.trust_env = False
        access = issue_access(User(pk=self.streamer_id), ACCESS_LIFETIME)
        self._http.headers["Authorization"] = f"Bearer {access}"

    def read(self) -> None:
        """Make the calls that are due. Raises BenchFailed."""
        headers = {"If-None-Match": self._validator} if self.has_validator and self._validator else {}
        self._validator = self._get("deliveries", headers).headers["ETag"]
        if next(self._reads) % RECORDING_EVERY_READS == 0:
            self._get("timeline?order=-seq&kind=recording&page_size=1", {})

    def _get(self, path: str, headers: dict[str, str]) -> requests.Response:
        response = self._http.get(
            f"{self.base_url}/goals/{self.goal_id}/{path}", headers=headers, timeout=TIMEOUT_SECONDS
        )
        if response.status_code not in {requests.codes.ok, requests.codes.not_modified}:
            raise BenchFailed(f"GET {path}: {response.status_code} {response.text}")
        return response


@dataclass(frozen=True)
class _Bench:
    """Lets pages read for some seconds, and reports what that has cost."""

    server: WebServer
    supervisor: Supervisor
    seconds: int

    def measure(self, write: Write, title: str, pages: list[_Page]) -> float:
        """Return the percentage of one core that gunicorn and MongoDB have used."""
        began, before = time.monotonic(), self._cpu_seconds()
        self._read(pages)
        shares = [
            100 * (now - then) / (time.monotonic() - began)
            for now, then in zip(self._cpu_seconds(), before, strict=True)
        ]
        write_progress(write, f"  {title:<28}{shares[0]:>10.2f}{shares[1]:>10.2f}")
        return sum(shares)

    def _read(self, pages: list[_Page]) -> None:
        """Let each page read every 15 seconds. The pages take turns."""
        until = time.monotonic() + self.seconds
        while time.monotonic() < until:
            for page in pages:
                page.read()
                self.supervisor.wait(COUNTS_EVERY_SECONDS / len(pages))
            if not pages:
                self.supervisor.wait(self.seconds)

    def _cpu_seconds(self) -> tuple[float, float]:
        return cpu_seconds(self.server.pid), mongodb_cpu_seconds()
