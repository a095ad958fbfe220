"""The filters of `GET /sessions`."""

from django_filters.rest_framework import ChoiceFilter, FilterSet

from api.filters import IdFilter
from sessions_app.models import SessionStatus


class SessionFilters(FilterSet):
    """Filters by status and by streamer."""

    status = ChoiceFilter(choices=SessionStatus.choices)
    streamer_id = IdFilter(field_name="user_id")
