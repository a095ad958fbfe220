"""`bench api`: many clients at a time read data, pay, and create shows, on the product and on a bare DRF view.

Then the sums of all payments are checked.
"""

import os
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from typing import Any

from lab.bench.api.clients import Answers, Turn, run_clients
from lab.bench.api.data import insert_data
from lab.bench.api.requests import SHARES, Data
from lab.bench.api.servers import Servers, run_servers
from lab.bench.api.verdict import judge
from lab.bench.environment import BenchFailed, bench_environment, clean_interruption, empty_directory
from lab.bench.observers import run_vendors
from lab.bench.processes import cpu_seconds
from lab.bench.report import RESPONSES_HEADING, Responses, Write, write_findings
from lab.bench.services import WebServer
from lab.bench.witness import Witness

HELP = "load gunicorn with many clients, compare it with a bare DRF view, and check the sums of all payments"
# How many shows are prepared for each second of the run. Clients create far fewer.
SHOWS_A_SECOND = 60
# Turns are short, so that a busy minute of the machine affects both servers equally.
LONGEST_TURN_SECONDS = 10.0
WARM_UP_SECONDS = 1.0
OURS, BARE = "ours", "bare"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--clients", type=int, default=200, help="number of concurrent clients (default: 200)")
    parser.add_argument("--seconds", type=float, default=60, help="seconds of load on each server (default: 60)")


def run(write: Write, *, clients: int, seconds: float, **_options: Any) -> None:
    """Measure and check. Raises BenchFailed if a response was not intended or a sum is wrong."""
    if clients < 1 or seconds < 1:
        raise BenchFailed("--clients and --seconds must be at least 1.")
    directory = empty_directory("api")
    with clean_interruption(), bench_environment(), run_vendors(directory) as vendors:
        data = insert_data(viewers=clients, shows=int(SHOWS_A_SECOND * (seconds + WARM_UP_SECONDS)))
        with (
            run_servers(vendors.greeting, directory) as servers,
            Witness(run_clients, data=data, clients=clients) as load,
        ):
            Measurement(servers, load, data, write).run(seconds, clients)


class Measurement:
    """One run: its turns, its table and its verdict."""

    def __init__(self, servers: Servers, load: Witness, data: Data, write: Write) -> None:
        self._servers = servers
        self._load = load
        self._data = data
        self._write = write
        self._answers: dict[str, list[Answers]] = {OURS: [], BARE: []}
        self._cpu_seconds = dict.fromkeys(self._answers, 0.0)

    def run(self, seconds: float, clients: int) -> None:
        """Load both servers in turns. Raises BenchFailed."""
        turns = max(1, round(seconds / LONGEST_TURN_SECONDS))
        pair = [(OURS, self._servers.ours), (BARE, self._servers.bare)]
        for name, server in pair:
            self._turn(name, server, WARM_UP_SECONDS)
        warm_up = {name: answers.pop() for name, answers in self._answers.items()}
        self._cpu_seconds = dict.fromkeys(self._answers, 0.0)
        for number in range(turns):
            for name, server in pair if number % 2 else reversed(pair):
                self._turn(name, server, seconds / turns)
        drained = self._servers.drain()
        for line in (*self._table(clients, seconds), f"\n  queue drained {drained:.1f} s later\n"):
            self._write(line)
        if not write_findings(self._write, judge([warm_up[OURS], *self._answers[OURS]], self._data)):
            raise BenchFailed("An answer was not intended, or money is missing.")

    def _turn(self, name: str, server: WebServer, seconds: float) -> None:
        """Load one server. Before a turn of the peer, wait until the product's queue is empty."""
        if name == BARE:
            self._servers.drain()
        used = cpu_seconds(server.pid)
        turn = Turn(name, server.port, seconds, is_peer=name == BARE)
        answers: Answers = self._load.ask(turn, more_seconds=seconds)
        self._cpu_seconds[name] += cpu_seconds(server.pid) - used
        self._answers[name].append(answers)

    def _table(self, clients: int, seconds: float) -> Iterator[str]:
        shares = ", ".join(f"{share}% {kind}" for kind, share in SHARES.items())
        yield f"{clients} clients, {seconds:g} s on each server in turns; {shares}; load {os.getloadavg()[0]:.1f}\n"
        yield RESPONSES_HEADING
        for name, answers in self._answers.items():
            for kind in SHARES:
                yield _responses(f"{name}, {kind}", answers, [kind]).line
        whole = {name: _responses(f"{name}, all", answers, list(SHARES)) for name, answers in self._answers.items()}
        for name, each in whole.items():
            cpu = self._cpu_seconds[name] * 1000 / len(each.milliseconds)
            yield f"{each.line}   {cpu:.2f} CPU ms of gunicorn a request"
        yield f"\n  requests/s, bare to ours: {whole[BARE].requests_a_second / whole[OURS].requests_a_second:.2f}x"
        clients_cpu = sum(each.cpu_seconds for each in self._answers[OURS])
        yield f"  the clients' own process used {clients_cpu / seconds:.0%} of a core"
        results = sum((each.results for each in self._answers[OURS]), Counter[tuple[int, str]]())
        answered = (f"{count:,} {status} {code}".strip() for (status, code), count in results.most_common())
        yield f"  answers: {', '.join(answered)}"


def _responses(name: str, answers: list[Answers], kinds: list[str]) -> Responses:
    milliseconds = [each for one in answers for kind in kinds for each in one.milliseconds.get(kind, [])]
    return Responses(name, sum(each.seconds for each in answers), milliseconds)
