"""`activate_goal` starts a show once, however often the task runs."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.errors import OperationFailure
from time_machine import Traveller

from goals.models import Goal
from goals.payloads import GoalStarted
from goals.signals import goal_started
from goals.tasks import LOOK_AGAIN_AFTER, activate_goal
from goals.timeline import _Clock
from notifications.streamer_events import StreamerEvent
from sessions_app.models import Session
from tests.conftest import FailCommand
from tests.factories.documents import (
    QueuedMessage,
    connection,
    everything_stored,
    queued_messages,
    stored_one,
    timeline,
)
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.factories.moments import NOW, SECONDS, WHOLE, as_stored
from tests.factories.threads import at_once
from tests.goals.steps import NBF, NBF_SECONDS, started_announcements


def test_start_changes_the_goal_and_nothing_else(show: Goal, session: Session, clock: Traveller) -> None:
    clock.move_to(NBF + timedelta(milliseconds=6))
    before = everything_stored()

    assert activate_goal(str(show.pk), NBF_SECONDS) == "started"

    after = everything_stored()
    started = before["goals"][-1] | {"activated_at": as_stored(NBF + timedelta(milliseconds=6)), "version": 2}
    version = before["sessions"][0]["cache_version"] + 1
    assert after["goals"] == [before["goals"][0], started]
    assert after["sessions"] == [before["sessions"][0] | {"cache_version": version}]
    assert {name for name in after if after[name] != before[name]} == {
        *("django_q_ormq", "events", "goal_timeline", "goals", "recordings", "sessions"),
    }


def test_start_queues_its_external_calls(show: Goal, session: Session, clock: Traveller) -> None:
    clock.move_to(NBF)
    connection.get_collection("django_q_ormq").delete_many({})

    activate_goal(str(show.pk), NBF_SECONDS)

    show_id, now = str(show.pk), as_stored(NBF)
    access_exp = NBF + timedelta(seconds=60)
    access = (show_id, show.context.funding_goal_id, 2, NBF_SECONDS + 60)
    event = StreamerEvent.of(GoalStarted.of(Goal.objects.get(pk=show.pk)))
    assert sorted(queued_messages(), key=lambda message: message.func) == [
        QueuedMessage("goals.tasks.deactivate_goal", (show_id, NBF_SECONDS + 60), show_id, as_stored(access_exp)),
        QueuedMessage("notifications.tasks.batch_notify_stream_authorized", access, show_id, now),
        QueuedMessage("notifications.tasks.notify_goal", event.as_arguments(), show_id, now),
        QueuedMessage(
            "sessions_app.recordings.tasks.start_record", (show_id, str(session.pk), str(session.user_id)), show_id, now
        ),
        QueuedMessage("webhooks.tasks.publish_events", (), None, now),
    ]


def test_start_is_on_the_timeline(show: Goal, clock: Traveller) -> None:
    clock.move_to(NBF)
    before = len(timeline(show.pk))

    activate_goal(str(show.pk), NBF_SECONDS)

    rows = timeline(show.pk)[before:]
    assert [(row["kind"], row["name"], row["outcome"], row["detail"]) for row in rows] == [
        ("signal", "goal.started", "announced", ""),
        ("receiver", "store_event", "event_stored", "goal.started"),
        ("receiver", "look_for_overlaps", "not_late", "goal.started"),
        ("receiver", "record_show_with_rtc", "recording_requested", "goal.started"),
        ("receiver", "trigger_external_command", "not_applicable", "goal.started"),
        ("receiver", "update_and_notify_session_karaoke_goal", "not_applicable", "goal.started"),
        ("receiver", "notify_show_goal_started", "notified", "goal.started"),
        ("receiver", "invalidate_cached_pusher_channel_data", "invalidated", "goal.started"),
        ("receiver", "notify_stream_authorized", "notified", "goal.started"),
    ]


def test_second_start_does_nothing(show: Goal, clock: Traveller) -> None:
    clock.move_to(NBF)
    activate_goal(str(show.pk), NBF_SECONDS)
    started = everything_stored()
    clock.shift(timedelta(seconds=5))

    assert activate_goal(str(show.pk), NBF_SECONDS) == "not_startable"
    assert everything_stored() == started


def test_message_of_an_old_nbf_starts_nothing(show: Goal, clock: Traveller) -> None:
    """A move replaces the queued message. Anything else that changes `nbf` leaves the old message in the queue."""
    later = NBF + HOUR
    connection.get_collection("goals").update_one({"_id": show.pk}, {"$set": {"nbf": later}})
    clock.move_to(NBF)
    before = everything_stored()

    assert activate_goal(str(show.pk), NBF_SECONDS) == "not_startable"
    assert everything_stored() == before
    clock.move_to(later)
    assert activate_goal(str(show.pk), NBF_SECONDS + 3600) == "started"


@pytest.mark.parametrize(
    "change",
    [
        {"cancelled_at": NOW, "active": False},
        {"exp": NOW, "active": False},
        {"_cls": "ShowFundingGoal"},
        {"_cls": "KaraokeGoal"},
    ],
    ids=["cancelled", "ended", "funding", "karaoke"],
)
def test_goal_that_can_not_start_is_left_alone(show: Goal, clock: Traveller, change: dict[str, Any]) -> None:
    connection.get_collection("goals").update_one({"_id": show.pk}, {"$set": change})
    clock.move_to(NBF)
    before = everything_stored()

    assert activate_goal(str(show.pk), NBF_SECONDS) == "not_startable"
    assert everything_stored() == before


def test_goal_that_has_started_is_left_alone(show: Goal, clock: Traveller) -> None:
    """If a worker dies, its message is claimed a second time."""
    connection.get_collection("goals").update_one({"_id": show.pk}, {"$set": {"activated_at": NOW}})
    clock.move_to(NBF)
    before = everything_stored()

    assert activate_goal(str(show.pk), NBF_SECONDS) == "not_startable"
    assert everything_stored() == before


def test_deleted_goal_is_no_error(db: None) -> None:
    assert activate_goal(str(ObjectId()), SECONDS) == "not_startable"


def test_message_that_comes_early_is_queued_again(show: Goal, clock: Traveller) -> None:
    """For example, the worker's clock was set back after the claim."""
    clock.move_to(NBF - timedelta(milliseconds=13))

    assert activate_goal(str(show.pk), NBF_SECONDS) == "too_early"

    start = QueuedMessage("goals.tasks.activate_goal", (str(show.pk), NBF_SECONDS), str(show.pk), as_stored(NBF))
    assert queued_messages("activate_goal") == [start, start]
    assert stored_one("goals", show.pk)["activated_at"] is None


