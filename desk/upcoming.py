"""The shows that start in the next HOURS hours."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bson import ObjectId

from goals.kinds import GoalKind
from goals.names import usernames
from goals.states import UNENDED
from mongodb.collections import collection

HOURS = 6
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A show that will start. `payers` is None if that number is not known."""

    goal_id: str
    title: str
    streamer: str
    nbf: datetime
    payers: int | None


def upcoming_shows(*, now: datetime) -> list[Upcoming]:
    """Return the next shows, at most MOST_SHOWN, earliest `nbf` first. MongoDB finds them with the index `unended`."""
    due = {**UNENDED.condition(GoalKind.SHOW), "nbf": {"$gt": now, "$lte": now + timedelta(hours=HOURS)}}
    fields = {"levels": True, "metadata": True, "nbf": True, "context.funding_goal_id": True}
    shows = list(collection("goals").find(due, fields).sort("nbf", 1).limit(MOST_SHOWN))
    names = usernames(show["metadata"]["user_id"] for show in shows)
    funding_ids = [ObjectId(show["context"]["funding_goal_id"]) for show in shows]
    funding = collection("goals").find({"_id": {"$in": funding_ids}}, {"payers": True}) if shows else ()
    payers = {str(goal["_id"]): goal.get("payers") for goal in funding}
    return [
        Upcoming(
            goal_id=str(show["_id"]),
            title=show["levels"][0]["title"],
            streamer=names.get(show["metadata"]["user_id"], ""),
            nbf=show["nbf"].replace(tzinfo=UTC),
            payers=payers.get(show["context"]["funding_goal_id"]),
        )
        for show in shows
    ]
