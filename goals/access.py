"""When viewers' access to a show ends, as a pure function and as an equivalent MongoDB expression."""

from datetime import datetime, timedelta
from typing import Any


def whole_second_after(moment: datetime) -> datetime:
    """Return the moment rounded up to a whole second. `context.started` is stored in this form."""
    return moment if moment.microsecond == 0 else moment.replace(microsecond=0) + timedelta(seconds=1)


def access_exp(*, target_seconds: int, progress_seconds: int, nbf: datetime, started: datetime | None) -> datetime:
    """Return when access ends: `max(target - progress, 0)` seconds after the show began.

    The show began at `started` (`context.started`) if that is set, else at `nbf`. The end of the access is not the
    goal's `exp`, which stays null until the show has ended (docs/adr/0008-access-exp.md).
    """
    return (started or nbf) + timedelta(seconds=max(target_seconds - progress_seconds, 0))


def access_exp_expression(show: str = "") -> dict[str, Any]:
    """Return the end of access as a MongoDB expression over a show's document.

    If the document only embeds the show, `show` is the name of the field that has it. The expression uses the
    target of the last level. Target and progress are in seconds, whereas `$add` adds milliseconds to a date.
    """
    at = f"${show}." if show else "$"
    show_target = {"$let": {"vars": {"level0": {"$last": f"{at}levels"}}, "in": "$$level0.target"}}
    remaining_seconds = {"$max": [{"$subtract": [show_target, f"{at}progress"]}, 0]}
    show_starts_at = {"$ifNull": [f"{at}context.started", f"{at}nbf"]}
    return {"$add": [{"$multiply": [1000, remaining_seconds]}, show_starts_at]}


def access_is_over_expression(before: datetime) -> dict[str, Any]:
    """Return a MongoDB expression over a show's document that tells whether access ended earlier than `before`.

    The expression is true for a malformed show. An error would make the query fail for all shows, whereas a malformed
    show that is found can be reported.
    """
    target = {"$let": {"vars": {"level0": {"$last": "$levels"}}, "in": "$$level0.target"}}
    has_target = {"$cond": [{"$isArray": "$levels"}, {"$isNumber": target}, False]}
    began = {"$in": [{"$type": "$context.started"}, ["date", "null", "missing"]]}
    is_well_formed = {"$and": [has_target, {"$isNumber": "$progress"}, began]}
    return {"$cond": [is_well_formed, {"$lt": [access_exp_expression(), before]}, True]}
