"""`manage.py held_shows`: lists the shows that were due before the database was restored, and starts them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import clock
from goals.holding import HeldShow, held_shows, start_held
from sessions_app.models import Session
from showgoals.models import ShowFundingGoal


class Command(BaseCommand):
    help = "List the shows that were due between a backup and its restoration, and start those that you choose."

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


def lines(held: Sequence[HeldShow]) -> Iterator[str]:
    """Yield a line for each show."""
    sessions = Session.objects.filter(pk__in={show.session_id for show in held})
    streamers = {str(pk): username for pk, username in sessions.values_list("pk", "user__username")}
    funding_goals = ShowFundingGoal.objects.filter(pk__in=[show.funding_goal_id for show in held])
    payers = {str(pk): count for pk, count in funding_goals.values_list("pk", "payers")}
    for show in held:
        advice = "too late to start: move or cancel it" if show.is_missed else "start, move or cancel it"
        whose = f"{show.title!r} of {streamers.get(show.session_id)}, payers: {payers.get(show.funding_goal_id) or 0}"
        yield f"{show.goal_id}  {show.nbf:%Y-%m-%d %H:%M:%S} UTC  {advice}  {whose}\n"


def _check(chosen: Iterable[HeldShow], asked: Iterable[str]) -> None:
    if missed := [show.goal_id for show in chosen if show.is_missed]:
        raise CommandError(f"Too late to start (START_GRACE), so move or cancel them: {', '.join(missed)}.")
    if unknown := sorted(set(asked) - {show.goal_id for show in chosen}):
        raise CommandError(
            f"Not held, because they were started, moved or cancelled, or are unknown: {', '.join(unknown)}."
        )
