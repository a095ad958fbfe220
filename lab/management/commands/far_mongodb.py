"""`manage.py far_mongodb`: the configured MongoDB with the latency of a distant server, for benchmarks."""

import asyncio
import signal
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from lab.bench.environment import connection
from lab.far_mongodb import FarMongodb

MOST_MILLISECONDS = 1000


class Command(BaseCommand):
    help = "Pass connections on to MongoDB, and delay each round-trip. Print the URI to use, and run until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--milliseconds", type=_milliseconds, required=True, help="how much longer each round-trip takes"
        )

    def handle(self, *, milliseconds: float, **_options: Any) -> None:
        asyncio.run(self._serve(milliseconds / 1000))

    async def _serve(self, seconds: float) -> None:
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        async with FarMongodb(connection.get_connection_params()["host"], seconds=seconds) as far:
            self.stdout.write(far.uri)
            self.stdout.flush()
            await stopped.wait()


def _milliseconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= MOST_MILLISECONDS:
        raise ArgumentTypeError(f"must be from 0 to {MOST_MILLISECONDS}")
    return number
