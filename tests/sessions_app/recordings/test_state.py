"""A recording is requested, started, confirmed, stopped and verified."""

from dataclasses import asdict
from datetime import timedelta

import pytest
from time_machine import Traveller

from goals.models import Goal
from lab.loopback.byteplus import BytePlusLoopback
from sessions_app.recordings.files import provider_fields
from sessions_app.recordings.tasks import check_recording, check_recordings, start_record, stop_record
from sessions_app.rtc.answers import MAX_FILES
from sessions_app.rtc.base import RecordedFile, RecordStatus, RecordTask
from tests.factories.documents import everything_stored, queued_messages, stored
from tests.factories.moments import NOW, as_stored
from tests.sessions_app.studio import END, MINUTE, check, end, recording, rows, start, state, stop


def test_start_of_a_show_requests_its_recording(show: Goal) -> None:
    requested = {
        "_id": show.pk,
        "session_id": show.conditions.session_id,
        "streamer_id": show.metadata.user_id,
        "state": "requested",
        "attempts": 0,
        "error": "",
        "provider": {},
        "requested_at": as_stored(NOW),
        "started_at": None,
        "confirmed_at": None,
        "stopped_at": None,
        "verified_at": None,
        "failed_at": None,
        "check_at": as_stored(NOW + 5 * MINUTE),
    }
    assert stored("recordings") == [requested]


def test_recording_is_started_confirmed_stopped_and_verified(
    show: Goal, vendor: BytePlusLoopback, clock: Traveller
) -> None:
    assert start(show) == "started"
    clock.shift(MINUTE)
    assert check(show) == "started"
    end(show, clock)
    assert stop(show) == "stopped"
    clock.shift(MINUTE)
    assert check(show) == "verified"

    file = {"vid": "", "object_key": f"shows/show-{show.pk}.mp4", "duration_ms": 599_750, "size_bytes": 1024}
    assert recording(show) == {
        "_id": show.pk,
        "session_id": show.conditions.session_id,
        "streamer_id": show.metadata.user_id,
        "state": "verified",
        "attempts": 1,
        "error": "",
        "provider": {"status": "ended", "stop_reason": "StopByAPI", "files": [file]},
        "requested_at": as_stored(NOW),
        "started_at": as_stored(NOW),
        "confirmed_at": as_stored(NOW + MINUTE),
        "stopped_at": as_stored(END),
        "verified_at": as_stored(END + MINUTE),
        "failed_at": None,
        "check_at": None,
    }
    assert rows(show) == [
        ("StartRecord", "started", ""),
        ("GetRecordTask", "running", ""),
        ("StopRecord", "stopped", ""),
        ("GetRecordTask", "verified", ""),
    ]
    assert vendor.seen()["actions"] == {"StartRecord": 1, "repeated": 0, "GetRecordTask": 2, "StopRecord": 1}


def test_each_task_runs_twice_without_harm(show: Goal, vendor: BytePlusLoopback, clock: Traveller) -> None:
    start(show)
    once = everything_stored()
    assert start(show) == "not_startable"
    assert everything_stored() == once
    check(show)
    once = everything_stored()
    assert check(show) == "started"
    assert everything_stored() == once
    end(show, clock)
    stop(show)
    once = everything_stored()
    assert stop(show) == "stopped"
    assert everything_stored() == once
    check(show)
    once = everything_stored()
    assert (check(show), stop(show), start(show)) == ("nothing_to_check", "not_stoppable", "not_startable")
    assert everything_stored() == once
    assert vendor.seen()["actions"] == {"StartRecord": 1, "repeated": 0, "GetRecordTask": 3, "StopRecord": 1, "idle": 1}


def files(show: Goal) -> list[tuple[str, int]]:
    return [(file["object_key"], file["duration_ms"]) for file in recording(show)["provider"]["files"]]


def test_show_without_a_recording_is_left_alone(show: Goal, vendor: BytePlusLoopback) -> None:
    other = "6811c05bf672c8b2cbdc2432"
    session_id = show.conditions.session_id
    assert start_record(other, session_id, show.metadata.user_id) == "not_startable"
    assert stop_record(other, session_id) == "not_stoppable"
    assert check_recording(other) == "nothing_to_check"
    assert vendor.requests == 0


def test_recording_of_a_show_that_has_ended_is_not_started(
    show: Goal, vendor: BytePlusLoopback, clock: Traveller
) -> None:
    end(show, clock)
    assert start(show) == "not_startable"
    assert vendor.requests == 0


def test_recording_that_was_never_started_fails_after_the_show(
    show: Goal, vendor: BytePlusLoopback, clock: Traveller
) -> None:
    end(show, clock)
    stop(show)
    assert check(show) == "failed"
    assert state(show) == ("failed", 0, "The recording was never started.")
    assert rows(show) == [
        ("StopRecord", "stopped", ""),
        ("GetRecordTask", "failed", "The recording was never started."),
    ]
    assert vendor.records == []


