"""The access windows of a session's shows. Each process caches them, so one query serves 10,000 viewers.

The cache key contains the session's `cache_version`, which the caller reads first (docs/adr/0015-cache-version.md).
After a change, callers ask for a later version, so an outdated entry is never used. Tokens are never cached.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime

from goals.access import access_exp_expression
from goals.kinds import GoalKind
from goals.states import LIVE
from mongodb.collections import collection
from sessions_app.credentials import PaidWindow

KEPT_SESSIONS = 1000


@dataclass(frozen=True, slots=True)
class ShowWindow:
    """A show that has started: the funding goal that lists its payers, and the time in which they have access."""

    funding_goal_id: str
    paid: PaidWindow

    def is_open(self, now: datetime) -> bool:
        """Tell whether payers have access now."""
        return self.paid.nbf <= now.timestamp() < self.paid.exp


class Windows:
    """A cache of windows by session and version.

    If several threads ask for the same windows, the first reads them from MongoDB, and the others wait for its result.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: OrderedDict[tuple[str, int], list[ShowWindow]] = OrderedDict()
        self._reading: dict[tuple[str, int], threading.Lock] = {}

    def of(self, session_id: str, version: int) -> list[ShowWindow]:
        """Return the windows of the session's live shows. The window that ends last comes first.

        Two windows may be open at once, because a show that starts late ends later than planned (docs/adr/0011).
        """
        key = (session_id, version)
        with self._lock:
            if key in self._read:
                return self._read[key]
            reading = self._reading.setdefault(key, threading.Lock())
        with reading:
            found = self._read.get(key)
            if found is None:
                found = _windows(session_id)
                self._keep(key, found)
            return found

    def _keep(self, key: tuple[str, int], windows: list[ShowWindow]) -> None:
        with self._lock:
            self._read[key] = windows
            self._reading.pop(key, None)
            if len(self._read) > KEPT_SESSIONS:
                self._read.popitem(last=False)


windows = Windows()


def _windows(session_id: str) -> list[ShowWindow]:
    """Read the windows from MongoDB, which uses the index `sessions_newest`."""
    shows = collection("goals").find(
        {**LIVE.condition(GoalKind.SHOW), "conditions.session_id": session_id},
        {"nbf": True, "access_exp": access_exp_expression(), "context.funding_goal_id": True, "metadata": True},
    )
    found = [
        ShowWindow(
            funding_goal_id=show["context"]["funding_goal_id"],
            paid=PaidWindow(
                goal_id=str(show["_id"]),
                session_id=session_id,
                streamer_id=show["metadata"]["user_id"],
                nbf=_seconds(show["nbf"]),
                exp=_seconds(show["access_exp"]),
            ),
        )
        for show in shows
    ]
    return sorted(found, key=lambda show: (show.paid.exp, show.paid.nbf), reverse=True)


def _seconds(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())
