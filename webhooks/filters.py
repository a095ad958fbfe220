"""The filters of `GET /events`."""

from django_filters.rest_framework import ChoiceFilter, FilterSet

from api.filters import IdFilter
from webhooks.event_list import TYPES


class EventFilters(FilterSet):
    """Filters by type and by goal. `after` is the id of the last event that the reader knows."""

    after = IdFilter()
    type = ChoiceFilter(choices=[(name, name) for name in TYPES])
    goal_id = IdFilter()
