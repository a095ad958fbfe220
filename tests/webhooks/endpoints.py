"""Steps that the tests of endpoints share."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId

from taskqueue.durable import TASKS
from tests.factories.client import ApiClient
from tests.factories.documents import connection, queued_messages
from webhooks.models import Delivery, Endpoint
from webhooks.outcomes import delivery_id


def add(staff: ApiClient, url: str, **fields: Any) -> dict[str, Any]:
    answer = staff.post("/webhook-endpoints", {"url": url, **fields})
    assert answer.status == 201
    made: dict[str, Any] = answer.body
    return made


def add_deliveries(endpoint: Endpoint, count: int) -> list[str]:
    """Store deliveries that were given up. Return their ids."""
    now = datetime.now(UTC) - timedelta(days=3)
    new: Any = {"endpoint_id": endpoint.pk, "first_at": now, "next_at": None, "attempts": 20}
    ids = [delivery_id(endpoint.pk, str(ObjectId())) for _event in range(count)]
    Delivery.objects.bulk_create(Delivery(id=pk, event_id=pk[-24:], **new) for pk in ids)
    return ids


def make_due() -> None:
    """Make all deliveries that wait for another attempt due now."""
    connection.get_collection("webhook_deliveries").update_many(
        {"next_at": {"$ne": None}}, {"$set": {"next_at": datetime.now(UTC)}}
    )


def run_queued(name: str) -> list[object]:
    """Run the queued messages of the task, and those that it queues meanwhile, as a worker does. Return the results."""
    results: list[object] = []
    while messages := queued_messages(name):
        connection.get_collection("django_q_ormq").delete_many({"name": name})
        results += [TASKS[message.func](*message.args) for message in messages]
    return results


def attempts(staff: ApiClient, endpoint: dict[str, Any]) -> list[tuple[Any, ...]]:
    rows = staff.get(f"/webhook-endpoints/{endpoint['id']}/attempts").body["results"]
    return [(row["type"], row["number"], row["status"], row["error"], row["answer"]) for row in reversed(rows)]
