"""The sections *A backup* and *To restore it* of docs/handbook.md."""

import re
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests.handbook.house import House
from tests.handbook.page import blocks

pytestmark = [
    pytest.mark.crash,
    pytest.mark.long,
    pytest.mark.needs("curl"),
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("handbook"),
]

# The show that waits in the backup is due after WAITS_SECONDS and the time that WAITS_COMMANDS commands take. Restoring
# takes about as long as eight commands, so it ends before the show is due.
WAITS_SECONDS = 30.0
WAITS_COMMANDS = 12
# How long the test watches whether a qcluster starts a show that it must not start.
LOOKS_FOR_SECONDS = 3.0


def back_up(house: House) -> Path:
    """Run the commands of *A backup*, and move the file elsewhere."""
    (take,) = blocks("A backup")
    file, elsewhere = (house.hosts["app1"].path(path) for path in ("/var/lib/showgoals/backup", "/root/backup"))

    (printed,) = house.run(take)

    assert re.search(r"/backup: [0-9,]+ documents as of ", printed)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return file.rename(elsewhere)


def restore(house: House, backup: Path) -> list[str]:
    """Run the commands of *To restore it*. Return what they print about shows that came due after the backup."""
    stop, allow, fill, start = blocks("To restore it")
    backup.rename(house.hosts["app1"].path("/var/lib/showgoals/backup"))

    house.run(stop)
    house.run(allow)
    (printed,) = house.run(fill)
    house.run(start)

    assert house.settings()["MONGODB_NAME"] == "showgoals-restored"
    restored, *due_since = printed.splitlines()
    assert restored.startswith("Restored ")
    return due_since


def stored(house: House, database: str = "") -> dict[ObjectId, Any]:
    """Return when each goal of the database was started, by id. The value is None if it was not started."""
    with house.database(database) as found:
        return {goal["_id"]: goal.get("activated_at") for goal in found["goals"].find()}


def test_restored_shows_are_held_or_start_at_their_time(house: House) -> None:
    began, seeds, earlier = time.monotonic(), house.seeds(2), house.settings()["MONGODB_NAME"]
    waits_seconds = WAITS_SECONDS + WAITS_COMMANDS * (time.monotonic() - began)
    to_come = house.create_show(seeds[1], seconds=waits_seconds)
    due_since = house.create_show(seeds[0], seconds=waits_seconds / 4)
    backup = back_up(house)
    late = house.lateness(due_since)
    before = stored(house)

    lines = restore(house, backup)
    time.sleep(LOOKS_FOR_SECONDS)
    held = stored(house)[due_since]
    told = house.tell("app1", f"showgoals held_shows --start {due_since}")

    # `restore` and `held_shows` each list the show.
    assert lines[0] == "Shows that came due after the backup and wait until you start them with `held_shows`: 1."
    whose = f"'Proceed' of {seeds[0]['streamer']['username']}, payers: {len(seeds[0]['viewers'])}"
    assert [re.sub("  .* UTC  ", " ", line) for line in lines[1:]] == [
        f"{due_since} start, move or cancel it  {whose}"
    ] * 2
    assert (late < 1.0, held) == (True, None)
    assert told.startswith(f"{due_since}  starts now, ")
    assert house.lateness(due_since) > 0
    assert house.lateness(to_come, within=waits_seconds) < 1.0
    assert stored(house, earlier) == before
    assert house.doctor() == []
