"""The filters of `GET /sessions`."""

from django_filters.rest_framework import ChoiceFilter

from api.filters import IdFilter, NamedFilters
from sessions_app.models import SessionStatus


class SessionFilters(NamedFilters):
    """Filters by status and by streamer."""

    status = ChoiceFilter(choices=SessionStatus.choices)
    streamer_id = IdFilter(field_name="user_id")
