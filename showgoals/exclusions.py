"""Payers who were excluded, after a chargeback or for abuse: they have paid, but get no more events or credentials.

The id of an exclusion is `{funding_goal_id}:{viewer_id}`, so the primary key finds one payer's exclusion, or all
exclusions of a goal.
"""

from collections.abc import Iterable
from functools import lru_cache

from goals.models import Goal
from mongodb.collections import collection
from showgoals.models import Exclusion

EXCLUSIONS = Exclusion._meta.db_table
# The number of goals for which a process remembers the excluded payers.
KNOWN_GOALS = 1000


def funding_goal_of(goal: Goal) -> str:
    """Return the id of the funding goal that lists the payers: the goal itself, or the one that paid for the show."""
    return goal.context.funding_goal_id or str(goal.pk)


def exclusion_id(funding_goal_id: str, viewer_id: str) -> str:
    """Return the id of the payer's exclusion."""
    return f"{funding_goal_id}:{viewer_id}"


def excluded_from(funding_goal_id: str) -> set[str]:
    """Return the ids of all payers who were excluded from the funding goal."""
    return excluded_from_each([funding_goal_id])[funding_goal_id]


def excluded_from_each(funding_goal_ids: Iterable[str]) -> dict[str, set[str]]:
    """Return the ids of the excluded payers, by funding goal."""
    excluded: dict[str, set[str]] = {funding_goal_id: set() for funding_goal_id in funding_goal_ids}
    their_ids = [{"_id": {"$gt": f"{goal}:", "$lt": f"{goal};"}} for goal in excluded]
    if their_ids:
        for exclusion in collection(EXCLUSIONS).find({"$or": their_ids}, {"_id": True}):
            goal, _colon, viewer = exclusion["_id"].partition(":")
            excluded[goal].add(viewer)
    return excluded


def is_excluded(viewer_id: str, funding_goal_id: str) -> bool:
    """Tell whether the payer was excluded from the funding goal."""
    return not admitted_to(viewer_id, [funding_goal_id])


def admitted_to(viewer_id: str, funding_goal_ids: list[str]) -> list[str]:
    """Return those of the funding goals from which the viewer was not excluded."""
    ids = [exclusion_id(funding_goal_id, viewer_id) for funding_goal_id in funding_goal_ids]
    found = {exclusion["_id"] for exclusion in collection(EXCLUSIONS).find({"_id": {"$in": ids}}, {"_id": True})}
    return [goal for goal, its_id in zip(funding_goal_ids, ids, strict=True) if its_id not in found]


@lru_cache(maxsize=KNOWN_GOALS)
def known_excluded(funding_goal_id: str, version: int) -> frozenset[str]:
    """Return what `excluded_from` returns, from a cache: each process queries MongoDB once for each goal and version.

    `version` is the session's `cache_version`, which the caller has read first (docs/adr/0015-cache-version.md).
    """
    del version  # only part of the cache's key
    return frozenset(excluded_from(funding_goal_id))
