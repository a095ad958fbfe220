"""Each call in a worker's batch has its own outcome, result and request id, and is settled by itself."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_q.conf import Conf
from django_q.models import Failure, Success
from django_q.tasks import async_task, fetch  # noqa: TID251 - django-q's own ways must work too

from api.request_id import request_id
from config.errors import ProductError, TransportError
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from taskqueue.broker import PreciseBroker
from taskqueue.calls import Call, Outcome
from taskqueue.durable import bulk
from taskqueue.executions import TaskOutcome, task_finished
from taskqueue.messages import MESSAGES
from taskqueue.packages import unpack
from taskqueue.queues import Queue
from taskqueue.worker import STOP, ClaimedTasks
from tests.conftest import FailCommand
from tests.factories.documents import connection, stored, timeline
from tests.taskqueue.clusters import dead_letters, messages, runs
from tests.taskqueue.tasks import ATTEMPTS, RUNS, attempts, note_at_commit, note_each, repair

pytestmark = pytest.mark.django_db

SHOW, OTHER_SHOW = str(ObjectId()), str(ObjectId())


def work() -> None:
    """Work until nothing is due, like a worker that takes batches."""
    worker = ClaimedTasks(PreciseBroker(), run_once=True)
    assert worker.get() == STOP


def enqueue(*names: str) -> None:
    for name in names:
        note_each.enqueue(name, subject=SHOW)


def waiting() -> list[tuple[str, int, bool]]:
    """Return the argument of each message that waits, its attempts, and whether it is to be taken alone."""
    return [
        (unpack(each["payload"])["args"][0], each.get("attempts", 0), each.get("alone", False)) for each in messages()
    ]


def try_again() -> None:
    """Make the messages that wait for another attempt due now."""
    collection(MESSAGES).update_many({}, {"$set": {"lock": datetime.now(UTC) - timedelta(seconds=1)}})


def ran() -> list[tuple[str, str]]:
    return [(run["name"], run["what"]) for run in stored(RUNS)]


@pytest.fixture
def outcomes() -> Iterator[list[list[TaskOutcome]]]:
    """The outcomes of ended tasks, by batch, as receivers of `task_finished` get them."""
    heard: list[list[TaskOutcome]] = []

    def listen(outcomes: Sequence[TaskOutcome], **_kwargs: object) -> None:
        heard.append(list(outcomes))

    task_finished.connect(listen)
    yield heard
    task_finished.disconnect(listen)


def test_batch_runs_together_and_leaves_a_result_of_each_call() -> None:
    enqueue("a", "b", "c")
    work()

    assert (ran(), attempts(), messages()) == ([(name, "of 3") for name in "abc"], [["a", "b", "c"]], [])
    results = {success.args: success for success in Success.objects.all()}
    assert {args: success.result for args, success in results.items()} == {
        f'["{name}"]': f'"noted {name}"' for name in ("a", "b", "c")
    }
    success = results['["b"]']
    assert (success.func, success.name, success.group, success.cluster) == (
        note_each.path,
        "note_each",
        SHOW,
        Conf.PREFIX,
    )
    assert (fetch(success.id).result, fetch(success.id).success) == ('"noted b"', True)


def test_outcomes_of_a_batch_are_told_together_with_their_requests(outcomes: list[list[TaskOutcome]]) -> None:
    for request, subject in (("first", SHOW), ("second", OTHER_SHOW)):
        request_id.set(request)
        note_each.enqueue(request, subject=subject)
    request_id.set("third")
    note_each.enqueue("refused", subject=OTHER_SHOW)
    request_id.set("-")
    work()

    assert outcomes == [
        [
            TaskOutcome("note_each", SHOW, succeeded=True, detail="", request_id="first"),
            TaskOutcome("note_each", OTHER_SHOW, succeeded=True, detail="", request_id="second"),
            TaskOutcome(
                "note_each", OTHER_SHOW, succeeded=False, detail="transport_error: refused", request_id="third"
            ),
        ]
    ]
    rows = [(row["name"], row["outcome"], row["request_id"]) for show in (SHOW, OTHER_SHOW) for row in timeline(show)]
    assert rows == [("note_each", "done", "first"), ("note_each", "done", "second"), ("note_each", "failed", "third")]


def test_each_call_fails_for_itself() -> None:
    enqueue("a", "away", "refused", "b")
    work()

    assert ran() == [("a", "of 4"), ("b", "of 4")]
    assert (waiting(), dead_letters()) == ([("away", 1, False)], [("refused",)])
    assert Failure.objects.get().result == '"transport_error: refused"'


def test_poison_call_of_a_batch_does_not_touch_the_others() -> None:
    enqueue("a", "poison", "b")
    work()

    assert attempts() == [["a", "poison", "b"], ["a"], ["poison"], ["b"]]
    assert (ran(), waiting()) == ([("a", "of 1"), ("b", "of 1")], [("poison", 1, False)])

    collection(MESSAGES).update_many({}, {"$set": {"attempts": Conf.MAX_ATTEMPTS - 1}})
    enqueue("c")
    try_again()
    work()
    assert (ran()[2:], messages(), dead_letters()) == ([("c", "of 1")], [], [("poison",)])


def test_batch_is_not_taken_apart_when_the_database_is_away() -> None:
    """If each call ran alone, it would only wait and fail as the batch did."""
    enqueue("a", "unavailable", "b")
    work()

    assert (attempts(), ran()) == ([["a", "unavailable", "b"]], [])
    assert waiting() == [("a", 1, False), ("unavailable", 1, False), ("b", 1, False)]


def test_calls_that_were_tried_too_often_are_given_up_unrun() -> None:
    """Such a call has killed its worker at each attempt."""
    enqueue("a", "b")
    tired = {"subject": SHOW, "attempts": Conf.MAX_ATTEMPTS}
    collection(MESSAGES).update_one({}, {"$set": tired})
    work()

    assert (ran(), messages(), dead_letters()) == ([("b", "of 1")], [], [("a",)])


def test_batch_that_times_out_is_tried_again_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conf, "TIMEOUT", 1)
    enqueue("a", "hang", "b")
    work()  # the worker ends, because its state is unknown

    assert (ran(), waiting()) == ([], [("a", 1, True), ("hang", 1, True), ("b", 1, True)])
    repair()
    try_again()
    work()
    assert (ran(), messages()) == ([("a", "of 1"), ("hang", "of 1"), ("b", "of 1")], [])


def test_unreadable_message_of_a_batch_is_kept_aside() -> None:
    enqueue("a", "b", "c")
    collection(MESSAGES).update_one({"_id": stored(MESSAGES)[1]["_id"]}, {"$set": {"payload": "not signed by us"}})
    work()

    assert ran() == [("a", "of 2"), ("c", "of 2")]
    assert [message["key"] for message in messages()] == [f"{Conf.PREFIX}-unreadable"]


def test_batch_that_cannot_be_settled_stays_claimed(fail_command: FailCommand) -> None:
    """The worker ends, and its cluster gives the worker's claims back."""
    enqueue("a", "refused")
    fail_command("insert", namespace=f"{connection.settings_dict['NAME']}.django_q_task", errorCode=2)

    with pytest.raises(SystemExit):
        work()
    assert (len(ran()), ["owner" in message for message in messages()]) == (1, [True, True])


