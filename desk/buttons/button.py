"""The base of all buttons on the page of a goal."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from api.asking import READ_BY_STAFF, Crumbs, crumbs_of, reason_field
from api.audit import Author
from desk.moments import words
from desk.shows.panels import Surroundings, goal_url
from goals.models import Goal
from showgoals.admin_forms import SeenForm

# The name of the query parameter with the minutes by which a show is moved.
BY = "by"
MOST_COUNTED = 2**31
RELOAD = _("Reload the page.")
HEARING = _("Payers who hear of it: {payers}.")


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence about what will happen or has happened. An alarming one warns, or says why nothing happens."""

    text: SafeString
    is_alarming: bool = False


class ButtonForm(SeenForm):
    """The reason, the version of the goal that the person has seen, and how often the button had been pressed by then.

    `moment` is the new start of the show that the page describes, or None if there is none.
    """

    reason = reason_field(READ_BY_STAFF, required=False)
    seen_count = forms.IntegerField(
        min_value=0, max_value=MOST_COUNTED, widget=forms.HiddenInput, error_messages={"required": RELOAD}
    )

    def __init__(self, data: Any, *, around: Surroundings, moment: datetime | None, count: int) -> None:
        super().__init__(data, instance=around.goal)
        self.initial = {**self.initial, "seen_count": count}
        self.moment = moment

    def is_told(self) -> bool:
        """Tell whether the page that the person saw has described what these form values do."""
        return True

    def tell(self) -> None:
        """Prepare the form for a page that describes what its values do, and asks again."""


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
        """Return the start of the show that the page suggests, or None.

        `minutes` is the number of minutes in the page's address, or "".
        """
        del around, minutes
        return None

    def count(self, around: Surroundings) -> int:
        """Return how often the button was pressed.

        The form contains this number, so that a form that is sent again is refused. A button that changes the goal's
        version returns 0, because the form also contains the version.
        """
        del around
        return 0

    def crumbs(self, goal: Goal) -> Crumbs:
        """Return the breadcrumbs above the page. The last one links to the page that follows a press of the button."""
        return crumbs_of(Goal, goal.title, goal_url(goal.pk))

    @abstractmethod
    def obstacle(self, around: Surroundings) -> Promise | None:
        """Return why the state of the goal does not allow the button, or None if it does."""

    @abstractmethod
    def tells(self, around: Surroundings, moment: datetime | None) -> Iterator[Told]:
        """Yield what will happen."""

    @abstractmethod
    def press(self, around: Surroundings, answers: Mapping[str, Any], *, by: Author) -> Told:
        """Run the use case in the caller's transaction, and return what has happened. Raises the use case's errors."""


def hearing(around: Surroundings) -> SafeString:
    """Say how many payers are told of a change."""
    return words(HEARING, payers=around.payers)
