"""What a session's two operations are that need its goals, for the OpenAPI document."""

from api.openapi.described import Declared, answered, describe_view, described, sent
from api.openapi.schemas import ID, SECONDS, TEXT, an_object, or_null
from sessions_app.errors import SessionEnded, SessionNotFound
from sessions_app.serializers import SessionSerializer
from showgoals import schema_examples as example
from showgoals.errors import ShowScheduled
from showgoals.serializers import EndSessionBody
from showgoals.token_view import SessionTokenView
from showgoals.views import SessionEndView

SESSIONS = "Sessions"
RTC_INFO = {"app_id": TEXT, "room_id": ID, "user_id": TEXT, "token": TEXT, "exp": SECONDS}
CREDENTIALS = an_object(
    {
        "preset": {"enum": ["sd", "publish", "preview"]},
        "token": {**TEXT, "description": "A stream token: JWT HS256 with `aud: stream`."},
        "byteplus_token": or_null(TEXT),
        "byteplus_rtc_info": or_null(an_object(RTC_INFO)),
        "nbf": or_null(SECONDS),
        "exp": or_null(SECONDS),
    }
)

describe_view(
    SessionEndView,
    post=described(
        operation_id="endSession",
        tag=SESSIONS,
        summary="End a session",
        description=(
            "With it end its live show and its funding; shows that wait are cancelled if `cancel_shows` is true. "
            "Again: the same answer."
        ),
        body=EndSessionBody,
        answer=SessionSerializer,
        examples=[sent("With its shows", {"cancel_shows": True}), answered("Ended", example.ENDED_SESSION)],
        declared=Declared(errors=(SessionNotFound, ShowScheduled), body_is_optional=True),
    ),
)
describe_view(
    SessionTokenView,
    get=described(
        operation_id="getSessionToken",
        tag=SESSIONS,
        summary="What may I see?",
        description=(
            "The session's owner gets `publish`; a viewer who paid for the show that is on gets `sd`; everyone else "
            "`preview`, a short `token` with the other four null."
        ),
        answer=CREDENTIALS,
        examples=[answered("A payer", example.SD), answered("Anyone else", example.PREVIEW)],
        declared=Declared(errors=(SessionNotFound, SessionEnded), headers={"Cache-Control": "private, no-store"}),
    ),
)
