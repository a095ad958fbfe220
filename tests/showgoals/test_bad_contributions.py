"""A refused `POST /goals/{id}/contributions` writes nothing."""

from typing import Any

import pytest
from bson import ObjectId

from goals.models import Goal
from tests.factories.client import ApiClient
from tests.factories.documents import connection
from tests.factories.goals import ShowGoalFactory
from tests.showgoals.faults import refusal

MONEY = {"amount": 5}


def path(goal_id: object) -> str:
    return f"/goals/{goal_id}/contributions"


@pytest.mark.parametrize(
    ("body", "status_code", "errors"),
    [
        ({}, "invalid", [("/amount", "required")]),
        ({"amount": None}, "invalid", [("/amount", "null")]),
        ({"amount": 0}, "invalid", [("/amount", "min_value")]),
        ({"amount": -5}, "invalid", [("/amount", "min_value")]),
        ({"amount": 1_000_001}, "invalid", [("/amount", "max_value")]),
        ({"amount": 10**30}, "invalid", [("/amount", "max_value")]),
        ({"amount": 5.0}, "invalid", [("/amount", "invalid_type")]),
        ({"amount": "5"}, "invalid", [("/amount", "invalid_type")]),
        ({"amount": True}, "invalid", [("/amount", "invalid_type")]),
        ({"amount": [5]}, "invalid", [("/amount", "invalid_type")]),
        ({"amount": 5, "viewer_id": "6811c05bf672c8b2cbdc2432"}, "unknown_field", [("/viewer_id", "unknown_field")]),
        ({"amount": 5, "folded": True}, "unknown_field", [("/folded", "unknown_field")]),
        ([], "invalid", [("", "invalid_type")]),
        (5, "invalid", [("", "invalid_type")]),
    ],
)
def test_amount_is_a_positive_integer(
    viewer_client: ApiClient, open_goal: Goal, body: Any, status_code: str, errors: list[tuple[str, str]]
) -> None:
    problem = refusal(viewer_client, path(open_goal.pk), body, idempotency_key="1")
    assert problem == (400, status_code, errors)


def test_key_is_required(viewer_client: ApiClient, open_goal: Goal) -> None:
    assert refusal(viewer_client, path(open_goal.pk), MONEY) == (400, "idempotency_key_required", [])


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "tab\tstop"])
def test_key_is_printable_ascii(viewer_client: ApiClient, open_goal: Goal, key: str) -> None:
    problem = refusal(viewer_client, path(open_goal.pk), MONEY, idempotency_key=key)
    assert problem == (400, "invalid_idempotency_key", [])


@pytest.mark.parametrize(
    ("goal_id", "code"), [(ObjectId(), "goal_not_found"), ("zzz", "not_found"), ("6811c05bf672", "not_found")]
)
def test_unknown_goal_is_not_found(viewer_client: ApiClient, db: None, goal_id: object, code: str) -> None:
    assert refusal(viewer_client, path(goal_id), MONEY, idempotency_key="1") == (404, code, [])


def test_show_takes_no_contribution(viewer_client: ApiClient, closed_goal: Goal) -> None:
    show = ShowGoalFactory(funding_goal=closed_goal)
    assert refusal(viewer_client, path(show.pk), MONEY, idempotency_key="1") == (404, "goal_not_found", [])


def test_closed_goal_takes_no_contribution(viewer_client: ApiClient, closed_goal: Goal) -> None:
    assert refusal(viewer_client, path(closed_goal.pk), MONEY, idempotency_key="1") == (409, "funding_closed", [])


def test_goal_with_a_show_takes_no_contribution(viewer_client: ApiClient, open_goal: Goal) -> None:
    linked = {"$set": {"context.show_goal_id": str(ObjectId())}}
    connection.get_collection("goals").update_one({"_id": open_goal.pk}, linked)

    assert refusal(viewer_client, path(open_goal.pk), MONEY, idempotency_key="1") == (409, "funding_closed", [])


def test_checks_run_in_order(viewer_client: ApiClient, closed_goal: Goal) -> None:
    nothing, nowhere = {"amount": 0}, path(ObjectId())

    assert [
        ApiClient().post(nowhere, nothing).problem[1],
        refusal(viewer_client, nowhere, nothing)[1],
        refusal(viewer_client, nowhere, nothing, idempotency_key="1")[1],
        refusal(viewer_client, nowhere, MONEY, idempotency_key="1")[1],
        refusal(viewer_client, path(closed_goal.pk), MONEY, idempotency_key="1")[1],
    ] == ["not_authenticated", "idempotency_key_required", "invalid", "goal_not_found", "funding_closed"]
