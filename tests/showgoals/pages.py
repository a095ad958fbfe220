"""Pages of the admin as a browser sees them."""

from datetime import datetime
from html.parser import HTMLParser
from typing import Any

from django.test import Client
from django.urls import reverse

from goals.models import Goal, TimelineRow

TYPES_NOT_SENT = frozenset({"submit", "button", "reset", "file"})


def open_form(client: Client, url: str, **headers: str) -> dict[str, str]:
    """Load the page. Return what the browser would send for its form if nothing were changed."""
    response = client.get(url, headers=headers)
    assert response.status_code == 200
    parser = _Fields()
    parser.feed(response.content.decode())
    return parser.fields


def page(goal: Goal, action: str = "") -> str:
    return reverse("admin:goals_goal_change", args=[goal.pk]).removesuffix("change/") + (action or "change/")


def stored(goal: Goal) -> Goal:
    return Goal.objects.get(pk=goal.pk)


def messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def split(moment: datetime) -> dict[str, str]:
    return {"nbf_0": f"{moment:%Y-%m-%d}", "nbf_1": f"{moment:%H:%M:%S}"}


def notes(goal: Goal) -> list[tuple[str, str]]:
    rows = TimelineRow.objects.filter(goal_id=str(goal.pk), outcome="changed_by")
    return [(row.name, row.detail) for row in rows]


class _Fields(HTMLParser):
    """Collects the values of a page's inputs. The tests send only forms without other controls."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        values = dict(attrs)
        if tag == "input" and "name" in values and values.get("type") not in TYPES_NOT_SENT:
            self.fields[values["name"]] = values.get("value") or ""
