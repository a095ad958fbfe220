"""New events are signed and posted once to each endpoint. Slow endpoints do not hold up the others."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from goals.models import Goal
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.documents import connection, stored
from tests.factories.goals import ShowFundingGoalFactory
from tests.webhooks.endpoints import add, attempts
from tests.webhooks.partner import Partner, is_genuine
from webhooks.tasks import publish_events, send_webhooks_again

pytestmark = pytest.mark.django_db


def test_event_is_posted_signed_as_the_list_shows_it(staff: ApiClient, partner: Partner, session: Session) -> None:
    endpoint = add(staff, f"{partner.url}/ok")
    ShowFundingGoalFactory(session=session)

    publish_events()

    listed = staff.get("/events").body["results"]
    posted = [{name: event[name] for name in event if name != "timestamp"} for event in partner.events()]
    assert posted == listed
    for (_path, headers, body), event in zip(partner.calls, listed, strict=True):
        assert headers["webhook-id"] == event["id"]
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 10
        assert is_genuine(endpoint["secret"], headers, body)
        assert not is_genuine(endpoint["secret"], headers, body + b" ")
    assert attempts(staff, endpoint) == [(event["type"], 1, 200, "", "thanks") for event in listed]
    assert stored("webhook_deliveries") == []

    publish_events()
    assert len(partner.calls) == 2


def test_endpoint_hears_only_of_its_types_and_of_nothing_before(
    staff: ApiClient, partner: Partner, session: Session
) -> None:
    ShowFundingGoalFactory(session=session)
    publish_events()
    add(staff, f"{partner.url}/ok", types=["goal.added"])

    goal: Goal = ShowFundingGoalFactory(session=session)
    publish_events()

    assert [(event["type"], event["goal_id"]) for event in partner.events()] == [("goal.added", str(goal.pk))]


@pytest.mark.parametrize("path", ["hang", "drip"])
def test_slow_endpoint_is_called_beside_the_others(
    staff: ApiClient, partner: Partner, session: Session, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("webhooks.outcomes.SLOW_SECONDS", 2)
    monkeypatch.setattr("webhooks.sending.QUICK_SECONDS", 3)
    slow, quick = add(staff, f"{partner.url}/{path}", types=["goal.added"]), add(staff, f"{partner.url}/ok")
    ShowFundingGoalFactory(session=session)
    publish_events()
    assert len(partner.events()) == 2
    assert [attempt[1:4] for attempt in attempts(staff, slow)] == [(1, None, "OPERATION_TIMEDOUT")]

    ShowFundingGoalFactory(session=session)
    publish_events()

    assert (len(partner.events()), len(partner.events(f"/{path}"))) == (4, 1)
    assert [(each["endpoint_id"], each["attempts"]) for each in stored("webhook_deliveries")] == [
        (ObjectId(slow["id"]), 1),
        (ObjectId(slow["id"]), 0),
    ]
    assert [each["slow"] for each in stored("webhook_endpoints")] == [True, False]
    assert attempts(staff, quick)[-1][1:4] == (1, 200, "")


def test_worker_that_dies_while_sending_leaves_its_events_to_the_next(
    staff: ApiClient, partner: Partner, session: Session
) -> None:
    add(staff, f"{partner.url}/ok", types=["goal.added"])
    held = {"lease": "dead", "leased_until": datetime.now(UTC) + timedelta(seconds=60)}
    connection.get_collection("webhook_endpoints").update_many({}, {"$set": held})
    ShowFundingGoalFactory(session=session)
    publish_events()
    assert partner.calls == []

    over = {"leased_until": datetime.now(UTC) - timedelta(seconds=1)}
    connection.get_collection("webhook_endpoints").update_many({}, {"$set": over})
    send_webhooks_again()

    assert len(partner.events()) == 1
