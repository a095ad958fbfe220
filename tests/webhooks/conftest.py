"""A partner's server, and a member of staff who manages endpoints."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.factories.client import ApiClient
from tests.factories.people import StaffFactory
from tests.webhooks.partner import Partner, running_partner


@pytest.fixture
def staff(db: None) -> ApiClient:
    return ApiClient(StaffFactory(username="staff", permissions=("view_goal", "change_endpoint")))


@pytest.fixture
def long_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the calls of `publish_events` take as long as they need."""
    monkeypatch.setattr("webhooks.sending.QUICK_SECONDS", 60)


@pytest.fixture
def partner(settings: Any) -> Iterator[Partner]:
    with running_partner() as server:
        settings.WEBHOOK_ALLOWED_HOSTS = [server.host]
        yield server
