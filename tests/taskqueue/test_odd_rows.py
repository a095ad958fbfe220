"""Rows that a person or another program has written, with values of any type in any field, hold up nothing else."""

import random
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.test import Client
from django_q.models import Schedule

from config import clock
from goals.lateness import note_lateness
from mongodb.collections import tolerant_collection
from ops.readiness import living_clusters
from taskqueue import outages
from taskqueue.aside import Tried, odd_field, sweep, take_back_readable
from taskqueue.broker import PreciseBroker, is_due
from taskqueue.heartbeat import CLUSTERS, REPAIRS, beat, count_repairs
from taskqueue.leases import forget_silent_clusters, release_dead_owners
from taskqueue.messages import MESSAGES, is_at_first_attempt
from taskqueue.outages import OUTAGES
from taskqueue.periodic import PERIODIC, run_schedules
from taskqueue.queues import Queue
from taskqueue.schedules import SCHEDULES, run_due
from taskqueue.worker import STOP, ClaimedTasks
from tests.factories.documents import connection
from tests.factories.odd_values import NO_UTF8, ODD_VALUES, PAST, put
from tests.taskqueue.clusters import eventually
from tests.taskqueue.conftest import StartCluster
from tests.taskqueue.tasks import RUNS, note, note_each, note_start, tell

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("new_indexes")]

SUBJECT = str(ObjectId())
LANES = [queue.value for queue in Queue]
FIELDS = [
    *("_id", "key", "payload", "lock", "owner", "session", "epoch"),
    *("attempts", "name", "subject", "request_id", "weight", "alone"),
]
CLUSTER_FIELDS = ["started_at", "beat_at", "workers", "deaths", "problem", "clock", "skew_seconds"]
SCHEDULE_FIELDS = ["func", "args", "kwargs", "schedule_type", "repeats", "next_run", "minutes", "cron", "hook"]


def message_of(task: Any) -> dict[str, Any]:
    """Return the document of a message of the task. The message is due, and its `lock` is before that of all others."""
    task.enqueue("odd", subject=SUBJECT)
    message: dict[str, Any] = connection.get_collection(MESSAGES).find_one_and_delete({"subject": SUBJECT})
    return message | {"lock": PAST}


def odd_rows(row: dict[str, Any], fields: list[str]) -> list[dict[str, Any]]:
    """Return a copy of the row, with a new id, for each odd value of each of the fields."""
    new_id = str if isinstance(row.get("_id"), str) else ObjectId
    return [{**row, "_id": new_id(ObjectId()), field: value} for field in fields for value in ODD_VALUES]


def left() -> list[dict[str, Any]]:
    return list(tolerant_collection(MESSAGES).find())


def done() -> list[str]:
    return sorted(run["name"] for run in connection.get_collection(RUNS).find() if run["name"] != "odd")


def work_off() -> None:
    """Work as a worker does until nothing is due."""
    worker = ClaimedTasks(PreciseBroker(), run_once=True)
    while (task := worker.get()) != STOP:
        assert isinstance(task, dict)
        task["func"](*task["args"])
        task |= {"success": True, "result": None, "stopped": clock.now()}
        worker.settle([task])


def put_odd_rows() -> None:
    """Store odd messages of several tasks, and odd rows in all collections that a cluster reads."""
    rows = [row for task in (note, note_each, note_start, tell) for row in odd_rows(message_of(task), FIELDS)]
    for row in random.Random(1).sample([row for row in rows if odd_field(row)], 400):
        put(MESSAGES, row)
    beat("odd|boot|1|7|1", started_at=datetime.now(UTC), workers={"odd": 1}, deaths=1)
    alive = connection.get_collection(CLUSTERS).find_one_and_delete({})
    for row in [*odd_rows(alive, CLUSTER_FIELDS), *(alive | {"_id": value} for value in ODD_VALUES)]:
        put(CLUSTERS, row)
    due = {"func": note.path, "args": "('odd',)", "schedule_type": "O", "repeats": -1, "next_run": PAST}
    for row in odd_rows(due, SCHEDULE_FIELDS):
        put(SCHEDULES, row)
    Schedule.objects.create(name="good", func=note.path, args="('good schedule',)", next_run=clock.now())
    for value in ODD_VALUES:
        put(OUTAGES, {"_id": value, "since": PAST, "probe_at": PAST})
        put(REPAIRS, {"_id": value, "count": value, "last_at": PAST})


@pytest.mark.parametrize("seed", range(4))
def test_odd_messages_hold_up_no_others(seed: int) -> None:
    """Messages with one to three odd fields lie before, between and behind good ones."""
    chance = random.Random(seed)
    rows = [message_of(task) for task in (note, note_each)]
    for number in range(150):
        odd = {field: chance.choice(ODD_VALUES) for field in chance.sample(FIELDS, chance.randint(1, 3))}
        put(MESSAGES, {**chance.choice(rows), "_id": ObjectId(), **odd})
        if number % 10 == 0:
            chance.choice((note, note_each)).enqueue(f"good {number}")
    for _round in range(3):
        work_off()
        release_dead_owners(also_silent=True)
        sweep(LANES, default=Queue.WORK.value)
        take_back_readable(LANES, Tried())

    work_off()
    assert done() == sorted(f"good {number}" for number in range(0, 150, 10))
    assert [message | {"payload": ""} for message in left() if message.get("key") in LANES] == []


