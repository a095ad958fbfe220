"""*Old rows into files* of docs/handbook.md."""

import os
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from tests.handbook.house import House, until
from tests.handbook.page import blocks

pytestmark = [
    pytest.mark.crash,
    pytest.mark.long,
    pytest.mark.needs("curl"),
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("handbook"),
]

LONG_AGO = timedelta(days=400)
CRON_LINE = re.compile(r"30 4 \* \* \* root (.*)")


def play_show(house: House) -> ObjectId:
    """Start a show and end it, and wait until no task of it is left."""
    seed = house.seeds(1)[0]
    show = house.create_show(seed, seconds=0)
    house.lateness(show)
    ended = house.call("POST", f"/goals/{show}/end", {}, token=seed["streamer"]["access"])
    assert ended.status_code == 200, ended.text
    with house.database() as database:
        messages, of_it = database["django_q_ormq"], {"subject": {"$in": [str(show), seed["funding_goal_id"]]}}
        until(lambda: not messages.count_documents(of_it), "the end of all tasks")
    return show


def make_old(database: Database[dict[str, Any]], show: ObjectId) -> list[dict[str, Any]]:
    """Change the show to one that was over and settled long ago, and return the rows of its timeline."""
    then = datetime.now(UTC) - LONG_AGO
    goal = database["goals"].find_one_and_update(
        {"_id": show}, {"$set": {"activated_at": then, "exp": then, "active": False}}
    )
    assert goal is not None
    settlement = {"state": "earned", "reason": "test", "decided_at": then, "decided_by": None, "total": 5, "payers": 1}
    funding_goal = {"_id": ObjectId(goal["context"]["funding_goal_id"])}
    database["goals"].update_one(funding_goal, {"$set": {"settlement": settlement}})
    rows, of_show = database["goal_timeline"], {"goal_id": str(show)}
    old = [
        row | {"_id": ObjectId(ObjectId.from_datetime(then).binary[:4] + os.urandom(8))} for row in rows.find(of_show)
    ]
    rows.delete_many(of_show)
    rows.insert_many(old)
    return sorted(old, key=lambda row: row["_id"])


def test_old_rows_go_into_a_file_and_come_back(house: House) -> None:
    days, directory, now = blocks("Old rows into files")
    app1 = house.hosts["app1"]
    show = play_show(house)
    with house.database() as database:
        timeline, of_show = database["goal_timeline"], {"goal_id": str(show)}
        old = make_old(database, show)

        house.run(days)
        house.run(directory)
        (printed,) = house.run(now)
        left = list(timeline.find(of_show))
        files = [Path(line) for line in printed.splitlines() if "/goal_timeline" in line]
        (command,) = CRON_LINE.findall(app1.path("/etc/cron.d/showgoals").read_text(encoding="utf-8"))
        every_night = app1.run(command)
        back = house.tell("app1", f"showgoals archive --restore {files[0]}")

        assert old
        assert left == [], printed
        assert [path.parent for path in files] == [app1.path("/var/lib/showgoals/archive")]
        assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600]
        assert every_night == "There was nothing to archive.\n"
        assert re.fullmatch(r"\d+ rows of goal_timeline are back; 0 were there already\.\n", back)
        assert list(timeline.find(of_show).sort("_id", 1)) == old
    assert house.hosts["app2"].path("/etc/showgoals.env").read_text(encoding="utf-8").count("RETENTION_DAYS=") >= 1
