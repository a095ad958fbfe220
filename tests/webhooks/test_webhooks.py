"""Endpoints of partners: signed calls, retries, redelivery, rotation, disabling, and hostile servers."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from goals.models import Goal
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.documents import connection, stored
from tests.factories.endpoints import EndpointFactory
from tests.factories.goals import ShowFundingGoalFactory
from tests.factories.people import StaffFactory
from tests.webhooks.partner import Partner, is_genuine, running_partner
from webhooks.outgoing import Outgoing, is_public, send
from webhooks.tasks import publish_events, send_webhooks_again

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(db: None) -> ApiClient:
    return ApiClient(StaffFactory(username="staff", permissions=("view_goal", "change_endpoint")))


@pytest.fixture
def partner(settings: Any) -> Iterator[Partner]:
    with running_partner() as server:
        settings.WEBHOOK_ALLOWED_HOSTS = [server.host]
        yield server


def add(staff: ApiClient, url: str, **fields: Any) -> dict[str, Any]:
    answer = staff.post("/webhook-endpoints", {"url": url, **fields})
    assert answer.status == 201
    made: dict[str, Any] = answer.body
    return made


def make_due() -> None:
    """Let the pauses of all deliveries be over."""
    connection.get_collection("webhook_deliveries").update_many(
        {"next_at": {"$ne": None}}, {"$set": {"next_at": datetime.now(UTC)}}
    )


def attempts(staff: ApiClient, endpoint: dict[str, Any]) -> list[tuple[Any, ...]]:
    rows = staff.get(f"/webhook-endpoints/{endpoint['id']}/attempts").body["results"]
    return [(row["type"], row["number"], row["status"], row["error"], row["answer"]) for row in reversed(rows)]


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
    staff: ApiClient, partner: Partner, session: Session, path: str
) -> None:
    slow, quick = add(staff, f"{partner.url}/{path}", types=["goal.added"]), add(staff, f"{partner.url}/ok")
    ShowFundingGoalFactory(session=session)
    began = time.monotonic()
    publish_events()
    assert time.monotonic() - began < 2
    assert len(partner.events()) == 2
    assert [attempt[1:4] for attempt in attempts(staff, slow)] == [(1, None, "OPERATION_TIMEDOUT")]

    ShowFundingGoalFactory(session=session)
    began = time.monotonic()
    publish_events()

    assert time.monotonic() - began < 0.5
    assert (len(partner.events()), len(partner.events(f"/{path}"))) == (4, 1)
    assert [(each["endpoint_id"], each["attempts"]) for each in stored("webhook_deliveries")] == [
        (ObjectId(slow["id"]), 1),
        (ObjectId(slow["id"]), 0),
    ]
    assert [each["slow"] for each in stored("webhook_endpoints")] == [True, False]
    assert attempts(staff, quick)[-1][1:4] == (1, 200, "")


@pytest.mark.parametrize(
    ("path", "expected"),
    [("gigabytes", (200, 1000)), ("bomb", (200, 502)), ("redirect", (302, 0)), ("status/500", (500, 2))],
)
def test_hostile_answer_is_cut_off_and_not_followed(
    staff: ApiClient, partner: Partner, session: Session, path: str, expected: tuple[int, int]
) -> None:
    endpoint = add(staff, f"{partner.url}/{path}", types=["goal.added"])
    ShowFundingGoalFactory(session=session)
    began = time.monotonic()

    publish_events()

    assert time.monotonic() - began < 1
    ((_type, number, status, error, answer),) = attempts(staff, endpoint)
    assert (number, error, status, len(answer)) == (1, "", *expected)
    assert len(partner.calls) == 1


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "127.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "2130706433"],
)
def test_private_address_is_refused_when_connecting(host: str) -> None:
    """Whatever the name was checked for before: what counts is the address to which the socket would connect."""
    returned = send([Outgoing("x", f"https://{host}/", [], b"{}")], seconds=1, begin_within=1)

    assert {place: (each.status, each.is_success) for place, each in returned.items()} == {0: (None, False)}
    assert returned[0].error == "address_refused"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("2002:a00:1::", False),
    ],
)
def test_public_addresses_are_told_from_others(address: str, expected: bool) -> None:  # noqa: FBT001
    assert is_public(address) is expected


def test_failed_event_is_sent_again_until_it_is_taken(staff: ApiClient, partner: Partner, session: Session) -> None:
    endpoint = add(staff, f"{partner.url}/status/500", types=["goal.added"])
    ShowFundingGoalFactory(session=session)
    publish_events()
    send_webhooks_again()
    assert len(partner.calls) == 1  # its pause is not over
    assert staff.get("/webhook-endpoints").body["results"][0]["failing_since"] is not None

    make_due()
    send_webhooks_again()
    staff.patch(f"/webhook-endpoints/{endpoint['id']}", {"url": f"{partner.url}/ok"})
    make_due()
    send_webhooks_again()

    assert [attempt[1:3] for attempt in attempts(staff, endpoint)] == [(1, 500), (2, 500), (3, 200)]
    assert len({headers["webhook-id"] for _path, headers, _body in partner.calls}) == 1
    assert stored("webhook_deliveries") == []
    assert staff.get("/webhook-endpoints").body["results"][0]["failing_since"] is None


def test_event_is_given_up_after_three_days_and_can_be_sent_again(
    staff: ApiClient, partner: Partner, session: Session
) -> None:
    endpoint = add(staff, f"{partner.url}/status/500", types=["goal.added"])
    ShowFundingGoalFactory(session=session)
    publish_events()
    first_at = datetime.now(UTC) - timedelta(days=3)
    connection.get_collection("webhook_deliveries").update_many({}, {"$set": {"first_at": first_at}})
    make_due()
    send_webhooks_again()
    assert [(each["attempts"], each["next_at"]) for each in stored("webhook_deliveries")] == [(2, None)]

    staff.patch(f"/webhook-endpoints/{endpoint['id']}", {"url": f"{partner.url}/ok"})
    answer = staff.post(f"/webhook-endpoints/{endpoint['id']}/redeliver", {})
    send_webhooks_again()

    assert (answer.status, answer.body, len(partner.events()), stored("webhook_deliveries")) == (
        200,
        {"events": 1},
        1,
        [],
    )


def test_endpoint_that_fails_for_three_days_is_disabled_and_says_so(
    staff: ApiClient, partner: Partner, session: Session
) -> None:
    endpoint = add(staff, f"{partner.url}/status/500")
    failing = datetime.now(UTC) - timedelta(days=3, seconds=1)
    connection.get_collection("webhook_endpoints").update_many({}, {"$set": {"failing_since": failing}})

    send_webhooks_again()
    ShowFundingGoalFactory(session=session)
    publish_events()

    (listed,) = staff.get("/webhook-endpoints").body["results"]
    assert (listed["enabled"], listed["disabled_reason"], partner.calls) == (False, "failing", [])
    again = staff.patch(f"/webhook-endpoints/{endpoint['id']}", {"enabled": True, "url": f"{partner.url}/ok"}).body
    assert (again["enabled"], again["disabled_reason"], again["failing_since"]) == (True, None, None)
    publish_events()
    assert partner.calls == []  # what it has missed is in the list


def test_endpoint_that_is_gone_is_disabled(staff: ApiClient, partner: Partner, session: Session) -> None:
    add(staff, f"{partner.url}/status/410")
    ShowFundingGoalFactory(session=session)
    publish_events()
    make_due()
    send_webhooks_again()

    (listed,) = staff.get("/webhook-endpoints").body["results"]
    assert (listed["enabled"], listed["disabled_reason"], len(partner.calls)) == (False, "gone", 2)
    assert stored("webhook_deliveries") == []


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


def test_one_event_is_sent_again(staff: ApiClient, partner: Partner, session: Session) -> None:
    endpoint = add(staff, f"{partner.url}/ok")
    path = f"/webhook-endpoints/{endpoint['id']}/redeliver"
    ShowFundingGoalFactory(session=session)
    publish_events()
    event = staff.get("/events").body["results"][0]

    assert staff.post(path, {"event_id": event["id"]}).body == {"events": 1}
    assert staff.post(path, {"event_id": str(ObjectId())}).problem == (404, "event_not_found", [])
    send_webhooks_again()

    assert [each["id"] for each in partner.events()].count(event["id"]) == 2
    staff.patch(f"/webhook-endpoints/{endpoint['id']}", {"enabled": False})
    assert staff.post(path, {}).problem == (409, "endpoint_disabled", [])


def test_deleted_endpoint_is_not_called(staff: ApiClient, partner: Partner, session: Session) -> None:
    endpoint = add(staff, f"{partner.url}/status/500")
    ShowFundingGoalFactory(session=session)
    publish_events()
    staff._client.delete(f"/webhook-endpoints/{endpoint['id']}")
    make_due()
    send_webhooks_again()

    assert len(partner.calls) == 2
    assert (stored("webhook_endpoints"), stored("webhook_deliveries")) == ([], [])
    assert staff.patch(f"/webhook-endpoints/{endpoint['id']}", {}).problem == (404, "endpoint_not_found", [])


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
    ],
)
def test_odd_address_is_refused(staff: ApiClient, url: str) -> None:
    assert staff.post("/webhook-endpoints", {"url": url}).problem == (400, "invalid", [("/url", "invalid_url")])


def test_endpoints_are_limited(staff: ApiClient) -> None:
    for _ in range(50):
        EndpointFactory()

    assert staff.post("/webhook-endpoints", {"url": "https://example.com/"}).problem == (409, "too_many_endpoints", [])


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
