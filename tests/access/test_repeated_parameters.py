"""Every call refuses a query that has the same parameter twice, whether or not the call reads the parameter."""

import re

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.test import Client

from api.access import Route, routes
from api.authentication import issue_access


@pytest.mark.parametrize("name", ["lang", "status", "session_id", "type", "cursor", "page_size"])
@pytest.mark.parametrize("route", list(routes()), ids=lambda route: f"{route.method} {route.path}")
def test_parameter_given_twice_is_refused(streamer: User, route: Route, name: str) -> None:
    client = Client(headers={"Authorization": f"Bearer {issue_access(streamer)}"})
    path = re.sub(r"{\w+}", str(ObjectId()), route.path)

    answer = client.generic(route.method, f"{path}?{name}=1&x=1&{name}=2", "{}", content_type="application/json")

    errors = [(error["pointer"], error["code"]) for error in answer.json()["errors"]]
    assert (answer.status_code, answer.json()["code"], errors) == (
        *(400, "repeated_parameter"),
        [(f"/{name}", "repeated_parameter")],
    )
