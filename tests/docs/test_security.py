"""docs/security.md names tests that exist."""

import ast

import pytest

from tests.docs.markdown import in_code, table_rows
from tests.environment import ROOT

PAGE = "docs/security.md"
ROWS = list(table_rows(PAGE))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:50])
def test_each_row_is_shown_by_a_test(row: list[str]) -> None:
    named = in_code(row[3])

    assert named
    for name in named:
        path, _colons, test = name.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, name
