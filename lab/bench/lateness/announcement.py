"""The collections that the peers use, and the removal of all shows before the next system is measured."""

from datetime import UTC, datetime, timedelta

from goals.models import TimelineEntry
from goals.tasks import activate_goal
from lab.bench.planting import GOALS, SESSIONS, plant
from mongodb.collections import collection
from showgoals.models import Contribution
from taskqueue.messages import MESSAGES

TIMELINE = TimelineEntry._meta.db_table
# The modules of lab/bench/peers repeat these names, because they import nothing of the product.
PEER_MESSAGES, ANNOUNCEMENT, PEER_JOBS = "bench_messages", "bench_announcement", "bench_jobs"
# These include the recordings. Otherwise, the product would ask BytePlus about them a minute later, while other shows
# are measured.
EMPTIED = (
    *(GOALS, SESSIONS, MESSAGES, TIMELINE, Contribution._meta.db_table, "auth_user", "recordings", "livestream_feed"),
    *("notification_chunks", "notification_events", "events", "analytics_events", "event_receipts"),
    *("django_q_schedule", "django_q_task", PEER_MESSAGES, PEER_JOBS),
)


def prepare_peers() -> None:
    """Start a show, and keep copies of the documents that the start has written. The peers write the same documents."""
    due = (datetime.now(UTC) - timedelta(seconds=1)).replace(microsecond=0)
    (show,) = plant([due])
    activate_goal(show.goal_id, int(due.timestamp()))
    messages = [*collection(MESSAGES).find()]
    rows = [*collection(TIMELINE).find({"goal_id": show.goal_id})]
    collection(ANNOUNCEMENT).insert_one({"messages": messages, "rows": rows})
    for name, index in collection(MESSAGES).index_information().items():
        options = {"sparse": True} if index.get("sparse") else {}
        collection(PEER_MESSAGES).create_index(index["key"], name=name, **options)
    remove_shows()


def remove_shows() -> None:
    """Delete all shows, and what was stored because of them."""
    for name in EMPTIED:
        collection(name).delete_many({})
