"""The URLs of sign-in, the caller's account, the OpenAPI document and its page."""

from django.urls import path

from api.me import MeView
from api.schema_views import DocsView, SchemaView
from api.token_views import RefreshView, SignOutView, TokenView

urlpatterns = [
    path("auth/token", TokenView.as_view(), name="token"),
    path("auth/token/refresh", RefreshView.as_view(), name="token-refresh"),
    path("auth/sign-out", SignOutView.as_view(), name="sign-out"),
    path("me", MeView.as_view(), name="me"),
    path("schema", SchemaView.as_view(), name="schema"),
    path("docs", DocsView.as_view(), name="docs"),
]