@pytest.mark.parametrize("field", ["attempts", "lock", "name", "weight", "subject", "payload", "session"])
def test_odd_field_of_a_message_that_is_tried_as_a_probe(field: str) -> None:
    for row in odd_rows(message_of(tell) | {"attempts": 1}, [field]):
        put(MESSAGES, row)
    tell.enqueue("good")
    connection.get_collection(MESSAGES).update_many({"attempts": {"$exists": False}}, {"$set": {"attempts": 1}})
    broker = PreciseBroker(Queue.TELL.value)
    for _claimed in left():
        if any(claim.payload and "good" in str(claim) for claim in broker.claim_for_probe()):
            break

    free = [message for message in left() if message.get("key") == Queue.TELL.value and "owner" not in message]
    assert free == []


@pytest.mark.parametrize("value", [NO_UTF8, [NO_UTF8], {"a": NO_UTF8}], ids=["text", "list", "object"])
@pytest.mark.parametrize("claim", [{}, {"owner": "other|boot|1|7|1"}], ids=["free", "held"])
@pytest.mark.parametrize("field", FIELDS)
def test_message_with_text_that_is_no_utf_8_is_done_or_set_aside(field: str, value: Any, claim: dict[str, Any]) -> None:
    """By default a row with such text can't be read, and no query finds the text."""
    put(MESSAGES, {**message_of(note), **claim, field: value})
    note.enqueue("good")
    assert is_due(Queue.WORK.value)
    for _twice in range(2):
        release_dead_owners(also_silent=True)
        sweep(LANES, default=Queue.WORK.value)
        work_off()

    assert (done(), [message for message in left() if message.get("key") in LANES]) == (["good"], [])


def test_subject_that_is_no_utf_8_hides_no_other() -> None:
    for odd in (["another", NO_UTF8], [SUBJECT, {"a": 1}]):
        put(MESSAGES, message_of(note) | {"subject": odd})
    note.enqueue("good", subject=SUBJECT)

    assert note.queued_among([SUBJECT, "another"]) >= {SUBJECT}
    assert is_at_first_attempt(["note"], [SUBJECT, "another"], besides=[])


def test_message_with_the_name_of_another_task_is_set_aside() -> None:
    put(MESSAGES, message_of(note) | {"name": "note_each"})
    note_each.enqueue("good")

    assert ClaimedTasks(PreciseBroker(), run_once=True).get() == STOP
    assert (done(), [message["key"] for message in left()]) == (["good"], [f"{Queue.WORK.value}-unreadable"])


@pytest.mark.parametrize("field", ["key", "lock", "name", "attempts", "payload"])
def test_odd_message_of_a_periodic_task_is_deleted(field: str) -> None:
    """The odd message has the id of the task's only message, so the task would never run again."""
    run_schedules.enqueue(at=PAST, once=PERIODIC)
    connection.get_collection(MESSAGES).update_one({}, {"$set": {field: {"odd": 1}}})
    ClaimedTasks(PreciseBroker(), run_once=True).get()
    sweep(LANES, default=Queue.WORK.value)

    assert run_schedules.enqueue(once=PERIODIC)


def test_odd_message_does_not_count_as_the_queued_one() -> None:
    """Otherwise no reconciler would queue the task again, and later events would wait for the odd message."""
    for row in odd_rows(message_of(note), ["key", "subject"]):
        put(MESSAGES, row)
    sweep(LANES, default=Queue.WORK.value)

    assert note.queued_among([SUBJECT, "another"]) <= {SUBJECT}
    ClaimedTasks(PreciseBroker(), run_once=True).get()
    assert not note.is_queued(SUBJECT)
    assert not is_at_first_attempt(["note"], [SUBJECT], besides=[])


@pytest.mark.parametrize("probe_at", ODD_VALUES, ids=lambda value: type(value).__name__)
def test_vendor_with_an_odd_outage_is_probed(probe_at: Any) -> None:
    outages.begin("pusher")
    connection.get_collection(OUTAGES).update_one({}, {"$set": {"probe_at": probe_at, "since": probe_at}})

    assert outages.is_away("pusher")
    assert outages.take_probe("pusher")
    outages.end("pusher")
    assert outages.away() == set()


def test_repairs_are_counted_beside_an_odd_count() -> None:
    put(REPAIRS, {"_id": "odd", "count": "many"})
    for _twice in range(2):
        count_repairs("odd", 2)

    assert [row["count"] for row in connection.get_collection(REPAIRS).find()] == [4]


def test_people_and_monitoring_read_past_odd_rows() -> None:
    put_odd_rows()
    forget_silent_clusters()
    note_lateness([], now=clock.now())
    run_due(clock.now())
    User.objects.create_superuser("root", password="p")
    client = Client()
    client.force_login(User.objects.get(username="root"))
    for path in ("/readyz", "/metrics", "/admin/"):
        assert client.get(path).status_code in {200, 503}, path
    assert re.search(rb"showgoals_mongodb_up 1", client.get("/metrics").content)
    assert [each["_id"] for each in living_clusters() if not isinstance(each["_id"], str)] == []


@pytest.mark.slow
def test_qcluster_works_beside_odd_rows(start_cluster: StartCluster) -> None:
    put_odd_rows()
    good = [*range(20)]
    for number in good:
        for task in (note, note_each, note_start):
            task.enqueue(f"good {number:02}")
    cluster = start_cluster()
    eventually(lambda: done() == sorted(f"good {number:02}" for number in good * 3), within=60)

    log = cluster.log.read_text()
    assert [line for line in log.splitlines() if "worker died" in line or "heartbeat failed" in line] == []
