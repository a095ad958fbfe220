"""`manage.py held_shows`: lists the shows that were due before the database was restored, or starts some of them."""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from getpass import getuser
from socket import gethostname
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from api.audit import Author
from api.models import AuthorRole
from config import clock
from config.errors import ProductError
from goals.holding import ROW, HeldShow, held_shows
from mongodb.pending import why_not_ready
from mongodb.transactions import run_in_transaction
from sessions_app.errors import ShowOverlaps
from sessions_app.models import Session
from showgoals.changes import move_show_goal
from showgoals.models import ShowFundingGoal, ShowGoal
from showgoals.overlaps import shows_beside

STARTED_BY = Author(AuthorRole.STAFF, ROW, ROW)


class Command(BaseCommand):
    help = (
        "List the shows that were due between a backup and its restoration, and start those that you choose. "
        "If a show was performed after the backup, don't cancel it: its payments would go back without a question."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        group = parser.add_mutually_exclusive_group()
        group.add_argument(
            "--start", nargs="+", default=[], metavar="ID", help="move these shows to the present moment"
        )
        group.add_argument(
            "--start-all", action="store_true", help="the same for all that are overdue by at most START_GRACE seconds"
        )
        parser.add_argument(
            "--beside",
            action="store_true",
            help="start a show even if it overlaps another show of its session; shows that start together always may",
        )

    def handle(self, *, start: list[str], start_all: bool, beside: bool, **_options: Any) -> None:
        """Print a line for each held show, or start some of them. If an id is wrong, no show is started."""
        if beside and not (start or start_all):
            raise CommandError("--beside needs --start or --start-all.")
        if problem := why_not_ready():
            raise CommandError(f"{problem[0].upper()}{problem[1:]}.")
        held = held_shows(now=clock.now())
        if start or start_all:
            chosen = [show for show in held if show.goal_id in start or (start_all and not show.is_missed)]
            _check(chosen, start)
            self._start(chosen, beside=beside)
            if left := len(held) - len(chosen):
                self.stdout.write(f"Shows that are still held: {left}. List them with `manage.py held_shows`.")
        elif held:
            self.stdout.writelines(lines(held))
        else:
            self.stdout.write("No show is held.")

    def _start(self, chosen: Sequence[HeldShow], *, beside: bool) -> None:
        problems, together = 0, {show.goal_id for show in chosen}
        for show in chosen:
            try:
                run_in_transaction(partial(_start_now, show, beside=None if beside else together))
                self.stdout.write(
                    f"{show.goal_id}  starts now, or when a qcluster runs within {settings.START_GRACE} s"
                )
            except ProductError as error:
                problems += 1
                self.stdout.write(f"{show.goal_id}  does not start: {error.detail}")
        if problems:
            raise CommandError(f"Shows that do not start: {problems}.")


def lines(held: Sequence[HeldShow]) -> Iterator[str]:
    """Yield a line for each show."""
    sessions = Session.objects.filter(pk__in={show.session_id for show in held})
    streamers = {str(pk): username for pk, username in sessions.values_list("pk", "user__username")}
    funding_goals = ShowFundingGoal.objects.filter(pk__in=[show.funding_goal_id for show in held])
    counts = funding_goals.values_list("pk", "payers")
    payers = {str(pk): count for pk, count in counts if count is not None}
    for show in held:
        late = f", late by more than {settings.START_GRACE} s" if show.is_missed else ""
        whose = (
            f"{show.title!r} of {streamers.get(show.session_id, '?')}, payers: {payers.get(show.funding_goal_id, '?')}"
        )
        yield f"{show.goal_id}  {show.nbf:%Y-%m-%d %H:%M:%S} UTC  start, move or cancel it{late}  {whose}\n"


def _start_now(show: HeldShow, *, beside: Collection[str] | None) -> None:
    """Start the show as the admin's button *Start now* does, unless it has changed since it was listed.

    Raise ShowOverlaps if it overlaps a show whose id is not in `beside`. None allows all shows.
    """
    now = clock.now()
    if beside is not None:
        goal, session = ShowGoal.objects.get(pk=show.goal_id), Session.objects.get(pk=show.session_id)
        others = [str(other.pk) for other in shows_beside(goal, session, starts_at=now)]
        if unnamed := sorted(set(others) - set(beside)):
            raise ShowOverlaps(
                f"It would run beside another show of its session: {', '.join(unnamed)}. Start it with --beside."
            )
    reason = f"Started by {getuser()} with manage.py held_shows on {gethostname()}."
    move_show_goal(show.goal_id, nbf=now, now=now, by=STARTED_BY, reason=reason, if_version=show.version)


def _check(chosen: Sequence[HeldShow], asked: Sequence[str]) -> None:
    if unknown := sorted(set(asked) - {show.goal_id for show in chosen}):
        raise CommandError(
            "Nothing was started. Not held, because they were started, moved or cancelled, or are unknown: "
            f"{', '.join(unknown)}."
        )
