"""`manage.py bench`: runs one of the benchmarks, most of which compare the product with a peer."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.errors import ProductError
from lab.bench import audience, cost, create, pages, token_view, tokens
from lab.bench.api import command as api
from lab.bench.chaos import command as chaos
from lab.bench.fanout import command as fanout
from lab.bench.lateness import command as lateness
from lab.bench.letin import command as letin
from lab.bench.webhooks import command as webhooks

BENCHES = {
    "create": create,
    "cost": cost,
    "api": api,
    "lateness": lateness,
    "chaos": chaos,
    "token_view": token_view,
    "tokens": tokens,
    "fanout": fanout,
    "letin": letin,
    "audience": audience,
    "webhooks": webhooks,
    "pages": pages,
}


class Command(BaseCommand):
    help = "Run a benchmark in a separate database, which is dropped at the end."

    def add_arguments(self, parser: CommandParser) -> None:
        benches = parser.add_subparsers(dest="bench", required=True, title="benchmarks", metavar="BENCHMARK")
        for name, bench in BENCHES.items():
            bench.add_arguments(benches.add_parser(name, help=bench.HELP, description=bench.HELP))

    def handle(self, *, bench: str, **options: Any) -> None:
        """Run one benchmark and print its report."""
        try:
            BENCHES[bench].run(self.stdout.write, **options)
        except ProductError as error:
            raise CommandError(str(error)) from error
