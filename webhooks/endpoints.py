"""The use cases of endpoints, for staff and for partners with a key: create, change, delete, test, and send again."""

from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from api.audit import Author, record_change
from config.errors import raises
from mongodb.collections import collection, connection
from mongodb.documents import find, insert
from notifications.receipts import EventNotFound
from webhooks.backlog import anew
from webhooks.errors import EndpointDisabled, EndpointNotFound, TooManyEndpoints
from webhooks.event_list import published_event
from webhooks.models import DELIVERIES, ENDPOINTS, Endpoint
from webhooks.outcomes import delivery_id
from webhooks.publishing import last_place
from webhooks.signing import new_seed
from webhooks.tasks import delete_deliveries, queue_untaken, send_again_soon

MOST_ENDPOINTS = 50
ROTATION = timedelta(hours=24)
TEST_TYPE = "endpoint.test"


@raises(EndpointNotFound)
def find_endpoint(endpoint_id: str) -> Endpoint:
    """Return the endpoint."""
    found = find(Endpoint, {"_id": ObjectId(endpoint_id)})
    if not found:
        raise EndpointNotFound(endpoint_id=endpoint_id)
    return found[0]


@raises(TooManyEndpoints)
def create_endpoint(*, url: str, types: list[str], enabled: bool, by: Author, now: datetime) -> Endpoint:
    """Insert an endpoint, which gets the events that are published from now on. Runs in the caller's transaction."""
    if collection(ENDPOINTS).count_documents({}) >= MOST_ENDPOINTS:
        raise TooManyEndpoints
    made = {"seed": new_seed(), "place": last_place(), "created_at": now, "created_by": by.name}
    endpoint = Endpoint(url=url, types=types, enabled=enabled, **made)
    insert(endpoint)
    record_change("create_endpoint", endpoint, by=by, after=_facts(endpoint))
    return endpoint


@raises(find_endpoint)
def change_endpoint(endpoint_id: str, changes: dict[str, Any], *, rotate: bool, by: Author, now: datetime) -> Endpoint:
    """Change the endpoint. With `rotate`, give it another secret. The former secret stays valid for ROTATION.

    An endpoint that is enabled again gets the events that are published from then on, and those that failed before it
    was disabled. Runs in the caller's transaction.
    """
    endpoint = find_endpoint(endpoint_id)
    if changes.get("enabled") and not endpoint.enabled:
        changes = {**changes, "disabled_reason": None, "failing_since": None, "place": last_place()}
    if changes == {"enabled": False}:
        changes = {"enabled": False, "disabled_reason": None}  # the endpoint counts as disabled by a person
    if rotate:
        changes = {**changes, "seed": new_seed(), "former_seed": endpoint.seed, "former_until": now + ROTATION}
    if changes:
        collection(ENDPOINTS).update_one({"_id": endpoint.pk}, {"$set": changes})
    changed = find_endpoint(endpoint_id)
    _record_difference(endpoint, changed, by=by)
    return changed


@raises(find_endpoint)
def delete_endpoint(endpoint_id: str, *, by: Author) -> None:
    """Delete the endpoint, and queue the deletion of its deliveries. Its attempts expire.

    Nothing is sent to a deleted endpoint, even while it still has deliveries. Runs in the caller's transaction.
    """
    endpoint = find_endpoint(endpoint_id)
    collection(ENDPOINTS).delete_one({"_id": endpoint.pk})
    delete_deliveries.enqueue(str(endpoint.pk))
    record_change("delete_endpoint", endpoint, by=by, before=_facts(endpoint))


@raises(find_endpoint, EndpointDisabled)
def send_test(endpoint_id: str, *, by: Author, now: datetime) -> str:
    """Queue a test event, which is not in the list of events. Return its id. Runs in the caller's transaction."""
    endpoint = _enabled(endpoint_id)
    event_id = str(ObjectId())
    event = {"id": event_id, "type": TEST_TYPE, "created_at": int(now.timestamp())}
    _due(endpoint, event_id, {**event, "goal_id": None, "version": None, "data": {}}, now)
    record_change("send_test", endpoint, by=by, after={"event_id": event_id})
    return event_id


@raises(find_endpoint, EndpointDisabled, EventNotFound)
def redeliver(endpoint_id: str, event_id: str, *, by: Author, now: datetime) -> None:
    """Queue an event for the endpoint, even if the endpoint has taken it. Runs in the caller's transaction."""
    endpoint = _enabled(endpoint_id)
    if published_event(event_id) is None:
        raise EventNotFound(event_id=event_id)
    _due(endpoint, event_id, None, now)
    record_change("redeliver", endpoint, by=by, after={"event_id": event_id})


@raises(find_endpoint, EndpointDisabled)
def redeliver_untaken(endpoint_id: str, *, by: Author, now: datetime) -> int:
    """Have a task queue all events that the endpoint has not taken, even those that were given up.

    Return the number of these events. Runs in the caller's transaction.
    """
    endpoint = _enabled(endpoint_id)
    untaken: int = collection(DELIVERIES).count_documents({"endpoint_id": endpoint.pk})
    if untaken:
        record_change("redeliver", endpoint, by=by, after={"events": untaken})
        queue_untaken.enqueue(str(endpoint.pk), int(now.timestamp() * 1000))
    return untaken


def _record_difference(former: Endpoint, changed: Endpoint, *, by: Author) -> None:
    before, after = ({**_facts(each), "disabled_reason": each.disabled_reason} for each in (former, changed))
    differing = [name for name in before if before[name] != after[name]]
    secret = [name for name in ("url", "seed") if getattr(former, name) != getattr(changed, name)]
    if differing or secret:
        was, is_now = ({name: facts[name] for name in differing} for facts in (before, after))
        record_change("change_endpoint", changed, by=by, before=was, after={**is_now, "fields": secret})


def _facts(endpoint: Endpoint) -> dict[str, Any]:
    """Return the facts of the endpoint that the record of changes keeps."""
    return {"host": endpoint.host, "types": list(endpoint.types), "enabled": endpoint.enabled}


def _enabled(endpoint_id: str) -> Endpoint:
    endpoint = find_endpoint(endpoint_id)
    if not endpoint.enabled:
        raise EndpointDisabled(endpoint_id=endpoint_id)
    return endpoint


def _due(endpoint: Endpoint, event_id: str, event: dict[str, Any] | None, now: datetime) -> None:
    connection.on_commit(send_again_soon)
    new = {"endpoint_id": endpoint.pk, "event_id": event_id, "event": event}
    due = {"$set": anew(now), "$setOnInsert": new}
    collection(DELIVERIES).update_one({"_id": delivery_id(endpoint.pk, event_id)}, due, upsert=True)
