"""Data for schemathesis: real ids of goals in every state, and a token for each user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User

from api.authentication import issue_access
from goals.models import Goal
from goals.tasks import activate_goal
from mongodb.collections import collection
from sessions_app.models import Session
from tests.factories.goals import HOUR, SessionFactory, ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.factories.people import StaffFactory, UserFactory

EVERYONE = ("streamer", "viewer", "staff", "anonymous")
PERMISSIONS = ("view_goal", "change_goal", "exclude_payers", "decide_settlement")
TOKENS_LAST = timedelta(hours=12)


@dataclass(frozen=True)
class FuzzData:
    """The ids by the name of their parameter or field, and the tokens by user."""

    ids: Mapping[str, Sequence[str]]
    tokens: Mapping[str, str]


def create_data() -> FuzzData:
    """Create sessions, and goals in every state. One viewer has paid for each funding goal."""
    streamer, viewer, another = (UserFactory(username=name) for name in ("streamer", "viewer", "another"))
    staff = StaffFactory(username="staff", permissions=PERMISSIONS)
    live = SessionFactory(user=streamer)
    over = SessionFactory(user=streamer, ended=True)
    goals = _goals(live, viewer)
    return FuzzData(
        ids={
            "session_id": [str(session.pk) for session in (live, over, SessionFactory(user=another))],
            "goal_id": [str(goal.pk) for goal in goals],
            "funding_goal_id": [str(goal.pk) for goal in goals if goal.kind == "ShowFundingGoal"],
            "viewer_id": [str(viewer.pk), str(another.pk)],
            "channel_name": _channels(streamer, viewer),
        },
        tokens={
            "anonymous": "",
            **{person.get_username(): issue_access(person, TOKENS_LAST) for person in (streamer, viewer, staff)},
        },
    )


def _goals(session: Session, viewer: User) -> list[Goal]:
    """Return funding goals that are open, closed, in question or followed by a show, and scheduled and live shows."""
    funding = [ShowFundingGoalFactory(session=session, closed=closed, paid_by=[viewer]) for closed in (False, True)]
    shows = []
    for hours in (0, 1, 2):
        spent = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
        shows.append(ShowGoalFactory(funding_goal=spent, nbf=whole_second() + hours * HOUR, target_seconds=1800))
        funding.append(spent)
    activate_goal(str(shows[0].pk), int(shows[0].window[0].timestamp()))
    in_question = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    collection("goals").update_one({"_id": in_question.pk}, {"$set": {"active": False}})
    return [*funding, in_question, *shows]


def _channels(streamer: User, viewer: User) -> list[str]:
    ends = (f"private-user@{viewer.pk}", f"private-stream@{streamer.pk}", f"presence-stream@{streamer.pk}")
    return [*ends, *(f"presence-stream-viewer@{streamer.pk}.{preset}.{viewer.pk}" for preset in ("preview", "sd"))]
