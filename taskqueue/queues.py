"""The lanes: queues that wait for different things, so that a task that hangs delays only its own lane.

| lane | its tasks | they wait for | workers |
|---|---|---|---|
| START | starts of shows | MongoDB | Q_START_WORKERS |
| WORK | all others, also from django-q's own pages and schedules | MongoDB | Q_WORKERS |
| TELL | events for the channels of streamers | Pusher | Q_TELL_WORKERS |
| AUDIENCE | events for viewers | Pusher | Q_AUDIENCE_WORKERS |
| RECORD | recordings | BytePlus | Q_RECORD_WORKERS |
| WEBHOOK | events for partners' servers | those servers | Q_WEBHOOK_WORKERS |

Streamers have a lane of their own, because an audience of 100,000 viewers keeps Pusher busy for twelve seconds.
"""

from dataclasses import dataclass
from enum import Enum

from django.conf import settings
from django_q.conf import Conf


class Queue(Enum):
    """A lane. The value is the `key` of its messages."""

    START = f"{Conf.PREFIX}-start"
    WORK = Conf.PREFIX
    TELL = f"{Conf.PREFIX}-tell"
    AUDIENCE = f"{Conf.PREFIX}-audience"
    RECORD = f"{Conf.PREFIX}-record"
    WEBHOOK = f"{Conf.PREFIX}-webhook"

    @property
    def vendor(self) -> str:
        """The vendor for which the tasks of the lane wait, or "" if there is none."""
        return _VENDORS.get(self, "")


_VENDORS = {Queue.TELL: "pusher", Queue.AUDIENCE: "pusher", Queue.RECORD: "byteplus"}
# Added to the niceness that the operator has set (nice(2)). If several processes need the CPU, the workers of
# START and TELL come first.
_NICENESS = {Queue.START.value: 0, Queue.TELL.value: 0}
OTHERS_NICENESS = 10
# How often a worker of a lane other than START looks for due messages that come from other hosts or from web servers.
# Workers hear of all other messages by a bell (`bells.py`). Each look takes 0.3 ms of CPU time.
OTHERS_LOOK_EVERY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class QueueWorkers:
    """The number of workers of one `qcluster` that serve the lane with the key."""

    key: str
    workers: int


def queues_of_cluster(name: str) -> list[QueueWorkers]:
    """Return all lanes for the usual name of a cluster; for another name (`qcluster -n NAME`) only that queue."""
    if name != Conf.PREFIX:
        return [QueueWorkers(name, Conf.WORKERS)]
    return [
        QueueWorkers(Queue.START.value, settings.Q_START_WORKERS),
        QueueWorkers(Queue.WORK.value, Conf.WORKERS),
        QueueWorkers(Queue.TELL.value, settings.Q_TELL_WORKERS),
        QueueWorkers(Queue.AUDIENCE.value, settings.Q_AUDIENCE_WORKERS),
        QueueWorkers(Queue.RECORD.value, settings.Q_RECORD_WORKERS),
        QueueWorkers(Queue.WEBHOOK.value, settings.Q_WEBHOOK_WORKERS),
    ]


def look_every(key: str) -> float:
    """Return the seconds between two looks at the lane while nothing is due."""
    return float(Conf.POLL) if key == Queue.START.value else OTHERS_LOOK_EVERY_SECONDS


def niceness(key: str) -> int:
    """Return the niceness of the lane's workers."""
    return _NICENESS.get(key, OTHERS_NICENESS)
