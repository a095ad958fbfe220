"""System checks of the settings of notifications."""

import pytest
from pytest_django import Settings

from notifications.checks import check_chunks


@pytest.mark.parametrize(
    ("name", "least"), [("NOTIFY_CHUNK", 1), ("NOTIFY_CONCURRENCY", 1), ("PUSHER_QPS", 0)], ids=str
)
def test_number_that_is_too_small_is_an_error(settings: Settings, name: str, least: int) -> None:
    assert check_chunks() == []
    setattr(settings, name, least)
    assert check_chunks() == []
    setattr(settings, name, least - 1)
    assert [(error.id, error.msg) for error in check_chunks()] == [
        ("notifications.E002", f"{name} must be at least {least}.")
    ]
