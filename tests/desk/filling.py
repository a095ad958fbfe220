"""Forms of the admin as a browser sends them."""

from datetime import datetime
from typing import Any

from django.test import Client


def filled(client: Client, url: str) -> dict[str, Any]:
    """Load the page. Return what the browser would send for its form if nothing were changed."""
    context = client.get(url).context
    sent = {"seen": context["seen"]}
    for bound in context["adminform"].form:
        if not bound.field.disabled:
            sent |= _inputs(bound.name, bound.initial)
        if bound.field.show_hidden_initial:
            sent |= _inputs(bound.html_initial_name, bound.initial)
    return sent


def _inputs(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {name: "on"} if value else {}
    if isinstance(value, datetime):
        return {f"{name}_0": f"{value:%Y-%m-%d}", f"{name}_1": f"{value:%H:%M:%S}"}
    return {name: [str(linked.pk) for linked in value] if isinstance(value, list) else value or ""}
