"""What this room's operations are, for the OpenAPI document."""

from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import PermissionDenied

from api.openapi.described import JSON, Declared, Key, answered, describe_view, described, query, sent
from api.openapi.examples import FUNDING_GOAL_ID, NBF, OPENED_AT, SESSION_ID, SHOW_ID, STREAMER_ID
from api.openapi.problems import THROTTLED
from api.openapi.schemas import ID, an_object
from sessions_app.callbacks import BytePlusCallback
from sessions_app.errors import SessionNotFound
from sessions_app.feed import FeedRowSerializer
from sessions_app.models import SessionStatus
from sessions_app.serializers import SessionBody, SessionSerializer, ShowGoalPairSerializer
from sessions_app.views import LivestreamFeedView, SessionViewSet

extend_schema_field(ShowGoalPairSerializer(many=True))(SessionSerializer.get_show_goal_pairs)

SESSIONS, OPERATIONS = "Sessions", "Operations"
NEW_SESSION = {
    "id": SESSION_ID,
    "streamer_id": STREAMER_ID,
    "title": "Friday night",
    "status": "live",
    "show_goal_pairs": [],
    "created_at": OPENED_AT,
    "ended_at": None,
}
PAIR = {"funding_goal": FUNDING_GOAL_ID, "funding_ended": True, "show_goal": SHOW_ID, "show_ended": False}
SESSION = {**NEW_SESSION, "show_goal_pairs": [PAIR]}
FEED_ROW = {
    "session_id": SESSION_ID,
    "streamer_id": STREAMER_ID,
    "title": "Friday night",
    "created_at": OPENED_AT,
    "goal": {"id": SHOW_ID, "type": "show", "status": "live", "nbf": NBF, "started": NBF},
}
CALLBACK = {
    "EventType": "RecordStarted",
    "EventData": '{"AppId": "6811...", "RoomId": "6811bfd5d273022b46570ae5", "TaskId": "6811c1a3f672c8b2cbdc2433"}',
    "EventTime": "2025-04-30T06:17:43Z",
    "EventId": "0f6e2f0a-1f7e-4a55-8b3b-4a3f6e0f2a11",
    "AppId": "6811aa00d273022b46570a00",
    "Version": "2022-06-01",
    "Noce": "k3Jd",
    "Signature": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}

describe_view(
    SessionViewSet,
    create=described(
        operation_id="createSession",
        tag=SESSIONS,
        summary="Go live",
        description="Opens a livestream session of the caller.",
        status=201,
        body=SessionBody,
        answer=SessionSerializer,
        examples=[sent("A title", {"title": "Friday night"}), answered("A live session", NEW_SESSION)],
        declared=Declared(key=Key.OPTIONAL),
    ),
    list=described(
        operation_id="listSessions",
        tag=SESSIONS,
        summary="List the sessions",
        description="All sessions, newest first.",
        parameters=[
            query("status", "Only sessions that are live, or have ended.", enum=SessionStatus.values),
            query("streamer_id", "Only this streamer's sessions.", type=ID),
        ],
        answer=SessionSerializer(many=True),
        examples=[answered("A session with its show", SESSION)],
    ),
    retrieve=described(
        operation_id="getSession",
        tag=SESSIONS,
        summary="Get a session",
        description="With the pairs of funding goal and show.",
        answer=SessionSerializer,
        examples=[answered("A session with its show", SESSION)],
        declared=Declared(errors=(SessionNotFound,)),
    ),
)
describe_view(
    LivestreamFeedView,
    get=described(
        operation_id="listLivestreams",
        tag=SESSIONS,
        summary="Who is live",
        description="The live sessions, newest first, each with its newest goal as it is now: joined when read.",
        answer=FeedRowSerializer(many=True),
        examples=[answered("A show is on", FEED_ROW)],
    ),
)
describe_view(
    BytePlusCallback,
    post=described(
        operation_id="takeRecordingCallback",
        tag=OPERATIONS,
        summary="A recording has started or stopped",
        description=(
            "Called by BytePlus, nobody else: what its secret has not signed is 403. A callback is a hint only, "
            "we ask BytePlus ourselves. Repeats do nothing."
        ),
        body={JSON: {"type": "object", "description": "As BytePlus documents it."}},
        answer=an_object({}),
        examples=[sent("RecordStarted", CALLBACK), answered("Taken", {})],
        declared=Declared(errors=(PermissionDenied, THROTTLED)),
    ),
)
