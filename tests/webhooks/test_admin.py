"""Staff see and manage endpoints and attempts in the admin."""

from datetime import UTC, datetime
from typing import Any

import pycurl
import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.test import Client

from api.chosen import MOST_AT_ONCE
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.documents import connection, stored
from tests.factories.endpoints import EndpointFactory
from tests.factories.goals import ShowFundingGoalFactory
from tests.factories.people import StaffFactory
from tests.factories.profiler import profiled
from tests.webhooks.endpoints import add, run_queued
from tests.webhooks.partner import Partner
from webhooks.models import Attempt, Endpoint
from webhooks.outgoing import REFUSED
from webhooks.tasks import publish_events, send_webhooks_again
from webhooks.words import ERRORS, error_in_words

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENDPOINTS, ATTEMPTS = "/admin/webhooks/endpoint/", "/admin/webhooks/attempt/"


def act(browser: Client, path: str, action: str, *ids: object) -> str:
    """Perform an action of the page on the rows with the ids, and return the page that follows."""
    form = {"action": action, "_selected_action": [str(each) for each in ids]}
    return browser.post(path, form, follow=True).content.decode()


def recorded() -> list[tuple[Any, ...]]:
    """Return the action, the author, the endpoint and the new values of each change, oldest first."""
    names = {str(user.pk): user.username for user in User.objects.all()}
    return [
        (each["action"], names[each["by_id"]], each["subject_id"], each["after"]) for each in stored("change_records")
    ]


def test_staff_see_attempts_and_send_an_event_again(
    admin: Client, staff: ApiClient, partner: Partner, session: Session
) -> None:
    endpoint = add(staff, f"{partner.url}/ok", types=["goal.added"])
    ShowFundingGoalFactory(session=session)
    publish_events()
    (attempt,) = stored("webhook_attempts")

    assert partner.url not in admin.get(ENDPOINTS).content.decode()
    assert f"{partner.url}/ok" in admin.get(f"{ENDPOINTS}{endpoint['id']}/change/").content.decode()
    for page in (f"{ATTEMPTS}?endpoint={endpoint['id']}", f"{ATTEMPTS}{attempt['_id']}/change/"):
        assert f'<a href="{ENDPOINTS}{endpoint["id"]}/change/">127.0.0.1</a>' in admin.get(page).content.decode()
    assert attempt["event_id"] in admin.get(f"{ATTEMPTS}{attempt['_id']}/change/").content.decode()
    assert "The event is sent again. (1)" in act(admin, ATTEMPTS, "send_again", attempt["_id"])
    send_webhooks_again()

    assert [event["id"] for event in partner.events()] == [attempt["event_id"]] * 2
    assert recorded()[-1] == ("redeliver", "admin", endpoint["id"], {"event_id": attempt["event_id"]})


def test_staff_disable_enable_and_test_an_endpoint(admin: Client, staff: ApiClient, partner: Partner) -> None:
    endpoint = add(staff, f"{partner.url}/ok")

    assert "Disabled. (1)" in act(admin, ENDPOINTS, "disable", endpoint["id"])
    assert "This endpoint is disabled." in act(admin, ENDPOINTS, "send_test_event", endpoint["id"])
    assert "Enabled. (1)" in act(admin, ENDPOINTS, "enable", endpoint["id"])
    assert "A test event is on its way. (1)" in act(admin, ENDPOINTS, "send_test_event", endpoint["id"])
    assert "What was not taken is sent again. (1)" in act(admin, ENDPOINTS, "send_untaken", endpoint["id"])
    run_queued("queue_untaken")
    send_webhooks_again()

    (test,) = partner.events()
    assert test["type"] == "endpoint.test"
    assert recorded()[1:] == [
        ("change_endpoint", "admin", endpoint["id"], {"enabled": False, "fields": []}),
        ("change_endpoint", "admin", endpoint["id"], {"enabled": True, "fields": []}),
        ("send_test", "admin", endpoint["id"], {"event_id": test["id"]}),
        ("redeliver", "admin", endpoint["id"], {"events": 1}),
    ]
    (attempt,) = stored("webhook_attempts")
    assert "event" in act(admin, ATTEMPTS, "send_again", attempt["_id"])  # an error, because test events are not stored
    shown = admin.get(f"{ENDPOINTS}{endpoint['id']}/change/").content.decode()
    assert stored("webhook_endpoints")[0]["seed"] not in shown


def test_person_who_disables_what_the_product_has_disabled_is_recorded(
    admin: Client, staff: ApiClient, partner: Partner
) -> None:
    endpoint = add(staff, f"{partner.url}/ok")
    gone = {"enabled": False, "disabled_reason": "gone"}
    connection.get_collection("webhook_endpoints").update_one({}, {"$set": gone})

    for _twice in range(2):
        assert "Disabled. (1)" in act(admin, ENDPOINTS, "disable", endpoint["id"])
    assert [each["disabled_reason"] for each in stored("webhook_endpoints")] == [None]
    assert recorded()[1:] == [("change_endpoint", "admin", endpoint["id"], {"disabled_reason": None, "fields": []})]
    assert "disabled because: it has answered 410 → -" in admin.get("/admin/api/changerecord/").content.decode()


