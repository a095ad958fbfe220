"""Presses buttons of the admin as a member of staff does, and reads what the pages say."""

from html import unescape
from typing import Any

from django.test import Client
from django.utils.html import strip_tags

from goals.models import Goal
from tests.factories.documents import stored as documents
from tests.factories.people import StaffFactory
from tests.showgoals.pages import messages, open_form, page


def agent(*permissions: str) -> Client:
    client = Client()
    client.force_login(StaffFactory(permissions=("view_goal", *permissions)))
    return client


def press(client: Client, goal: Goal, button: str, **answers: str) -> Any:
    """Open the page of the button, fill in its form, and return the resulting page."""
    return client.post(page(goal, button), {**open_form(client, page(goal, button)), **answers}, follow=True)


def said(response: Any) -> list[str]:
    return [unescape(strip_tags(message)) for message in messages(response)]


def told(response: Any) -> list[str]:
    return [unescape(strip_tags(each.text)) for each in response.context["told"]]


def records() -> list[tuple[str, str]]:
    return [(record["action"], record["reason"]) for record in documents("change_records")]
