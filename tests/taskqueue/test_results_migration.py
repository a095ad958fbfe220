"""A migration converts to text what an earlier release stored about failed tasks."""

import base64
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from mongodb.collections import collection
from taskqueue.results import RESULTS, arguments, shown
from tests.factories.documents import stored

pytestmark = pytest.mark.django_db
# What django-q stored for ("one", 1, None, True), {} and "no".
ARGS = "gAWVDgAAAAAAAAAojANvbmWUSwFOiHSULg=="
NOTHING = "gAV9lC4="
RESULT = "gAWVBgAAAAAAAACMAm5vlC4="


def convert() -> None:
    migration: Any = import_module("taskqueue.migrations.0007_results_as_text")
    with connection.schema_editor() as editor:
        for _ in range(2):
            migration.convert(None, editor)


def test_plain_values_become_text() -> None:
    collection(RESULTS).insert_one({"id": "a", "success": False, "args": ARGS, "kwargs": NOTHING, "result": RESULT})
    convert()

    (row,) = stored(RESULTS)
    assert (arguments(row["args"]), row["kwargs"], shown(row["result"])) == (("one", 1, None, True), "{}", "no")


@pytest.mark.parametrize("text", ["", "no base64", base64.b64encode(b"\x80\x04\x95").decode(), '["one"]', None, 5])
def test_all_else_stays(text: object) -> None:
    collection(RESULTS).insert_one({"id": "a", "success": False, "args": text})
    before = stored(RESULTS)
    convert()

    assert stored(RESULTS) == before


def test_forged_row_runs_no_code(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    forged = base64.b64encode(b"cpathlib\nPath.touch\n(cpathlib\nPath\n(S'" + bytes(marker) + b"'\ntRtR.").decode()
    collection(RESULTS).insert_one({"id": "a", "success": False, "args": forged, "result": RESULT})
    convert()

    (row,) = stored(RESULTS)
    assert (row["args"], row["result"], marker.exists()) == (forged, '"no"', False)
