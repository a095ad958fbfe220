"""The requests and responses of this app's operations, for the OpenAPI document."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field, extend_schema_serializer

from api.openapi.operations import NO_STORE, describe, operation, query
from api.openapi.schemas import BOOLEAN, COUNT, ID, SECONDS, SECONDS_IN_A_QUERY, TEXT, Schema, an_object, or_null
from api.openapi.shared import SCHEMAS
from api.serializers import NoFields
from goals.kinds import WIRE_TYPES
from goals.models import TimelineKind
from goals.settlements import SettlementState
from goals.states import GoalStatus
from sessions_app.serializers import SessionSerializer
from showgoals.exclusion_views import ExcludeView, IncludeView
from showgoals.filters import GoalsInOrder
from showgoals.own_contributions import OwnContributionSerializer
from showgoals.own_contributions_view import OwnContributionsView
from showgoals.serializers import (
    EARLIEST_MOMENT,
    LOOKS_LIKE_MILLISECONDS,
    BegunShowSerializer,
    CancelShowBody,
    ContributionBody,
    ContributionSerializer,
    EndSessionBody,
    ExclusionBody,
    ExtendShowBody,
    FundingChangeBody,
    GoalSerializer,
    MomentField,
    MoveShowBody,
    ShowFundingGoalBody,
    ShowGoalBody,
    TimelineSerializer,
)
from showgoals.settlement.outcomes import Outcome
from showgoals.settlement.views import ATTACHMENT, CommaSeparated, DecisionBody, SettlementCsvView, SettlementView
from showgoals.token_view import SessionTokenView
from showgoals.views import GoalViewSet, SessionEndView, TimelineView

GOALS, SESSIONS, DELIVERIES = "Goals", "Sessions", "Deliveries"
SCHEMAS["PaymentOutcome"] = {**TEXT, "enum": Outcome.values}
# Some generated clients try the two schemas in the order of their names, and take the first whose required fields are
# in the body. A show's body has the required fields of both schemas, so the name of its schema must come first.
extend_schema_serializer(component_name="NewShow")(ShowGoalBody)
extend_schema_serializer(component_name="NewShowFunding")(ShowFundingGoalBody)
NEW_GOAL = PolymorphicProxySerializer("NewGoal", [ShowGoalBody, ShowFundingGoalBody], resource_type_field_name=None)
GOAL_CHANGE = PolymorphicProxySerializer("GoalChange", [MoveShowBody, FundingChangeBody], resource_type_field_name=None)
NEW_TYPE = query("type", "What to create.", required=True, enum=["show", "show-funding"])
ITS_SESSION = query("session_id", "The goal's session. A caller who doesn't own the goal must name it.")
SEVERAL: dict[str, Any] = {"many": True, "style": "form", "explode": False}
ROWS = [
    query("kind", "Only rows of this kind.", enum=TimelineKind.values),
    query("order", "`-seq`: the latest row first.", enum=["seq", "-seq"]),
]
FILTERS = [
    query("session_id", "Only goals of this session, which may be another streamer's.", type=ID),
    query("type", "Only goals of this type.", enum=WIRE_TYPES),
    query("status", "Only goals that have one of these statuses now.", enum=GoalStatus.values, **SEVERAL),
    query("funding_goal_id", "Only the show of this funding goal.", type=ID),
    query("created_after", "Only goals created at this second or later.", type=SECONDS_IN_A_QUERY),
    query("created_before", "Only goals created before this second.", type=SECONDS_IN_A_QUERY),
    query("order", "How the goals are sorted; `-` means the latest first.", enum=GoalsInOrder.orders),
]
RTC_INFO = an_object({"app_id": TEXT, "room_id": ID, "user_id": TEXT, "token": TEXT, "exp": SECONDS}, title="RtcInfo")
EXCLUSION = an_object(
    {
        "viewer_id": ID,
        "goal_id": {**ID, "description": "The funding goal."},
        "excluded": BOOLEAN,
        "reason": or_null(TEXT),
        "excluded_at": or_null(SECONDS),
    },
    title="Exclusion",
)
SETTLEMENT = an_object(
    {
        "state": {"enum": ["open", "awaiting_show", "awaiting_performance", *SettlementState.values]},
        "decided_at": or_null(SECONDS),
        "decided_by": {**or_null(TEXT), "description": "The username; null if no person has decided."},
        "reason": or_null(TEXT),
        "as_sold": {**or_null(BOOLEAN), "description": "Null without a show."},
        "total": COUNT,
        "payers": COUNT,
    },
    title="Settlement",
)
CREDENTIALS = an_object(
    {
        "preset": {"enum": ["sd", "publish", "preview"]},
        "token": {**TEXT, "description": "A stream token: JWT HS256 with `aud: stream`."},
        "byteplus_token": or_null(TEXT),
        "byteplus_rtc_info": or_null(RTC_INFO),
        "nbf": or_null(SECONDS),
        "exp": or_null(SECONDS),
    },
    title="StreamCredentials",
)
# A schema can't express "at most a year ahead", so the description says it.
MOMENT = {
    "type": "integer",
    "minimum": EARLIEST_MOMENT,
    "maximum": LOOKS_LIKE_MILLISECONDS - 1,
    "description": "Unix seconds, UTC; at most 365 days ahead.",
}
extend_schema_field(MOMENT)(MomentField)


class MoveShow(OpenApiSerializerExtension):
    target_class = "showgoals.serializers.MoveShowBody"

    def map_serializer(self, auto_schema: Any, direction: str) -> Schema:
        """Require at least one property, because a body without changes is refused."""
        schema: Schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)  # noqa: SLF001
        return {**schema, "minProperties": 1}


describe(
    GoalViewSet,
    GOALS,
    create_new_goal=operation("createGoal", GoalSerializer, body=NEW_GOAL, status=201, parameters=[NEW_TYPE]),
    list=operation("listGoals", GoalSerializer(many=True), parameters=FILTERS),
    retrieve=operation("getGoal", GoalSerializer, parameters=[ITS_SESSION], has_etag=True),
    partial_update=operation("changeGoal", GoalSerializer, body=GOAL_CHANGE, has_etag=True),
    cancel=operation("cancelShow", GoalSerializer, body=CancelShowBody, body_is_optional=True, has_etag=True),
    close=operation("closeFundingGoal", GoalSerializer, body=NoFields, body_is_optional=True, has_etag=True),
    end=operation("endShow", GoalSerializer, body=NoFields, body_is_optional=True, has_etag=True),
    extend=operation("extendShow", GoalSerializer, body=ExtendShowBody, has_etag=True),
    start=operation("beginShow", BegunShowSerializer, body=NoFields, body_is_optional=True, has_etag=True),
    contributions=operation("contribute", ContributionSerializer, body=ContributionBody, status=201),
)
describe(ExcludeView, DELIVERIES, post=operation("excludePayer", EXCLUSION, body=ExclusionBody))
describe(IncludeView, DELIVERIES, post=operation("includePayer", EXCLUSION, body=ExclusionBody))
describe(OwnContributionsView, GOALS, get=operation("listMyContributions", OwnContributionSerializer(many=True)))
describe(
    SettlementView,
    GOALS,
    get=operation("getSettlement", SETTLEMENT),
    post=operation("decideSettlement", SETTLEMENT, body=DecisionBody),
)
describe(
    SettlementCsvView,
    GOALS,
    get=operation("getSettlementCsv", TEXT, media_types=(CommaSeparated.media_type,), headers=ATTACHMENT),
)
describe(TimelineView, DELIVERIES, get=operation("getTimeline", TimelineSerializer(many=True), parameters=ROWS))
describe(
    SessionEndView,
    SESSIONS,
    post=operation("endSession", SessionSerializer, body=EndSessionBody, body_is_optional=True),
)
describe(SessionTokenView, SESSIONS, get=operation("getSessionToken", CREDENTIALS, headers=NO_STORE))
