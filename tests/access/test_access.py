"""Every call, made by every kind of caller."""

from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId

from api.access import routes
from tests.access.world import CALLERS, DISABLED, NEWCOMER, SUPERUSER, World, make_world

MATRIX: dict[str, tuple[int, int, int, int, int]] = {
    # anonymous, other, viewer, owner, staff
    "GET /healthz": (200, 200, 200, 200, 200),
    "GET /readyz": (503, 503, 503, 503, 503),  # the tests have no qcluster
    "GET /metrics": (200, 200, 200, 200, 200),  # the callers are on this machine
    "GET /schema": (200, 200, 200, 200, 200),
    "GET /docs": (200, 200, 200, 200, 200),
    "GET /shows/{goal_id}": (200, 200, 200, 200, 200),
    "GET /watch/{goal_id}": (200, 200, 200, 200, 200),
    "POST /auth/token": (200, 200, 200, 200, 200),
    "POST /auth/token/refresh": (200, 200, 200, 200, 200),
    "POST /auth/sign-out": (401, 204, 204, 204, 204),
    "GET /me": (401, 200, 200, 200, 200),
    "GET /me/contributions": (401, 200, 200, 200, 200),
    "POST /byteplus/callback": (403, 403, 403, 403, 403),  # the request is not signed
    "POST /pusher/webhook": (403, 403, 403, 403, 403),  # the request is not signed
    "GET /feeds/livestream": (401, 200, 200, 200, 200),
    "GET /realtime": (200, 200, 200, 200, 200),
    "POST /pusher/auth": (401, 403, 200, 403, 403),  # the viewer's own channel
    "GET /sessions": (401, 200, 200, 200, 200),
    "POST /sessions": (401, 201, 201, 201, 201),
    "GET /sessions/{session_id}": (401, 200, 200, 200, 200),
    "GET /sessions/{session_id}/token": (401, 200, 200, 200, 200),
    "POST /sessions/{session_id}/end": (401, 404, 404, 200, 404),
    "POST /goals?type=show-funding": (401, 404, 404, 201, 404),
    "POST /goals?type=show": (401, 404, 404, 201, 404),
    "GET /goals": (401, 200, 200, 200, 200),
    "GET /goals?session_id={session_id}": (401, 200, 200, 200, 200),
    "GET /goals/{goal_id}": (401, 404, 404, 200, 404),
    "GET /goals/{goal_id}?session_id={session_id}": (401, 200, 200, 200, 200),
    "PATCH /goals/{goal_id}": (401, 404, 404, 200, 404),
    "POST /goals/{goal_id}/cancel": (401, 404, 404, 200, 404),
    "POST /goals/{goal_id}/close": (401, 404, 404, 200, 404),
    "POST /goals/{goal_id}/start": (401, 404, 404, 200, 404),
    "POST /goals/{goal_id}/end": (401, 404, 404, 200, 409),  # the owner has just ended the show
    "POST /goals/{goal_id}/extend": (401, 404, 404, 200, 200),
    "POST /goals/{goal_id}/contributions": (401, 201, 201, 409, 201),
    "POST /goals/{goal_id}/payers/{viewer_id}/exclude": (401, 404, 404, 404, 200),
    "POST /goals/{goal_id}/payers/{viewer_id}/include": (401, 404, 404, 404, 200),
    "GET /goals/{goal_id}/settlement": (401, 404, 404, 200, 200),
    "GET /goals/{goal_id}/settlement.csv": (401, 404, 404, 200, 200),
    "POST /goals/{goal_id}/settlement": (401, 404, 404, 404, 409),  # nothing is in question
    "GET /goals/{goal_id}/timeline": (401, 404, 404, 200, 200),
    "GET /goals/{goal_id}/viewers/{viewer_id}": (401, 404, 200, 200, 200),
    "GET /goals/{goal_id}/payers": (401, 404, 404, 200, 200),
    "GET /goals/{goal_id}/deliveries": (401, 404, 404, 200, 200),
    "POST /goals/{goal_id}/received": (401, 404, 404, 404, 404),  # no event is planned yet
    "POST /goals/{goal_id}/redeliver": (401, 404, 404, 200, 200),
    "GET /events": (401, 404, 404, 404, 200),
    "GET /events/{event_id}": (401, 404, 404, 404, 200),
    "GET /webhook-endpoints": (401, 404, 404, 404, 200),
    "POST /webhook-endpoints": (401, 404, 404, 404, 201),
    "PATCH /webhook-endpoints/{endpoint_id}": (401, 404, 404, 404, 200),
    "POST /webhook-endpoints/{endpoint_id}/test": (401, 404, 404, 404, 200),
    "POST /webhook-endpoints/{endpoint_id}/redeliver": (401, 404, 404, 404, 200),
    "GET /webhook-endpoints/{endpoint_id}/attempts": (401, 404, 404, 404, 200),
    "DELETE /webhook-endpoints/{endpoint_id}": (401, 404, 404, 404, 204),
}
# The number of entries that each caller sees. A list answers 200 even if it is empty.
LISTED = {
    "GET /me/contributions": {"other": 0, "viewer": 3, "owner": 0, "staff": 0},
    "GET /goals": {"other": 0, "viewer": 0, "owner": 6, "staff": 0},
    "GET /goals?session_id={session_id}": {"other": 6, "viewer": 6, "owner": 6, "staff": 6},
}


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def refusals() -> Iterator[tuple[str, str]]:
    """Yield (call, caller) for every caller who gets a 404 for the call."""
    for call, statuses in MATRIX.items():
        yield from ((call, caller) for caller, status in zip(CALLERS, statuses, strict=True) if status == 404)


