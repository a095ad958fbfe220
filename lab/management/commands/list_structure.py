"""`manage.py list_structure`: prints the indexes and views of the database as JSON, for ops/structure.json."""

from typing import Any

from bson import json_util
from django.core.management.base import BaseCommand

from ops.structure import read_structure


class Command(BaseCommand):
    help = "List the indexes and views of the database as JSON. ops/structure.json has the list of a new database."

    def handle(self, **_options: Any) -> None:
        """Print the JSON."""
        self.stdout.write(json_util.dumps(read_structure(), indent=2))
