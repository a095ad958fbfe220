"""*An upgrade* and *A step back* of docs/handbook.md, each with *A rolling restart*."""

import os
import signal
import time

import pytest
from bson import ObjectId

from tests.environment import ROOT
from tests.handbook.house import House, until
from tests.handbook.page import blocks
from tests.handbook.visitors import Visitors
from tests.lab.process_tree import descendants

pytestmark = [
    pytest.mark.crash,
    pytest.mark.long,
    pytest.mark.needs("curl"),
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("handbook"),
]

UNITS = ("showgoals-qcluster", "showgoals-web")
LAST_MIGRATION = max(ROOT.glob("taskqueue/migrations/0*.py")).stem
MIGRATION = f"""from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("taskqueue", "{LAST_MIGRATION}")]
    operations = []
"""
READS = "package: Task = signing.loads(payload, salt=_SALT, serializer=PackageSerializer)"
READS_BOTH = f"""try:
        {READS}
    except signing.BadSignature:
        package = signing.loads(payload, salt="taskqueue.packages", serializer=PackageSerializer)"""
# The newer release has one more migration, and signs its messages in another way, so the earlier one can't read them.
CHANGES = [
    ("taskqueue/migrations/9999_release_2.py", "", MIGRATION),
    ("taskqueue/packages.py", '_SALT = "taskqueue.packages"', '_SALT = "taskqueue.packages.2"'),
    ("taskqueue/packages.py", READS, READS_BOTH),
]
# The reconciler looks every 10 s for shows whose message was lost.
RECONCILED_WITHIN_SECONDS = 20.0


def all_run(release: str) -> dict[str, set[str]]:
    return {unit: {release} for unit in UNITS}


def kill_a_worker(house: House, unit: str) -> None:
    """Kill a child of the unit, and wait until there is another one in its place."""
    main = house.hosts["app1"].services.pid(unit)
    before = set(descendants(main))
    os.kill(max(before), signal.SIGKILL)
    until(lambda: len(after := set(descendants(main))) >= len(before) and after - before, "another worker")


def unreadable(house: House) -> int:
    """Count the messages that were set aside."""
    with house.database() as database:
        return database["django_q_ormq"].count_documents({"key": {"$regex": "-unreadable$"}})


def is_started(house: House, show: ObjectId) -> bool:
    with house.database() as database:
        return bool(database["goals"].count_documents({"_id": show, "activated_at": {"$ne": None}}))


def upgrade(house: House) -> str:
    """Run the commands of *An upgrade* up to the rolling restart. Return what `migrate` prints."""
    prepare, use, migrate = blocks("An upgrade")
    house.unpack("showgoals-2", CHANGES)
    house.run(prepare)
    house.run(use)
    for unit in UNITS:
        kill_a_worker(house, unit)
    assert house.releases() == all_run("showgoals-1")
    (printed,) = house.run(migrate)
    return printed


def step_back(house: House, queued: ObjectId) -> int:
    """Run the commands of *A step back*. The last one deletes the messages that were set aside. Return their number.

    Run the last command only after a message was set aside or the queued show has started.
    """
    link, servers, qclusters, delete = blocks("A step back")
    house.run(link)
    house.run(servers)
    house.run(qclusters)
    assert house.releases() == all_run("showgoals-1")
    until(lambda: unreadable(house) or is_started(house, queued), "a message that was set aside")
    (printed,) = house.run(delete)
    return int(printed)


def test_upgrade_and_step_back_lose_no_request_and_no_show(house: House) -> None:
    of_restart, of_both, soon, later = house.seeds(4)
    path, token = f"/sessions/{of_both['session_id']}", of_both["streamer"]["access"]

    with Visitors(house, path, token) as visitors:
        migrated = upgrade(house)
        began = time.monotonic()
        during = [house.create_show(seed, seconds=at) for seed, at in ((of_restart, 4), (of_both, 8))]
        house.rolling_restart()
        seconds = time.monotonic() - began
        assert house.releases() == all_run("showgoals-2")
        assert house.doctor() == []
        # Both shows are due after the qclusters of the earlier release have started. One is due after the deletion.
        due = [1.6 * seconds + 10.0, 1.6 * seconds + 30.0]
        queued = [house.create_show(seed, seconds=at) for seed, at in zip((soon, later), due, strict=True)]
        deleted = step_back(house, queued[0])

    assert "taskqueue.9999_release_2... OK" in migrated
    assert [late for show in during if (late := house.lateness(show)) >= 1.0] == []
    assert set(visitors.answers) == {200}, visitors.answers
    assert deleted > 0
    assert [late for show in queued if (late := house.lateness(show)) >= RECONCILED_WITHIN_SECONDS] == []
    assert house.doctor() == []
