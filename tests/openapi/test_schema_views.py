"""`GET /schema` returns the document as JSON or YAML, and `GET /docs` needs no files from elsewhere."""

import json
import re
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from api.openapi.page_fields import marked_up
from tests.docs.markdown import read

COMMITTED = "docs/openapi.yaml"


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    ("accept", "query", "content_type"),
    [
        (None, "", "application/json"),
        ("*/*", "", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "", "application/json"),
        ("application/vnd.oai.openapi+json", "", "application/vnd.oai.openapi+json"),
    ],
)
def test_schema_is_json(
    client: Client, document: dict[str, Any], accept: str | None, query: str, content_type: str
) -> None:
    answer = client.get(f"/schema{query}", headers={"Accept": accept} if accept else None)

    assert (answer.status_code, answer["Content-Type"], answer["Cache-Control"]) == (
        200,
        content_type,
        "public, max-age=300",
    )
    assert json.loads(answer.content) == document


@pytest.mark.parametrize(
    ("accept", "query", "content_type"),
    [
        ("application/yaml", "", "application/yaml"),
        ("application/vnd.oai.openapi", "", "application/vnd.oai.openapi"),
        ("*/*", "?format=yaml", "application/yaml"),
    ],
)
def test_schema_is_yaml_if_asked_for(client: Client, accept: str, query: str, content_type: str) -> None:
    answer = client.get(f"/schema{query}", headers={"Accept": accept})

    assert (answer.status_code, answer["Content-Type"]) == (200, content_type)
    assert answer.content.decode() == read(COMMITTED)


@pytest.mark.parametrize(("accept", "query"), [("image/png", ""), ("*/*", "?format=xml")])
def test_schema_in_another_form_is_not_acceptable(client: Client, accept: str, query: str) -> None:
    answer = client.get(f"/schema{query}", headers={"Accept": accept})

    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (
        406,
        "application/problem+json",
        "not_acceptable",
    )


@pytest.mark.parametrize(("path", "leads_to"), [("/", "/docs"), ("/openapi.json", "/schema")])
def test_usual_addresses_lead_to_the_page_and_the_document(client: Client, path: str, leads_to: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer["Location"]) == (302, leads_to)


def test_docs_page_begins_with_an_evening_in_order(client: Client) -> None:
    page = client.get("/docs").content.decode().partition("</ol>")[0]

    assert re.findall(r'href="#(\w+)"><code>', page) == [
        *("signIn", "createSession", "createGoal", "contribute", "closeFundingGoal", "createGoal", "getSessionToken")
    ]


def test_docs_page_marks_up_texts() -> None:
    assert marked_up("a `<b>` of **two**\n\nOne of\n- *x*\n- y") == (
        "<p>a <code>&lt;b&gt;</code> of <b>two</b></p><p>One of</p><ul><li><i>x</i></li><li>y</li></ul>"
    )


def test_docs_page_needs_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/docs").content.decode()
    needed = [each for each in re.findall(r'(?:src|href)="([^"]+)"', page) if each[0] != "#"]

    assert "<script>" not in page
    assert "<style>" not in page
    assert [address for address in needed if not address.startswith(("/static/", "/schema", "data:,"))] == []
    files = [address.removeprefix("/static/") for address in needed if address.startswith("/static/")]
    assert [name for name in files if finders.find(name) is None] == []
