"""What all buttons on the page of a goal have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from api.asking import READ_BY_STAFF, reason_field
from api.audit import Author
from desk.moments import words
from desk.shows.panels import Surroundings
from goals.models import Goal
from showgoals.admin_forms import SeenForm

# The query parameter with the minutes by which a show is moved.
BY = "by"
HEARING = _("Payers who hear of it: {payers}.")


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence about what will happen. An alarming one speaks against it."""

    text: SafeString
    is_alarming: bool = False


class ButtonForm(SeenForm):
    """The reason, and the version of the goal that the person has seen.

    `moment` is the time of which the page tells what will happen, if the button needs one.
    """

    reason = reason_field(READ_BY_STAFF, required=False)

    def __init__(self, data: Any, *, goal: Goal, moment: datetime | None) -> None:
        super().__init__(data, instance=goal)
        self.moment = moment

    def is_told(self) -> bool:
        """Tell whether the page has told what will happen with these answers."""
        return True

    def tell(self) -> None:
        """Let the page tell what will happen with these answers, and ask again."""


class Button(ABC):
    """A button, and the page behind it."""

    name: ClassVar[str]
    label: ClassVar[Promise]
    permission: ClassVar[str]
    form: ClassVar[type[ButtonForm]] = ButtonForm

    def links(self, goal: Goal) -> Iterator[tuple[str, str]]:
        """Yield the address of the page, and the text on the button."""
        yield self.url(goal), str(self.label)

    def url(self, goal: Goal) -> str:
        """Return the address of the page."""
        return reverse(f"desk:{self.name}", args=[goal.pk])

    def moment(self, around: Surroundings, minutes: str) -> datetime | None:
        """Return the time with which the page opens; None if it has none. The address may have a number of minutes."""
        del around, minutes
        return None

    @abstractmethod
    def obstacle(self, around: Surroundings) -> Promise | None:
        """Return why the state of the goal does not allow it, or None if it does."""

    @abstractmethod
    def tells(self, around: Surroundings, moment: datetime | None) -> Iterator[Told]:
        """Yield what will happen."""

    @abstractmethod
    def press(self, around: Surroundings, answers: Mapping[str, Any], *, by: Author) -> SafeString:
        """Do it in the caller's transaction. Return what has happened. Raises the errors of the use case."""


def hearing(around: Surroundings) -> SafeString:
    """Say how many payers hear of a change."""
    return words(HEARING, payers=around.payers)
