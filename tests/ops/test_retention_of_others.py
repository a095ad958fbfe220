"""`manage.py archive` moves recordings, the feed, Django's log and the record of changes, each by its own rule."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from mongodb.collections import collection
from ops.retention.selection import ARCHIVABLE
from tests.factories.documents import stored
from tests.ops.retention import LONG_AGO, archive, names_in, old_ids, settled_show

pytestmark = pytest.mark.django_db

DAYS = 365
LATELY = timedelta(days=DAYS - 1)


@pytest.fixture(autouse=True)
def _days(settings: Settings) -> None:
    settings.RETENTION_DAYS = dict.fromkeys(ARCHIVABLE, DAYS)


def old_id() -> ObjectId:
    return next(old_ids(1))


def old_show(viewer: User, **changes: Any) -> ObjectId:
    """Store a show that was over long ago, with an id of that time and with these changes. Return the id."""
    show = settled_show(viewer, at=timezone.now() - LONG_AGO)
    document = collection("goals").find_one({"_id": show.pk}) or {}
    copy = {**document, "_id": old_id(), **changes}
    collection("goals").delete_one({"_id": show.pk})
    collection("goals").insert_one(copy)
    return ObjectId(copy["_id"])


def test_recording_moves_with_its_show(tmp_path: Path, viewer: User) -> None:
    over, ended_lately = old_show(viewer), old_show(viewer, exp=timezone.now() - LATELY)
    of_no_show, young = old_id(), settled_show(viewer, at=timezone.now() - LONG_AGO).pk
    collection("recordings").delete_many({})
    collection("recordings").insert_many(
        {"_id": each, "state": "verified"} for each in (over, ended_lately, of_no_show, young)
    )

    archive(tmp_path)

    assert "recordings-0001" in names_in(tmp_path)
    assert {row["_id"] for row in stored("recordings")} == {ended_lately, of_no_show, young}


def test_entry_of_the_feed_moves_when_its_session_has_ended(tmp_path: Path) -> None:
    long_ago, now = timezone.now() - LONG_AGO, timezone.now()
    over, lately, live, of_no_session = [old_id() for _ in range(4)]
    collection("sessions").insert_many(
        [
            {"_id": over, "status": "ended", "ended_at": long_ago},
            {"_id": lately, "status": "ended", "ended_at": now - LATELY},
            {"_id": live, "status": "live", "ended_at": None},
        ]
    )
    ids = [over, lately, live, of_no_session]
    collection("livestream_feed").insert_many({"_id": each, "goal_id": str(old_id())} for each in ids)

    (path,) = archive(tmp_path)
    assert {row["_id"] for row in stored("livestream_feed")} == {lately, live, of_no_session}

    assert archive("--restore", path) == ["1 rows of livestream_feed are back; 0 were there already."]
    assert {row["_id"] for row in stored("livestream_feed")} == set(ids)


@pytest.mark.parametrize("name", ["change_records", "django_admin_log"])
def test_records_of_people_move_by_their_age(name: str, tmp_path: Path) -> None:
    old, young = old_id(), ObjectId()
    collection(name).insert_many([{"_id": old, "action": "move"}, {"_id": young, "action": "move"}])

    (path,) = archive(tmp_path)

    assert names_in(tmp_path) == [f"{name}-0001"]
    assert [row["_id"] for row in stored(name)] == [young]
    assert archive("--restore", path) == [f"1 rows of {name} are back; 0 were there already."]
