"""Finds goals, sessions and users by id, or by the beginning of a title, a user name or an email address.

A text of 24 hexadecimal digits is an id. The code that payers read out is the id of a show, a hyphen and their own id.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bson import ObjectId

from api.labels import label_of
from goals.kinds import GoalKind
from goals.names import usernames
from goals.states import SCHEDULED
from mongodb.collections import Document, collection
from mongodb.folded import begins_with, find_folded
from sessions_app.models import SessionStatus

# The most results of each kind. A person who gets this many can type more of the name.
MOST_FOUND = 20
# The most goals that are shown for a session. For a user, this limits both the user's own goals and the paid goals.
NEWEST = 5
# If more users than this are found, their goals are not shown.
MOST_USERS_SHOWN_CLOSELY = 3
# The most users that a search in the list of users finds.
MOST_USERS_LISTED = 100
MOST_CHARACTERS = 200
_GOAL = dict.fromkeys(("_cls", "levels", "metadata", "nbf", "context.show_goal_id"), True)
_SESSION = {"title": True, "user": True, "status": True, "created_at": True}
_USER = {"username": True, "email": True, "is_active": True}


@dataclass(frozen=True, slots=True)
class FoundGoal:
    """A goal of any kind, with its title and the name of its streamer.

    `is_scheduled` is true for a show that staff can move.
    """

    goal_id: str
    kind: str
    title: str
    streamer: str
    nbf: datetime | None
    is_scheduled: bool


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A livestream."""

    session_id: str
    title: str
    streamer: str
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FoundUser:
    """A user, with the newest goals that the user has created, and those that the user has paid for."""

    user_id: str
    username: str
    email: str
    is_active: bool
    goals: Sequence[FoundGoal] = ()
    paid: Sequence[FoundGoal] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, by kind."""

    goals: Sequence[FoundGoal] = ()
    sessions: Sequence[FoundSession] = ()
    users: Sequence[FoundUser] = ()
    is_cut: bool = False
    # The ids of a show and of a payer, if the text is the code that payers read out, and the show exists.
    code: tuple[str, str] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not (self.goals or self.sessions or self.users)


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of objects that the person may look at."""

    goals: bool
    sessions: bool
    users: bool


def find(text: str, kinds: Kinds) -> Found:
    """Find objects of these kinds by their ids, or by the beginning of a title, a name or an email address."""
    text = text.strip()[:MOST_CHARACTERS]
    if not text:
        return Found()
    first, _hyphen, payer_id = text.lower().partition("-")
    if ObjectId.is_valid(first) and (not payer_id or ObjectId.is_valid(payer_id)):
        found = _find_ids([ObjectId(each) for each in (first, payer_id) if each], kinds)
        is_code = payer_id and any(goal.goal_id == first for goal in found.goals)
        return replace(found, code=(first, payer_id)) if is_code else found
    return _find_name(text, kinds)


def find_users(text: str) -> list[ObjectId]:
    """Return the ids of the users whose id is the text, or whose name or email address begins with the text.

    If more than MOST_USERS_LISTED ids are returned, some may be missing.
    """
    text = text.strip()[:MOST_CHARACTERS]
    if ObjectId.is_valid(text):
        return [ObjectId(text)]
    named = _users_named(text, fields={"_id": True}, limit=MOST_USERS_LISTED + 1) if text else []
    return [user["_id"] for user in named]


def _find_ids(ids: list[ObjectId], kinds: Kinds) -> Found:
    """Find the objects with these ids. If one of them is a session, the goals are the newest goals of this session."""
    these = {"_id": {"$in": ids}}
    goals = _newest_goals(these) if kinds.goals else []
    sessions = list(collection("sessions").find(these, _SESSION)) if kinds.sessions else []
    users = list(collection("auth_user").find(these, _USER)) if kinds.users else []
    if kinds.goals and sessions:
        goals = _newest_goals({"conditions.session_id": str(sessions[0]["_id"])})
    return _found(goals, sessions, users, kinds)


def _find_name(text: str, kinds: Kinds) -> Found:
    """Search the beginnings of titles, user names and email addresses, each with an index."""
    begins, one_more = begins_with(text), MOST_FOUND + 1
    titled = {"levels": {"$elemMatch": {"title": begins}}}
    goals = find_folded("goals", titled, fields=_GOAL, limit=one_more) if kinds.goals else []
    sessions = find_folded("sessions", {"title": begins}, fields=_SESSION, limit=one_more) if kinds.sessions else []
    users = _users_named(text, fields=_USER, limit=one_more) if kinds.users else []
    return _found(goals, sessions, users, kinds)


