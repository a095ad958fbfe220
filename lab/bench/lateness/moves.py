"""An account that moves its show again and again, and cancels it just before other shows start."""

import json
import time
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler

from api.authentication import issue_access
from goals.tasks import activate_goal
from lab.bench.planting import plant, queue_starts
from lab.bench.report import aim
from lab.bench.wsgi_calls import call
from mongodb.collections import collection
from taskqueue.messages import MESSAGES

# The rate limit lets an account send 590 requests in 17 s. These moves are spread over a longer time, because a busy
# machine may need more than 17 s.
MOVES = 600
MOVE_EVERY = timedelta(seconds=0.1)
# The cancellation follows the last move, this long before the other shows start.
CANCELLED_AHEAD = timedelta(seconds=0.5)
MOST_MESSAGES = 1


class Mover:
    """Moves a show of its own before each load, and counts the messages that wait for the show's start."""

    def __init__(self, *, moves: int) -> None:
        self._moves = self._fewest_moves = moves
        self._most_messages = 0

    def move_and_cancel(self, begin: datetime) -> None:
        """Move the show back and forth by a second, as often as time allows. Then cancel it."""
        (show,) = plant([begin], viewers=0)
        queue_starts([show])
        application, access = WSGIHandler(), issue_access(User(pk=show.streamer_id))
        made = 0
        while made < self._moves and self._awaits_move(made, begin):
            made += 1
            body = json.dumps({"nbf": int(begin.timestamp()) + made % 2}).encode()
            call(application, "PATCH", f"/goals/{show.goal_id}", access=access, body=body)
        waiting = {"subject": show.goal_id, "name": activate_goal.__name__}
        self._most_messages = max(self._most_messages, collection(MESSAGES).count_documents(waiting))
        self._fewest_moves = min(self._fewest_moves, made)
        call(application, "POST", f"/goals/{show.goal_id}/cancel", access=access)

    @property
    def seconds(self) -> float:
        """The seconds that the moves take."""
        return self._moves * MOVE_EVERY.total_seconds()

    def verdict(self) -> str:
        """Return a line about the messages that were waiting after the last move."""
        return aim(
            f"messages that wait for a show after {self._fewest_moves} moves", self._most_messages, MOST_MESSAGES
        ).strip()

    def _awaits_move(self, made: int, begin: datetime) -> bool:
        """Wait for the time of the next move. Return whether that time is still before the cancellation."""
        cancelled_at = begin - CANCELLED_AHEAD
        wait = cancelled_at - (self._moves - made) * MOVE_EVERY - datetime.now(UTC)
        time.sleep(max(0.0, wait.total_seconds()))
        return datetime.now(UTC) < cancelled_at
