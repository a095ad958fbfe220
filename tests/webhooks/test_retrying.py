"""What an endpoint has not taken is sent again, for three days or when somebody asks for it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from bson import ObjectId

from sessions_app.models import Session
from taskqueue.periodic import PeriodicTasks
from tests.factories.client import ApiClient
from tests.factories.documents import connection, queued_messages, stored
from tests.factories.endpoints import EndpointFactory
from tests.factories.goals import ShowFundingGoalFactory
from tests.factories.profiler import profiled
from tests.taskqueue.clusters import eventually
from tests.webhooks.endpoints import add, add_deliveries, attempts, make_due, run_queued
from tests.webhooks.partner import Partner
from webhooks.outgoing import CALLS_AT_ONCE
from webhooks.tasks import publish_events, queue_untaken, send_webhooks_again

pytestmark = pytest.mark.django_db


def test_failed_event_is_sent_again_until_it_is_taken(staff: ApiClient, partner: Partner, session: Session) -> None:
    endpoint = add(staff, f"{partner.url}/status/500", types=["goal.added"])
    ShowFundingGoalFactory(session=session)
    publish_events()
    send_webhooks_again()
    assert len(partner.calls) == 1  # the pause before the next attempt is not over
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


def test_endpoint_that_has_taken_a_call_fails_no_longer(staff: ApiClient, partner: Partner, session: Session) -> None:
    """This holds even if another worker notes a failure while the call is under way."""
    add(staff, f"{partner.url}/wait", types=["goal.added"])
    ShowFundingGoalFactory(session=session)
    endpoints = connection.get_collection("webhook_endpoints")
    with ThreadPoolExecutor(1) as worker:
        run = worker.submit(publish_events)
        eventually(lambda: partner.events("/wait"))
        endpoints.update_one({}, {"$set": {"failing_since": datetime.now(UTC)}})
        partner.may_answer.set()
        run.result()

    assert [each["failing_since"] for each in endpoints.find()] == [None]


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
    run_queued("queue_untaken")
    send_webhooks_again()

    assert (answer.status, answer.body, len(partner.events()), stored("webhook_deliveries")) == (
        200,
        {"events": 1},
        1,
        [],
    )
    nothing = staff.post(f"/webhook-endpoints/{endpoint['id']}/redeliver", {}).body
    assert nothing == {"events": 0}
    assert [each["after"] for each in stored("change_records", action="redeliver")] == [{"events": 1}]


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
    assert partner.calls == []  # the events that it has missed are in `GET /events`


def test_endpoint_that_is_gone_is_disabled(staff: ApiClient, partner: Partner, session: Session) -> None:
    add(staff, f"{partner.url}/status/410")
    ShowFundingGoalFactory(session=session)
    publish_events()
    make_due()
    send_webhooks_again()

    (listed,) = staff.get("/webhook-endpoints").body["results"]
    assert (listed["enabled"], listed["disabled_reason"], len(partner.calls)) == (False, "gone", 2)

    staff.patch(f"/webhook-endpoints/{listed['id']}", {"enabled": False})
    (listed,) = staff.get("/webhook-endpoints").body["results"]
    assert (listed["enabled"], listed["disabled_reason"]) == (False, None)  # a person has disabled it on purpose
    assert [each["attempts"] for each in stored("webhook_deliveries")] == [1, 1]  # kept for a later address


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


def test_disabled_endpoint_gets_what_it_has_not_taken_once_it_is_enabled(
    staff: ApiClient, partner: Partner, session: Session
) -> None:
    endpoint = add(staff, f"{partner.url}/status/500", types=["goal.added"])
    path = f"/webhook-endpoints/{endpoint['id']}"
    ShowFundingGoalFactory(session=session)
    publish_events()
    staff.patch(path, {"enabled": False})
    make_due()
    send_webhooks_again()
    assert (len(partner.calls), len(stored("webhook_deliveries"))) == (1, 1)

    staff.patch(path, {"enabled": True, "url": f"{partner.url}/ok"})
    send_webhooks_again()

    assert (len(partner.events()), stored("webhook_deliveries")) == (1, [])


def test_pauses_begin_anew_when_somebody_asks_for_an_event_again(
    staff: ApiClient, partner: Partner, session: Session
) -> None:
    endpoint = add(staff, f"{partner.url}/status/500", types=["goal.added"])
    path = f"/webhook-endpoints/{endpoint['id']}/redeliver"
    ShowFundingGoalFactory(session=session)
    publish_events()
    for body in ({}, {"event_id": staff.get("/events", type="goal.added").body["results"][0]["id"]}):
        tried_often = {"attempts": 20, "next_at": None, "first_at": datetime.now(UTC) - timedelta(days=4)}
        connection.get_collection("webhook_deliveries").update_many({}, {"$set": tried_often})

        assert staff.post(path, body).body == {"events": 1}
        run_queued("queue_untaken")
        send_webhooks_again()

        (waiting,) = stored("webhook_deliveries")
        assert waiting["attempts"] == 1
        assert waiting["next_at"].replace(tzinfo=UTC) < datetime.now(UTC) + timedelta(seconds=5)


def test_many_untaken_events_are_queued_in_pieces(staff: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks.backlog.WRITTEN_AT_ONCE", 2)
    endpoint = EndpointFactory()
    add_deliveries(endpoint, 5)

    assert staff.post(f"/webhook-endpoints/{endpoint.pk}/redeliver", {}).body == {"events": 5}
    assert {each["next_at"] for each in stored("webhook_deliveries")} == {None}  # the request wrote none
    (queued,) = queued_messages("queue_untaken")
    assert run_queued("queue_untaken") == [2, 2, 1]

    assert [each["after"] for each in stored("change_records", action="redeliver")] == [{"events": 5}]
    asked_at = datetime.fromtimestamp(int(str(queued.args[1])) / 1000, tz=UTC).replace(tzinfo=None)
    assert {(each["next_at"], each["first_at"], each["attempts"]) for each in stored("webhook_deliveries")} == {
        (asked_at, asked_at, 0)
    }
    assert len(queued_messages("send_webhooks_again")) == 1
    assert queue_untaken(*queued.args) == 0


def test_request_during_a_call_is_not_lost(staff: ApiClient, partner: Partner, session: Session) -> None:
    """The call began before the request, so its result does not fulfil the request."""
    endpoint = add(staff, f"{partner.url}/status/500", types=["goal.added"])
    ShowFundingGoalFactory(session=session)
    publish_events()
    make_due()
    staff.patch(f"/webhook-endpoints/{endpoint['id']}", {"url": f"{partner.url}/wait"})

    with ThreadPoolExecutor(1) as worker:
        run = worker.submit(send_webhooks_again)
        eventually(lambda: partner.events("/wait"))
        staff.post(f"/webhook-endpoints/{endpoint['id']}/redeliver", {})
        run_queued("queue_untaken")
        partner.may_answer.set()
        run.result()

    assert len(partner.events("/wait")) == 2


def test_events_are_read_only_for_calls_that_begin(staff: ApiClient, partner: Partner, session: Session) -> None:
    """While a partner hangs, the worker looks for due calls every tenth of a second. This must cost little."""
    add(staff, f"{partner.url}/pause", types=["goal.added"])
    connection.get_collection("webhook_endpoints").update_many({}, {"$set": {"slow": True}})
    for _ in range(2 * CALLS_AT_ONCE):
        ShowFundingGoalFactory(session=session)
    publish_events()

    with profiled() as profile:
        send_webhooks_again()

    assert (len(partner.events("/pause")), stored("webhook_deliveries")) == (2 * CALLS_AT_ONCE, [])
    places = [query.command["filter"]["place"] for query in profile.queries if query.collection == "events"]
    assert sum(len(place["$in"]) for place in places if place) == 2 * CALLS_AT_ONCE


@pytest.mark.long
def test_endpoints_that_hang_keep_no_other_waiting(staff: ApiClient, partner: Partner, session: Session) -> None:
    for number in range(20):
        add(staff, f"{partner.url}/hang?{number}", types=["goal.added"])
    late = add(staff, f"{partner.url}/ok", types=["goal.added"])
    connection.get_collection("webhook_endpoints").update_many({}, {"$set": {"slow": True}})
    for _ in range(5):
        ShowFundingGoalFactory(session=session)
    publish_events()

    with ThreadPoolExecutor(1) as worker:
        run = worker.submit(send_webhooks_again)
        seconds = eventually(lambda: len(partner.events()) == 5)
        staff.post(f"/webhook-endpoints/{late['id']}/test", {})
        seconds += eventually(lambda: len(partner.events()) == 6)
        assert seconds < 2
        assert not run.done()
        connection.get_collection("webhook_endpoints").update_many({}, {"$set": {"enabled": False}})
        run.result()


def test_nothing_is_queued_while_there_is_nothing_to_do(staff: ApiClient, partner: Partner, session: Session) -> None:
    add(staff, f"{partner.url}/status/500", types=["goal.added"])
    moment, counts = datetime.now(UTC), []
    announce = partial(ShowFundingGoalFactory, session=session)
    acts: list[Callable[[], object]] = [list, announce, publish_events, make_due, send_webhooks_again]
    for number, act in enumerate(acts):
        act()
        PeriodicTasks().enqueue_due(moment + number * timedelta(seconds=5))
        queued = connection.get_collection("django_q_ormq").delete_many({"name": "send_webhooks_again"})
        counts.append(queued.deleted_count)

    assert counts == [0, 1, 0, 1, 0]
