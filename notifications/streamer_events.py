"""Events for a streamer's three channels, as they are stored in queue messages."""

from datetime import datetime, timedelta
from typing import NamedTuple

import orjson

from goals.payloads import GoalPayload
from notifications.backends.base import ChannelEvent
from notifications.channels import streamer_channels
from notifications.events import Payload, as_json, goal_event

# The moment within each second at which `goal.progressed` goes out. Most folds begin 50 ms after a full second
# (`showgoals.contributions.queue_fold`).
PROGRESS_AT = timedelta(milliseconds=200)


class StreamerEvent(NamedTuple):
    """An event. Its data is fixed in the transaction that announces it, so later changes do not affect the event."""

    name: str
    streamer_id: str
    data: Payload

    @classmethod
    def of(cls, payload: GoalPayload) -> "StreamerEvent":
        """Return the event that tells clients of an announced signal."""
        name, data = goal_event(payload)
        return cls(name, payload.metadata["user_id"], data)

    @classmethod
    def from_line(cls, line: str) -> "StreamerEvent":
        """Return the event from a line that `as_line` has written."""
        return cls(*orjson.loads(line))

    def as_line(self) -> str:
        """Return the event as one line of JSON."""
        return orjson.dumps(tuple(self)).decode()

    def as_arguments(self) -> tuple[str, str, str, str]:
        """Return the event as the arguments of `notify_goal`."""
        return self.name, self.goal_id, self.streamer_id, as_json(self.data)

    @property
    def goal_id(self) -> str:
        """The id of the goal that the event is about."""
        return str(self.data["goal_id"])

    def on_channels(self) -> list[ChannelEvent]:
        """Return an event for each of the streamer's channels."""
        data = as_json(self.data)
        return [ChannelEvent(channel, self.name, data) for channel in streamer_channels(self.streamer_id)]


def next_progress_at(now: datetime) -> datetime:
    """Return when the next `goal.progressed` of a goal may go out. There is one such moment in each second."""
    due = now.replace(microsecond=0) + PROGRESS_AT
    return due if due > now else due + timedelta(seconds=1)
