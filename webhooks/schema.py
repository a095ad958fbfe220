"""The responses of this app's operations, for the OpenAPI document."""

from api.openapi.operations import describe, operation, query
from api.openapi.schemas import ID
from webhooks.event_list import TYPES, EventSerializer
from webhooks.views import EventsView, EventView

PARTNERS = "Partners"
OF_EVENTS = [
    query("after", "Only events after the one with this id, which may have expired.", type=ID),
    query("type", "Only events of this type.", enum=TYPES),
    query("goal_id", "Only events of this goal.", type=ID),
]

describe(EventsView, PARTNERS, get=operation("listEvents", EventSerializer(many=True), parameters=OF_EVENTS))
describe(EventView, PARTNERS, get=operation("getEvent", EventSerializer))
