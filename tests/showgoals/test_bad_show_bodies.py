"""A `POST /goals?type=show` with a faulty body gets a 400 that names the field and the fault, and writes nothing."""

import time
from typing import Any

import pytest

from tests.factories.bodies import Body
from tests.factories.client import ApiClient
from tests.showgoals.faults import MISSING, refusal, with_fault

PATH = "/goals?type=show"
LEVEL = {"title": "Proceed", "target": 60}
YEAR_AND_A_DAY = 366 * 24 * 3600
NOT_IDS = [
    (MISSING, "required"),
    (None, "null"),
    ("", "invalid_id"),
    ("6811c05bf672c8b2cbdc243", "invalid_id"),
    ("6811c05bf672c8b2cbdc24322", "invalid_id"),
    ("6811c05bf672c8b2cbdc243g", "invalid_id"),
    (" 6811c05bf672c8b2cbdc243", "invalid_id"),
    ("6811c05bf672", "invalid_id"),
    (6811, "invalid_type"),
    (True, "invalid_type"),
    (["6811c05bf672c8b2cbdc2432"], "invalid_type"),
    ({"$ne": None}, "invalid_type"),
]
# Read-only fields, and names with a meaning in MongoDB or in a programming language.
NOT_CLIENTS = [
    *("id", "_id", "pk", "type", "kind", "_cls", "status", "active", "exp", "access_exp", "activated_at"),
    *("cancelled_at", "progress", "breakdown", "conditions", "metadata", "created_at", "user_id"),
    *("$set", "a.b", "", "__proto__", "NBF", "nbf "),
]
NOT_CLIENTS_CONTEXT = [
    *("type", "started", "started_by", "show_goal_id", "perform_duration", "exclusive_goal_id", "discount_percentage"),
    *("$set", "a.b", "Session_id"),
]


@pytest.mark.parametrize(
    ("value", "pointer", "code"),
    [
        (MISSING, "/levels", "required"),
        (None, "/levels", "null"),
        ([], "/levels", "min_length"),
        ([LEVEL, LEVEL], "/levels", "max_length"),
        (LEVEL, "/levels", "invalid_type"),
        ("levels", "/levels", "invalid_type"),
        (60, "/levels", "invalid_type"),
        ([60], "/levels/0", "invalid_type"),
        ([None], "/levels/0", "null"),
        ([[LEVEL]], "/levels/0", "invalid_type"),
    ],
)
def test_levels_are_exactly_one_object(
    streamer_client: ApiClient, body: Body, value: Any, pointer: str, code: str
) -> None:
    assert refusal(streamer_client, PATH, with_fault(body, "/levels", value)) == (400, "invalid", [(pointer, code)])


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (MISSING, "required"),
        (None, "null"),
        (0, "min_value"),
        (-1, "min_value"),
        (86_401, "max_value"),
        (10**12, "max_value"),
        (10**30, "max_value"),
        (60.0, "invalid_type"),
        (1e300, "invalid_type"),
        ("60", "invalid_type"),
        (True, "invalid_type"),
        ([60], "invalid_type"),
        ({"$gt": 0}, "invalid_type"),
    ],
)
def test_target_is_a_day_of_seconds_at_most(streamer_client: ApiClient, body: Body, value: Any, code: str) -> None:
    faulty = with_fault(body, "/levels/0/target", value)
    assert refusal(streamer_client, PATH, faulty) == (400, "invalid", [("/levels/0/target", code)])


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (MISSING, "required"),
        (None, "null"),
        ("", "blank"),
        ("   ", "blank"),
        ("\u3000", "blank"),
        ("\u200b", "blank"),
        ("\u2060\ufeff\u202e", "blank"),
        ("\u3164\u2800", "blank"),
        ("one\u2028two", "invalid_characters"),
        ("x" * 201, "max_length"),
        ("two\nlines", "invalid_characters"),
        ("tab\tstop", "invalid_characters"),
        ("bell\x07", "invalid_characters"),
        ("delete\x7f", "invalid_characters"),
        ("next line\x85", "invalid_characters"),
        (5, "invalid_type"),
        (True, "invalid_type"),
        (["Proceed"], "invalid_type"),
    ],
)
def test_title_is_a_line_of_text(streamer_client: ApiClient, body: Body, value: Any, code: str) -> None:
    faulty = with_fault(body, "/levels/0/title", value)
    assert refusal(streamer_client, PATH, faulty) == (400, "invalid", [("/levels/0/title", code)])


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (MISSING, "required"),
        (None, "null"),
        (-(10**30), "min_value"),
        (-1, "duration"),
        (0, "duration"),
        (600, "duration"),
        (10**9 - 1, "duration"),
        (10**11, "milliseconds"),
        (1_745_993_863_000, "milliseconds"),
        (10**30, "max_value"),
        pytest.param(int(time.time()) + YEAR_AND_A_DAY, "too_far_ahead", id="a year and a day"),
        (10**11 - 1, "too_far_ahead"),
        (1_745_993_863.0, "invalid_type"),
        (1_745_993_863.5, "invalid_type"),
        ("1745993863", "invalid_type"),
        ("2025-04-30T06:17:43Z", "invalid_type"),
        (True, "invalid_type"),
        ([1_745_993_863], "invalid_type"),
    ],
)
def test_nbf_is_unix_seconds_within_a_year(streamer_client: ApiClient, body: Body, value: Any, code: str) -> None:
    assert refusal(streamer_client, PATH, with_fault(body, "/nbf", value)) == (400, "invalid", [("/nbf", code)])


