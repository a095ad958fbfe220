"""Pages of the admin as a browser sees them."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client

TYPES_NOT_SENT = frozenset({"submit", "button", "reset", "file"})


def open_form(client: Client, url: str, **headers: str) -> dict[str, str]:
    """Load the page. Return what the browser would send for its form if nothing were changed."""
    response = client.get(url, headers=headers)
    assert response.status_code == 200
    parser = _Fields()
    parser.feed(response.content.decode())
    return parser.fields


class _Fields(HTMLParser):
    """The values of the page's inputs. The pages that it reads have no other controls in their form."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        values = dict(attrs)
        if tag == "input" and "name" in values and values.get("type") not in TYPES_NOT_SENT:
            self.fields[values["name"]] = values.get("value") or ""
