"""`docs/api.md` is complete: every endpoint, every error code."""

import re

from api.calls import calls as api_calls
from api.management.commands.document_access import with_who
from config.errors import ProductError
from tests.docs.markdown import in_code, read, table_rows
from tests.docs.product_errors import product_errors

PAGE = "docs/api.md"
INTERNAL = {
    *("transport_error", "show_cannot_be_announced", "invalid_stream_token"),
    *("taken_by_another", "some_can_not_start"),
}
CALL = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/\S*)")


def test_api_page_lists_each_endpoint_and_no_other() -> None:
    calls = [match for row in table_rows(PAGE) if (match := CALL.fullmatch(in_code(row[0])[0]))]

    assert {(call[1], _anonymous(call[2].partition("?")[0])) for call in calls} == {
        (call.method, _anonymous(call.path)) for call in api_calls()
    }


def test_api_page_says_who_may_call_as_the_views_do() -> None:
    assert with_who(read(PAGE)) == read(PAGE), "run manage.py document_access"


def test_api_page_lists_each_error_code_with_its_status() -> None:
    listed = {(in_code(code)[0], int(status)) for code, status, *_rest in table_rows(PAGE) if status.isdecimal()}
    answered = {(error.code, error.status) for error in product_errors() if not _is_internal(error)}

    assert answered - listed == set()


def test_api_page_lists_the_codes_that_are_never_answered() -> None:
    listed = {in_code(row[0])[0] for row in table_rows(PAGE)}

    assert {error.code for error in product_errors() if _is_internal(error)} - listed == set()


def _is_internal(error: type[ProductError]) -> bool:
    return error.code in INTERNAL or error.__module__.startswith("ops.")


def _anonymous(path: str) -> str:
    """Return the path with each parameter as {id}."""
    return re.sub(r"{\w+}", "{id}", path)
