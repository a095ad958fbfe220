"""What this room's operations take and answer, for the OpenAPI document."""

from typing import Any

from drf_spectacular.utils import extend_schema_field

from api.openapi.examples import FUNDING_GOAL_ID, NBF, OPENED_AT, SESSION_ID, SHOW_ID, STREAMER_ID
from api.openapi.operations import JSON, describe, operation, query
from api.openapi.schemas import ID, an_object
from sessions_app.callbacks import BytePlusCallback
from sessions_app.feed import FeedRowSerializer
from sessions_app.models import SessionStatus
from sessions_app.serializers import SessionBody, SessionSerializer, ShowGoalPairSerializer
from sessions_app.views import LivestreamFeedView, SessionViewSet

extend_schema_field(ShowGoalPairSerializer(many=True))(SessionSerializer.get_show_goal_pairs)

SESSIONS, OPERATIONS = "Sessions", "Operations"
TITLE = {"title": "Friday night"}
PAIR = {"funding_goal": FUNDING_GOAL_ID, "funding_ended": True, "show_goal": SHOW_ID, "show_ended": False}
NEW_SESSION: dict[str, Any] = {
    "id": SESSION_ID,
    "streamer_id": STREAMER_ID,
    **TITLE,
    "status": "live",
    "show_goal_pairs": [],
    "created_at": OPENED_AT,
    "ended_at": None,
}
SESSION = {**NEW_SESSION, "show_goal_pairs": [PAIR]}
SESSION_WITH_SHOW = {"A session with its show": SESSION}
FEED_ROW = {
    "session_id": SESSION_ID,
    "streamer_id": STREAMER_ID,
    **TITLE,
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

describe(
    SessionViewSet,
    SESSIONS,
    create=operation(
        "createSession",
        SessionSerializer,
        status=201,
        body=SessionBody,
        sent={"A title": TITLE},
        answered={"A live session": NEW_SESSION},
    ),
    list=operation(
        "listSessions",
        SessionSerializer(many=True),
        parameters=[
            query("status", "Only sessions that are live, or have ended.", enum=SessionStatus.values),
            query("streamer_id", "Only this streamer's sessions.", type=ID),
        ],
        answered=SESSION_WITH_SHOW,
    ),
    retrieve=operation("getSession", SessionSerializer, answered=SESSION_WITH_SHOW),
)
describe(
    LivestreamFeedView,
    SESSIONS,
    get=operation("listLivestreams", FeedRowSerializer(many=True), answered={"A show is on": FEED_ROW}),
)
describe(
    BytePlusCallback,
    OPERATIONS,
    post=operation(
        "takeRecordingCallback",
        an_object({}),
        body={JSON: {"type": "object", "description": "As BytePlus documents it."}},
        sent={"RecordStarted": CALLBACK},
        answered={"Taken": {}},
    ),
)
