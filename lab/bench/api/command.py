"""`bench api`: 200 clients read, pay and create at once, then all sums are checked; beside it a bare DRF view."""

import os
import shutil
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from lab.bench.api.calls import SHARES
from lab.bench.api.clients import Heard, Turn, run_clients
from lab.bench.api.planting import set_scene
from lab.bench.api.scene import Scene
from lab.bench.api.servers import Server, Servers, run_servers
from lab.bench.api.verdict import judge
from lab.bench.chaos.report import findings_table
from lab.bench.crowd import HEADING, Pass
from lab.bench.interruption import ends_in_order
from lab.bench.lateness.vendors import stand_in
from lab.bench.lateness.witness import Witness
from lab.bench.surroundings import BenchFailed, connection, surroundings

HELP = "many clients read, pay and create on gunicorn; then the sums are checked; against a bare DRF view"
# More than are created in a second by far.
SHOWS_A_SECOND = 60
# The time is cut up, so that a busy minute of the machine hits both alike.
LONGEST_TURN_SECONDS = 10.0
WARM_UP_SECONDS = 1.0

Write = Callable[[str], object]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--clients", type=int, default=200, help="at once (default 200)")
    parser.add_argument("--seconds", type=float, default=60, help="of load on each server (default 60)")


def run(write: Write, *, clients: int, seconds: float, **_options: Any) -> None:
    """Measure and check. Raises BenchFailed when an answer was not intended or a sum is wrong."""
    if clients < 1 or seconds < 1:
        raise BenchFailed("--clients and --seconds must be at least 1.")
    directory = Path(settings.DATA_DIR) / "bench" / "api"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    database = f"{connection.settings_dict['NAME']}_bench"
    place = {"mongodb_uri": connection.get_connection_params()["host"], "database": database}
    shop = {"latency_seconds": 0.0, "directory": directory, "secret_key": settings.SECRET_KEY}
    with ends_in_order(), surroundings(), Witness(stand_in, **place, **shop) as vendors:
        scene = set_scene(viewers=clients, shows=int(SHOWS_A_SECOND * (seconds + WARM_UP_SECONDS)))
        with (
            run_servers(vendors.greeting, directory) as servers,
            Witness(run_clients, scene=scene, clients=clients) as load,
        ):
            Measurement(servers, load, scene, write).run(seconds, clients)


class Measurement:
    """One run: turns, table, verdict."""

    def __init__(self, servers: Servers, load: Witness, scene: Scene, write: Write) -> None:
        self._servers = servers
        self._load = load
        self._scene = scene
        self._write = write
        self._heard: dict[str, list[Heard]] = {servers.ours.name: [], servers.bare.name: []}
        self._cpu_seconds = dict.fromkeys(self._heard, 0.0)

    def run(self, seconds: float, clients: int) -> None:
        """Let both servers take turns. Raises BenchFailed."""
        turns = max(1, round(seconds / LONGEST_TURN_SECONDS))
        pair = [self._servers.ours, self._servers.bare]
        for server in pair:
            self._turn(server, WARM_UP_SECONDS)
        warm_up = {name: heard.pop() for name, heard in self._heard.items()}
        self._cpu_seconds = dict.fromkeys(self._heard, 0.0)
        for number in range(turns):
            for server in pair if number % 2 else reversed(pair):
                self._turn(server, seconds / turns)
        drained = self._servers.drain()
        for line in (*self._table(clients, seconds), f"\n  queue drained {drained:.1f} s later\n"):
            self._write(line)
        self._judge(warm_up)

    def _turn(self, server: Server, seconds: float) -> None:
        """Load one server; before the peer's turn the product's queue becomes quiet."""
        if server.is_peer:
            self._servers.drain()
        used = server.cpu_seconds
        turn = Turn(server.name, server.port, seconds, server.is_peer)
        heard: Heard = self._load.ask(turn, more_seconds=seconds)
        self._cpu_seconds[server.name] += server.cpu_seconds - used
        self._heard[server.name].append(heard)
        sys.stdout.flush()

    def _judge(self, warm_up: dict[str, Heard]) -> None:
        ours = [warm_up["ours"], *self._heard["ours"]]
        findings = judge(ours, self._scene)
        for line in findings_table(findings):
            self._write(line)
        if any(finding.broken for finding in findings):
            raise BenchFailed("An answer was not intended, or money is missing.")

    def _table(self, clients: int, seconds: float) -> Iterator[str]:
        shares = ", ".join(f"{share}% {kind}" for kind, share in SHARES.items())
        yield f"{clients} clients, {seconds:g} s on each server in turns; {shares}; load {os.getloadavg()[0]:.1f}\n"
        yield HEADING
        for name, heard in self._heard.items():
            for kind in SHARES:
                yield _pass(f"{name}, {kind}", heard, [kind]).line
        whole = {name: _pass(f"{name}, all", heard, list(SHARES)) for name, heard in self._heard.items()}
        for name, each in whole.items():
            cpu = self._cpu_seconds[name] * 1000 / len(each.milliseconds)
            yield f"{each.line}   {cpu:.2f} CPU ms of gunicorn a request"
        yield f"\n  requests/s, bare to ours: {whole['bare'].requests_a_second / whole['ours'].requests_a_second:.2f}x"
        clients_cpu = sum(each.cpu_seconds for each in self._heard["ours"])
        yield f"  the clients' own process used {clients_cpu / seconds:.0%} of a core"
        outcomes = sum((each.outcomes for each in self._heard["ours"]), Counter[tuple[int, str]]())
        answered = (f"{count:,} {status} {code}".strip() for (status, code), count in outcomes.most_common())
        yield f"  answers: {', '.join(answered)}"


def _pass(name: str, heard: list[Heard], kinds: list[str]) -> Pass:
    milliseconds = [each for one in heard for kind in kinds for each in one.milliseconds.get(kind, [])]
    return Pass(name, sum(each.seconds for each in heard), milliseconds)
