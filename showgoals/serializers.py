"""The bodies of requests and responses about goals and contributions."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, cast

from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from api import audit
from api.fields import (
    ObjectIdField,
    OneLineField,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
    UnixSecondsField,
)
from api.serializers import AnswerSerializer, OptionalBody, StrictSerializer
from config import clock
from goals.kinds import WIRE_TYPES
from goals.models import TITLE_LENGTH, Goal, TimelineKind
from goals.states import GoalStatus
from showgoals.models import REASON_LENGTH
from showgoals.overlaps import overlaps_of

SHOW_SECONDS = 24 * 60 * 60
FUNDING_TARGET = 10**9
AMOUNT = 1_000_000
LONGEST_AHEAD = timedelta(days=365)
# Today, Unix seconds have 10 digits, and Unix milliseconds have 13. A number with fewer than 10 digits is taken
# for a duration, such as 600 seconds.
EARLIEST_MOMENT = 10**9
LOOKS_LIKE_MILLISECONDS = 10**11
PRODUCT_ID = RegexValidator(r"\A[A-Za-z0-9_.\-]{1,128}\Z", _("Use 1 to 128 of A-Z a-z 0-9 _ . -"), "invalid_characters")


class MomentField(StrictIntegerField):
    """A moment as Unix seconds, at most 365 days ahead; its value is a datetime."""

    default_error_messages = {
        "duration": _("Must be a moment in Unix seconds; this looks like a length of time."),
        "milliseconds": _("Must be Unix seconds; this looks like milliseconds."),
        "too_far_ahead": _("Must lie within the next 365 days."),
    }

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Validate the seconds, and return them as a datetime."""
        seconds = super().run_validation(data)
        if seconds is None:
            return None
        if seconds < EARLIEST_MOMENT:
            self.fail("duration")
        if seconds >= LOOKS_LIKE_MILLISECONDS:
            self.fail("milliseconds")
        moment = datetime.fromtimestamp(seconds, tz=UTC)
        if moment > clock.now() + LONGEST_AHEAD:
            self.fail("too_far_ahead")
        return moment


class ShowLevel(StrictSerializer):
    """The only level of a show. Its target is the length of the show in seconds."""

    title = OneLineField(max_length=TITLE_LENGTH)
    target = StrictIntegerField(min_value=1, max_value=SHOW_SECONDS)


class FundingLevel(StrictSerializer):
    """A level of a funding goal. Its target is an amount."""

    title = OneLineField(max_length=TITLE_LENGTH)
    target = StrictIntegerField(min_value=1, max_value=FUNDING_TARGET)


class ShowContext(StrictSerializer):
    """The funding goal and the session of a show, and its ticket product."""

    funding_goal_id = ObjectIdField()
    session_id = ObjectIdField()
    ticket_product_id = StrictCharField(validators=[PRODUCT_ID])
    ticket_product_type = serializers.ChoiceField(choices=["show"])


class FundingContext(StrictSerializer):
    """The session of a funding goal, and what the goal sells."""

    session_id = ObjectIdField()
    perform_duration = StrictIntegerField(min_value=1, max_value=SHOW_SECONDS)
    hesitation_countdown = StrictIntegerField(min_value=0, max_value=SHOW_SECONDS)
    ticket_product_id = StrictCharField(validators=[PRODUCT_ID])
    ticket_product_type = StrictCharField(validators=[PRODUCT_ID])
    discount_percentage = StrictIntegerField(min_value=0, max_value=100)


class ShowGoalBody(StrictSerializer):
    """The body of `POST /goals?type=show`."""

    levels = serializers.ListField(child=ShowLevel(), min_length=1, max_length=1)
    context: Any = ShowContext()
    nbf = MomentField()


