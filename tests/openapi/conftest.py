"""The OpenAPI document, as the server returns it."""

from typing import Any

import pytest

from api.openapi import document as made


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    return made.document()
