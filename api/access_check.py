"""System check: every view says who may call it."""

from collections import defaultdict
from typing import Any

from django.core.checks import CheckMessage, Error, register

from api.calls import calls

_HINT = "Set `access`, e.g. access = {'get': (Role.SIGNED_IN,)}; a viewset's keys are its actions (api/permissions.py)."


@register("api")
def check_access(**_kwargs: Any) -> list[CheckMessage]:
    """E006: a view's `access` is not about exactly the calls that it has."""
    routed = defaultdict(set)
    for call in calls():
        routed[call.view].add(call.name)
    return [
        Error(f"{view.__module__}.{view.__name__}: {', '.join(sorted(wrong))}.", hint=_HINT, id="api.E006")
        for view, names in routed.items()
        if (wrong := names ^ set(getattr(view, "access", {})))
    ]
