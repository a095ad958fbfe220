"""The filters and the pagination of the list of payers."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django_filters.rest_framework import ChoiceFilter, FilterSet

from api.filters import IdFilter
from api.pagination import PlacedPages
from notifications.events import PREVIEW, SD
from notifications.fanout.ledger import State
from notifications.payers.order import PAID, PLACE, Stretch, in_state, places, received, unplanned
from notifications.payers.present import present_events
from notifications.payers.rows import Payer, payers_at

PRESETS = (PREVIEW, SD)
RECEIVED, UNPLANNED = "received", "unplanned"
CHOICES = (*(state.value for state in State), RECEIVED, UNPLANNED)


class PayerFilters(FilterSet):
    """Filters by the states of the events, and by viewer."""

    state = ChoiceFilter(choices=[(state, state) for state in CHOICES])
    viewer_id = IdFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Payers:
    """The payers that the query asks for."""

    funding_goal_id: str
    show_id: str
    state: str
    viewer_id: str

    def beyond(self, place: str, limit: int, *, is_closed: bool, is_backward: bool) -> list[Payer]:
        """Return up to `limit` payers beyond a place, nearest first. If `is_closed`, the place itself is included."""
        events = present_events(self.show_id)
        if self.viewer_id:
            payers = self._read([f"{PAID}{self.viewer_id}"] if not place or is_closed else [], events)
            return [payer for payer in payers if not self.state or self.state in states_of(payer)]
        ids = list(events.values())
        if self.state in {"", UNPLANNED}:
            found = places(self.funding_goal_id, place, is_closed=is_closed, is_backward=is_backward)
            if self.state and events:
                found = unplanned(found, self.show_id, ids, presets=len(PRESETS))
        else:
            stretch = Stretch(place[1:], is_closed, is_backward)
            viewers = self._told(ids, stretch, limit) if events else ()
            found = (f"{PAID}{viewer}" for viewer in viewers)
        return self._read(list(islice(found, limit)), events)

    def _told(self, events: list[str], stretch: Stretch, limit: int) -> Iterable[str]:
        """Return the viewers with an event in the state.

        For RECEIVED, return those whose clients have confirmed an event.
        """
        if self.state == RECEIVED:
            return received(self.show_id, events, stretch)
        return in_state(self.show_id, events, State(self.state), stretch, limit=limit)

    def _read(self, found: list[str], events: dict[str, str]) -> list[Payer]:
        return payers_at(found, funding_goal_id=self.funding_goal_id, show_id=self.show_id, events=events)


class PayerPages(PlacedPages):
    """Pages of payers, in the order of their places."""

    is_position = staticmethod(PLACE.fullmatch)

    def read(self, source: Payers, limit: int, *, is_backward: bool) -> list[Payer]:
        """Return up to `limit` payers beyond the cursor."""
        place = str(self.cursor.position) if self.cursor else ""
        is_closed = bool(self.cursor and self.cursor.offset)
        return source.beyond(place, limit, is_closed=is_closed, is_backward=is_backward)

    def place_of(self, row: Payer) -> str:
        """Return the payer's place."""
        return row.place


def states_of(payer: Payer) -> set[Any]:
    """Return the values of the filter `state` that match the payer."""
    states: set[Any] = {payer.preview, payer.sd}
    return (
        (states - {None})
        | ({UNPLANNED} if None in states else set())
        | ({RECEIVED} if payer.received_at is not None else set())
    )
