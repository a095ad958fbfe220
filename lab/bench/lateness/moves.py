"""An account that moves its show again and again, and cancels it just before the shows of others start."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler

from api.authentication import issue_access
from goals.tasks import activate_goal
from lab.bench.environment import BenchFailed
from lab.bench.planting import plant, queue_starts
from lab.bench.report import aim
from lab.bench.wsgi_calls import call
from mongodb.collections import collection
from taskqueue.messages import MESSAGES

# An account may send 590 requests in 17 s. A busy machine needs more time for them.
MOVES = 600
MOVE_EVERY = timedelta(seconds=0.1)
# The cancellation follows the last move, this long before the shows of others.
CANCELLED_AHEAD = timedelta(seconds=0.5)
MOST_MESSAGES = 1


class Mover:
    """Moves one show of its own before each load, and counts the messages that wait for its start."""

    def __init__(self, *, moves: int) -> None:
        self._moves = moves
        self._most_messages = 0

    def move_and_cancel(self, begin: datetime) -> None:
        """Move the show between this second and the next, then cancel it. Raises BenchFailed."""
        (show,) = plant([begin])
        queue_starts([show])
        application, access = WSGIHandler(), issue_access(User(pk=show.streamer_id))
        for number in self._paced(begin):
            body = json.dumps({"nbf": int(begin.timestamp()) + (number + 1) % 2}).encode()
            call(application, "PATCH", f"/goals/{show.goal_id}", access=access, body=body)
        waiting = {"subject": show.goal_id, "name": activate_goal.__name__}
        self._most_messages = max(self._most_messages, collection(MESSAGES).count_documents(waiting))
        call(application, "POST", f"/goals/{show.goal_id}/cancel", access=access)

    @property
    def seconds(self) -> float:
        """How long it moves the show."""
        return self._moves * MOVE_EVERY.total_seconds()

    def verdict(self) -> str:
        """Return a line about the messages that were waiting after the last move."""
        return aim(f"messages that wait for a show after {self._moves} moves", self._most_messages, MOST_MESSAGES)

    def _paced(self, begin: datetime) -> Iterator[int]:
        for number in range(self._moves):
            wait = begin - CANCELLED_AHEAD - (self._moves - number) * MOVE_EVERY - datetime.now(UTC)
            time.sleep(max(0.0, wait.total_seconds()))
            if datetime.now(UTC) > begin - CANCELLED_AHEAD / 2:
                raise BenchFailed(f"{number} of {self._moves} moves were made in time; the machine is too busy.")
            yield number
