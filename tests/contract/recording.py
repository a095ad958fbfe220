"""Makes one call through an RTC backend, and raises the error of a failed call."""

from sessions_app.rtc.base import RTC, GetRecordTask, RecordTask, RTCCall


def call(backend: RTC, made: RTCCall) -> RecordTask | None:
    (result,) = backend.send([made])
    assert result.call == made
    if result.error is not None:
        raise result.error
    return result.task


def get_task(backend: RTC, asked: GetRecordTask) -> RecordTask:
    task = call(backend, asked)
    assert task is not None
    return task
