"""When viewers' access to a show ends. One pure function; the aggregate computes the same on the server."""

from datetime import datetime, timedelta


def access_exp(*, target_seconds: int, progress_seconds: int, nbf: datetime, started: datetime | None) -> datetime:
    """Return when access ends: `max(target - progress, 0)` seconds after the show began.

    It began at `started` (`context.started`) where set, else at `nbf`. This is not the goal's `exp`,
    which stays null until the show has ended (docs/adr/0008-access-exp.md).
    """
    return (started or nbf) + timedelta(seconds=max(target_seconds - progress_seconds, 0))
