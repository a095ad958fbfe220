"""Who calls, typed."""

from typing import cast

from django.contrib.auth.models import User
from rest_framework.request import Request


def caller(request: Request) -> User:
    """Return the signed-in user. For views that let nobody else in."""
    return cast(User, request.user)


def caller_id(request: Request) -> str:
    """Return the signed-in user's id."""
    return str(request.user.pk)
