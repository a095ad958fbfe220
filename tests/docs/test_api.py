"""`docs/api.md` lists every endpoint and every error, and says of each what the code says."""

import re

from api.access import routes
from lab.management.commands.document_api import product_errors, with_errors, with_who
from tests.docs.markdown import in_code, read, table_rows

PAGE = "docs/api.md"
CALL = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/\S*)")


def test_api_page_lists_each_endpoint_and_no_other() -> None:
    calls = [match for row in table_rows(PAGE) if (match := CALL.fullmatch(in_code(row[0])[0]))]

    assert {(call[1], _anonymous(call[2].partition("?")[0])) for call in calls} == {
        (call.method, _anonymous(call.path)) for call in routes()
    }


def test_api_page_says_who_may_call_and_what_can_go_wrong_as_the_code_does() -> None:
    assert with_errors(with_who(read(PAGE))) == read(PAGE), "run manage.py document_api"


def test_each_error_has_a_meaning() -> None:
    assert [error for error in product_errors() if not error.__doc__] == []


def _anonymous(path: str) -> str:
    """Return the path with each parameter as {id}."""
    return re.sub(r"{\w+}", "{id}", path)
