"""Goals that could not be started, cancelled or ended a moment ago. They are skipped for a while: others must go on.

A failed goal is tried again after SUSPECT_SECONDS. Each process knows only its own suspects.
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
    """The goals that failed in this process within the last minute, or other number of seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, seconds: float = SUSPECT_SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._until: dict[ObjectId, float] = {}

    def add(self, goal_id: ObjectId) -> None:
        """Leave the goal alone for a while."""
        self._until[goal_id] = self._clock() + self._seconds

    def now(self) -> set[ObjectId]:
        """Return the goals that are to be left alone now, and forget the others."""
        moment = self._clock()
        self._until = {goal_id: until for goal_id, until in self._until.items() if until > moment}
        return set(self._until)

    def clear(self) -> None:
        """Forget all."""
        self._until.clear()


suspects = Suspects()


def succeeds(goal_id: ObjectId, deed: Callable[[], bool]) -> bool:
    """Do it to the goal, and return what it returns. If it fails log that, leave the goal alone, and return False.

    Raises only if MongoDB is away, because no other goal would fare better then.
    """
    try:
        return deed()
    except Exception as error:
        if isinstance(error, Unavailable) or is_away(error):
            raise
        logger.exception("goal fails goal=%s", goal_id)
        suspects.add(goal_id)
        return False
