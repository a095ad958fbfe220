"""A migration settles the viewers of ended shows whose events were never sent."""

from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from mongodb.collections import collection
from notifications.models import NotificationChunk, NotificationEvent
from tests.factories.documents import everything_stored
from tests.notifications.conftest import Audience

pytestmark = pytest.mark.django_db

settle: Any = import_module("notifications.migrations.0003_settled").settle


class Editor:
    connection = connection


def test_viewers_of_ended_shows_are_settled(planned: Audience) -> None:
    collection("notification_chunks").update_one({"preset": "sd"}, {"$set": {"states": "spuf" + "r" * 21}})
    collection("goals").update_one({"_id": planned.show.pk}, {"$set": {"exp": timezone.now(), "active": False}})

    settle(None, Editor)

    chunks = {chunk.preset: chunk for chunk in NotificationChunk.objects.all()}
    assert {preset: chunk.ledger.states for preset, chunk in chunks.items()} == {
        "preview": "e" * 25,
        "sd": "seef" + "e" * 21,
    }
    assert all(chunk.sent_at for chunk in chunks.values())
    assert set(NotificationEvent.objects.values_list("closed_as", flat=True)) == {"expired"}
    settled = everything_stored()
    settle(None, Editor)
    assert everything_stored() == settled


def test_viewers_of_a_live_show_still_wait(planned: Audience) -> None:
    before = everything_stored()
    settle(None, Editor)
    assert everything_stored() == before
