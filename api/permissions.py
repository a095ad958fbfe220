"""Who may do what. Each view says it by `access`; the table in docs/api.md is made from it (docs/adr/0026-access.md).

Here a caller without a good token is stopped (401). Whose goal or session it is only its room knows: it asks
`roles_of_call` and finds nothing for anyone else, so the answer is 404 and ids can't be probed.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class Role(Enum):
    """Why somebody may make a call; the value is what the docs call it."""

    ANYONE = "anyone"
    BYTEPLUS = "BytePlus"
    OPS = "ops"
    SIGNED_IN = "signed in"
    STREAMER = "streamer"
    OWNER = "owner"
    NAMES_SESSION = "others with `session_id`"
    STAFF = "staff"
    THAT_VIEWER = "that viewer"


Roles = tuple[Role, ...]
# By the names of a viewset's actions, by the methods (`get`, ...) of any other view.
Access = Mapping[str, Roles]
# They show no token of ours; what proves BytePlus and ops is the view's own business.
WITHOUT_TOKEN = frozenset({Role.ANYONE, Role.BYTEPLUS, Role.OPS})


class MayCall(BasePermission):
    """Let in whoever can stand in one of the call's roles."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the call needs no token, or there is a good one."""
        return not WITHOUT_TOKEN.isdisjoint(roles_of_call(view)) or request.user is not None


def roles_of_call(view: Any) -> Roles:
    """Return the roles in which the view's present call may be made.

    A call that the view doesn't have (405, OPTIONS) is for whoever may make one of its others.
    """
    access: Access = view.access
    method = view.request.method.lower()
    name = getattr(view, "action", None) or ("get" if method == "head" else method)
    return access[name] if name in access else tuple(role for roles in access.values() for role in roles)


def in_words(roles: Roles) -> str:
    """Return what the docs say."""
    return ", ".join(role.value for role in roles)