def test_start_is_prepared_ahead_and_committed_at_nbf(
    show: Goal, clock: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker claims the message 12 ms before `nbf`.

    The documents that the start writes carry the time of the commit.
    """

    def wait(moment: datetime) -> None:
        waited.append(moment)
        seen.append(stored_one("goals", show.pk)["activated_at"])
        clock.move_to(moment)

    waited: list[datetime] = []
    seen: list[datetime | None] = []
    monkeypatch.setattr("config.clock.sleep_until", wait)
    monkeypatch.setattr("goals.timeline._clock", _Clock())  # an earlier test may have used a later time
    clock.move_to(NBF - timedelta(milliseconds=12))

    assert activate_goal(str(show.pk), NBF_SECONDS) == "started"

    assert (waited, seen) == ([NBF], [None])
    assert stored_one("goals", show.pk)["activated_at"] == as_stored(NBF)
    assert [row["seq"] // 1000 for row in timeline(show.pk) if row["name"] == "goal.started"] == [NBF_SECONDS * 1000]
    telling = queued_messages("notify_goal")[-1]
    assert (telling.args[0], telling.lock) == ("goal.started", as_stored(NBF))


@pytest.mark.parametrize("late_ms", [0, 500, 1000])
def test_start_within_a_second_counts_from_nbf(show: Goal, clock: Traveller, late_ms: int) -> None:
    clock.move_to(NBF + timedelta(milliseconds=late_ms))
    activate_goal(str(show.pk), NBF_SECONDS)

    context = stored_one("goals", show.pk)["context"]
    assert (context["started"], context["started_by"]) == (None, None)


@pytest.mark.parametrize(("late_ms", "started_after"), [(1001, 2), (1999, 2), (2000, 2), (90_000, 90), (90_001, 91)])
def test_late_start_extends_the_access(show: Goal, clock: Traveller, late_ms: int, started_after: int) -> None:
    """After an outage, `context.started` is the time of the actual start, rounded up."""
    clock.move_to(NBF + timedelta(milliseconds=late_ms))
    before = stored_one("goals", show.pk)

    activate_goal(str(show.pk), NBF_SECONDS)

    started = NBF + timedelta(seconds=started_after)
    context = before["context"] | {"started": as_stored(started), "started_by": "system"}
    activated_at = as_stored(NBF + timedelta(milliseconds=late_ms))
    assert stored_one("goals", show.pk) == before | {"activated_at": activated_at, "context": context, "version": 2}
    assert Goal.objects.get(pk=show.pk).access_exp == started + timedelta(seconds=60)


def test_past_nbf_is_not_late(clock: Traveller, session: Session) -> None:
    """A past `nbf` becomes the whole second in which the show is created. Lateness counts from the creation."""
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=WHOLE - 9 * HOUR)
    clock.move_to(NOW + timedelta(milliseconds=999))

    assert activate_goal(str(show.pk), SECONDS) == "started"
    assert stored_one("goals", show.pk)["context"]["started"] is None


def test_error_of_the_claim_is_raised(show: Goal, clock: Traveller, fail_command: FailCommand) -> None:
    """The queue counts failed attempts, so the task must raise the error instead of queueing the start again."""
    clock.move_to(NBF)
    before = everything_stored()
    fail_command("update", errorCode=8000)

    with pytest.raises(OperationFailure):
        activate_goal(str(show.pk), NBF_SECONDS)
    assert everything_stored() == before


def test_eight_starts_at_once_are_one(session: Session) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True)
    show = ShowGoalFactory(funding_goal=funding_goal, nbf=whole_second())
    nbf = int(show.nbf.timestamp())
    connection.get_collection("django_q_ormq").delete_many({})

    outcomes = at_once([lambda: activate_goal(str(show.pk), nbf)] * 8)

    assert (len(outcomes), outcomes.count("started")) == (8, 1)
    assert set(outcomes) <= {"started", "not_startable", "taken_by_another"}
    left = [activate_goal(*message.args) for message in queued_messages("activate_goal")]
    assert (set(left) <= {"not_startable"}, len(left) <= outcomes.count("taken_by_another")) == (True, True)
    assert started_announcements(show) == 1
    assert [len(queued_messages(name)) for name in ("batch_notify_stream_authorized", "start_record")] == [1, 1]


def test_start_that_fails_leaves_nothing(show: Goal, clock: Traveller, fail_command: Any) -> None:
    """The claim and the announcement are in one transaction, so that no start is lost or announced twice."""
    clock.move_to(NBF)
    before = everything_stored()
    # The messages are inserted after the claim.
    fail_command("insert", errorCode=8000)
    with pytest.raises(OperationFailure, match="failCommand"):
        activate_goal(str(show.pk), NBF_SECONDS)

    assert everything_stored() == before
    assert activate_goal(str(show.pk), NBF_SECONDS) == "started"
    assert started_announcements(show) == 1


def test_start_that_another_worker_has_begun_is_checked_later(show: Goal, clock: Traveller) -> None:
    """If the other worker dies, MongoDB aborts its transaction. The message that is queued again starts the show."""
    clock.move_to(NBF)
    goals = connection.get_collection("goals")
    with connection.connection.start_session() as another, another.start_transaction():
        goals.update_one({"_id": ObjectId(show.pk)}, {"$set": {"activated_at": NOW}}, session=another)
        assert activate_goal(str(show.pk), NBF_SECONDS) == "taken_by_another"
        another.abort_transaction()

    assert started_announcements(show) == 0
    again = queued_messages("activate_goal")[-1]
    assert (again.args, again.lock) == ((str(show.pk), NBF_SECONDS), as_stored(NBF + LOOK_AGAIN_AFTER))
    assert activate_goal(*again.args) == "started"
    assert started_announcements(show) == 1


def test_start_is_dated_by_the_attempt_that_claimed_it(show: Goal, clock: Traveller) -> None:
    """Another process holds the goal for five seconds, so the show starts late. Viewers get this time back."""

    def hold_once(**_payload: object) -> None:
        goal_started.disconnect(hold_once)
        clock.shift(5)
        raise OperationFailure("held", 112, {"errorLabels": ["TransientTransactionError"]})

    clock.move_to(NBF)
    goal_started.connect(hold_once)
    assert activate_goal(str(show.pk), NBF_SECONDS) == "started"

    started = stored_one("goals", show.pk)
    late = as_stored(NBF + timedelta(seconds=5))
    assert (started["activated_at"], started["context"]["started"]) == (late, late)
