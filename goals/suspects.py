"""Suspects: goals that recently could not be started, cancelled, ended, folded, lapsed or settled.

Suspects are skipped for SUSPECT_SECONDS, so that they do not hinder other goals. Each process has its own suspects.
"""

import logging
import time
from collections.abc import Callable

from bson import ObjectId

from config.errors import Unavailable
from mongodb.failures import is_away

logger = logging.getLogger(__name__)

SUSPECT_SECONDS = 60.0


class Suspects:
    """The goals that failed in this process within the last `seconds`, which are SUSPECT_SECONDS by default."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, seconds: float = SUSPECT_SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._until: dict[ObjectId, float] = {}

    def add(self, goal_id: ObjectId) -> None:
        """Leave the goal alone for a while."""
        self._until[goal_id] = self._clock() + self._seconds

    def now(self) -> set[ObjectId]:
        """Return the ids of the goals that should still be left alone, and forget the others."""
        moment = self._clock()
        self._until = {goal_id: until for goal_id, until in self._until.items() if until > moment}
        return set(self._until)

    def clear(self) -> None:
        """Forget all goals."""
        self._until.clear()


suspects = Suspects()


def unless_it_fails(goal_id: ObjectId, act: Callable[[], int]) -> int:
    """Run the action on the goal, and return its result.

    If the action fails, log the error, add the goal to the suspects, and return 0. If MongoDB is away, raise
    the error instead, because the action would then fail for every goal.
    """
    try:
        return act()
    except Exception as error:
        if isinstance(error, Unavailable) or is_away(error):
            raise
        logger.exception("action on goal failed goal=%s", goal_id)
        suspects.add(goal_id)
        return 0
