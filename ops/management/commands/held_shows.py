"""`manage.py held_shows`: lists the shows that were due before the database was restored, and starts them."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import clock
from goals.holding import HeldShow, held_shows, start_held


class Command(BaseCommand):
    help = "List the shows that were due between a backup and its restoration. Only this command starts them."

    def add_arguments(self, parser: CommandParser) -> None:
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--start", nargs="+", default=[], metavar="ID", help="start these shows now")
        group.add_argument("--start-all", action="store_true", help="start all held shows that are not too late")

    def handle(self, *, start: list[str], start_all: bool, **_options: Any) -> None:
        """Print a line for each show, or start some."""
        held = held_shows(now=clock.now())
        if start or start_all:
            chosen = [show for show in held if show.goal_id in start or (start_all and not show.is_missed)]
            _check(chosen, start)
            self.stdout.write(f"Shows that start now: {start_held([show.goal_id for show in chosen])}.")
        elif held:
            self.stdout.writelines(lines(held))
        else:
            self.stdout.write("No show is held.")


def lines(held: Iterable[HeldShow]) -> Iterator[str]:
    """Yield a line for each show."""
    for show in held:
        advice = "too late to start: move or cancel it" if show.is_missed else "start, move or cancel it"
        yield f"{show.goal_id}  {show.nbf:%Y-%m-%d %H:%M:%S} UTC  {advice}  {show.title!r}\n"


def _check(chosen: Iterable[HeldShow], asked: Iterable[str]) -> None:
    if missed := [show.goal_id for show in chosen if show.is_missed]:
        raise CommandError(f"Too late to start (START_GRACE), so move or cancel them: {', '.join(missed)}.")
    if unknown := sorted(set(asked) - {show.goal_id for show in chosen}):
        raise CommandError(
            f"Not held, because they were started, moved or cancelled, or are unknown: {', '.join(unknown)}."
        )