def test_matrix_has_every_call_and_no_other() -> None:
    assert {call.partition("?")[0] for call in MATRIX} == {f"{call.method} {call.path}" for call in routes()}


@pytest.mark.parametrize("call", MATRIX)
def test_status_of_each_call_for_each_caller(world: World, call: str) -> None:
    answered = {caller: world.send(call, caller).status_code for caller in CALLERS}

    assert answered == dict(zip(CALLERS, MATRIX[call], strict=True))


@pytest.mark.parametrize("call", MATRIX)
def test_staff_without_the_permission_are_answered_like_other_users(world: World, call: str) -> None:
    answered = {caller: world.send(call, caller).status_code for caller in ("other", NEWCOMER)}

    assert answered == dict.fromkeys(answered, MATRIX[call][1])


@pytest.mark.parametrize("call", MATRIX)
def test_disabled_user_is_anonymous_and_superuser_is_staff(world: World, call: str) -> None:
    answered = {caller: world.send(call, caller).status_code for caller in (DISABLED, SUPERUSER)}

    as_staff = 200 if call == "POST /goals/{goal_id}/end" else MATRIX[call][4]  # nobody has ended the show yet
    assert answered == {DISABLED: MATRIX[call][0], SUPERUSER: as_staff}


@pytest.mark.parametrize("call", LISTED)
def test_list_holds_what_its_caller_may_see(world: World, call: str) -> None:
    assert {caller: len(world.send(call, caller).json()["results"]) for caller in LISTED[call]} == LISTED[call]


@pytest.mark.parametrize("call", dict.fromkeys(call for call, _caller in refusals()))
def test_foreign_goal_is_answered_like_a_missing_one(world: World, call: str) -> None:
    """Both responses are the same 404, so ids cannot be probed."""
    refused = [caller for refused_call, caller in refusals() if refused_call == call]
    foreign = [world.send(call, caller).json() for caller in refused]
    missing = [world.send(call, caller, goal_id=ObjectId(), session_id=ObjectId()).json() for caller in refused]

    assert foreign == missing


@pytest.mark.parametrize("call", [call for call in MATRIX if call.startswith("GET")])
def test_head_is_answered_as_get_without_a_body(world: World, call: str) -> None:
    answers = {caller: world.send(call, caller, method="HEAD") for caller in CALLERS}

    assert {caller: (answer.status_code, answer.getvalue()) for caller, answer in answers.items()} == {
        caller: (status, b"") for caller, status in zip(CALLERS, MATRIX[call], strict=True)
    }


@pytest.mark.parametrize("call", MATRIX)
def test_options_tells_the_methods(world: World, call: str) -> None:
    needs_token = MATRIX[call][0] == 401
    answers = {caller: world.send(call, caller, method="OPTIONS") for caller in CALLERS}

    expected: dict[str, Any] = dict.fromkeys(CALLERS, 204) | ({"anonymous": 401} if needs_token else {})
    assert {caller: answer.status_code for caller, answer in answers.items()} == expected
    assert call.split(maxsplit=1)[0] in answers["owner"].headers["Allow"].split(", ")


@pytest.mark.parametrize("call", MATRIX)
def test_unknown_method_is_refused(world: World, call: str) -> None:
    needs_token = MATRIX[call][0] == 401

    assert world.send(call, "owner", method="PUT").status_code == 405
    assert world.send(call, "anonymous", method="PUT").status_code == (401 if needs_token else 405)
