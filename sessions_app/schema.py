"""The requests and responses of this app's operations, for the OpenAPI document."""

from drf_spectacular.utils import extend_schema_field

from api.openapi.operations import JSON, describe, operation, query
from api.openapi.schemas import ID, an_object
from sessions_app.feed import FeedRowSerializer
from sessions_app.models import SessionStatus
from sessions_app.recordings.callbacks import BytePlusCallback
from sessions_app.serializers import SessionBody, SessionSerializer, ShowGoalPairSerializer
from sessions_app.views import LivestreamFeedView, SessionViewSet

extend_schema_field(ShowGoalPairSerializer(many=True))(SessionSerializer.get_show_goal_pairs)

SESSIONS, OPERATIONS = "Sessions", "Operations"
FILTERS = [
    query("status", "Only sessions that are live, or have ended.", enum=SessionStatus.values),
    query("streamer_id", "Only this streamer's sessions.", type=ID),
]
CALLBACK = {JSON: {"type": "object", "description": "As BytePlus documents it."}}

describe(
    SessionViewSet,
    SESSIONS,
    create=operation("createSession", SessionSerializer, body=SessionBody, status=201),
    list=operation("listSessions", SessionSerializer(many=True), parameters=FILTERS),
    retrieve=operation("getSession", SessionSerializer),
)
describe(LivestreamFeedView, SESSIONS, get=operation("listLivestreams", FeedRowSerializer(many=True)))
describe(BytePlusCallback, OPERATIONS, post=operation("takeRecordingCallback", an_object({}), body=CALLBACK))
