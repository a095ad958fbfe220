"""What this room's operations are, for the OpenAPI document."""

from api.openapi.described import Declared, answered, describe_view, described, query, sent
from api.openapi.examples import TOKEN
from api.openapi.problems import THROTTLED
from api.openapi.schemas import TEXT, an_object
from api.schema_views import CACHE_CONTROL, DocsView, SchemaView
from api.token_views import (
    NO_STORE,
    CredentialsSerializer,
    InvalidCredentials,
    InvalidRefreshToken,
    RefreshSerializer,
    RefreshView,
    TokenView,
)

SIGNING_IN, READING = "Signing in", "This document"
ACCESS = {**TEXT, "description": "Send it as `Authorization: Bearer <access>`; good for 30 minutes."}
REFRESH = {**TEXT, "description": "For `POST /auth/token/refresh` only; good for 14 days."}
DOCUMENT = an_object({"openapi": {"const": "3.1.0"}, "info": {"type": "object"}, "paths": {"type": "object"}})

describe_view(
    TokenView,
    post=described(
        operation_id="signIn",
        tag=SIGNING_IN,
        summary="Sign in by name and password",
        description="Answers an access token and a refresh token. Which of name and password is wrong is not said.",
        body=CredentialsSerializer,
        answer=an_object({"access": ACCESS, "refresh": REFRESH}),
        examples=[
            sent("A streamer signs in", {"username": "mei", "password": "a long password"}),
            answered("Two tokens", {"access": TOKEN, "refresh": TOKEN}),
        ],
        declared=Declared(errors=(InvalidCredentials,), headers=NO_STORE),
    ),
)
describe_view(
    RefreshView,
    post=described(
        operation_id="refreshToken",
        tag=SIGNING_IN,
        summary="Get a new access token",
        description="Answers a new access token while the refresh token is good and its user active.",
        body=RefreshSerializer,
        answer=an_object({"access": ACCESS}),
        examples=[sent("A refresh token", {"refresh": TOKEN}), answered("A new token", {"access": TOKEN})],
        declared=Declared(errors=(InvalidRefreshToken, THROTTLED), headers=NO_STORE),
    ),
)
describe_view(
    SchemaView,
    get=described(
        operation_id="getSchema",
        tag=READING,
        summary="This document",
        description="As JSON; as YAML for whoever accepts only that, or asks for it by `format`.",
        parameters=[query("format", "One of the forms that `Accept` takes.", enum=["json", "yaml"])],
        answer=DOCUMENT,
        media_types=("application/json", "application/yaml"),
        declared=Declared(headers={"Cache-Control": CACHE_CONTROL}, uses_database=False),
    ),
)
describe_view(
    DocsView,
    get=described(
        operation_id="getDocs",
        tag=READING,
        summary="This document as a page",
        description="Its scripts and styles come from this server, so it works without the internet.",
        answer=TEXT,
        media_types=("text/html",),
        declared=Declared(uses_database=False),
    ),
)