def _users_named(text: str, *, fields: Document, limit: int) -> list[Document]:
    """Return at most `limit` users whose name begins with the text, and `limit` whose email address begins with it."""
    named: dict[ObjectId, Document] = {}
    for name in ("username", "email"):
        by_name = find_folded("auth_user", {name: begins_with(text)}, fields=fields, limit=limit)
        named |= {user["_id"]: user for user in by_name if user["_id"] not in named}
    return list(named.values())


def _found(goals: list[Document], sessions: list[Document], users: list[Document], kinds: Kinds) -> Found:
    is_cut = max(len(goals), len(sessions), len(users)) > MOST_FOUND
    goals, sessions, users = goals[:MOST_FOUND], sessions[:MOST_FOUND], users[:MOST_FOUND]
    looks_closely = kinds.goals and len(users) <= MOST_USERS_SHOWN_CLOSELY
    own = {user["_id"]: _newest_goals({"metadata.user_id": str(user["_id"])}) for user in users if looks_closely}
    paid = {user["_id"]: _paid_goals(str(user["_id"])) for user in users if looks_closely}
    all_goals = [goal for each in (goals, *own.values(), *paid.values()) for goal in each]
    names = usernames(
        [*(goal["metadata"]["user_id"] for goal in all_goals), *(str(session["user"]) for session in sessions)]
    )
    shown = {goal.goal_id: goal for goal in _goals(all_goals, names)}

    def shown_of(found: Iterable[Document]) -> list[FoundGoal]:
        return [shown[str(goal["_id"])] for goal in found]

    return Found(
        goals=shown_of(goals),
        sessions=[_session(session, names) for session in sessions],
        users=[_user(user, shown_of(own.get(user["_id"], ())), shown_of(paid.get(user["_id"], ()))) for user in users],
        is_cut=is_cut,
    )


def _newest_goals(condition: Document) -> list[Document]:
    newest = collection("goals").find(condition, _GOAL).sort([("created_at", -1), ("_id", -1)])
    found: list[Document] = list(newest.limit(NEWEST))
    return found


def _paid_goals(viewer_id: str) -> list[Document]:
    """Return what the user's latest payments are for: the show, or the funding goal if it has no show yet."""
    latest = collection("contributions").find({"viewer_id": viewer_id}, {"funding_goal_id": True})
    newest = latest.sort([("created_at", -1), ("_id", -1)]).limit(NEWEST)
    funding_ids = [ObjectId(goal_id) for goal_id in dict.fromkeys(paid["funding_goal_id"] for paid in newest)]
    if not funding_ids:
        return []
    funding = {goal["_id"]: goal for goal in _by_ids(funding_ids)}
    shows = {
        goal_id: ObjectId(show) for goal_id, goal in funding.items() if (show := goal["context"].get("show_goal_id"))
    }
    found = funding | {show["_id"]: show for show in _by_ids(list(shows.values()))}
    return [found[each] for goal_id in funding_ids if (each := shows.get(goal_id, goal_id)) in found]


def _by_ids(goal_ids: list[ObjectId]) -> list[Document]:
    return list(collection("goals").find({"_id": {"$in": goal_ids}}, _GOAL))


def _goals(goals: Sequence[Document], names: dict[str, str]) -> list[FoundGoal]:
    these = {"_id": {"$in": [goal["_id"] for goal in goals]}}
    scheduled = collection("goals").distinct("_id", {**these, **SCHEDULED.condition(GoalKind.SHOW)}) if goals else []
    return [
        FoundGoal(
            goal_id=str(goal["_id"]),
            kind=label_of(GoalKind, goal["_cls"]),
            title=goal["levels"][0]["title"] if goal["levels"] else "",
            streamer=names.get(goal["metadata"]["user_id"], ""),
            nbf=_aware(goal.get("nbf")),
            is_scheduled=goal["_id"] in scheduled,
        )
        for goal in goals
    ]


def _session(session: Document, names: dict[str, str]) -> FoundSession:
    return FoundSession(
        session_id=str(session["_id"]),
        title=session["title"],
        streamer=names.get(str(session["user"]), ""),
        status=label_of(SessionStatus, session["status"]),
        created_at=session["created_at"].replace(tzinfo=UTC),
    )


def _user(user: Document, goals: Sequence[FoundGoal], paid: Sequence[FoundGoal]) -> FoundUser:
    return FoundUser(
        user_id=str(user["_id"]),
        username=user["username"],
        email=user.get("email", ""),
        is_active=user["is_active"],
        goals=goals,
        paid=paid,
    )


def _aware(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
