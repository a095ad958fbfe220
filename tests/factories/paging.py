"""Reads all pages of a list."""

from typing import Any

from tests.factories.client import ApiClient

Pages = list[list[Any]]


def there_and_back(client: ApiClient, path: str, **query: str) -> tuple[Pages, Pages]:
    """Page forward to the end, then back to the beginning. Return the pages of both ways in the order of the list."""
    page = client.get(path, **query).body
    forward, backward = [page["results"]], [page["results"]]
    while page["next"]:
        page = client.get(page["next"]).body
        forward.append(page["results"])
        backward = [page["results"]]
    while page["previous"]:
        page = client.get(page["previous"]).body
        backward.insert(0, page["results"])
    return forward, backward
