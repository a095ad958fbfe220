import pytest
from rest_framework.test import APIClient


@pytest.mark.parametrize("path", ["/echo?format=xml", "/echo?format=nonsense"])
def test_format_in_the_query_is_not_heard(client: APIClient, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


def test_caller_without_a_token_is_401_whatever_is_accepted(client: APIClient) -> None:
    response = client.get("/private", headers={"Accept": "text/html"})

    assert (response.status_code, response["Content-Type"]) == (401, "application/problem+json")
