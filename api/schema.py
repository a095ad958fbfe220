"""The requests and responses of this app's operations, for the OpenAPI document."""

from api.me import MeSerializer, MeView
from api.openapi.operations import describe, operation, query
from api.openapi.schemas import TEXT, an_object
from api.schema_views import CACHE_CONTROL, DocsView, SchemaView
from api.token_views import (
    NO_STORE,
    CredentialsSerializer,
    RefreshSerializer,
    RefreshView,
    SignOutBody,
    SignOutView,
    TokenView,
)

SIGNING_IN, READING = "Signing in", "This document"
ACCESS = {**TEXT, "description": "Send it as `Authorization: Bearer <access>`; good for 30 minutes."}
REFRESH = {**TEXT, "description": "For `POST /auth/token/refresh` only; good once, for 14 days."}
TOKENS = an_object({"access": ACCESS, "refresh": REFRESH}, title="Tokens")
DOCUMENT = an_object({"openapi": {"const": "3.1.0"}, "info": {"type": "object"}, "paths": {"type": "object"}})
FORMAT = query("format", "One of the formats that `Accept` can name.", enum=["json", "yaml"])

describe(TokenView, SIGNING_IN, post=operation("signIn", TOKENS, body=CredentialsSerializer, headers=NO_STORE))
describe(
    RefreshView,
    SIGNING_IN,
    post=operation("refreshToken", TOKENS, body=RefreshSerializer, headers=NO_STORE),
)
describe(SignOutView, SIGNING_IN, post=operation("signOut", None, body=SignOutBody, body_is_optional=True, status=204))
describe(
    SchemaView,
    READING,
    get=operation(
        "getSchema",
        DOCUMENT,
        parameters=[FORMAT],
        media_types=("application/json", "application/yaml"),
        headers={"Cache-Control": CACHE_CONTROL},
        uses_database=False,
    ),
)
describe(MeView, SIGNING_IN, get=operation("getMe", MeSerializer))
describe(DocsView, READING, get=operation("getDocs", TEXT, media_types=("text/html",), uses_database=False))
