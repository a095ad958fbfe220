"""System checks of the settings of `qcluster`."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from config.checks import Number, check_numbers

MOST_WORKERS = 500
LEAST = {
    # Tasks that call vendors keep 20 seconds of it for the last call and for noting what was answered.
    "Q_TIMEOUT": 45,
    # The age of a living cluster's heartbeat: it beats every 5 s, each write has 5 s, and others look every second.
    "Q_SILENCE": 12,
    # A worker that dies uses up an attempt.
    "Q_MAX_ATTEMPTS": 5,
}
LEAST_WITH_DEBUG = {"Q_TIMEOUT": 1, "Q_SILENCE": 6, "Q_MAX_ATTEMPTS": 1}


@register("taskqueue")
def check_workers(**_kwargs: Any) -> list[CheckMessage]:
    """E001: a lane has no workers, so its tasks would wait for ever, or it has more workers than a host can run."""
    cluster: dict[str, Any] = settings.Q_CLUSTER
    workers = {
        "Q_WORKERS": cluster["workers"],
        "Q_START_WORKERS": settings.Q_START_WORKERS,
        "Q_TELL_WORKERS": settings.Q_TELL_WORKERS,
        "Q_AUDIENCE_WORKERS": settings.Q_AUDIENCE_WORKERS,
        "Q_RECORD_WORKERS": settings.Q_RECORD_WORKERS,
        "Q_WEBHOOK_WORKERS": settings.Q_WEBHOOK_WORKERS,
    }
    numbers = {name: Number(count, 1, MOST_WORKERS) for name, count in workers.items()}
    hint = "The number of worker processes of one qcluster for one lane. Two are enough for two processors."
    return check_numbers(numbers, hint=hint, number="taskqueue.E001")


@register("taskqueue")
def check_times(**_kwargs: Any) -> list[CheckMessage]:
    """E002: a time or a number is too small to work with, or too large to be meant.

    E003: Q_TIMEOUT is not below Q_RETRY.
    """
    cluster: dict[str, Any] = settings.Q_CLUSTER
    timeout, retry = cluster["timeout"], cluster["retry"]
    least = LEAST if settings.IS_DEPLOYMENT else LEAST_WITH_DEBUG
    numbers = {
        "Q_TIMEOUT": Number(timeout, least["Q_TIMEOUT"], 3600, " seconds"),
        "Q_RETRY": Number(retry, 1, 7200, " seconds"),
        "Q_SILENCE": Number(settings.Q_SILENCE, least["Q_SILENCE"], 3600, " seconds"),
        "Q_MAX_ATTEMPTS": Number(cluster["max_attempts"], least["Q_MAX_ATTEMPTS"], 1000),
    }
    hint = "The defaults are 60, 75 and 15 seconds, and 20 attempts."
    messages = check_numbers(numbers, hint=hint, number="taskqueue.E002")
    if settings.IS_DEPLOYMENT and timeout >= retry:
        text, hint = (
            f"Q_TIMEOUT ({timeout}) must be less than Q_RETRY ({retry}).",
            "django-q requires it. The defaults are 60 and 75 seconds.",
        )
        messages.append(Error(text, hint=hint, id="taskqueue.E003"))
    return messages
