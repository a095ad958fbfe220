"""django-q2 without changes: the ORM broker, its own scheduler with schedules of the type ONCE, and two workers.

python -m django qcluster --settings lab.bench.peers.stock_django_q_settings
python -m lab.bench.peers.stock_django_q SOCKET
"""

from datetime import UTC, datetime

import django

from lab.bench.peers import work
from lab.bench.peers.feed import Start, take_starts


def start(goal_id: str, nbf: float) -> None:
    """Start the show. The call to Pusher is a task of its own."""
    from django_q.tasks import async_task  # noqa: PLC0415, TID251 - needs Django; the peer is django-q2 alone

    if telling := work.start_show(goal_id, nbf):
        async_task("lab.bench.peers.work.tell", *telling)


def schedule(starts: list[Start]) -> None:
    """Insert one schedule for each show."""
    from django_q.models import Schedule  # noqa: PLC0415 - needs Django

    Schedule.objects.bulk_create(
        Schedule(
            func="lab.bench.peers.stock_django_q.start",
            args=f"{goal_id!r}, {nbf!r}",
            schedule_type=Schedule.ONCE,
            next_run=datetime.fromtimestamp(nbf, tz=UTC),
        )
        for goal_id, nbf in starts
    )


if __name__ == "__main__":
    django.setup()
    take_starts(schedule)