def test_event_of_several_attempts_is_sent_again_once(
    admin: Client, staff: ApiClient, partner: Partner, session: Session
) -> None:
    add(staff, f"{partner.url}/ok", types=["goal.added"])
    ShowFundingGoalFactory(session=session)
    publish_events()
    (first,) = stored("webhook_attempts")
    act(admin, ATTEMPTS, "send_again", first["_id"])
    send_webhooks_again()
    before = len(recorded())

    page = act(admin, ATTEMPTS, "send_again", *(attempt["_id"] for attempt in stored("webhook_attempts")))
    send_webhooks_again()

    assert "The event is sent again. (1)" in page
    assert (len(partner.events()), len(recorded()) - before) == (3, 1)


def test_more_attempts_than_a_page_shows_are_not_sent_again(admin: Client) -> None:
    endpoint = EndpointFactory()
    told: Any = {"type": "goal.added", "number": 1, "created_at": NOON, "error": "", "answer": "", "status": 200}
    attempts = Attempt.objects.bulk_create(
        Attempt(endpoint_id=endpoint.pk, event_id=str(ObjectId()), duration_ms=1, **told)
        for _each in range(MOST_AT_ONCE + 1)
    )
    form = {"action": "send_again", "select_across": "1", "_selected_action": [str(attempts[0].pk)]}

    page = admin.post(ATTEMPTS, form, follow=True).content.decode()

    assert "This can be done for at most 50 rows at once. Nothing was done." in page
    assert stored("webhook_deliveries") == []


def test_attempt_says_in_words_what_failed(
    admin: Client, staff: ApiClient, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.sending.QUICK_SECONDS", 1)
    add(staff, f"{partner.url}/hang", types=["goal.added"])
    ShowFundingGoalFactory()
    publish_events()

    for language, words in (("en", "no answer in time"), ("zh-hant", "未及時回應")):
        assert words in admin.get(ATTEMPTS, {"lang": language}).content.decode()
    assert error_in_words("a new one") == "a new one"
    assert {f"E_{error}" for error in ERRORS if error != REFUSED} <= {*dir(pycurl)}


def test_endpoint_that_has_taken_everything_is_sent_nothing(admin: Client) -> None:
    endpoint = EndpointFactory()

    page = act(admin, ENDPOINTS, "send_untaken", endpoint.pk)

    assert "nothing to send, because everything has been taken." in page
    assert "What was not taken is sent again." not in page
    assert [record["action"] for record in stored("change_records")] == ["create_endpoint"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "takes all calls"),
        ({"slow": True}, "slow"),
        ({"slow": True, "failing_since": NOON}, "failing since 2026-03-01 12:00:00 UTC"),
        ({"enabled": False, "failing_since": NOON}, "disabled"),
        ({"enabled": False, "disabled_reason": "gone"}, "disabled: it has answered 410"),
    ],
)
def test_list_says_how_an_endpoint_is(admin: Client, fields: dict[str, Any], expected: str) -> None:
    endpoint = EndpointFactory()
    Endpoint.objects.filter(pk=endpoint.pk).update(**fields)

    for page in (ENDPOINTS, f"{ENDPOINTS}{endpoint.pk}/change/"):
        assert expected in admin.get(page).content.decode()


def test_attempts_of_many_endpoints_are_listed_by_two_queries_of_them(admin: Client) -> None:
    endpoints, deleted = [EndpointFactory() for _ in range(5)], ObjectId()
    told: Any = {"event_id": "0" * 24, "type": "goal.added", "number": 1, "created_at": NOON, "error": "", "answer": ""}
    Attempt.objects.bulk_create(
        Attempt(endpoint_id=pk, status=200, duration_ms=1, **told)
        for pk in (*(endpoint.pk for endpoint in endpoints), deleted)
    )
    with profiled() as profile:
        page = admin.get(ATTEMPTS).content.decode()

    assert all(endpoint.host in page for endpoint in endpoints)
    assert str(deleted) in page
    assert len([query for query in profile.queries if query.collection == "webhook_endpoints"]) == 2


def test_staff_who_may_only_look_change_nothing(staff: ApiClient, partner: Partner) -> None:
    endpoint = add(staff, f"{partner.url}/ok")
    browser = Client()
    browser.force_login(StaffFactory(permissions=("view_endpoint", "view_attempt")))

    assert [browser.get(path).status_code for path in (ENDPOINTS, ATTEMPTS)] == [200, 200]
    act(browser, ENDPOINTS, "disable", endpoint["id"])
    posted = browser.post(f"{ENDPOINTS}{endpoint['id']}/change/", {"url": "https://example.com/"})

    assert posted.status_code == 403
    assert f"{partner.url}/ok" not in browser.get(f"{ENDPOINTS}{endpoint['id']}/change/").content.decode()
    assert [(each["enabled"], each["url"]) for each in stored("webhook_endpoints")] == [(True, endpoint["url"])]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ([], []),
        (["127.0.0.1:9000", "hooks.example.com"], ["webhooks.W001"]),
        (["https://example.com/"], ["webhooks.E001"]),
        (["example.com:x"], ["webhooks.E001"]),
    ],
)
def test_setting_is_checked(settings: Any, hosts: list[str], expected: list[str]) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS, settings.DEBUG = hosts, False

    assert [each.id for each in run_checks(tags=["webhooks"])] == expected
