"""The roles in which each call may be made. A view declares them in `access` (docs/adr/0026-access.md).

This module refuses only calls that need a token but have none (401), and calls whose key lacks the scope (404).
Invalid tokens are refused by `authentication.py`. The apps `goals` and `sessions_app` call `roles_of_call` to check
whether the caller may see a goal or session. A caller who may not see it gets 404, so ids can't be probed.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.contrib.auth.models import User
from django.core.checks import CheckMessage, Error, register
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from api.models import Scope
from api.server_keys import Server

READING = ("GET", "HEAD", "OPTIONS")
METHODS = ("get", "post", "put", "patch", "delete")
_HINT = "Set `access`, e.g. access = {'get': (SIGNED_IN,)}; a viewset's keys are its actions (api/access.py)."


@dataclass(frozen=True, slots=True)
class Role:
    """A role in which a call may be made; `name` is its name in the docs.

    If a role does not need a token, the view itself checks whether the caller has the role. Staff who have a role's
    `permission` have the role; superusers have every permission. A partner's server has the role if its key has the
    `scope`; the scope READ allows only calls that read. Other apps define more roles.
    """

    name: str
    needs_token: bool = True
    permission: str = ""
    scope: str = ""


ANYONE = Role("anyone", needs_token=False)
OPS = Role("ops", needs_token=False)
SIGNED_IN = Role("signed in")
OWNER = Role("owner")
STAFF = Role("staff", scope=Scope.READ)

Roles = tuple[Role, ...]
# For a viewset, the keys are the names of its actions; for any other view, its methods (`get`, ...).
Access = Mapping[str, Roles]


class MayCall(BasePermission):
    """Lets a call pass if it needs no token, has a valid token, or has a key with the scope that the call needs."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the call needs no token, or has a valid token or key.

        Raises NotFound for a key without the scope.
        """
        roles = roles_of_call(view)
        if not all(role.needs_token for role in roles):
            return True
        if isinstance(request.auth, Server) and not _may_call(request.auth, str(request.method), roles):
            raise NotFound
        return request.user is not None


def roles_of_call(view: Any) -> Roles:
    """Return the roles in which the view's current call may be made.

    A call that the view doesn't have (OPTIONS, or a method that gets 405) may be made in any role of the view's calls.
    """
    access: Access = view.access
    method = view.request.method.lower()
    name = getattr(view, "action", None) or ("get" if method == "head" else method)
    return access[name] if name in access else tuple(role for roles in access.values() for role in roles)


def _may_call(server: Server, method: str, roles: Roles) -> bool:
    scopes = server.scopes if method in READING else server.scopes - {Scope.READ}
    return any(role.scope in scopes for role in roles)


def in_words(roles: Roles) -> str:
    """Return the roles as the docs name them."""
    return ", ".join(role.name for role in roles)


def caller(request: Request) -> User:
    """Return the signed-in user. Use it only in calls that need a token."""
    return cast(User, request.user)


def caller_id(request: Request) -> str:
    """Return the signed-in user's id."""
    return str(request.user.pk)


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path (`/goals/{goal_id}`), the view that serves them, and the call's name in `view.access`."""

    method: str
    path: str
    view: Any
    name: str

    @property
    def who(self) -> str:
        """The roles in which the call may be made, in words."""
        return in_words(self.view.access[self.name])


def routes() -> Iterator[Route]:
    """Yield every call that the API has, in the order of the URLs, without the admin's pages."""
    for path, callback in _callbacks(get_resolver().url_patterns, "/"):
        view: Any = getattr(callback, "cls", None)  # only the callbacks of DRF's views have `cls`
        if view is None or path == "/":
            continue
        actions: dict[str, str] = getattr(callback, "actions", None) or {
            method: method for method in METHODS if hasattr(view, method)
        }
        for method in METHODS:
            if method in actions:
                yield Route(method.upper(), re.sub(r"<\w+:(\w+)>", r"{\1}", path), view, actions[method])


@register("api")
def check_access(**_kwargs: Any) -> list[CheckMessage]:
    """E006: the keys of a view's `access` differ from the calls that the view has."""
    routed = defaultdict(set)
    for route in routes():
        routed[route.view].add(route.name)
    return [
        Error(f"{view.__module__}.{view.__name__}: {', '.join(sorted(wrong))}.", hint=_HINT, id="api.E006")
        for view, names in routed.items()
        if (wrong := names ^ set(getattr(view, "access", {})))
    ]


def _callbacks(patterns: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = f"{prefix}{pattern.pattern}"
        match pattern:
            case URLResolver():
                yield from _callbacks(pattern.url_patterns, path)
            case URLPattern():
                yield path, pattern.callback
