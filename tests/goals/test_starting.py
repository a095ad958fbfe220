"""Many shows start in one transaction, each once, even if one of them can't start. The reconciler starts the rest."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from bson import ObjectId
from time_machine import Traveller

from goals.starting import overdue, start_goals, start_unless_taken
from goals.suspects import Suspects
from goals.tasks import LOOK_AGAIN_AFTER, activate_goal, reconcile_goals
from taskqueue.calls import Call
from tests.factories.documents import connection, queued_messages, stored, stored_one, timeline
from tests.factories.goals import HOUR, ShowGoalFactory, whole_second
from tests.factories.moments import NOW, as_stored
from tests.factories.threads import at_once
from tests.goals.steps import MINUTE, NBF, NBF_SECONDS, NOTHING, start, start_calls, started_announcements


def test_one_batch_starts_its_shows_and_deletes_their_messages(clock: Traveller, db: None) -> None:
    shows = [ShowGoalFactory(nbf=NBF) for _ in range(3)]
    other = ShowGoalFactory(nbf=NBF)
    connection.get_collection("django_q_ormq").delete_many({"name": {"$ne": "activate_goal"}})
    clock.move_to(NBF)

    assert start(*shows) == ["started"] * 3

    assert [started_announcements(show) for show in [*shows, other]] == [1, 1, 1, 0]
    assert [message.args[0] for message in queued_messages("activate_goal")] == [str(other.pk)]
    for name, due in (
        ("notify_goal", NBF),
        ("start_record", NBF),
        ("batch_notify_stream_authorized", NBF),
        ("deactivate_goal", NBF + MINUTE),
    ):
        messages = queued_messages(name)
        assert [message.group for message in messages] == [str(show.pk) for show in shows]
        assert {message.lock for message in messages} == {as_stored(due)}


def test_each_start_of_a_batch_carries_its_request(clock: Traveller, db: None) -> None:
    shows = [ShowGoalFactory(nbf=NBF) for _ in range(2)]
    before = [len(timeline(show.pk)) for show in shows]
    connection.get_collection("django_q_ormq").delete_many({"name": {"$ne": "activate_goal"}})
    clock.move_to(NBF)

    start(*shows)

    told = [{row["request_id"] for row in timeline(show.pk)[count:]} for show, count in zip(shows, before, strict=True)]
    queued = [{message["request_id"] for message in stored("django_q_ormq", subject=str(show.pk))} for show in shows]
    assert (told, queued) == ([{"request 0"}, {"request 1"}], [{"request 0"}, {"request 1"}])


def test_batch_answers_for_each_of_its_shows(clock: Traveller, db: None) -> None:
    due, moved, cancelled, early = (ShowGoalFactory(nbf=NBF) for _ in range(4))
    connection.get_collection("goals").update_one({"_id": moved.pk}, {"$set": {"nbf": NBF + HOUR}})
    connection.get_collection("goals").update_one({"_id": cancelled.pk}, {"$set": {"cancelled_at": NOW}})
    clock.move_to(NBF)
    calls = list(start_calls([due, moved, cancelled]).values())
    calls.append(Call((str(early.pk), NBF_SECONDS + 1), subject=str(early.pk)))
    calls.append(Call((str(ObjectId()), NBF_SECONDS)))

    assert activate_goal.run(calls) == ["started", "not_startable", "not_startable", "too_early", "not_startable"]
    assert [started_announcements(show) for show in (due, moved, cancelled, early)] == [1, 0, 0, 0]


def test_show_whose_message_came_twice_starts_once(clock: Traveller, db: None) -> None:
    show, other = (ShowGoalFactory(nbf=NBF) for _ in range(2))
    clock.move_to(NBF)
    once = list(start_calls([show, other]).values())

    assert activate_goal.run([once[0], *once]) == ["started"] * 3
    assert [started_announcements(each) for each in (show, other)] == [1, 1]


def test_batches_that_compete_start_each_show_once(db: None) -> None:
    shows = [ShowGoalFactory(nbf=whole_second()) for _ in range(20)]
    calls = start_calls(shows)

    def start_all(turn: int) -> None:
        parts = [list(calls.values())[first : first + 5] for first in range(0, 20, 5)]
        for part in parts[turn:] + parts[:turn]:
            activate_goal.run(part)

    at_once([partial(start_all, turn) for turn in range(4)])
    while left := queued_messages("activate_goal"):
        activate_goal(*left[0].args)
        connection.get_collection("django_q_ormq").delete_one({"subject": left[0].group, "name": "activate_goal"})

    assert [started_announcements(show) for show in shows] == [1] * 20


def test_show_that_another_transaction_holds_does_not_hold_up_its_batch(db: None) -> None:
    """The other transaction may be a move of the show by its streamer. The start is tried again soon."""
    shows = [ShowGoalFactory(nbf=whole_second()) for _ in range(5)]
    goals = connection.get_collection("goals")
    with connection.connection.start_session() as another, another.start_transaction():
        goals.update_one({"_id": shows[0].pk}, {"$set": {"activated_at": NOW}}, session=another)
        began = datetime.now(UTC)
        started, taken = start_unless_taken(start_calls(shows), now=began)
        assert start(*shows[:1]) == ["taken_by_another"]
        another.abort_transaction()

    assert (sorted(started), taken) == (sorted(show.pk for show in shows[1:]), [shows[0].pk])
    again = queued_messages("activate_goal")[-1]
    assert (again.group, again.lock >= as_stored(began + LOOK_AGAIN_AFTER)) == (str(shows[0].pk), True)
    assert activate_goal(*again.args) == "started"
    assert [started_announcements(show) for show in shows] == [1] * 5


@pytest.mark.parametrize("change", [{"cancelled_at": NOW}, {"nbf": NBF + HOUR}])
def test_shows_of_a_batch_that_can_not_start_any_more_are_left_out(
    clock: Traveller, db: None, change: dict[str, datetime]
) -> None:
    shows = [ShowGoalFactory(nbf=NBF) for _ in range(3)]
    connection.get_collection("goals").update_one({"_id": shows[1].pk}, {"$set": change})
    clock.move_to(NBF)

    started = start_goals(start_calls(shows), now=NBF)

    assert sorted(started) == sorted([shows[0].pk, shows[2].pk])
    assert [started_announcements(show) for show in shows] == [1, 0, 1]


def test_late_shows_of_a_batch_end_later(clock: Traveller, db: None) -> None:
    began = NBF + timedelta(seconds=90)
    shows = [ShowGoalFactory(nbf=nbf) for nbf in (NBF, NBF, began)]
    connection.get_collection("django_q_ormq").delete_many({"name": "deactivate_goal"})
    clock.move_to(began)

    assert len(start_goals(start_calls(shows), now=began)) == 3

    contexts = [stored_one("goals", show.pk)["context"] for show in shows]
    assert [context["started"] for context in contexts] == [as_stored(began), as_stored(began), None]
    assert [message.lock for message in queued_messages("deactivate_goal")] == [as_stored(began + MINUTE)] * 3


def test_batch_with_a_show_that_fails_starts_nothing_and_each_alone_does(clock: Traveller, db: None) -> None:
    """After a batch has failed, the worker runs its calls one by one."""
    bad, *good = (ShowGoalFactory(nbf=NBF) for _ in range(3))
    connection.get_collection("goals").update_one({"_id": bad.pk}, {"$unset": {"metadata": ""}})
    clock.move_to(NBF)

    with pytest.raises(AttributeError):
        start(bad, *good)
    assert [started_announcements(show) for show in good] == [0, 0]
    assert [start(show) for show in good] == [["started"]] * 2
    with pytest.raises(AttributeError):
        start(bad)
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
    assert overdue(before=NBF, now=NBF) == []
    assert [started_announcements(show) for show in (bad, good)] == [0, 1]
    assert caplog.text.count(f"action on goal failed goal={bad.pk}") == 1

    suspects.clear()  # a minute has passed
    reconcile_goals()
    assert started_announcements(bad) == 1


def test_reconciler_starts_and_counts_missed_shows(clock: Traveller, db: None) -> None:
    shows = [ShowGoalFactory(nbf=NBF) for _ in range(2)]
    connection.get_collection("django_q_ormq").delete_many({})
    connection.get_collection("goals").update_many({"_cls": "ShowFundingGoal"}, {"$set": {"active": False}})
    clock.move_to(NBF + timedelta(seconds=4))
    assert reconcile_goals() == NOTHING  # not overdue yet, because a worker may still run the messages
    clock.move_to(NBF + timedelta(seconds=6))
    assert (reconcile_goals(), reconcile_goals()) == ("started 2, ended 0", NOTHING)
    assert [started_announcements(show) for show in shows] == [1, 1]
    (repaired,) = stored("repairs")
    assert (repaired["_id"], repaired["count"]) == ("goals.started_by_reconciler", 2)
