"""The buttons on the page of a goal. Each button leads to a page that says what will happen, and asks for a reason."""

from collections.abc import Iterator

from django.http import HttpRequest

from api.admin_site import may
from desk.buttons.button import Button
from desk.buttons.moving import BringBack, Move, StartNow
from desk.buttons.repairing import RetryRecording, SendAgain
from desk.buttons.stopping import Cancel, CloseFunding
from desk.shows.panels import Surroundings

BUTTONS: tuple[Button, ...] = (Move(), StartNow(), BringBack(), Cancel(), CloseFunding(), SendAgain(), RetryRecording())


def links_for(request: HttpRequest, around: Surroundings) -> Iterator[tuple[str, str]]:
    """Yield the address and the label of each button that the person may press in the present state of the goal."""
    for button in BUTTONS:
        if may(request, button.permission) and button.obstacle(around) is None:
            yield from button.links(around.goal)
