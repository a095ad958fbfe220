"""What a streamer's channels show to whoever subscribes: the running session and its goals."""

import re
from typing import Any

from goals.models import Goal
from sessions_app.models import Session, SessionStatus
from sessions_app.serializers import SessionSerializer
from showgoals.serializers import GoalSerializer

STREAMER_CHANNEL = re.compile(r"(?:private-stream|presence-stream|private-user)@([0-9a-f]{24})\Z")


def channel_data(channel: str) -> dict[str, Any] | None:
    """Return `{session, goals}` for one of the three streamer channels, None for any other.

    `session` is the streamer's newest live one, or null; `goals` are those of its pairs.
    """
    if not (match := STREAMER_CHANNEL.match(channel)):
        return None
    session = Session.objects.filter(user_id=match[1], status=SessionStatus.LIVE).first()
    if session is None:
        return {"session": None, "goals": []}
    ids = [goal for pair in session.show_goal_pairs for goal in (pair.funding_goal, pair.show_goal) if goal]
    goals = Goal.objects.filter(pk__in=ids) if ids else []
    return {"session": SessionSerializer(session).data, "goals": GoalSerializer(goals, many=True).data}
