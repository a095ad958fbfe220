"""The OpenAPI document is valid and complete, and equals the committed one."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import translation
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

import api.openapi.document
from api.access import Roles, Route, routes
from api.fields import ObjectIdField, OneLineField, StrictCharField
from api.openapi.document import DocumentGenerator, document_as_yaml
from api.openapi.inspector import ApiSchema
from api.openapi.names import name_parts
from api.openapi.operations import examples
from api.openapi.schemas import resolved
from api.openapi.words import words
from api.serializers import StrictSerializer
from tests.docs.markdown import in_code, read, table_rows
from tests.factories.threads import at_once

PAGE = "docs/api.md"
METHODS = frozenset({"get", "post", "put", "patch", "delete"})

Document = dict[str, Any]


def test_document_is_the_committed_one() -> None:
    assert document_as_yaml().decode() == read("docs/openapi.yaml"), "run `make schema`"


def test_document_is_generated_once_for_simultaneous_requests() -> None:
    api.openapi.document._document.cache_clear()

    assert len({id(each) for each in at_once([api.openapi.document.document] * 4)}) == 1


def test_document_is_valid_openapi(document: Document) -> None:
    validate(document)


def test_document_is_the_same_in_every_language(document: Document) -> None:
    with translation.override("zh-hant"):
        in_chinese = DocumentGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]

    assert in_chinese == document


def test_each_operation_says_what_it_is(document: Document) -> None:
    silent = [
        name
        for name, operation in _operations(document)
        if not all(operation.get(word) for word in ("operationId", "summary", "description", "tags"))
    ]

    assert silent == []


def test_operations_use_the_documents_tags(document: Document) -> None:
    operations = [operation for _name, operation in _operations(document)]
    events = [item["post"] for item in document["webhooks"].values()]
    used = {tag for operation in (*operations, *events) for tag in operation["tags"]}

    assert used == {tag["name"] for tag in document["tags"]}


def test_operations_and_events_name_their_schemas(document: Document) -> None:
    nameless = [
        where
        for where, content in (*_contents(document), *_events(document))
        if content["schema"].get("properties") or "enum" in content["schema"]
    ]

    assert nameless == []


def test_parts_of_schemas_have_names(document: Document) -> None:
    schemas = document["components"]["schemas"]
    parts = (
        (f"{name}.{key}", each)
        for name, schema in schemas.items()
        for key, each in schema.get("properties", {}).items()
    )

    assert [where for where, part in parts if "properties" in part or "properties" in part.get("items", {})] == []


def test_parts_of_the_same_name_are_refused(document: Document) -> None:
    levels = {name: {"type": "object", "properties": {"level": _level(name)}} for name in ("Goal", "GoalLevel")}

    with pytest.raises(ValueError, match="GoalLevel"):
        name_parts({**document, "components": {"schemas": {"ErrorCode": {}, **levels}, "responses": {}}})


def test_operations_say_whether_they_need_a_token(document: Document) -> None:
    assert {
        (route.method, route.path): document["paths"][route.path][route.method.lower()]["security"]
        for route in routes()
    } == {
        (route.method, route.path): [{"bearer": []}] if all(role.needs_token for role in _roles(route)) else []
        for route in routes()
    }


def test_document_lists_every_code_once(document: Document) -> None:
    codes = document["components"]["schemas"]["ErrorCode"]["enum"]

    assert codes == sorted({*codes})
    assert {"invalid", "not_found", "show_overlaps", "throttled"} <= {*codes}


def test_creation_names_the_path_of_what_it_created(document: Document) -> None:
    without = [
        name
        for name, operation in _operations(document)
        if ("201" in operation["responses"]) != ("Location" in operation["responses"].get("201", {}).get("headers", {}))
    ]

    assert without == []


def test_each_body_and_each_good_answer_has_an_example(document: Document) -> None:
    bare = [where for where, content in _contents(document) if "examples" not in content]

    pages = {"GET /docs 200", "GET /shows/{goal_id} 200", "GET /watch/{goal_id} 200"}
    assert set(bare) == {"GET /schema 200", "POST /pusher/auth body"} | pages  # the body is a form


def test_each_example_fits_its_schema(document: Document) -> None:
    wrong = []
    for where, content in (*_contents(document), *_events(document)):
        validator = OAS31Validator({**content["schema"], "components": document["components"]})
        for name, example in content.get("examples", {}).items():
            value = resolved(document, example)["value"]
            wrong += [f"{where} {name}: {error.message}" for error in validator.iter_errors(value)]

    assert wrong == []


def test_each_example_belongs_to_an_operation(document: Document) -> None:
    operations = {operation["operationId"] for _name, operation in _operations(document)}

    # "here" holds what other examples refer to, and "events" the fields of events.
    assert examples().keys() - operations == {"here", "events"}


def test_nullable_text_is_null_once() -> None:
    class Note(StrictSerializer):
        title = OneLineField(max_length=200, allow_null=True)
        text = StrictCharField(allow_null=True)
        goal_id = ObjectIdField(allow_null=True)

    schema = ApiSchema()._map_basic_serializer(Note(context={"view": None}), "request")

    assert schema["properties"] == {
        "title": {
            "type": ["string", "null"],
            "minLength": 1,
            "pattern": r"^(?=.*\S)[^\u0000-\u001f\u007f-\u009f]*$",
            "maxLength": 200,
        },
        "text": {"type": ["string", "null"], "minLength": 1, "pattern": r"[^\s\u001c-\u001f\u0085]"},
        "goal_id": {"type": ["string", "null"], "pattern": "^[0-9a-fA-F]{24}$"},
    }


def test_document_and_page_know_the_same_events(document: Document) -> None:
    listed = [in_code(row[0])[0] for row in table_rows(PAGE) if re.fullmatch(r"`(goal|stream)\.\w+`", row[0])]

    assert [name.partition(" ")[0] for name in document["webhooks"]] == listed


def _roles(route: Route) -> Roles:
    roles: Roles = route.view.access[route.name]
    return roles


def _level(title: str) -> Document:
    return {"type": "object", "properties": {"title": {"const": title}}}


def _operations(document: Document) -> Iterator[tuple[str, Any]]:
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield f"{method.upper()} {path}", item[method]


def _contents(document: Document) -> Iterator[tuple[str, Any]]:
    """Yield every body of a request and of a response."""
    for name, operation in _operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield f"{name} body", content
        for status, response in operation["responses"].items():
            for content in resolved(document, response).get("content", {}).values():
                yield f"{name} {status}", content


def _events(document: Document) -> Iterator[tuple[str, Any]]:
    for name, item in document["webhooks"].items():
        yield name, item["post"]["requestBody"]["content"]["application/json"]


def test_each_described_property_exists(document: Document) -> None:
    schemas = document["components"]["schemas"]
    described = {(schema, name) for schema, names in words().items() for name in names}
    existing = {(name, key) for name, schema in schemas.items() for key in schema.get("properties", {})}

    assert described - existing - {("any", key) for _name, key in existing} == set()
