"""The requests and responses of this app's operations, for the OpenAPI document."""

from api.openapi.operations import describe, operation, query
from api.openapi.schemas import COUNT, ID, an_object
from webhooks.endpoint_views import (
    AttemptSerializer,
    AttemptsView,
    EndpointBody,
    EndpointChangeBody,
    EndpointRedeliverView,
    EndpointSerializer,
    EndpointsView,
    EndpointTestView,
    EndpointView,
    EndpointWithSecretSerializer,
    RedeliverEventBody,
)
from webhooks.event_list import TYPES, EventSerializer
from webhooks.views import EventsView, EventView

PARTNERS = "Partners"
OF_EVENTS = [
    query("after", "Only events after the one with this id, which may have expired.", type=ID),
    query("type", "Only events of this type.", enum=TYPES),
    query("goal_id", "Only events of this goal.", type=ID),
]
TEST_EVENT = an_object({"event_id": ID}, title="TestEvent")
EVENT_COUNT = an_object({"events": COUNT}, title="EventCount")

describe(EventsView, PARTNERS, get=operation("listEvents", EventSerializer(many=True), parameters=OF_EVENTS))
describe(EventView, PARTNERS, get=operation("getEvent", EventSerializer))
describe(
    EndpointsView,
    PARTNERS,
    get=operation("listEndpoints", EndpointSerializer(many=True)),
    post=operation("addEndpoint", EndpointWithSecretSerializer, body=EndpointBody, status=201),
)
describe(
    EndpointView,
    PARTNERS,
    patch=operation("changeEndpoint", EndpointWithSecretSerializer, body=EndpointChangeBody),
    delete=operation("deleteEndpoint", None, status=204),
)
describe(EndpointTestView, PARTNERS, post=operation("testEndpoint", TEST_EVENT))
describe(
    EndpointRedeliverView,
    PARTNERS,
    post=operation("redeliverEvents", EVENT_COUNT, body=RedeliverEventBody, body_is_optional=True),
)
describe(AttemptsView, PARTNERS, get=operation("listAttempts", AttemptSerializer(many=True)))
