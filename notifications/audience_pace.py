"""The pace at which all payers of a show are told of changes.

A streamer may move, cancel and revive a show, or extend it, many times in a minute. If all payers were told each time,
a large audience would occupy the workers, and the payers of other shows would have to wait. So the first change is
announced at once. Later changes wait until the audience may be told again. By then, most of them are superseded.
"""

from datetime import UTC, datetime, timedelta

from bson import ObjectId

from goals.models import Goal
from mongodb.collections import collection
from notifications.models import PACES

PAYERS_A_SECOND = 1000
# Audiences of up to this size never wait. An account can make about ten changes a second, so such an audience gets at
# most 1000 events a second.
FEW_PAYERS = 100
LONGEST_WAIT = timedelta(seconds=30)
# Sending may take this much longer than PAYERS_A_SECOND suggests.
SENT_WITHIN = timedelta(seconds=5)


def next_telling(show_id: str, funding_goal_id: str, *, now: datetime, access_ends: datetime | None = None) -> datetime:
    """Return when the payers may be told of the change: now, or later if they have just been told of another change.

    If the change gives the payers new credentials, `access_ends` is when the present credentials expire. The payers are
    told at once if the credentials that they have might expire during the wait: the present ones or, while those may
    still be on their way, the ones before. Call this function in the transaction that changes the show.
    """
    funding_goal = collection(Goal._meta.db_table).find_one({"_id": ObjectId(funding_goal_id)}, {"payers": True})
    payers = (funding_goal or {}).get("payers") or 0
    if payers <= FEW_PAYERS:
        return now
    wait = min(timedelta(seconds=payers / PAYERS_A_SECOND), LONGEST_WAIT)
    pace = collection(PACES).find_one({"_id": show_id})
    told_at = pace["told_at"].replace(tzinfo=UTC) if pace else now - wait
    # If another change is waiting for `told_at`, both go out together.
    at = told_at if told_at > now else max(now, told_at + wait)
    if access_ends is not None:
        before = pace["access_ends"].replace(tzinfo=UTC) if pace and pace.get("access_ends") else access_ends
        if now < min(told_at + wait, before) + SENT_WITHIN:
            access_ends = min(access_ends, before)
        if at > max(now, access_ends - wait - SENT_WITHIN):
            at = now
    told = {"told_at": max(at, told_at), "access_ends": access_ends}
    collection(PACES).update_one({"_id": show_id}, {"$set": told}, upsert=True)
    return at