def test_recording_that_ends_by_itself_is_started_again(show: Goal, vendor: BytePlusLoopback) -> None:
    start(show)
    before = len(queued_messages("start_record"))
    vendor.end(f"show-{show.pk}", stop_reason="IdleTimeOut")
    assert check(show) == "requested"
    assert state(show) == ("requested", 1, "BytePlus says: ended (IdleTimeOut).")
    (message,) = queued_messages("start_record")[before:]
    assert start_record(*message.args) == "started"
    assert state(show) == ("started", 2, "")
    assert len(vendor.records) == 2
    assert ("GetRecordTask", "requested", "BytePlus says: ended (IdleTimeOut).") in rows(show)


def test_recording_that_is_started_again_keeps_its_files(
    show: Goal, vendor: BytePlusLoopback, clock: Traveller
) -> None:
    """Each file is stored once, in order, with its latest details.

    The vendor lists only the files of the last start.
    """
    task = (show.conditions.session_id, f"show-{show.pk}")
    start(show)
    vendor.end(f"show-{show.pk}", stop_reason="IdleTimeOut")
    vendor.tasks[task]["RecordFileList"] = [{"ObjectKey": "part1.mp4", "Duration": 1000}]
    assert [check(show), files(show)] == ["requested", [("part1.mp4", 1000)]]
    vendor.tasks[task]["RecordFileList"] = [{"ObjectKey": "part1.mp4", "Duration": 2000}]
    assert [check(show), files(show)] == ["requested", [("part1.mp4", 2000)]]
    start(show)
    assert [check(show), files(show)] == ["started", [("part1.mp4", 2000)]]
    end(show, clock)
    stop(show)
    vendor.tasks[task]["RecordFileList"] = [{"ObjectKey": "part2.mp4"}, {"ObjectKey": "part3.mp4"}]
    assert [check(show), files(show)] == ["verified", [("part1.mp4", 2000), ("part2.mp4", 0), ("part3.mp4", 0)]]


def test_recording_that_runs_on_after_its_stop_is_stopped_again(
    show: Goal, vendor: BytePlusLoopback, clock: Traveller
) -> None:
    start(show)
    end(show, clock)
    vendor.refuse_next("InvalidParameter.ErrorActiveTaskNotFound")
    stop(show)
    before = len(queued_messages("stop_record"))
    assert check(show) == "stopped"
    (message,) = queued_messages("stop_record")[before:]
    assert stop_record(*message.args) == "stopped"
    assert check(show) == "verified"


def test_show_that_ended_with_its_stop_lost_is_stopped(show: Goal, vendor: BytePlusLoopback, clock: Traveller) -> None:
    start(show)
    end(show, clock)
    before = len(queued_messages("stop_record"))
    assert check(show) == "started"
    assert len(queued_messages("stop_record")) == before + 1
    assert vendor.seen()["actions"]["StopRecord"] == 0


@pytest.mark.usefixtures("vendor")
def test_unconfirmed_recordings_are_asked_about_once(show: Goal, clock: Traveller) -> None:
    start(show)
    clock.shift(MINUTE - timedelta(milliseconds=1))
    assert check_recordings() == 0
    clock.shift(timedelta(milliseconds=1))
    assert (check_recordings(), check_recordings()) == (1, 0)
    assert [message.args for message in queued_messages("check_recording")] == [(str(show.pk),)]
    check(show)
    clock.shift(5 * MINUTE)
    assert check_recordings() == 1


def test_files_are_merged_by_either_name_and_limited() -> None:
    nameless, in_bucket = RecordedFile(duration_ms=1), RecordedFile(object_key="a.mp4", size_bytes=1)
    in_store = RecordedFile(vid="v1", object_key="a.mp4", size_bytes=2)
    many = tuple(RecordedFile(vid=f"v{number}") for number in range(2, MAX_FILES + 2))
    answers = [(nameless, in_bucket), (nameless, in_store), (RecordedFile(vid="v1", size_bytes=3),), many]
    known: list[dict[str, object]] = []
    merged = []
    for told in answers:
        known = provider_fields(RecordTask(RecordStatus.RUNNING, files=told), known=known)["files"]
        merged.append(known)
    first = [asdict(nameless), asdict(RecordedFile(vid="v1", object_key="a.mp4", size_bytes=3))]
    assert merged == [
        [asdict(nameless), asdict(in_bucket)],
        [asdict(nameless), asdict(in_store)],
        first,
        [*first, *(asdict(file) for file in many[: MAX_FILES - 2])],
    ]
