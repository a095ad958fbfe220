"""The form of a show in the admin, which staff open and send later."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse


class _Inputs(HTMLParser):
    """Collects the names and values of a page's inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the value of an input, unless it is a button or a checkbox."""
        given = dict(attrs)
        name = given.get("name")
        if tag == "input" and name and given.get("type") not in ("submit", "checkbox"):
            self.values[name] = given.get("value") or ""


class AdminForm:
    """A form that somebody has opened, with the fields as they were then."""

    def __init__(self, user: User, show_id: str) -> None:
        self._client = Client(raise_request_exception=False)
        self._client.force_login(user)
        self._url = reverse("admin:goals_goal_change", args=[show_id])
        page = self._client.get(self._url)
        inputs = _Inputs()
        inputs.feed(page.content.decode())
        self._fields: dict[str, Any] = inputs.values

    @property
    def is_open(self) -> bool:
        """Tell whether the form has fields that can be changed."""
        return "nbf_0" in self._fields

    def submit(self, nbf: int) -> int:
        """Send the form with another start, and everything else unchanged. Return the status of the response."""
        moment = datetime.fromtimestamp(nbf, tz=UTC)
        moved = {"nbf_0": f"{moment:%Y-%m-%d}", "nbf_1": f"{moment:%H:%M:%S}"}
        return int(self._client.post(self._url, {**self._fields, **moved, "_save": "Save"}).status_code)
