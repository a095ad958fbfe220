"""System checks of the settings of `qcluster`."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from config.checks import Number, check_numbers

MOST_WORKERS = 500


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
    numbers = {
        "Q_TIMEOUT": Number(timeout, 1, 3600, " seconds"),
        "Q_RETRY": Number(retry, 1, 7200, " seconds"),
        # A cluster writes a heartbeat every five seconds.
        "Q_SILENCE": Number(settings.Q_SILENCE, 6, 3600, " seconds"),
        "Q_MAX_ATTEMPTS": Number(cluster["max_attempts"], 1, 1000),
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
