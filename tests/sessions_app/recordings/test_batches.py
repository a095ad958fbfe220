"""In a batch for many recordings, each call has an outcome of its own, and the calls reach BytePlus in order."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from bson.errors import InvalidId
from django.contrib.auth.models import User
from django_q.conf import Conf
from pymongo.errors import OperationFailure
from pytest_django import Settings
from time_machine import Traveller

from config.errors import TransportError
from goals.models import Goal
from goals.tasks import activate_goal
from lab.loopback.byteplus import BytePlusLoopback
from mongodb.transactions import run_in_transaction
from sessions_app.recordings import calls as recording_calls
from sessions_app.recordings.calls import AWAY_AFTER
from sessions_app.recordings.state import RETRY_AFTER, due_checks, request_recording
from sessions_app.recordings.tasks import check_recording, start_record, stop_record
from sessions_app.rtc.base import RTCCall, StartRecord
from sessions_app.rtc.locmem import LocmemRTC
from taskqueue.calls import Call, Outcome
from taskqueue.durable import BulkTask
from taskqueue.packages import unpack
from tests.factories.documents import queued_messages, stored
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW, SECONDS, WHOLE
from tests.factories.profiler import profiled
from tests.factories.threads import at_once
from tests.sessions_app.conftest import SHOW_SECONDS
from tests.sessions_app.studio import end, rows, state

SHOWS = 6
DENIED = "AccessDenied"
BAD_VALUE = 2

MakeShows = Callable[[int], list[Goal]]


@pytest.fixture
def make_shows(clock: Traveller, viewer: User) -> MakeShows:
    """Return a function that makes shows in sessions of their own, and starts them."""

    def make(count: int) -> list[Goal]:
        funded = [ShowFundingGoalFactory(closed=True, paid_by=[viewer]) for _ in range(count)]
        shows: list[Goal] = [
            ShowGoalFactory(funding_goal=each, nbf=WHOLE, target_seconds=SHOW_SECONDS) for each in funded
        ]
        assert [activate_goal(str(show.pk), SECONDS) for show in shows] == ["started"] * count
        return shows

    return make


@pytest.fixture
def shows(make_shows: MakeShows) -> list[Goal]:
    return make_shows(SHOWS)


def calls_of(task: BulkTask) -> list[Call]:
    """Return the calls of the task's waiting messages."""
    return [
        Call(
            args=tuple(unpack(message["payload"])["args"]),
            subject=message["subject"],
            request_id=f"request-{number}",
            message_id=message["_id"],
        )
        for number, message in enumerate(stored("django_q_ormq", name=task.__name__))
    ]


def waiting(task: BulkTask) -> list[str]:
    return [message.args[0] for message in queued_messages(task.__name__)]  # type: ignore[misc]


def ids(shows: Sequence[Goal]) -> list[str]:
    return [str(show.pk) for show in shows]


def test_batch_takes_each_recording_from_start_to_verification(
    shows: list[Goal], vendor: BytePlusLoopback, clock: Traveller
) -> None:
    assert start_record.run(calls_of(start_record)) == ["started"] * SHOWS
    for show in shows:
        check_recording.enqueue(str(show.pk), subject=str(show.pk))
    assert check_recording.run(calls_of(check_recording)) == ["started"] * SHOWS
    for show in shows:
        end(show, clock)
    assert stop_record.run(calls_of(stop_record)) == ["stopped"] * SHOWS
    for show in shows:
        check_recording.enqueue(str(show.pk), subject=str(show.pk))
    assert check_recording.run(calls_of(check_recording)) == ["verified"] * SHOWS
    assert [state(show) for show in shows] == [("verified", 1, "")] * SHOWS
    asked = {"StartRecord": SHOWS, "repeated": 0, "GetRecordTask": 2 * SHOWS, "StopRecord": SHOWS}
    assert vendor.seen()["actions"] == asked
    assert [waiting(task) for task in (start_record, stop_record, check_recording)] == [[], [], []]


def test_one_call_that_fails_does_not_touch_the_others(shows: list[Goal], vendor: BytePlusLoopback) -> None:
    vendor.refuse_next(DENIED)
    vendor.fail_next(status=503)
    outcomes = start_record.run(calls_of(start_record))
    failed = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, TransportError)]
    assert len(failed) == 2
    assert [outcome for outcome in outcomes if not isinstance(outcome, TransportError)] == ["started"] * (SHOWS - 2)
    assert waiting(start_record) == [ids(shows)[index] for index in failed]
    by_state = {state(shows[index])[0]: state(shows[index])[2] for index in failed}
    assert by_state == {
        "failed": f"BytePlus StartRecord: {DENIED}.",
        "requested": "BytePlus StartRecord: HTTP 503.",
    }


def test_calls_that_need_no_answer_have_outcomes_of_their_own(
    shows: list[Goal], vendor: BytePlusLoopback, clock: Traveller
) -> None:
    unknown = Call(args=(str(ObjectId()), "session", "streamer"))
    first, *others = calls_of(start_record)
    start_record.run([first])
    assert start_record.run([unknown, first, *others]) == ["not_startable", "not_startable", *["started"] * 5]
    assert stop_record.run([unknown]) == ["not_stoppable"]
    assert check_recording.run([unknown, Call(args=(str(shows[0].pk),))]) == ["nothing_to_check", "started"]


def test_recording_is_asked_for_once_however_many_calls_there_are(shows: list[Goal], vendor: BytePlusLoopback) -> None:
    start_record.enqueue(*calls_of(start_record)[0].args, subject=str(shows[0].pk))
    assert start_record.run(calls_of(start_record)) == ["started"] * (SHOWS + 1)
    assert vendor.seen()["actions"] == {"StartRecord": SHOWS, "repeated": 0}
    assert state(shows[0]) == ("started", 1, "")
    assert waiting(start_record) == []


