"""Staff make and revoke keys for partners' servers in the admin. A key is valid only for the calls of its scopes."""

import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from api.access import STAFF, routes
from api.models import Scope, ServerKey
from api.server_keys import KEPT_SECONDS, digest, new_key
from goals.models import Goal
from goals.permissions import NAMES_SESSION
from tests.access.world import World, make_world
from tests.factories.client import ApiClient
from tests.factories.documents import stored
from tests.factories.goals import ShowFundingGoalFactory
from tests.factories.people import StaffFactory

pytestmark = pytest.mark.django_db


def make_key(*scopes: Scope) -> str:
    key = new_key()
    fields = {"digest": digest(key), "start": key[:8], "created_at": datetime.now(UTC), "created_by": "admin"}
    ServerKey.objects.create(name="back office", scopes=[str(scope) for scope in scopes], **fields)
    return key


def with_key(key: str) -> ApiClient:
    return ApiClient(authorization=f"Bearer {key}")


def test_staff_make_a_key_and_see_it_once(admin: Client) -> None:
    page = admin.post("/admin/api/serverkey/add/", {"name": "back office", "scopes": ["read"]}, follow=True)

    (key,) = re.findall(r"sk_[\w-]{43}", page.content.decode())
    (made,) = stored("server_keys")
    assert (made["name"], made["scopes"], made["created_by"], made["start"]) == (
        *("back office", ["read"], "admin", key[:8]),
    )
    assert made["digest"] == digest(key)
    for path in ("/admin/api/serverkey/", f"/admin/api/serverkey/{made['_id']}/change/"):
        later = admin.get(path).content.decode()
        assert (key in later, made["digest"] in later) == (False, False)
    assert with_key(key).get("/events").status == 200


def test_revoked_key_is_refused(admin: Client) -> None:
    key = make_key(Scope.READ)
    assert with_key(key).get("/events").status == 200
    (made,) = stored("server_keys")

    page = admin.post(
        "/admin/api/serverkey/", {"action": "revoke", "_selected_action": [str(made["_id"])]}, follow=True
    )

    assert "Keys that were revoked: 1" in page.content.decode()
    assert with_key(key).get("/events").problem == (401, "not_authenticated", [])


def test_revocation_by_another_process_is_seen_within_a_second() -> None:
    key = make_key(Scope.READ)
    assert with_key(key).get("/events").status == 200

    ServerKey.objects.update(revoked_at=datetime.now(UTC))
    time.sleep(KEPT_SECONDS)

    assert with_key(key).get("/events").problem == (401, "not_authenticated", [])


def test_staff_without_the_permission_make_and_revoke_nothing() -> None:
    make_key(Scope.READ)
    browser = Client()
    browser.force_login(StaffFactory(permissions=("view_serverkey",)))
    (made,) = stored("server_keys")

    added = browser.post("/admin/api/serverkey/add/", {"name": "mine", "scopes": ["read"]})
    browser.post("/admin/api/serverkey/", {"action": "revoke", "_selected_action": [str(made["_id"])]})

    assert added.status_code == 403
    assert [(key["name"], key["revoked_at"]) for key in stored("server_keys")] == [("back office", None)]


@pytest.mark.parametrize("key", ["sk_", "sk_x", f"sk_{'0' * 43}", f"sk_{'é' * 43}", f"sk_{'0' * 44}"])
def test_any_other_key_is_refused(key: str) -> None:
    make_key(*Scope)

    assert (
        Client(headers={"Authorization": f"Bearer {key}".encode().decode("latin-1")}).get("/events").status_code == 401
    )


def test_use_is_noted() -> None:
    key = make_key(Scope.READ)
    with_key(key).get("/events")

    (used,) = stored("server_keys")
    assert abs(used["last_used_at"].replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds() < 10


def test_key_is_throttled_by_itself(settings: Any) -> None:
    settings.THROTTLE = True
    settings.THROTTLE_RATES = {**settings.THROTTLE_RATES, "user": "3/hour"}
    one, other = with_key(make_key(Scope.READ)), with_key(make_key(Scope.READ))

    assert [one.get("/events").status for _ in range(5)] == [200, 200, 200, 429, 429]
    assert other.get("/events").status == 200


@pytest.fixture
def world(db: None) -> World:
    return make_world()


@pytest.mark.parametrize("scopes", [(), *((scope,) for scope in Scope), tuple(Scope)], ids=str)
def test_key_opens_the_calls_of_its_scopes_and_no_other(world: World, scopes: tuple[Scope, ...]) -> None:
    """A key never acts as a viewer or a streamer. It can't pay, open a session, or get a token to watch."""
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {make_key(*scopes)}"})
    wrong = {}
    for route in routes():
        roles = route.view.access[route.name]
        if not all(role.needs_token for role in roles):
            continue
        wanted = {role.scope for role in roles} - {""}
        may = any(scope in scopes and (scope != Scope.READ or route.method == "GET") for scope in wanted)
        url = route.path.format(**world.ids(f"{route.method} {route.path}"))
        answer = client.generic(route.method, url, "{}", content_type="application/json")
        # A call that the key may make can still return 400, or 404 without a `session_id`.
        refused = (answer.status_code, b'"not_found"' in answer.getvalue()) == (404, True)
        if refused == may:
            wrong[f"{route.method} {route.path}"] = answer.getvalue()
    assert wrong == {}


def test_reading_names_the_session_of_a_goal() -> None:
    goal: Goal = ShowFundingGoalFactory()
    key, path = with_key(make_key(Scope.READ)), f"/goals/{goal.pk}"

    assert key.get(path).problem == (404, "goal_not_found", [])
    assert key.get(path, session_id=goal.conditions.session_id).body["id"] == str(goal.pk)
    assert (STAFF.scope, NAMES_SESSION.scope) == (Scope.READ, Scope.READ)


def test_decision_names_the_key(world: World) -> None:
    key = with_key(make_key(Scope.SETTLEMENTS))

    answer = key.post(f"/goals/{world.closed.pk}/settlement", {"outcome": "earned", "reason": "It was fine."})

    assert answer.problem == (409, "not_in_question", [])
    assert key.get(f"/goals/{world.closed.pk}/settlement").problem == (404, "not_found", [])
