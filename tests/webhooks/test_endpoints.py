"""An endpoint of a partner has a secret, test events and a checked address. The number of endpoints is limited."""

from datetime import UTC, datetime, timedelta

import pytest

from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.documents import connection, stored
from tests.factories.endpoints import EndpointFactory
from tests.factories.goals import ShowFundingGoalFactory
from tests.webhooks.endpoints import add, add_deliveries, make_due, run_queued
from tests.webhooks.partner import Partner, is_genuine
from webhooks.tasks import delete_deliveries, publish_events, send_webhooks_again

pytestmark = pytest.mark.django_db


def test_after_a_rotation_both_secrets_are_good_for_a_day(staff: ApiClient, partner: Partner, session: Session) -> None:
    endpoint = add(staff, f"{partner.url}/ok", types=["goal.added"])
    rotated = staff.patch(f"/webhook-endpoints/{endpoint['id']}", {"rotate_secret": True}).body
    ShowFundingGoalFactory(session=session)
    publish_events()
    day_ago = datetime.now(UTC) - timedelta(seconds=1)
    connection.get_collection("webhook_endpoints").update_many({}, {"$set": {"former_until": day_ago}})
    ShowFundingGoalFactory(session=session)
    publish_events()

    secrets = (endpoint["secret"], rotated["secret"])
    assert [tuple(is_genuine(secret, *call[1:]) for secret in secrets) for call in partner.calls] == [
        (True, True),
        (False, True),
    ]


def test_secret_is_shown_once_and_stored_nowhere(staff: ApiClient) -> None:
    made = staff.post("/webhook-endpoints", {"url": "https://example.com/"}, idempotency_key="1")
    repeated = staff.post("/webhook-endpoints", {"url": "https://example.com/"}, idempotency_key="1")
    changed = staff.patch(f"/webhook-endpoints/{made.body['id']}", {"types": []})

    assert made.body["secret"].startswith("whsec_")
    assert (repeated.body, changed.body["secret"]) == (made.body, None)
    assert "secret" not in staff.get("/webhook-endpoints").body["results"][0]
    kept = [stored(name) for name in ("idempotency_keys", "webhook_endpoints")]
    assert made.body["secret"] not in str(kept)


def test_test_event_is_sent(staff: ApiClient, partner: Partner) -> None:
    endpoint = add(staff, f"{partner.url}/ok", types=["goal.started"])

    answer = staff.post(f"/webhook-endpoints/{endpoint['id']}/test", {})
    send_webhooks_again()

    assert (answer.status, [(event["id"], event["type"]) for event in partner.events()]) == (
        200,
        [(answer.body["event_id"], "endpoint.test")],
    )
    assert staff.get("/events").body["results"] == []
    assert [(each["action"], each["after"]) for each in stored("change_records")][1:] == [
        ("send_test", {"event_id": answer.body["event_id"]})
    ]


def test_deleted_endpoint_is_not_called(staff: ApiClient, partner: Partner, session: Session) -> None:
    endpoint = add(staff, f"{partner.url}/status/500")
    ShowFundingGoalFactory(session=session)
    publish_events()
    staff._client.delete(f"/webhook-endpoints/{endpoint['id']}")
    make_due()
    send_webhooks_again()

    assert (len(partner.calls), stored("webhook_endpoints")) == (2, [])
    assert (run_queued("delete_deliveries"), stored("webhook_deliveries")) == ([2], [])
    assert staff.patch(f"/webhook-endpoints/{endpoint['id']}", {}).problem == (404, "endpoint_not_found", [])


def test_many_deliveries_of_a_deleted_endpoint_are_deleted_in_pieces(
    staff: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.backlog.WRITTEN_AT_ONCE", 2)
    deleted, kept = EndpointFactory(), EndpointFactory()
    add_deliveries(deleted, 5)
    (other,) = add_deliveries(kept, 1)

    assert staff._client.delete(f"/webhook-endpoints/{deleted.pk}").status_code == 204
    assert len(stored("webhook_deliveries")) == 6  # the request itself deletes none of them
    assert run_queued("delete_deliveries") == [2, 2, 1]
    assert [each["_id"] for each in stored("webhook_deliveries")] == [other]
    assert delete_deliveries(str(deleted.pk)) == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://user:x@example.com/",
        "https://",
        "//x",
        "https://a b/",
        "https://example.com/#x",
        "https://example.com\\@127.0.0.1/",
        "https://exämple.com/",
        "https://example.com:65536/",
        "https://example.com:0/",
        "https://.example.com/",
        "https://a..example.com/",
    ],
)
def test_odd_address_is_refused(staff: ApiClient, url: str) -> None:
    assert staff.post("/webhook-endpoints", {"url": url}).problem == (400, "invalid", [("/url", "invalid_url")])


def test_endpoints_are_limited(staff: ApiClient) -> None:
    for _ in range(50):
        EndpointFactory()

    assert staff.post("/webhook-endpoints", {"url": "https://example.com/"}).problem == (409, "too_many_endpoints", [])
