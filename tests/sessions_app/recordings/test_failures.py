"""If BytePlus fails, the show goes on, the recording says what happened, and no secret leaks."""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

import pytest
from pytest_django import Settings
from time_machine import Traveller

from config.errors import TransportError
from goals.models import Goal
from lab.loopback.byteplus import BytePlusLoopback
from sessions_app.recordings.tasks import stop_record
from sessions_app.rtc.base import RTCCall, RTCResult, StartRecord
from sessions_app.rtc.locmem import LocmemRTC
from tests.contract import keys
from tests.factories.documents import everything_stored, queued_messages, stored_one
from tests.sessions_app.studio import MINUTE, check, end, recording, rows, start, state, stop

DENIED = "AccessDenied"
QPS = "FlowLimitExceeded.QPSOverLimit"


def fails(call: Callable[[Goal], object], show: Goal) -> TransportError:
    with pytest.raises(TransportError) as caught:
        call(show)
    return caught.value


def test_transient_failure_of_the_start_is_tried_again(show: Goal, vendor: BytePlusLoopback) -> None:
    vendor.refuse_next(QPS)
    assert not fails(start, show).permanent
    assert state(show) == ("requested", 1, f"BytePlus StartRecord: {QPS}.")
    assert start(show) == "started"
    assert state(show) == ("started", 2, "")
    assert rows(show) == [("StartRecord", "started", "")]


def test_permanent_failure_of_the_start_fails_the_recording_at_once(
    show: Goal, vendor: BytePlusLoopback, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.refuse_next(DENIED)
    assert fails(start, show).permanent
    error = f"BytePlus StartRecord: {DENIED}."
    assert state(show) == ("failed", 1, error)
    assert rows(show) == [("StartRecord", "failed", error)]
    assert recording(show)["check_at"] is None
    assert f"recording failed goal={show.pk} action=StartRecord error={error}" in caplog.messages


def test_show_goes_on_when_its_recording_has_failed(show: Goal, vendor: BytePlusLoopback, clock: Traveller) -> None:
    before = stored_one("goals", show.pk)
    vendor.refuse_next(DENIED)
    fails(start, show)
    assert stored_one("goals", show.pk) == before
    end(show, clock)
    assert stop(show) == "not_stoppable"
    assert state(show)[0] == "failed"


def test_failed_recording_can_be_started_again_by_hand(show: Goal, vendor: BytePlusLoopback) -> None:
    vendor.refuse_next(DENIED)
    fails(start, show)
    assert start(show) == "started"
    assert state(show) == ("started", 2, "")
    assert recording(show)["failed_at"] is None


def test_start_whose_answer_was_lost_is_discovered_by_a_check(show: Goal, vendor: BytePlusLoopback) -> None:
    vendor.reset_next(applied=True)
    assert not fails(start, show).permanent
    assert state(show) == ("requested", 1, "BytePlus StartRecord: RECV_ERROR.")
    assert check(show) == "started"
    assert state(show) == ("started", 1, "")
    assert rows(show) == [("GetRecordTask", "started", ""), ("GetRecordTask", "running", "")]


def test_start_that_the_queue_gave_up_is_retried_until_the_show_ends(
    show: Goal, vendor: BytePlusLoopback, clock: Traveller
) -> None:
    vendor.refuse_next(QPS)
    fails(start, show)
    clock.shift(5 * MINUTE)
    before = len(queued_messages("start_record"))
    assert check(show) == "requested"
    assert len(queued_messages("start_record")) == before + 1
    assert state(show) == ("requested", 1, f"BytePlus StartRecord: {QPS}.")


def test_lost_start_of_a_show_that_ended_is_stopped_and_verified(
    show: Goal, vendor: BytePlusLoopback, clock: Traveller
) -> None:
    vendor.truncate_next(applied=True)
    fails(start, show)
    end(show, clock)
    assert (stop(show), check(show)) == ("stopped", "verified")
    assert vendor.seen()["actions"]["StopRecord"] == 1


class SlowRTC(LocmemRTC):
    """A slow backend. The show ends while StartRecord runs, so StopRecord overtakes StartRecord."""

    overtake: Callable[[], object]

    def send(self, calls: Iterable[RTCCall]) -> Iterator[RTCResult]:
        made = list(calls)
        if any(isinstance(call, StartRecord) for call in made):
            type(self).overtake()
        return super().send(made)


def test_start_that_comes_after_the_stop_is_stopped(show: Goal, settings: Settings, clock: Traveller) -> None:
    def overtake() -> None:
        end(show, clock)
        stop(show)

    SlowRTC.overtake = overtake
    settings.RTC = {"BACKEND": f"{__name__}.SlowRTC", "OPTIONS": {}}
    assert start(show) == "ended_meanwhile"
    message = queued_messages("stop_record")[-1]
    assert stop_record(*message.args) == "stopped"
    assert check(show) == "verified"


def test_transient_failure_of_the_stop_is_tried_again(show: Goal, vendor: BytePlusLoopback, clock: Traveller) -> None:
    start(show)
    end(show, clock)
    vendor.fail_next(status=503)
    assert not fails(stop, show).permanent
    assert state(show) == ("started", 1, "BytePlus StopRecord: HTTP 503.")
    assert stop(show) == "stopped"
    assert state(show) == ("stopped", 1, "")


def test_permanent_failure_of_the_stop_fails_the_recording(
    show: Goal, vendor: BytePlusLoopback, clock: Traveller
) -> None:
    start(show)
    end(show, clock)
    vendor.refuse_next(DENIED)
    assert fails(stop, show).permanent
    assert state(show) == ("failed", 1, f"BytePlus StopRecord: {DENIED}.")
    assert stop(show) == "stopped"  # an operator resubmits the task
    assert check(show) == "verified"


def test_refused_check_does_not_fail_a_running_recording(
    show: Goal, vendor: BytePlusLoopback, clock: Traveller
) -> None:
    start(show)
    vendor.refuse_next(DENIED)
    assert fails(check, show).permanent
    assert state(show) == ("started", 1, f"BytePlus GetRecordTask: {DENIED}.")
    assert recording(show)["check_at"] is None
    end(show, clock)
    stop(show)
    vendor.refuse_next(DENIED)
    fails(check, show)
    assert state(show)[0] == "failed"


@pytest.mark.usefixtures("impatient")
def test_recording_that_nothing_confirms_within_a_day_fails(
    show: Goal, vendor: BytePlusLoopback, clock: Traveller
) -> None:
    start(show)
    end(show, clock)
    stop(show)
    vendor.hang_next(seconds=5)
    fails(check, show)
    assert state(show) == ("stopped", 1, "BytePlus GetRecordTask: OPERATION_TIMEDOUT.")
    clock.shift(timedelta(days=1))
    vendor.fail_next(status=500)
    fails(check, show)
    assert state(show) == ("failed", 1, "BytePlus never confirmed that the show was recorded.")


def test_secrets_are_neither_stored_nor_logged(
    show: Goal, vendor: BytePlusLoopback, clock: Traveller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.fail_next(status=502, body=b"LEAKED-ANSWER")
    fails(start, show)
    vendor.refuse_next("LEAKED\nCODE")
    fails(start, show)
    start(show)
    vendor.tasks[show.conditions.session_id, f"show-{show.pk}"]["StopReason"] = "LEAKED REASON"
    check(show)
    end(show, clock)
    stop(show)
    check(show)
    told = str(everything_stored()) + caplog.text
    for secret in ("LEAKED", keys.BYTEPLUS_SECRET_KEY, keys.STORAGE_SECRET, "storage-access-key", "Signature="):
        assert secret not in told
