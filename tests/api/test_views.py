import pytest
from rest_framework.test import APIClient


@pytest.mark.parametrize("path", ["/echo?format=xml", "/echo?format=nonsense"])
def test_format_in_the_query_is_ignored(client: APIClient, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


def test_caller_without_a_token_is_401_whatever_is_accepted(client: APIClient) -> None:
    response = client.get("/private", headers={"Accept": "text/html"})

    assert (response.status_code, response["Content-Type"]) == (401, "application/problem+json")


@pytest.mark.parametrize("query", ["x=1&x=2", "x=1&x=1", "x=&x=", "lang=en&lang=en", "y=1&x=1&x=2&x=3"])
def test_parameter_given_twice_is_refused(client: APIClient, query: str) -> None:
    name = "lang" if "lang" in query else "x"
    for response in (client.get(f"/echo?{query}"), client.post(f"/echo?{query}", {}, format="json")):
        problem = response.json()
        errors = [(error["pointer"], error["code"]) for error in problem["errors"]]
        assert (response.status_code, problem["code"], errors) == (
            *(400, "repeated_parameter"),
            [(f"/{name}", "repeated_parameter")],
        )


def test_caller_without_a_token_is_401_whatever_the_query_is(client: APIClient) -> None:
    assert client.get("/private?x=1&x=2").status_code == 401