def test_rows_belong_to_the_request_of_their_call(shows: list[Goal], vendor: BytePlusLoopback) -> None:
    start_record.run(calls_of(start_record))
    found = {row["goal_id"]: row["request_id"] for row in stored("goal_timeline", kind="recording")}
    assert found == {str(show.pk): f"request-{number}" for number, show in enumerate(shows)}


def test_message_stays_if_the_effect_is_not_committed(
    shows: list[Goal], vendor: BytePlusLoopback, fail_command: Callable[..., None]
) -> None:
    calls = calls_of(start_record)
    fail_command("insert", errorCode=BAD_VALUE)  # the insertion of the timeline's rows fails
    with pytest.raises(OperationFailure):
        start_record.run(calls)
    assert waiting(start_record) == ids(shows)
    assert start_record.run(calls) == ["started"] * SHOWS
    assert vendor.seen()["actions"] == {"StartRecord": SHOWS, "repeated": SHOWS}
    assert [rows(show) for show in shows] == [[("StartRecord", "started", "")]] * SHOWS


def test_two_workers_with_the_same_batch_start_each_recording_once(shows: list[Goal], vendor: BytePlusLoopback) -> None:
    calls = calls_of(start_record)
    outcomes: list[Sequence[Outcome]] = at_once([lambda: start_record.run(calls)] * 2)
    assert {outcome for each in outcomes for outcome in each} <= {"started", "not_startable"}
    assert len(vendor.records) == SHOWS
    assert [rows(show) for show in shows] == [[("StartRecord", "started", "")]] * SHOWS


def test_call_that_can_not_be_read_fails_the_batch_so_that_each_runs_alone(shows: list[Goal]) -> None:
    with pytest.raises(InvalidId):
        start_record.run([*calls_of(start_record), Call(args=("not an id", "s", "s"))])
    assert waiting(start_record) == ids(shows)


def test_batch_reads_as_often_for_many_recordings_as_for_one(make_shows: MakeShows, vendor: BytePlusLoopback) -> None:
    def finds(count: int) -> list[str]:
        make_shows(count)
        with profiled() as profile:
            start_record.run(calls_of(start_record))
        assert {stage for query in profile.queries for stage in query.stages} & {"COLLSCAN"} == set()
        return [query.collection for query in profile.queries if "find" in query.command]

    assert finds(5) == finds(1)


class Vendor(LocmemRTC):
    """A backend that keeps all calls, and fails those for which `fails` is true."""

    made: list[RTCCall]
    fails: Callable[[RTCCall], bool]

    def _make(self, call: RTCCall) -> Any:
        self.made.append(call)
        if type(self).fails(call):
            raise TransportError("away", permanent=False)
        return super()._make(call)


@pytest.fixture
def locmem(settings: Settings) -> type[Vendor]:
    Vendor.made, Vendor.fails = [], lambda _call: False
    settings.RTC = {"BACKEND": f"{__name__}.Vendor", "OPTIONS": {}}
    return Vendor


def test_vendor_is_asked_in_the_order_of_the_calls(shows: list[Goal], locmem: type[Vendor]) -> None:
    calls = calls_of(start_record)[::-1]
    start_record.run(calls)
    assert [call.task_id for call in locmem.made] == [f"show-{call.args[0]}" for call in calls]


def test_vendor_that_is_away_is_asked_a_few_times_only(shows: list[Goal], locmem: type[Vendor]) -> None:
    locmem.fails = lambda call: isinstance(call, StartRecord)
    outcomes = start_record.run(calls_of(start_record))
    assert [str(outcome.detail) for outcome in outcomes if isinstance(outcome, TransportError)] == [
        *["away"] * AWAY_AFTER,
        *["Not tried, because earlier calls to BytePlus failed or took too long."] * (SHOWS - AWAY_AFTER),
    ]
    assert not any(outcome.permanent for outcome in outcomes if isinstance(outcome, TransportError))
    assert len(locmem.made) == AWAY_AFTER
    assert [state(show)[0] for show in shows] == ["requested"] * SHOWS


def test_no_call_begins_shortly_before_the_time_out(
    shows: list[Goal], locmem: type[Vendor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Conf, "TIMEOUT", recording_calls.RESERVED_SECONDS - 1)
    assert start_record.run(calls_of(start_record))[0] == "started"
    assert len(locmem.made) == 1


def test_starts_go_before_stops_and_both_before_checks() -> None:
    assert start_record.rank < stop_record.rank < check_recording.rank
    assert {task.queue.vendor for task in (start_record, stop_record, check_recording)} == {"byteplus"}


@pytest.mark.parametrize(("per_second", "at_once"), [(1, 15), (0, 20), (60, 20)])
def test_no_more_checks_are_queued_than_the_vendor_takes(
    db: None, settings: Settings, per_second: int, at_once: int
) -> None:
    settings.BYTEPLUS_QPS = per_second
    goal_ids = [str(ObjectId()) for _ in range(20)]

    def request() -> None:
        for age, goal_id in enumerate(reversed(goal_ids)):
            request_recording(goal_id, session_id="s", streamer_id="s", now=NOW + timedelta(seconds=age))

    run_in_transaction(request)
    later = NOW + RETRY_AFTER + timedelta(minutes=1)
    due = run_in_transaction(lambda: due_checks(now=later))
    assert due == goal_ids[::-1][:at_once]
    rest = run_in_transaction(lambda: due_checks(now=later))
    assert rest == goal_ids[::-1][at_once:]