class MoveShowBody(StrictSerializer):
    """The body of `PATCH /goals/{id}` for a show: a new nbf, a new level, or both."""

    nbf = MomentField(required=False)
    levels = serializers.ListField(child=ShowLevel(), min_length=1, max_length=1, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a body that changes nothing."""
        if not attrs:
            raise serializers.ValidationError(_("Send nbf, levels, or both."), "required")
        return attrs


class FundingChangeBody(StrictSerializer):
    """The body of `PATCH /goals/{id}` for a funding goal: a new `exp`, or null to keep the goal open."""

    exp = MomentField(allow_null=True)


class ExtendShowBody(StrictSerializer):
    """The body of `POST /goals/{id}/extend`: the number of seconds to add."""

    seconds = StrictIntegerField(min_value=1, max_value=SHOW_SECONDS)


class ShowFundingGoalBody(StrictSerializer):
    """The body of `POST /goals?type=show-funding`."""

    levels = serializers.ListField(child=FundingLevel(), min_length=1, max_length=10)
    context: Any = FundingContext()
    exp = MomentField(required=False, allow_null=True, default=None)


def refuse_past_exp(exp: datetime | None, *, now: datetime) -> None:
    """Raise ValidationError if a funding goal with this `exp` would be closed at once.

    This check isn't part of the body's validation, because a repeated request (with `Idempotency-Key`) must get the
    first response even if its `exp` has passed since.
    """
    if exp is not None and exp <= now:
        raise serializers.ValidationError({"exp": [ErrorDetail(str(_("Must lie in the future.")), "in_the_past")]})


class CancelShowBody(OptionalBody):
    """The body of `POST /goals/{id}/cancel`: the reason, which is put on the timeline."""

    reason = StrictCharField(max_length=audit.REASON_LENGTH, allow_blank=True, default="")


class ExclusionBody(StrictSerializer):
    """The body of `POST /goals/{id}/payers/{viewer_id}/exclude` and `.../include`.

    The reason is put on the timelines of the funding goal and its show.
    """

    reason = StrictCharField(max_length=REASON_LENGTH)


class EndSessionBody(OptionalBody):
    """The body of `POST /sessions/{id}/end`."""

    cancel_shows = StrictBooleanField(default=False)


class ContributionBody(StrictSerializer):
    """The body of `POST /goals/{id}/contributions`."""

    amount = StrictIntegerField(min_value=1, max_value=AMOUNT)


class GoalLevel(TypedDict):
    title: str
    target: int


class GoalConditions(TypedDict):
    session_id: str


class GoalMetadata(TypedDict):
    user_id: str


class GoalContext(TypedDict, total=False):
    """The context of a goal, with the keys of all kinds. Keys without a value are left out."""

    type: str
    session_id: str
    ticket_product_id: str
    ticket_product_type: str
    funding_goal_id: str
    started: int
    started_by: str
    show_goal_id: str
    perform_duration: int
    hesitation_countdown: int
    discount_percentage: int
    exclusive_goal_id: str


class GoalSerializer(AnswerSerializer):
    """A goal in an answer. Answers never contain its `breakdown`."""

    id = ObjectIdField(source="pk", read_only=True)
    type = serializers.ChoiceField(choices=WIRE_TYPES, source="wire_type", read_only=True)
    status = serializers.SerializerMethodField()
    version = serializers.IntegerField(read_only=True)
    active = serializers.BooleanField(read_only=True)
    nbf = UnixSecondsField(allow_null=True)
    exp = UnixSecondsField(allow_null=True)
    access_exp = UnixSecondsField(allow_null=True)
    activated_at = UnixSecondsField(allow_null=True)
    levels = serializers.SerializerMethodField()
    progress = serializers.IntegerField(read_only=True)
    conditions = serializers.SerializerMethodField()
    context: Any = serializers.SerializerMethodField()
    metadata = serializers.SerializerMethodField()
    created_at = UnixSecondsField()

    def get_status(self, goal: Goal) -> GoalStatus:
        """Return the goal's status now."""
        return goal.status(clock.now())

    def get_levels(self, goal: Goal) -> list[GoalLevel]:
        """Return the title and the target of each level."""
        return cast(list[GoalLevel], goal.levels_data())

    def get_conditions(self, goal: Goal) -> GoalConditions:
        """Return the session that the goal belongs to."""
        return {"session_id": goal.conditions.session_id}

    def get_context(self, goal: Goal) -> GoalContext:
        """Return the keys of the context that have a value."""
        return cast(GoalContext, goal.context_data())

    def get_metadata(self, goal: Goal) -> GoalMetadata:
        """Return the id of the user who created the goal."""
        return {"user_id": goal.metadata.user_id}


class BegunShowSerializer(GoalSerializer):
    """A show in the answer to `POST /goals/{id}/start`, with the ids of the shows that it now overlaps."""

    overlaps = serializers.SerializerMethodField()

    def get_overlaps(self, show: Goal) -> list[str]:
        """Return the ids of the session's shows that would now run at the same time."""
        return overlaps_of(show)


class ContributionSerializer(AnswerSerializer):
    """A contribution in an answer."""

    id = ObjectIdField(source="pk", read_only=True)
    goal_id = ObjectIdField(source="funding_goal_id", read_only=True)
    viewer_id = ObjectIdField(read_only=True)
    amount = serializers.IntegerField(read_only=True)
    created_at = UnixSecondsField()


class TimelineSerializer(AnswerSerializer):
    """A row of a goal's timeline."""

    seq = serializers.IntegerField(read_only=True)
    at_ms = serializers.IntegerField(read_only=True)
    kind = serializers.ChoiceField(choices=TimelineKind.choices, read_only=True)
    name = serializers.CharField(read_only=True)
    outcome = serializers.CharField(read_only=True)
    detail = serializers.CharField(read_only=True)