def test_resubmitted_calls_wait_as_before() -> None:
    enqueue("refused", "poison")
    collection(MESSAGES).update_many({}, {"$set": {"attempts": Conf.MAX_ATTEMPTS - 1}})
    work()
    assert sorted(dead_letters()) == [("poison",), ("refused",)]
    admin = Client()
    admin.force_login(User.objects.create_superuser("admin"))
    for page, count in (("success", 0), ("failure", 2), ("ormq", 0)):
        assert admin.get(reverse(f"admin:django_q_{page}_changelist")).context["cl"].result_count == count
    repair()

    chosen = [failure.id for failure in Failure.objects.all()]
    body = {"action": "resubmit", "_selected_action": chosen}
    assert admin.post(reverse("admin:django_q_failure_changelist"), body).status_code == 302
    assert {(message["key"], message.get("name")) for message in messages()} == {(Queue.WORK.value, "note_each")}
    listed = admin.get(reverse("admin:django_q_ormq_changelist"))
    assert (listed.status_code, listed.context["cl"].result_count) == (200, 2)


def test_call_of_django_qs_own_way_in_runs_alone() -> None:
    async_task(note_each.path, "a")
    worker = ClaimedTasks(PreciseBroker(), run_once=True)
    task = worker.get()

    assert isinstance(task, dict)
    assert (task["func"], task["args"]) == (note_each, ("a",))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a", "noted a"), ("away", TransportError), ("refused", TransportError), ("poison", KeyError)],
)
def test_bulk_task_that_is_called_runs_one_call(name: str, expected: Any) -> None:
    if isinstance(expected, str):
        assert note_each(name) == expected
    else:
        with pytest.raises(expected):
            note_each(name)
    assert attempts() == [[name]]


def test_task_must_answer_for_each_call() -> None:
    @bulk(Queue.WORK, most=2)
    def miscount(calls: Sequence[Call]) -> list[Outcome]:
        return ["one"] * (len(calls) - 1)

    with pytest.raises(AssertionError, match="1 outcomes for 2 calls"):
        miscount.run([Call(("a",)), Call(("b",))])


def test_message_is_deleted_with_the_commit_or_not_at_all() -> None:
    for name in ("a", "b"):
        note_at_commit.enqueue(name)
    first, second = (Call((name,), message_id=message["_id"]) for name, message in zip("ab", messages(), strict=True))

    def write(call: Call, *, fail: bool) -> None:
        call.delete_at_commit()
        assert len(messages()) == 2  # the deletion is the last write
        if fail:
            raise ProductError

    with pytest.raises(ProductError):
        run_in_transaction(lambda: write(first, fail=True))
    assert len(messages()) == 2
    run_in_transaction(lambda: write(second, fail=False))
    assert [message["_id"] for message in messages()] == [first.message_id]


def test_call_without_a_message_deletes_none() -> None:
    note_at_commit.enqueue("a")

    assert note_at_commit("a") == "noted"
    assert (len(runs("a")), len(messages())) == (1, 1)


def test_batch_that_deletes_its_messages_is_settled_like_others() -> None:
    for name in ("a", "b"):
        note_at_commit.enqueue(name)
    work()

    assert (ran(), messages(), stored(ATTEMPTS)) == ([("a", "ran"), ("b", "ran")], [], [])
    assert [success.result for success in Success.objects.all()] == ['"noted"'] * 2


def test_only_messages_with_a_weight_store_it() -> None:
    note_each.enqueue("a")
    note_each.enqueue("b", weight=7)

    assert [message.get("weight") for message in messages()] == [None, 7]
