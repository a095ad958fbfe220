"""The bodies of requests and responses about sessions."""

from typing import Any

from rest_framework import serializers

from api.fields import ObjectIdField, OneLineField, UnixSecondsField
from api.serializers import AnswerSerializer, StrictSerializer
from sessions_app.models import TITLE_LENGTH, Session, SessionStatus


class SessionBody(StrictSerializer):
    """The body of `POST /sessions`."""

    title = OneLineField(max_length=TITLE_LENGTH)


class ShowGoalPairSerializer(AnswerSerializer):
    """A funding goal and its show. `show_goal` is null until the show is created."""

    funding_goal = ObjectIdField(read_only=True)
    funding_ended = serializers.BooleanField(read_only=True)
    show_goal = ObjectIdField(read_only=True, allow_null=True)
    show_ended = serializers.BooleanField(read_only=True)


class SessionSerializer(AnswerSerializer):
    """A session in an answer."""

    id = ObjectIdField(source="pk", read_only=True)
    streamer_id = ObjectIdField(source="user_id", read_only=True)
    title = serializers.CharField(read_only=True)
    status = serializers.ChoiceField(choices=SessionStatus.choices, read_only=True)
    show_goal_pairs = serializers.SerializerMethodField()
    created_at = UnixSecondsField()
    ended_at = UnixSecondsField(allow_null=True)

    def get_show_goal_pairs(self, session: Session) -> list[Any]:
        """Return the session's pairs, or an empty list if it has none."""
        return list(ShowGoalPairSerializer(session.show_goal_pairs or [], many=True).data)
