"""Steps that the tests of deliveries share."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User

from config.errors import TransportError
from goals.models import Goal
from lab.loopback.pusher import PusherLoopback
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from notifications.fanout.attempts import begin_attempts
from notifications.fanout.chunk_calls import Attempt
from notifications.fanout.ledger import State
from notifications.fanout.settling import write_ledgers
from notifications.models import NotificationChunk
from notifications.tasks import batch_notify_payers, batch_notify_stream_authorized, send_chunk
from taskqueue.calls import Call
from tests.factories.client import Answer, ApiClient
from tests.factories.documents import queued_messages, stored
from tests.notifications.conftest import Audience


def chunk_of(preset: str = "sd") -> NotificationChunk:
    return NotificationChunk.objects.get(preset=preset)


def seen(server: PusherLoopback, preset: str = "sd") -> Counter[str]:
    """Count the events that the server took, by viewer."""
    marker = f".{preset}."
    return Counter(event.channel.rpartition(".")[2] for event in server.events if marker in event.channel)


def deliveries(show: Goal) -> list[tuple[str, str]]:
    rows = stored("goal_timeline", goal_id=str(show.pk), kind="delivery")
    return [(row["outcome"], row["detail"]) for row in rows]


def send_and_fail(chunk_id: str) -> TransportError:
    with pytest.raises(TransportError) as caught:
        send_chunk(chunk_id)
    return caught.value


def begin_attempt(chunk_id: str) -> Attempt:
    """Begin an attempt to send the chunk."""
    return begin_attempts([Call((chunk_id,))], now=datetime.now(UTC))[chunk_id]


def store(attempt: Attempt, found: dict[int, State]) -> None:
    """Store that the attempt has found these states at these positions."""
    attempt.found = found
    run_in_transaction(lambda: write_ledgers([attempt], now=datetime.now(UTC)))


def ids(count: int) -> list[str]:
    return sorted(str(ObjectId()) for _ in range(count))


def planned_viewers() -> list[str]:
    """Return every viewer of every chunk, in order."""
    chunks = NotificationChunk.objects.all()
    return sorted(chunk.ledger.viewer(place) for chunk in chunks for place in range(len(chunk.ledger)))


def chunks_with_messages() -> bool:
    """Tell whether there is exactly one message for each chunk."""
    messages = Counter(message.args[0] for message in queued_messages("send_chunk"))
    return messages == Counter(NotificationChunk.objects.values_list("pk", flat=True))


def plan_show(audience: Audience) -> Any:
    return batch_notify_stream_authorized(str(audience.show.pk), audience.funding_goal_id)


def redeliver(goal: Goal, body: Any, person: User) -> Answer:
    return ApiClient(person).post(f"/goals/{goal.pk}/redeliver", body)


def run_queue() -> None:
    """Run the queued tasks, as a worker would."""
    for message in queued_messages("batch_notify_stream_authorized"):
        batch_notify_stream_authorized(*message.args)
    for message in queued_messages("send_chunk"):
        send_chunk(*message.args)
    collection("django_q_ormq").delete_many({})


def deliver_payers_events() -> None:
    """Plan and send the queued events for payers' own channels, such as cancellations."""
    for message in queued_messages("batch_notify_payers"):
        batch_notify_payers(*message.args)
    run_queue()


def send_all() -> None:
    for chunk_id in NotificationChunk.objects.values_list("pk", flat=True):
        send_chunk(chunk_id)


def got(outbox: list[Any]) -> Counter[str]:
    return Counter(event.channel.rpartition(".")[2] for event in outbox)
