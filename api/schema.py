"""What this room's operations take and answer, for the OpenAPI document."""

from api.openapi.examples import TOKEN
from api.openapi.operations import describe, operation, query
from api.openapi.schemas import TEXT, an_object
from api.schema_views import CACHE_CONTROL, DocsView, SchemaView
from api.token_views import NO_STORE, CredentialsSerializer, RefreshSerializer, RefreshView, TokenView

SIGNING_IN, READING = "Signing in", "This document"
ACCESS = {**TEXT, "description": "Send it as `Authorization: Bearer <access>`; good for 30 minutes."}
REFRESH = {**TEXT, "description": "For `POST /auth/token/refresh` only; good for 14 days."}
DOCUMENT = an_object({"openapi": {"const": "3.1.0"}, "info": {"type": "object"}, "paths": {"type": "object"}})

describe(
    TokenView,
    SIGNING_IN,
    post=operation(
        "signIn",
        an_object({"access": ACCESS, "refresh": REFRESH}),
        body=CredentialsSerializer,
        sent={"A streamer signs in": {"username": "mei", "password": "a long password"}},
        answered={"Two tokens": {"access": TOKEN, "refresh": TOKEN}},
        headers=NO_STORE,
    ),
)
describe(
    RefreshView,
    SIGNING_IN,
    post=operation(
        "refreshToken",
        an_object({"access": ACCESS}),
        body=RefreshSerializer,
        sent={"A refresh token": {"refresh": TOKEN}},
        answered={"A new token": {"access": TOKEN}},
        headers=NO_STORE,
    ),
)
describe(
    SchemaView,
    READING,
    get=operation(
        "getSchema",
        DOCUMENT,
        parameters=[query("format", "One of the forms that `Accept` takes.", enum=["json", "yaml"])],
        media_types=("application/json", "application/yaml"),
        headers={"Cache-Control": CACHE_CONTROL},
        uses_database=False,
    ),
)
describe(DocsView, READING, get=operation("getDocs", TEXT, media_types=("text/html",), uses_database=False))
