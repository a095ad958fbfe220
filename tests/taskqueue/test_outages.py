"""While a vendor is away, one message at a time is tried.

When the vendor responds again, all messages that wait for it come due.
"""

from datetime import UTC, datetime, timedelta

import pytest
from django_q.conf import Conf

from mongodb.collections import collection
from taskqueue import outages
from taskqueue.broker import PreciseBroker
from taskqueue.messages import MESSAGES
from taskqueue.outages import OUTAGES, PROBE_EVERY, PROBE_LEASE
from taskqueue.queues import Queue
from taskqueue.worker import STOP, ClaimedTasks
from tests.factories.documents import stored
from tests.taskqueue.clusters import dead_letters, messages
from tests.taskqueue.tasks import ATTEMPTS, note_each, repair, tell

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def work(lane: Queue = Queue.TELL) -> None:
    """Work until nothing is due, or until it is time to wait for the next probe."""
    worker = ClaimedTasks(PreciseBroker(lane.value), run_once=True)
    assert worker.get() == STOP


def probe_is_due() -> None:
    collection(OUTAGES).update_many({}, {"$set": {"probe_at": datetime.now(UTC)}})


def tried() -> list[tuple[list[str], bool]]:
    """Return the names in each attempt, and whether the attempt was a probe."""
    return [(each["names"], each["probing"]) for each in stored(ATTEMPTS)]


def waiting() -> list[tuple[int, bool]]:
    """Return the attempts of each message, and whether it is due."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return [(message.get("attempts", 0), message["lock"] <= now) for message in messages()]


def begin_outage(*names: str) -> None:
    """Queue messages and have the first batch find out that the vendor does not respond."""
    for name in names:
        tell.enqueue(name)
    work()
    assert (outages.away(), tried()) == ({"pusher"}, [(list(names), False)])
    collection(ATTEMPTS).delete_many({})


def test_batch_that_is_not_answered_begins_an_outage() -> None:
    begin_outage("a", "b")

    assert waiting() == [(1, False), (1, False)]
    tell.enqueue("c")
    work()  # no probe is due yet
    assert (tried(), waiting()) == ([], [(1, False), (1, False), (0, True)])


def test_answer_of_any_kind_is_no_outage() -> None:
    for name in ("refused", "away"):  # the vendor responds, and refuses some calls
        tell.enqueue(name)
    work()

    assert (outages.away(), waiting(), dead_letters()) == (set(), [(1, False)], [("refused",)])


def test_one_message_at_a_time_is_tried_and_its_failure_does_not_count() -> None:
    begin_outage("a", "b")
    tell.enqueue("c")
    for _ in range(3):
        probe_is_due()
        work()

    assert [(len(names), is_probe) for names, is_probe in tried()] == [(1, True)] * 3
    assert [attempts for attempts, _is_due in waiting()] == [1, 1, 1]


def test_probes_never_give_a_message_up() -> None:
    begin_outage("a")
    collection(MESSAGES).update_one({}, {"$set": {"attempts": Conf.MAX_ATTEMPTS - 1}})
    for _ in range(3):
        probe_is_due()
        work()

    assert (waiting(), dead_letters()) == ([(Conf.MAX_ATTEMPTS - 1, False)], [])


def test_probe_is_made_by_one_worker_and_not_before_its_time() -> None:
    begin_outage("a")
    assert not outages.take_probe("pusher")
    probe_is_due()
    began = datetime.now(UTC)
    assert [outages.take_probe("pusher") for _ in range(2)] == [True, False]
    (outage,) = stored(OUTAGES)
    taken_until = outage["probe_at"].replace(tzinfo=UTC)  # if the worker that probes dies, another one takes over then
    assert began + PROBE_LEASE - timedelta(milliseconds=1) <= taken_until <= datetime.now(UTC) + PROBE_LEASE

    outages.leave_probe("pusher")
    (outage,) = stored(OUTAGES)
    assert outage["probe_at"].replace(tzinfo=UTC) <= datetime.now(UTC) + PROBE_EVERY


def test_first_answer_brings_back_all_messages_of_the_vendor() -> None:
    begin_outage("a", "b", "c")
    for lane in (Queue.AUDIENCE, Queue.RECORD):  # AUDIENCE waits for the same vendor, RECORD for another one
        note_each.enqueue(lane.name)
        changes = {"key": lane.value, "attempts": 3, "lock": datetime.now(UTC) + MINUTE}
        collection(MESSAGES).update_one({"name": "note_each", "key": Queue.WORK.value}, {"$set": changes})
    tell.enqueue("later", at=datetime.now(UTC) + MINUTE)
    collection(MESSAGES).update_many({"attempts": 1}, {"$set": {"lock": datetime.now(UTC) + MINUTE}})
    repair()
    probe_is_due()
    work()

    assert (outages.away(), [names for names, _ in tried()]) == (set(), [["a"], ["b", "c"]])
    assert [(message["key"], is_due) for message, (_, is_due) in zip(messages(), waiting(), strict=True)] == [
        (Queue.AUDIENCE.value, True),
        (Queue.RECORD.value, False),
        (Queue.TELL.value, False),
    ]


def test_message_that_needs_no_call_does_not_end_the_outage() -> None:
    begin_outage("a")
    tell.enqueue("superseded", at=datetime.now(UTC) - MINUTE)
    probe_is_due()
    work()

    assert (outages.away(), tried(), waiting()) == ({"pusher"}, [(["superseded"], True)], [(1, False)])


def test_prober_without_messages_leaves_the_probe_to_others() -> None:
    begin_outage("a")
    probe_is_due()
    work(Queue.AUDIENCE)  # its tasks call the same vendor
    assert tried() == []
    work(Queue.TELL)
    assert tried() == [(["a"], True)]


def test_outage_holds_up_no_lane_of_others() -> None:
    begin_outage("a")
    note_each.enqueue("b")
    work(Queue.WORK)

    assert [message["name"] for message in messages()] == ["tell"]


def test_lane_without_a_vendor_notes_no_outage() -> None:
    note_each.enqueue("away")
    work(Queue.WORK)

    assert (outages.away(), waiting()) == (set(), [(1, False)])