@pytest.mark.parametrize("name", ["funding_goal_id", "session_id"])
@pytest.mark.parametrize(("value", "code"), NOT_IDS)
def test_ids_have_24_hex_digits(streamer_client: ApiClient, body: Body, name: str, value: Any, code: str) -> None:
    pointer = f"/context/{name}"
    assert refusal(streamer_client, PATH, with_fault(body, pointer, value)) == (400, "invalid", [(pointer, code)])


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("ticket_product_id", MISSING, "required"),
        ("ticket_product_id", None, "null"),
        ("ticket_product_id", "", "blank"),
        ("ticket_product_id", "x" * 129, "invalid_characters"),
        ("ticket_product_id", "show ticket", "invalid_characters"),
        ("ticket_product_id", "ticket\n", "invalid_characters"),
        ("ticket_product_id", "t\u00efcket", "invalid_characters"),
        ("ticket_product_id", 200, "invalid_type"),
        ("ticket_product_type", MISSING, "required"),
        ("ticket_product_type", None, "null"),
        ("ticket_product_type", "", "invalid_choice"),
        ("ticket_product_type", "Show", "invalid_choice"),
        ("ticket_product_type", "karaoke", "invalid_choice"),
        ("ticket_product_type", True, "invalid_choice"),
        ("ticket_product_type", ["show"], "invalid_choice"),
    ],
)
def test_ticket_product_is_named(streamer_client: ApiClient, body: Body, name: str, value: Any, code: str) -> None:
    pointer = f"/context/{name}"
    assert refusal(streamer_client, PATH, with_fault(body, pointer, value)) == (400, "invalid", [(pointer, code)])


@pytest.mark.parametrize(
    ("pointer", "value", "errors"),
    [
        ("", {}, [("/levels", "required"), ("/context", "required"), ("/nbf", "required")]),
        ("", [], [("", "invalid_type")]),
        ("", "body", [("", "invalid_type")]),
        ("", 5, [("", "invalid_type")]),
        ("", None, [("", "null")]),
        ("/context", MISSING, [("/context", "required")]),
        ("/context", None, [("/context", "null")]),
        ("/context", [], [("/context", "invalid_type")]),
        ("/context", "6811c05bf672c8b2cbdc2432", [("/context", "invalid_type")]),
    ],
)
def test_body_and_context_are_objects(
    streamer_client: ApiClient, body: Body, pointer: str, value: Any, errors: list[tuple[str, str]]
) -> None:
    assert refusal(streamer_client, PATH, with_fault(body, pointer, value)) == (400, "invalid", errors)


@pytest.mark.parametrize(
    ("parent", "name"),
    [
        *(("", name) for name in NOT_CLIENTS),
        *(("/context", name) for name in NOT_CLIENTS_CONTEXT),
        *(("/levels/0", name) for name in ("id", "progress", "nbf", "$set")),
    ],
)
def test_fields_that_clients_cannot_set_are_refused(
    streamer_client: ApiClient, body: Body, parent: str, name: str
) -> None:
    pointer = f"{parent}/{name}"
    problem = refusal(streamer_client, PATH, with_fault(body, pointer, None))
    assert problem == (400, "unknown_field", [(pointer, "unknown_field")])


def test_several_faults_are_all_named(streamer_client: ApiClient) -> None:
    faulty = {
        "levels": [{"target": 0, "title": "", "more": 1}],
        "context": {"session_id": "zzz", "ticket_product_type": "other", "started": 1},
        "active": True,
    }
    assert refusal(streamer_client, PATH, faulty) == (
        400,
        "invalid",
        [
            ("/levels/0/title", "blank"),
            ("/levels/0/target", "min_value"),
            ("/levels/0/more", "unknown_field"),
            ("/context/funding_goal_id", "required"),
            ("/context/session_id", "invalid_id"),
            ("/context/ticket_product_id", "required"),
            ("/context/ticket_product_type", "invalid_choice"),
            ("/context/started", "unknown_field"),
            ("/nbf", "required"),
            ("/active", "unknown_field"),
        ],
    )


def test_values_at_the_limits_are_accepted(streamer_client: ApiClient, body: Body) -> None:
    body["levels"] = [{"title": "\U0001f3a4" * 200, "target": 86_400}]
    body["context"]["ticket_product_id"] = "Az0_.-" + "x" * 122
    body["nbf"] = int(time.time()) + 365 * 24 * 3600 - 5

    answer = streamer_client.post(PATH, body)

    assert answer.status == 201
    assert {name: answer.body[name] for name in ("levels", "nbf")} == {"levels": body["levels"], "nbf": body["nbf"]}
    assert answer.body["context"]["ticket_product_id"] == body["context"]["ticket_product_id"]


def test_ids_are_case_insensitive(streamer_client: ApiClient, body: Body) -> None:
    written = {name: body["context"][name] for name in ("funding_goal_id", "session_id")}
    body["context"] |= {name: value.upper() for name, value in written.items()}

    answer = streamer_client.post(PATH, body)

    assert answer.status == 201
    assert {name: answer.body["context"][name] for name in written} == written
