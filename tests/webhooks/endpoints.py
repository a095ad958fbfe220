"""Steps that the tests of endpoints share."""

from datetime import UTC, datetime
from typing import Any

from tests.factories.client import ApiClient
from tests.factories.documents import connection


def add(staff: ApiClient, url: str, **fields: Any) -> dict[str, Any]:
    answer = staff.post("/webhook-endpoints", {"url": url, **fields})
    assert answer.status == 201
    made: dict[str, Any] = answer.body
    return made


def make_due() -> None:
    """Make all deliveries that wait for another attempt due now."""
    connection.get_collection("webhook_deliveries").update_many(
        {"next_at": {"$ne": None}}, {"$set": {"next_at": datetime.now(UTC)}}
    )


def attempts(staff: ApiClient, endpoint: dict[str, Any]) -> list[tuple[Any, ...]]:
    rows = staff.get(f"/webhook-endpoints/{endpoint['id']}/attempts").body["results"]
    return [(row["type"], row["number"], row["status"], row["error"], row["answer"]) for row in reversed(rows)]
