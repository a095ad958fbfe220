"""`manage.py seed_demo`: creates streamers with paid funding goals, and prints a line of JSON for each."""

import json
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from api.authentication import issue_access
from lab.seed import Person, SeededShow, documents, seed_shows

# `breakdown` is part of one document, and MongoDB limits a document to 16 MB.
MOST_VIEWERS = 100_000
MOST_SHOWS = 10_000
ACCESS_LIFETIME = timedelta(hours=24)
PROGRESS_EVERY_SECONDS = 2.0


class Command(BaseCommand):
    help = (
        "Create streamers, each with a live session and a closed funding goal that viewers have paid. "
        "Print one line of JSON for each show: streamer (with password), session_id, funding_goal_id and viewers. "
        "`access` is a JWT that is valid for 24 hours."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--viewers", type=int, required=True, help=f"number of payers of each show, 0 to {MOST_VIEWERS}"
        )
        parser.add_argument("--shows", type=int, default=1, help=f"number of shows, 1 to {MOST_SHOWS} (default: 1)")

    def handle(self, *, viewers: int, shows: int, **_options: Any) -> None:
        """Seed, and print each show when its documents are stored. Progress is written to stderr."""
        _check_range("--viewers", viewers, 0, MOST_VIEWERS)
        _check_range("--shows", shows, 1, MOST_SHOWS)
        _check_migrated()
        password = secrets.token_urlsafe(12)
        say = partial(self.stderr.write, style_func=str)  # Django would print it in red
        progress = _Progress(say, documents(shows, viewers=viewers))
        seeded = seed_shows(
            shows,
            viewers=viewers,
            password_hash=make_password(password),
            now=datetime.now(UTC),
            on_insert=progress.add,
        )
        for show in seeded:
            self.stdout.write(json.dumps(_line(show, password)))
        progress.end(shows, viewers)


class _Progress:
    """Writes the progress of the inserts from time to time."""

    def __init__(self, say: Callable[[str], None], total: int) -> None:
        self._say = say
        self._total = total
        self._done = 0
        self._began = self._said = time.monotonic()

    def add(self, count: int) -> None:
        """Count documents that were inserted."""
        self._done += count
        if time.monotonic() - self._said >= PROGRESS_EVERY_SECONDS:
            self._said = time.monotonic()
            self._say(f"{self._done:,} of {self._total:,} documents")

    def end(self, shows: int, viewers: int) -> None:
        """Write what was created, and how long it took."""
        seconds = time.monotonic() - self._began
        self._say(f"seeded {shows:,} x {viewers:,} viewers: {self._done:,} documents in {seconds:.1f} s")


def _check_range(option: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise CommandError(f"{option} must be {least} to {most}, not {value}.")


def _check_migrated() -> None:
    """Refuse a database that lacks migrations, because MongoDB would create its collections without their indexes."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError("The database is not up to date: run `manage.py migrate` first.")


def _line(show: SeededShow, password: str) -> dict[str, Any]:
    return {
        "streamer": _signed_in(show.streamer, password=password),
        "session_id": show.session_id,
        "funding_goal_id": show.funding_goal_id,
        "viewers": [_signed_in(viewer) for viewer in show.viewers],
    }


def _signed_in(person: Person, **also: str) -> dict[str, str]:
    access = issue_access(User(pk=person.id, username=person.username), ACCESS_LIFETIME)
    return {"id": person.id, "username": person.username, **also, "access": access}
