"""The sweep starts due shows together, each once, even if several processes sweep. The reconciler starts the rest."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from time_machine import Traveller

from goals.models import Goal
from goals.suspects import Suspects
from goals.sweep import overdue, start_due_goals, start_goals
from goals.tasks import activate_goal, reconcile_goals
from notifications.streamer_events import StreamerEvent
from taskqueue.messages import queue_calls
from tests.factories.documents import connection, queued_messages, stored, stored_one
from tests.factories.goals import HOUR, ShowGoalFactory, whole_second
from tests.factories.moments import NOW, as_stored
from tests.factories.threads import at_once
from tests.goals.steps import MINUTE, NBF, NBF_SECONDS, NOTHING, started_announcements


def test_one_message_starts_all_shows_that_are_due(clock: Traveller, db: None) -> None:
    shows = [ShowGoalFactory(nbf=NBF) for _ in range(3)]
    later = ShowGoalFactory(nbf=NBF + HOUR)
    clock.move_to(NBF)

    assert activate_goal(str(shows[0].pk), NBF_SECONDS) == "started"

    assert [started_announcements(show) for show in [*shows, later]] == [1, 1, 1, 0]
    assert [message.args[0] for message in queued_messages("activate_goal")] == [str(later.pk)]
    first, others = queued_messages("notify_goals_started")
    told = [
        [StreamerEvent.from_line(line).goal_id for line in str(each.args[0]).splitlines()] for each in (first, others)
    ]
    assert [told[0], sorted(told[1])] == [[str(shows[0].pk)], sorted(str(show.pk) for show in shows[1:])]


def test_sweep_leaves_shows_whose_messages_others_hold(clock: Traveller, db: None) -> None:
    own, held, waiting = (ShowGoalFactory(nbf=NBF) for _ in range(3))
    queue = connection.get_collection("django_q_ormq")
    queue.update_one({"subject": str(held.pk), "name": "activate_goal"}, {"$set": {"lock": NBF + MINUTE}})
    clock.move_to(NBF)

    assert activate_goal(str(own.pk), NBF_SECONDS) == "started"

    assert [started_announcements(show) for show in (own, held, waiting)] == [1, 0, 1]


def test_outdated_message_starts_no_show_and_holds_up_none(clock: Traveller, db: None) -> None:
    own, moved, waiting = (ShowGoalFactory(nbf=NBF) for _ in range(3))
    connection.get_collection("goals").update_one({"_id": moved.pk}, {"$set": {"nbf": NBF + HOUR}})
    clock.move_to(NBF)

    assert activate_goal(str(own.pk), NBF_SECONDS) == "started"

    assert [started_announcements(show) for show in (own, moved, waiting)] == [1, 0, 1]


def test_more_shows_than_a_batch_start_once_each_under_competition(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr("goals.sweep.BATCH", 3)
    shows = [ShowGoalFactory(nbf=whole_second()) for _ in range(20)]

    at_once([partial(activate_goal, str(show.pk), int(show.nbf.timestamp())) for show in shows[:4]])

    assert [started_announcements(show) for show in shows] == [1] * 20


def test_sweep_leaves_the_show_that_another_transaction_holds(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    """Its streamer is moving it. The others of its batch start; so does this one, a second later."""
    monkeypatch.setattr("goals.sweep.BATCH", 2)
    monkeypatch.setattr("goals.sweep.held", Suspects(clock=lambda: clock[0], seconds=1))
    clock = [0.0]
    shows = [ShowGoalFactory(nbf=whole_second()) for _ in range(5)]
    goals = connection.get_collection("goals")
    with connection.connection.start_session() as another, another.start_transaction():
        goals.update_one({"_id": shows[0].pk}, {"$set": {"activated_at": NOW}}, session=another)
        free = _started_by_sweep(datetime.now(UTC))
        another.abort_transaction()

    assert sorted(free) == sorted(str(show.pk) for show in shows[1:])
    assert _started_by_sweep(datetime.now(UTC)) == []
    clock[0] = 1.0
    assert _started_by_sweep(datetime.now(UTC)) == [str(shows[0].pk)]


def test_sweep_leaves_the_shows_that_another_sweep_is_starting(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    """It waits for a moment, for the other one to commit, before it tries with smaller batches."""
    shows = [ShowGoalFactory(nbf=whole_second()) for _ in range(5)]
    goals = connection.get_collection("goals")
    another = connection.connection.start_session()
    another.start_transaction()
    goals.update_many({"_id": {"$in": [show.pk for show in shows]}}, {"$set": {"activated_at": NOW}}, session=another)
    monkeypatch.setattr("goals.sweep.time", SimpleNamespace(sleep=lambda _seconds: another.commit_transaction()))

    assert _started_by_sweep(datetime.now(UTC)) == []
    another.end_session()
    assert [started_announcements(show) for show in shows] == [0] * 5


def test_sweepers_that_begin_at_different_shows_start_all(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr("goals.sweep.BATCH", 2)
    shows = [str(ShowGoalFactory(nbf=whole_second()).pk) for _ in range(8)]
    first, second = (_sweep(datetime.now(UTC), begin_at=part) for part in (0.0, 0.5))

    batches = [next(sweep) for _ in range(2) for sweep in (first, second)]

    assert [sorted(batch) for batch in batches] == [shows[0:2], shows[4:6], shows[2:4], shows[6:8]]
    assert (list(first), list(second)) == ([], [])


@pytest.mark.usefixtures("clock")  # all are due at the same second
def test_sweeper_reads_again_after_shows_that_have_started(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr("goals.sweep.BATCH", 2)
    shows = [str(ShowGoalFactory(nbf=whole_second()).pk) for _ in range(6)]
    first = _sweep(datetime.now(UTC))
    next(first)
    _started_by_sweep(datetime.now(UTC))
    later = str(ShowGoalFactory(nbf=whole_second()).pk)

    assert list(first) == [[later]]
    assert {started_announcements(Goal.objects.get(pk=show)) for show in [*shows, later]} == {1}


def test_sweeper_that_begins_in_the_middle_starts_all(
    clock: Traveller, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    monkeypatch.setattr("goals.sweep.BATCH", 2)
    shows = [str(ShowGoalFactory(nbf=NBF).pk) for _ in range(8)]
    clock.move_to(NBF)

    batches = [sorted(batch) for batch in _sweep(NBF, begin_at=0.5)]

    assert batches == [shows[4:6], shows[6:8], shows[0:2], shows[2:4]]


@pytest.mark.parametrize("change", [{"cancelled_at": NOW}, {"nbf": NBF + HOUR}])
def test_shows_of_a_batch_that_can_not_start_any_more_are_left_out(
    clock: Traveller, db: None, change: dict[str, datetime]
) -> None:
    shows = [ShowGoalFactory(nbf=NBF) for _ in range(3)]
    connection.get_collection("goals").update_one({"_id": shows[1].pk}, {"$set": change})
    clock.move_to(NBF)

    started = start_goals([show.pk for show in shows], now=NBF)

    assert sorted(started) == sorted([str(shows[0].pk), str(shows[2].pk)])
    assert [started_announcements(show) for show in shows] == [1, 0, 1]


def test_late_shows_of_a_batch_end_later(clock: Traveller, db: None) -> None:
    began = NBF + timedelta(seconds=90)
    shows = [ShowGoalFactory(nbf=nbf) for nbf in (NBF, NBF, began)]
    connection.get_collection("django_q_ormq").delete_many({})
    clock.move_to(began)

    assert len(start_goals([show.pk for show in shows], now=began)) == 3

    contexts = [stored_one("goals", show.pk)["context"] for show in shows]
    assert [context["started"] for context in contexts] == [as_stored(began), as_stored(began), None]
    assert [message.lock for message in queued_messages("deactivate_goal")] == [as_stored(began + MINUTE)] * 3


def test_start_that_waits_comes_after_the_transaction_that_held_it_up(db: None) -> None:
    show = ShowGoalFactory(nbf=whole_second())
    with connection.connection.start_session() as another:
        another.start_transaction()
        connection.get_collection("goals").update_one(
            {"_id": show.pk}, {"$set": {"activated_at": NOW}}, session=another
        )
        failing = threading.Timer(0.2, another.abort_transaction)
        failing.start()
        assert start_goals([show.pk], now=datetime.now(UTC)) == [str(show.pk)]
        failing.join()
    assert started_announcements(show) == 1


def test_many_starts_leave_their_messages_to_a_worker(clock: Traveller, db: None) -> None:
    shows = [ShowGoalFactory(nbf=NBF) for _ in range(8)]
    connection.get_collection("django_q_ormq").delete_many({})
    clock.move_to(NBF)

    _started_by_sweep(NBF)

    told, left = sorted(queued_messages(), key=lambda message: message.func)
    assert (told.func, left.func) == ("notifications.tasks.notify_goals_started", "taskqueue.messages.queue_calls")
    assert queue_calls(str(left.args[0])) == 3 * len(shows)
    for name, due in (
        ("start_record", NBF),
        ("batch_notify_stream_authorized", NBF),
        ("deactivate_goal", NBF + MINUTE),
    ):
        messages = queued_messages(name)
        assert sorted(str(message.group) for message in messages) == sorted(str(show.pk) for show in shows)
        assert {message.lock for message in messages} == {as_stored(due)}


def test_show_that_can_not_start_does_not_stop_the_others(clock: Traveller, db: None) -> None:
    bad, *good = (ShowGoalFactory(nbf=NBF) for _ in range(3))
    connection.get_collection("goals").update_one({"_id": bad.pk}, {"$unset": {"metadata": ""}})
    clock.move_to(NBF)

    assert activate_goal(str(good[0].pk), NBF_SECONDS) == "started"
    assert [started_announcements(show) for show in good] == [1, 1]
    with pytest.raises(AttributeError):
        activate_goal(str(bad.pk), NBF_SECONDS)
    assert stored_one("goals", bad.pk)["activated_at"] is None


def test_show_that_could_not_start_is_left_alone_for_a_while_then_tried_again(
    clock: Traveller, suspects: Suspects, caplog: pytest.LogCaptureFixture, db: None
) -> None:
    bad, good = (ShowGoalFactory(nbf=NBF) for _ in range(2))
    goals = connection.get_collection("goals")
    metadata = stored_one("goals", bad.pk)["metadata"]
    goals.update_one({"_id": bad.pk}, {"$unset": {"metadata": ""}})
    clock.move_to(NBF + timedelta(seconds=6))
    reconcile_goals()
    goals.update_one({"_id": bad.pk}, {"$set": {"metadata": metadata}})

    reconcile_goals()
    assert overdue(before=NBF) == []
    assert list(start_due_goals(lambda: [bad.pk], now=NBF)) == []
    assert [started_announcements(show) for show in (bad, good)] == [0, 1]
    assert caplog.text.count("goal can't start") == 1

    suspects.clear()  # a minute has passed
    reconcile_goals()
    assert started_announcements(bad) == 1


def test_reconciler_starts_and_counts_missed_shows(clock: Traveller, db: None) -> None:
    shows = [ShowGoalFactory(nbf=NBF) for _ in range(2)]
    connection.get_collection("django_q_ormq").delete_many({})
    connection.get_collection("goals").update_many({"_cls": "ShowFundingGoal"}, {"$set": {"active": False}})
    clock.move_to(NBF + timedelta(seconds=4))
    assert reconcile_goals() == NOTHING  # not overdue yet: its message may still come
    clock.move_to(NBF + timedelta(seconds=6))
    assert (reconcile_goals(), reconcile_goals()) == ("started 2, ended 0", NOTHING)
    assert [started_announcements(show) for show in shows] == [1, 1]
    (repaired,) = stored("repairs")
    assert (repaired["_id"], repaired["count"]) == ("goals.started_by_reconciler", 2)


def _sweep(now: datetime, *, begin_at: float = 0.0) -> Iterator[list[str]]:
    """Start the shows that are due according to `goals`, as the reconciler does."""
    return start_due_goals(partial(overdue, before=now), now=now, begin_at=begin_at)


def _started_by_sweep(now: datetime) -> list[str]:
    return [goal_id for batch in _sweep(now) for goal_id in batch]
