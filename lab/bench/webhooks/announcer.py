"""Announces events at a steady pace, each in a transaction of its own, while shows start."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial

from config import clock
from goals.models import Goal
from goals.payloads import GoalEnded
from lab.bench.environment import connection
from lab.bench.planting import plant
from mongodb.transactions import run_in_transaction
from showgoals.models import ShowGoal
from webhooks.models import EVENTS
from webhooks.receivers import store_event

FAR_AHEAD = timedelta(days=1)


class Announcer:
    """Announces `count` events at a steady rate. The first one is announced when the load begins."""

    def __init__(self, *, count: int, a_second: float) -> None:
        self._count = count
        self._a_second = a_second
        self._announced: Future[dict[int, float]]
        self._goal_id = ""

    def begin(self, begin: datetime) -> None:
        """Start a thread that makes the announcements, the first of them at the moment `begin`."""
        (planted,) = plant([begin + FAR_AHEAD])
        self._goal_id = planted.goal_id
        goal = ShowGoal.objects.get(pk=planted.goal_id)
        self._announced = ThreadPoolExecutor(1).submit(self._announce, goal, begin)

    def announced(self) -> Mapping[str, float]:
        """Wait until all events are announced. Map the id of each published event to when it was announced.

        Times are in Unix seconds. Events that are not published yet are left out.
        """
        at = self._announced.result()
        found = connection.get_collection(EVENTS).find({"goal_id": self._goal_id, "place": {"$ne": None}})
        return {str(event["place"]): at[event["version"]] for event in found}

    def _announce(self, goal: Goal, begin: datetime) -> dict[int, float]:
        """Announce the events. Map the version of each event to when its transaction began (Unix seconds)."""
        at = {}
        for number in range(self._count):
            clock.sleep_until(begin + timedelta(seconds=number / self._a_second))
            goal.version = number + 1
            at[goal.version] = clock.timestamp()
            run_in_transaction(partial(store_event, GoalEnded.of(goal)))
        return at
