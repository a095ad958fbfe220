"""The audience of events: the packed viewers of a show, the events that all of them get, and the sending tasks."""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from goals.models import TimelineKind
from goals.timeline import record
from notifications.events import Payload
from notifications.fanout.ledger import packed
from showgoals.small_audiences import SMALL_AUDIENCE
from taskqueue.calls import Call
from taskqueue.durable import DurableTask

logger = logging.getLogger(__name__)

ID = re.compile("[0-9a-f]{24}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerEvent:
    """An event that every viewer of a show gets on a channel of their own. The payload holds no credentials."""

    goal_id: str
    streamer_id: str
    name: str
    preset: str
    payload: Payload

    @property
    def event_id(self) -> str:
        """Return the event's id, which is the same for every viewer."""
        return str(self.payload["event_id"])


@dataclass(frozen=True, slots=True)
class Audience:
    """The packed viewers of a show, the events that all of them get, and the call of the task that plans the events."""

    events: Sequence[ViewerEvent]
    viewers: bytes
    call: Call


class Senders(NamedTuple):
    """The tasks that send chunks: one for audiences of the usual size, and one for large audiences.

    With two tasks, small audiences do not have to wait for large ones.
    """

    usual: DurableTask
    large: DurableTask

    def for_viewers(self, count: int) -> DurableTask:
        """Return the task for chunks that have this many viewers in total."""
        return self.usual if count <= SMALL_AUDIENCE else self.large


def pack_audience(goal_id: str, viewers: Iterable[str]) -> bytes:
    """Return the packed viewers. Leave out viewers with malformed ids, and put their number on the timeline."""
    known, malformed = [], 0
    for viewer in viewers:
        if ID.fullmatch(viewer):
            known.append(viewer)
        else:
            malformed += 1
    if malformed:
        logger.error("viewers with a malformed id goal=%s count=%s", goal_id, malformed)
        record(goal_id, TimelineKind.DELIVERY, "audience", "not_addressable", f"{malformed} viewers")
    return packed(known)
