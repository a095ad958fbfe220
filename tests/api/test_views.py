import pytest
from rest_framework.test import APIClient


def test_healthz_asks_no_database(client: APIClient) -> None:
    response = client.get("/healthz", headers={"Authorization": "Bearer whatever"})

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", "nonsense"])
@pytest.mark.parametrize("path", ["/healthz", "/healthz?format=xml"])
def test_answer_is_json_whatever_is_asked_for(client: APIClient, path: str, accept: str) -> None:
    response = client.get(path, headers={"Accept": accept})

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
