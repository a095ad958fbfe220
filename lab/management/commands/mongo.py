"""`manage.py mongo`: starts or stops the embedded MongoDB."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.errors import ProductError
from lab import embedded_mongo


class Command(BaseCommand):
    help = "Start the embedded MongoDB, print its URI and leave it running."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--stop", action="store_true", help="stop the server")

    def handle(self, **options: Any) -> None:
        try:
            if options["stop"]:
                stopped = embedded_mongo.stop()
                self.stdout.write("MongoDB stopped." if stopped else "MongoDB was not running.")
            else:
                self.stdout.write(embedded_mongo.start())
        except ProductError as error:
            raise CommandError(str(error)) from error
