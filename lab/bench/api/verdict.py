"""Checks that everything that the server confirmed with a 201 is stored once, and that nothing else is stored."""

from collections.abc import Iterator, Mapping
from typing import Any

from bson import ObjectId

from goals.kinds import GoalKind
from goals.models import Goal
from lab.bench.api.clients import Answers
from lab.bench.api.requests import Data
from lab.bench.report import Finding
from mongodb.collections import collection
from showgoals.models import Contribution

GOALS, CONTRIBUTIONS = (model._meta.db_table for model in (Goal, Contribution))

# (goal, viewer): amount
Paid = Mapping[tuple[str, str], int]


def judge(answers: list[Answers], data: Data) -> list[Finding]:
    """Compare what the server has confirmed with what is stored. All contributions must have been folded."""
    promised: dict[tuple[str, str], int] = {}
    for each in answers:
        for payer, amount in each.paid.items():
            promised[payer] = promised.get(payer, 0) + amount
    goal_ids = [goal.goal_id for goal in data.goals]
    goals = list(collection(GOALS).find({"_id": {"$in": [ObjectId(each) for each in goal_ids]}}))
    stored = collection(CONTRIBUTIONS).count_documents({"funding_goal_id": {"$in": goal_ids}})
    payments = sum(each.payments for each in answers)
    return [
        Finding("every answer is an intended one", [text for each in answers for text in each.unintended]),
        Finding("each accepted payment is stored once", _unequal("payments", payments, "stored", stored)),
        Finding("contributions are what the viewers paid", list(_differences(promised, _contributed(goal_ids)))),
        Finding("`breakdown` is what the viewers paid", list(_differences(promised, _breakdown(goals)))),
        Finding("`progress` is their sum", [text for goal in goals for text in _wrong_progress(goal, promised)]),
        Finding("each created show is stored once, and linked", list(_lost_shows(answers, data))),
    ]


def _contributed(goal_ids: list[str]) -> Paid:
    grouped = collection(CONTRIBUTIONS).aggregate(
        [
            {"$match": {"funding_goal_id": {"$in": goal_ids}}},
            {"$group": {"_id": {"g": "$funding_goal_id", "v": "$viewer_id"}, "amount": {"$sum": "$amount"}}},
        ]
    )
    return {(each["_id"]["g"], each["_id"]["v"]): each["amount"] for each in grouped}


def _breakdown(goals: list[dict[str, Any]]) -> Paid:
    return {
        (str(goal["_id"]), viewer): share["amount"]
        for goal in goals
        for viewer, share in (goal["breakdown"] or {}).items()
    }


def _differences(promised: Paid, found: Paid) -> Iterator[str]:
    for payer in sorted({*promised, *found}):
        yield from _unequal(f"{payer} paid", promised.get(payer, 0), "found", found.get(payer, 0))


def _wrong_progress(goal: dict[str, Any], promised: Paid) -> Iterator[str]:
    paid = sum(amount for (goal_id, _viewer), amount in promised.items() if goal_id == str(goal["_id"]))
    yield from _unequal(f"{goal['_id']} paid", paid, "progress", goal["progress"])


def _lost_shows(answers: list[Answers], data: Data) -> Iterator[str]:
    promised = sorted(goal_id for each in answers for goal_id in each.shows)
    funding_ids = [ObjectId(each.funding_goal_id) for each in data.shows]
    linked = collection(GOALS).distinct("context.show_goal_id", {"_id": {"$in": funding_ids}})
    stored = sorted(str(goal["_id"]) for goal in collection(GOALS).find({"_cls": GoalKind.SHOW.value}, {"_id": True}))
    for name, found in (("stored", stored), ("linked", sorted(each for each in linked if each))):
        missing, extra = len({*promised} - {*found}), len({*found} - {*promised})
        if missing or extra:
            yield f"{name}: missing {missing}, more than promised {extra}"


def _unequal(first: str, left: int, second: str, right: int) -> list[str]:
    return [] if left == right else [f"{first} {left}, {second} {right}"]
