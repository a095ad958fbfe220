"""The peer of `POST /goals`: pymongo alone writes the same documents, with as few round-trips as possible."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from goals.kinds import GoalKind
from goals.models import Goal, TimelineEntry
from lab.seed import SeededShow
from sessions_app.models import Session
from taskqueue.messages import MESSAGES

Document = dict[str, Any]
GOALS, SESSIONS, TIMELINE = (model._meta.db_table for model in (Goal, Session, TimelineEntry))


@dataclass(frozen=True)
class Written:
    """The documents of one creation: a goal, messages of the queue, and rows of the timeline."""

    goal: Document
    messages: list[Document]
    rows: list[Document]

    def copy_for(self, show: SeededShow) -> "Written":
        """Return documents of the same size for another show, with ids of their own."""
        goal, *others = [{**deepcopy(each), "_id": ObjectId()} for each in (self.goal, *self.messages, *self.rows)]
        goal["conditions"]["session_id"] = goal["context"]["session_id"] = show.session_id
        goal["context"]["funding_goal_id"] = show.funding_goal_id
        return Written(goal, others[: len(self.messages)], others[len(self.messages) :])


def read_back(database: Database[Document], goal_id: str) -> Written:
    """Return the documents that the creation of the first show has written. Raises LookupError if there is no show."""
    goal = database[GOALS].find_one({"_id": ObjectId(goal_id)})
    if goal is None:
        raise LookupError(goal_id)
    return Written(goal, list(database[MESSAGES].find()), list(database[TIMELINE].find()))


def create_by_pymongo(client: MongoClient[Document], database: Database[Document], new: Written) -> None:
    """Write all documents in one transaction: two finds, five writes and a commit."""
    funding_goal_id, session_id = (ObjectId(new.goal["context"][key]) for key in ("funding_goal_id", "session_id"))
    with client.start_session() as session:
        session.start_transaction(write_concern=WriteConcern("majority"))
        database[GOALS].find_one({"_id": funding_goal_id}, {"breakdown": False}, session=session)
        database[SESSIONS].find_one({"_id": session_id}, session=session)
        database[GOALS].insert_one(new.goal, session=session)
        database[GOALS].update_one(
            {"_id": funding_goal_id, "_cls": GoalKind.SHOW_FUNDING.value, "context.show_goal_id": None},
            {"$set": {"context.show_goal_id": str(new.goal["_id"])}},
            session=session,
        )
        database[SESSIONS].find_one_and_update(
            {
                "_id": session_id,
                "show_goal_pairs": {"$elemMatch": {"funding_goal": funding_goal_id, "show_goal": None}},
            },
            {"$set": {"show_goal_pairs.$.show_goal": new.goal["_id"]}, "$inc": {"cache_version": 1}},
            session=session,
        )
        database[MESSAGES].insert_many(new.messages, session=session)
        database[TIMELINE].insert_many(new.rows, session=session)
        session.commit_transaction()
