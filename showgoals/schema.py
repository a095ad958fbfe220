"""What this room's operations are, for the OpenAPI document."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.utils import PolymorphicProxySerializer

from api.openapi.described import Declared, Key, answered, describe_view, described, query, sent
from api.openapi.schemas import ID
from goals.errors import AlreadyEnded, AlreadyStarted, GoalNotFound, NotCancellable, NotChangeable, NotStarted
from goals.kinds import WIRE_TYPES, GoalStatus
from sessions_app.errors import SessionEnded, SessionNotFound, SessionPairMissing, ShowOverlaps
from showgoals import schema_examples as example
from showgoals import session_schema  # noqa: F401 - describes the other two views
from showgoals.errors import (
    FundingClosed,
    FundingGoalNotFound,
    FundingStillOpen,
    ShowGoalExists,
    UnknownGoalType,
)
from showgoals.serializers import (
    LOOKS_LIKE_MILLISECONDS,
    ContributionBody,
    ContributionSerializer,
    GoalSerializer,
    MoveShowBody,
    ShowFundingGoalBody,
    ShowGoalBody,
    TimelineSerializer,
)
from showgoals.views import GoalViewSet, TimelineView

Schema = dict[str, Any]

GOALS, DELIVERIES = "Goals", "Deliveries"
NEW_GOAL = PolymorphicProxySerializer("NewGoal", [ShowGoalBody, ShowFundingGoalBody], resource_type_field_name=None)
BY_SESSION = query("session_id", "The goals of this session, whoever made them.", type=ID)


class MoveShow(OpenApiSerializerExtension):
    target_class = "showgoals.serializers.MoveShowBody"

    def map_serializer(self, auto_schema: Any, direction: str) -> Schema:
        """Say that a body that changes nothing is refused."""
        schema: Schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)  # noqa: SLF001
        return {**schema, "minProperties": 1}


class Moment(OpenApiSerializerFieldExtension):
    target_class = "showgoals.serializers.MomentField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> Schema:
        """Say what a moment in a body is; that it may be a year ahead at most, no schema can."""
        del auto_schema, direction
        return {
            "type": "integer",
            "minimum": 0,
            "maximum": LOOKS_LIKE_MILLISECONDS - 1,
            "description": "Unix seconds, UTC; at most 365 days ahead.",
        }


describe_view(
    GoalViewSet,
    create_new_goal=described(
        operation_id="createGoal",
        tag=GOALS,
        summary="Create a show, or open a funding goal",
        description=(
            "`type` says which of the two bodies is meant.\n\n"
            "`show`: the paid show of a funding goal that has closed. It starts at `nbf` by itself; an `nbf` in the "
            "past means now. Its one level's `target` is its length in seconds.\n\n"
            "`show-funding`: opens a goal that takes viewers' contributions until `exp`, or without end."
        ),
        status=201,
        parameters=[query("type", "What to create.", required=True, enum=["show", "show-funding"])],
        body=NEW_GOAL,
        answer=GoalSerializer,
        examples=[
            sent("A show", example.SHOW_BODY),
            sent("A funding goal", example.FUNDING_BODY),
            answered("A show", example.SHOW),
            answered("A funding goal", example.FUNDING_GOAL),
        ],
        declared=Declared(
            key=Key.OPTIONAL,
            errors=(
                *(UnknownGoalType, FundingGoalNotFound, SessionNotFound, SessionEnded, FundingStillOpen),
                *(ShowGoalExists, SessionPairMissing, ShowOverlaps),
            ),
        ),
    ),
    list=described(
        operation_id="listGoals",
        tag=GOALS,
        summary="List goals",
        description="The caller's goals, newest first; with `session_id` that session's.",
        parameters=[
            BY_SESSION,
            query("type", "Only goals of this type.", enum=list(WIRE_TYPES.values())),
            query("status", "Only goals that are here in their life now.", enum=GoalStatus.values),
            query("funding_goal_id", "Only the show of this funding goal.", type=ID),
        ],
        answer=GoalSerializer(many=True),
        examples=[answered("A show that waits", example.SHOW)],
    ),
    retrieve=described(
        operation_id="getGoal",
        tag=GOALS,
        summary="Get a goal",
        description="A goal of the caller; of anyone by its session.",
        parameters=[query("session_id", "The goal's session, which opens it to others.")],
        answer=GoalSerializer,
        examples=[answered("A show that waits", example.SHOW)],
        declared=Declared(errors=(GoalNotFound,)),
    ),
    partial_update=described(
        operation_id="moveShow",
        tag=GOALS,
        summary="Move a show",
        description=(
            "A new `nbf`, a new level, or both, of a show that has not started. A new `nbf` brings a cancelled show "
            "back."
        ),
        body=MoveShowBody,
        answer=GoalSerializer,
        examples=[
            sent("Half an hour later", {"nbf": example.LATER}),
            sent("Longer", {"levels": [{"title": "Proceed", "target": 120}]}),
            answered("The show as it is now", {**example.SHOW, "nbf": example.LATER, "access_exp": example.LATER + 60}),
        ],
        declared=Declared(errors=(GoalNotFound, NotChangeable, AlreadyStarted, SessionEnded, ShowOverlaps)),
    ),
    cancel=described(
        operation_id="cancelShow",
        tag=GOALS,
        summary="Cancel a show",
        description="Before it has started. Again: the same answer, and nobody is told twice.",
        answer=GoalSerializer,
        examples=[answered("Cancelled", {**example.SHOW, "status": "cancelled", "active": False})],
        declared=Declared(errors=(GoalNotFound, NotCancellable, AlreadyStarted)),
    ),
    start=described(
        operation_id="beginShow",
        tag=GOALS,
        summary="I have really begun",
        description=(
            "The show's time counts from now: `access_exp` moves, and every viewer gets new credentials. "
            "Again: the same answer, and nothing moves."
        ),
        answer=GoalSerializer,
        examples=[answered("Begun twelve seconds late", example.BEGUN)],
        declared=Declared(errors=(GoalNotFound, NotStarted, AlreadyEnded)),
    ),
    contributions=described(
        operation_id="contribute",
        tag=GOALS,
        summary="Pay for a funding goal",
        description=("While it is open and has no show. The goal's `progress` follows within two seconds."),
        status=201,
        body=ContributionBody,
        answer=ContributionSerializer,
        examples=[sent("Two hundred", {"amount": 200}), answered("Paid", example.CONTRIBUTION)],
        declared=Declared(key=Key.REQUIRED, errors=(GoalNotFound, FundingClosed)),
    ),
)
describe_view(
    TimelineView,
    get=described(
        operation_id="getTimeline",
        tag=DELIVERIES,
        summary="What happened to a goal",
        description="Signals, receivers, tasks, deliveries and the recording, in order.",
        answer=TimelineSerializer(many=True),
        examples=[answered("A task", example.TIMELINE_ROW)],
        declared=Declared(errors=(GoalNotFound,)),
    ),
)
