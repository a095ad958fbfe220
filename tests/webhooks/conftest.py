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


@pytest.fixture(autouse=True)
def long_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls take as long as they need on a slow machine. Tests of slow endpoints set times of their own."""
    for name in ("sending.QUICK_SECONDS", "sending.BEGIN_WITHIN_SECONDS", "outcomes.SLOW_SECONDS"):
        monkeypatch.setattr(f"webhooks.{name}", 60)


@pytest.fixture
def partner(settings: Any) -> Iterator[Partner]:
    with running_partner() as server:
        settings.WEBHOOK_ALLOWED_HOSTS = [server.host]
        yield server
