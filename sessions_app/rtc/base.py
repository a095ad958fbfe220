"""The port to the RTC vendor: what we ask of it, whoever answers."""

from dataclasses import dataclass
from typing import Protocol

from sessions_app.rtc.limits import check_id


@dataclass(frozen=True)
class RecordRequest:
    """Record what the streamer shows in a room.

    `task_id` names the recording: asking twice with the same one starts it once. So derive it from the goal's id.
    """

    room_id: str
    task_id: str
    streamer_id: str


class RTC(Protocol):
    """What a backend can do. It raises only TransportError."""

    def start_record(self, request: RecordRequest) -> None:
        """Start the recording. A recording that runs already is a success."""


def check_record_request(request: RecordRequest) -> None:
    """Raise a permanent TransportError unless the vendor accepts all ids."""
    check_id("room_id", request.room_id)
    check_id("task_id", request.task_id)
    check_id("streamer_id", request.streamer_id)
