"""`GET /events` and `GET /events/{id}`."""

from rest_framework.request import Request
from rest_framework.response import Response

from api.access import STAFF
from api.fields import id_or_404
from api.filters import asked_filters
from api.views import ApiView
from config.errors import raises
from goals.permissions import check_staff
from notifications.receipts import EventNotFound
from webhooks.event_list import EventPages, EventSerializer, published_event
from webhooks.filters import EventFilters
from webhooks.models import Event
from webhooks.publishing import publish


class EventsView(ApiView):
    """`GET /events`."""

    access = {"get": (STAFF,)}
    pagination_class = EventPages
    filterset_class = EventFilters
    queryset = Event.objects.none()  # only for the filters, which need a queryset

    @raises(check_staff)
    def get(self, request: Request) -> Response:
        """What has happened?

        Lists everything that was announced in the last 30 days, oldest first. `data` is the same as in the event on
        Pusher, if there is one, except that it always has a `session_id`. An event is listed only when no older event
        can be added before it. So a program that repeatedly asks for the events after the last one it knows (`after`)
        misses none.
        """
        check_staff(self)
        asked = asked_filters(request, self)
        publish()  # events that have committed, in case no worker has published them yet
        page = self.paginate_queryset(asked)  # type: ignore[arg-type]
        return self.get_paginated_response(EventSerializer(page, many=True).data)


class EventView(ApiView):
    """`GET /events/{id}`."""

    access = {"get": (STAFF,)}

    @raises(check_staff, EventNotFound)
    def get(self, request: Request, event_id: str) -> Response:
        """Get an event.

        The id comes from the list of events, or from the header `webhook-id` of a call to an endpoint.
        """
        del request
        check_staff(self)
        event = published_event(id_or_404(event_id))
        if event is None:
            raise EventNotFound(event_id=event_id)
        return Response(EventSerializer(event).data)
