"""`bench chaos`: shows are created and started while processes and MongoDB are killed; then everything is checked."""

import random
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings

from lab.bench.chaos.mongod import Mongod
from lab.bench.chaos.run import Weather, Write, run_chaos
from lab.bench.interruption import ends_in_order
from lab.bench.surroundings import BenchFailed
from lab.demo.stage import set_stage

HELP = "kill -9 at random under load: workers, main processes, whole clusters, the web process, mongod; then check all"
DATABASE = "chaos"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--kills", type=int, default=100, help="how many (default 100)")
    parser.add_argument("--seconds", type=float, default=200, help="over which they are spread (default 200)")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers: the same kinds in turn")


def run(write: Write, *, kills: int, seconds: float, seed: int | None, **_options: Any) -> None:
    """Let the storm blow, then judge. Raises BenchFailed when anything is broken."""
    if min(kills, seconds) < 1:
        raise BenchFailed("--kills and --seconds must be at least 1.")
    seed = random.randrange(10**6) if seed is None else seed  # noqa: S311 - no secret
    weather = Weather(kills, seconds, random.Random(seed))  # noqa: S311 - no secret
    directory = Path(settings.DATA_DIR) / "bench" / "chaos"
    with (
        ends_in_order(),
        _own_mongod(directory) as mongod,
        set_stage(mongodb_uri=mongod.uri, database=DATABASE, directory=directory) as stage,
    ):
        write(f"{kills} kills in {seconds:.0f} s, --seed {seed}; logs: {directory}\n")
        passed = run_chaos(stage, mongod, weather, partial(_write_now, write))
    if not passed:
        raise BenchFailed("Something was lost, done twice or left behind.")


def _write_now(write: Write, line: str) -> None:
    """Write a line; where the output is no terminal, people still want to see how far it is."""
    write(line)
    sys.stdout.flush()


@contextmanager
def _own_mongod(directory: Path) -> Iterator[Mongod]:
    """Run a server with the data in the directory, which is emptied before, inside the block."""
    mongod = Mongod(directory / "mongo")
    mongod.stop()  # a killed run's
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    try:
        mongod.start()
        yield mongod
    finally:
        mongod.stop()
