"""The use case that opens a session."""

from datetime import datetime

from django.contrib.auth.models import User

from config.errors import raises
from mongodb.collections import collection
from sessions_app.errors import TooManyLiveSessions
from sessions_app.models import Session, SessionStatus

# A streamer normally runs one session at a time, but may have forgotten to end earlier sessions.
MOST_LIVE_SESSIONS = 20


@raises(TooManyLiveSessions)
def open_session(streamer: User, *, title: str, now: datetime) -> Session:
    """Open a live session for the streamer, and return it. Runs in the caller's transaction.

    Raises TooManyLiveSessions if the streamer already has MOST_LIVE_SESSIONS live sessions.
    """
    # If the streamer opens two sessions at the same time, this write makes MongoDB abort one of the two transactions.
    # The aborted transaction is run again, and then counts the other session.
    collection(User._meta.db_table).update_one({"_id": streamer.pk}, {"$inc": {"sessions_opened": 1}})
    live = {"user": streamer.pk, "status": SessionStatus.LIVE.value}
    if collection(Session._meta.db_table).count_documents(live, limit=MOST_LIVE_SESSIONS) >= MOST_LIVE_SESSIONS:
        raise TooManyLiveSessions(streamer_id=str(streamer.pk))
    session = Session(user=streamer, title=title, created_at=now)
    session.save(force_insert=True)
    return session
