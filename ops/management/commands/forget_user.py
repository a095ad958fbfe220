"""`manage.py forget_user ID`: removes the name, the e-mail address and the password of a user."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ops.forgetting import CanNotForget, forget


class Command(BaseCommand):
    help = "Remove the name, the e-mail address and the password of a user. The id stays, with the user's payments."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", help="the user's id")

    def handle(self, *, id: str, **_options: Any) -> None:  # noqa: A002 - the name of the argument
        """Forget the user."""
        try:
            forget(id)
        except CanNotForget as error:
            raise CommandError(str(error.detail)) from error
        self.stdout.write(f"User {id} is forgotten. Earlier backups still have the name.")
