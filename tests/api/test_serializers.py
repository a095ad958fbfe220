from collections.abc import Callable
from typing import Any

import pytest

OWNER = "6811BFD5d273022b46570ae5"
GOOD = f'{{"owner_id": "{OWNER}", "lines": [{{"title": " tea ", "amount": 10}}]}}'


def with_lines(lines: str) -> str:
    return f'{{"owner_id": "{OWNER}", "lines": {lines}}}'


def test_good_body_is_unchanged_except_for_the_case_of_ids(post: Callable[..., Any]) -> None:
    response = post("/order", GOOD.encode())

    assert response.json() == {"owner_id": OWNER.lower(), "lines": [{"title": " tea ", "amount": 10}]}


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ("", [("/owner_id", "required"), ("/lines", "required")]),
        ("{}", [("/owner_id", "required"), ("/lines", "required")]),
        ("[]", [("", "invalid_type")]),
        ("null", [("", "null")]),
        ('"text"', [("", "invalid_type")]),
        ("7", [("", "invalid_type")]),
        (GOOD.replace(f'"{OWNER}"', "null"), [("/owner_id", "null")]),
        (GOOD.replace(f'"{OWNER}"', "12"), [("/owner_id", "invalid_type")]),
        (GOOD.replace(OWNER, OWNER[1:]), [("/owner_id", "invalid_id")]),
        (GOOD.replace(OWNER, OWNER[:-1] + "g"), [("/owner_id", "invalid_id")]),
        (with_lines("{}"), [("/lines", "invalid_type")]),
        (with_lines("[7]"), [("/lines/0", "invalid_type")]),
        (with_lines("[null]"), [("/lines/0", "null")]),
        (with_lines("[]"), [("/lines", "min_length")]),
        (with_lines("[{}, {}, {}]"), [("/lines", "max_length")]),
        (GOOD.replace('" tea "', '""'), [("/lines/0/title", "blank")]),
        (GOOD.replace('" tea "', '"   "'), [("/lines/0/title", "blank")]),
        (GOOD.replace('" tea "', '"coffee"'), [("/lines/0/title", "max_length")]),
        (GOOD.replace('" tea "', "true"), [("/lines/0/title", "invalid_type")]),
        (GOOD.replace("10", "0"), [("/lines/0/amount", "min_value")]),
        (GOOD.replace("10", "11"), [("/lines/0/amount", "max_value")]),
        (GOOD.replace("10", "1" + "0" * 4000), [("/lines/0/amount", "max_value")]),
        (GOOD.replace("10", "1.0"), [("/lines/0/amount", "invalid_type")]),
        (GOOD.replace("10", '"1"'), [("/lines/0/amount", "invalid_type")]),
        (GOOD.replace("10", "true"), [("/lines/0/amount", "invalid_type")]),
        (GOOD.replace("10", "[1]"), [("/lines/0/amount", "invalid_type")]),
        (
            GOOD.replace("10", "0").replace("{", '{"x": 1,', 1),
            [("/lines/0/amount", "min_value"), ("/x", "unknown_field")],
        ),
    ],
)
def test_bad_body_is_invalid(post: Callable[..., Any], body: str, faults: list[tuple[str, str]]) -> None:
    response = post("/order", body.encode())

    answer = response.json()
    found = [(error["pointer"], error["code"]) for error in answer["errors"]]
    assert (response.status_code, answer["code"], found) == (400, "invalid", faults)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (GOOD.replace("{", '{"x": 1,', 1), "/x"),
        (GOOD.replace("{", '{"id": "1",', 1), "/id"),
        (GOOD.replace('"amount"', '"price": 1, "amount"'), "/lines/0/price"),
    ],
)
def test_body_with_nothing_but_unknown_fields_is_unknown_field(
    post: Callable[..., Any], body: str, pointer: str
) -> None:
    response = post("/order", body.encode())

    assert (response.status_code, response.json()["code"]) == (400, "unknown_field")
    assert response.json()["errors"] == [
        {"pointer": pointer, "code": "unknown_field", "detail": "This field is not known."}
    ]
