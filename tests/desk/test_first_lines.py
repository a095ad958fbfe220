"""The first line of a stored error. The list of failed tasks reads only the beginning of each error."""

import json

import pytest
from django.test import Client

from desk.queue.entries import READ_CHARACTERS, first_line
from tests.desk.test_queue import FAILED, fail, groups, rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.mark.parametrize(
    ("stored_text", "line"),
    [
        ('"Pusher says \\u4e0d"', "Pusher says 不"),
        ('"cut in the middle \\u4e', "cut in the middle"),
        ('"\\u4e0d : Traceback (most', "不"),
        ('"two\\nlines"', "two"),
        ('"a folder C:\\\\new', "a folder C:\\new"),
        ('"half \\ud83d of an emoji"', "half ? of an emoji"),
        ('"of 6811bfd5d273022b46570ae5, twice"', "of …, twice"),
        ("gASVBQ==", "stored by an earlier release: gASVBQ=="),
        (None, ""),
        ("null", "null"),
        ({"a": 1}, "{'a': 1}"),
    ],
)
def test_first_line_of_an_error(stored_text: object, line: str) -> None:
    assert first_line(stored_text) == line


@pytest.mark.parametrize("text", ['😀😀 不 "a\\b" 😀', "\\😀"])
def test_first_line_of_an_error_that_is_cut_anywhere(text: str) -> None:
    stored_text = json.dumps(text)
    lines = [first_line(stored_text[:length]) for length in range(2, len(stored_text) + 1)]

    assert [line for line in lines if not text.startswith(line)] == []
    assert lines[-1] == text


def test_failed_tasks_are_shown_wherever_their_errors_are_cut(admin: Client) -> None:
    for number in range(len(json.dumps("😀")) + 2):
        characters = READ_CHARACTERS - number - 1
        fail(number, error=f"{number:02}{'x' * (characters - 2)}{json.dumps('😀😀')[1:-1]}")

    page = admin.get(FAILED)

    assert [page.status_code, len(rows(page)), len(groups(page))] == [200, 16, 16]
    for each in page.context["groups"].shown:
        assert len(rows(admin.get(f"{FAILED}?{each.query}"))) == 1


def test_half_of_a_character_is_shown(admin: Client) -> None:
    failure = fail(1, error="half \\ud83d")

    assert "half ?" in admin.get(f"{FAILED}{failure}/change/").content.decode()
