"""The titles of goals and the names of users, for display.

All names of a page are found with one query for each collection.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bson import ObjectId
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from mongodb.collections import collection


@dataclass(frozen=True, slots=True)
class GoalName:
    """The title of a goal, and the name of its streamer."""

    goal_id: str
    title: str
    streamer: str

    def __str__(self) -> str:
        return f"{self.title} · {self.streamer}" if self.streamer else self.title

    @property
    def url(self) -> str:
        """The address of the goal's page."""
        return reverse("admin:goals_goal_change", args=[self.goal_id])

    @property
    def link(self) -> SafeString:
        """A link to the goal's page."""
        return format_html('<a href="{}">{}</a>', self.url, self)


def usernames(user_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of the users, by id. Users who do not exist are left out."""
    wanted = [ObjectId(user_id) for user_id in set(user_ids) if ObjectId.is_valid(user_id)]
    if not wanted:
        return {}
    found = collection("auth_user").find({"_id": {"$in": wanted}}, {"username": True})
    return {str(user["_id"]): user["username"] for user in found}


def name_goals(goal_ids: Iterable[str]) -> dict[str, GoalName]:
    """Return the names of the goals, by id. Goals that do not exist are left out."""
    wanted = [ObjectId(each) for each in set(goal_ids) if ObjectId.is_valid(each)]
    if not wanted:
        return {}
    fields = {"levels": {"$slice": 1}, "metadata.user_id": True}
    goals = list(collection("goals").find({"_id": {"$in": wanted}}, fields))
    names = usernames(_streamer_id(goal) for goal in goals)
    return {
        (goal_id := str(goal["_id"])): GoalName(goal_id, _title(goal) or goal_id, names.get(_streamer_id(goal), ""))
        for goal in goals
    }


def _title(goal: dict[str, object]) -> str:
    levels = goal.get("levels")
    return str(levels[0]["title"]) if isinstance(levels, list) and levels else ""


def _streamer_id(goal: dict[str, object]) -> str:
    metadata = goal.get("metadata")
    return str(metadata.get("user_id", "")) if isinstance(metadata, dict) else ""
