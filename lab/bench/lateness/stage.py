"""What a measurement stands on: the witnesses, an environment for the processes, an announcement to imitate."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings

from goals.models import TimelineEntry
from goals.tasks import activate_goal
from lab.bench.lateness.commits import Commit, watch_commits
from lab.bench.lateness.planting import GOALS, SESSIONS, plant
from lab.bench.lateness.vendors import Heard, stand_in
from lab.bench.lateness.witness import Witness
from lab.bench.surroundings import connection
from mongodb.transactions import collection
from showgoals.models import Contribution
from taskqueue.messages import MESSAGES

TIMELINE = TimelineEntry._meta.db_table
# The peers' own.
PEER_MESSAGES, ANNOUNCEMENT, PEER_JOBS = "bench_messages", "bench_announcement", "bench_jobs"
EMPTIED = (
    *(GOALS, SESSIONS, MESSAGES, TIMELINE, Contribution._meta.db_table, "auth_user", "notification_chunks"),
    *("django_q_schedule", "django_q_task", PEER_MESSAGES, PEER_JOBS),
)


@dataclass(frozen=True)
class Stage:
    """Two witnesses, and where things are."""

    environment: dict[str, str]
    directory: Path
    _commits: Witness
    _vendors: Witness

    def new_commits(self) -> list[Commit]:
        """Return the starts committed since the last question."""
        seen: list[Commit] = self._commits.ask()
        return seen

    def new_events(self) -> Heard:
        """Return what has come in at the vendors' stand-ins since the last question."""
        heard: Heard = self._vendors.ask()
        return heard

    def clear(self) -> None:
        """Forget all shows and messages, and what was seen of them."""
        for name in EMPTIED:
            collection(name).delete_many({})
        self.new_commits()
        self.new_events()


@contextmanager
def set_stage(directory: Path, *, latency_seconds: float) -> Iterator[Stage]:
    """Watch, and stand in for the vendors, inside the block. Log files go to the directory, emptied before."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    place = {"mongodb_uri": connection.get_connection_params()["host"], "database": connection.settings_dict["NAME"]}
    shop = {"latency_seconds": latency_seconds, "directory": directory, "secret_key": settings.SECRET_KEY}
    _keep_announcement()
    with (
        Witness(watch_commits, **place, collection=GOALS) as commits,
        Witness(stand_in, **place, **shop) as vendors,
    ):
        stage = Stage(vendors.greeting, directory, commits, vendors)
        stage.clear()
        yield stage


def _keep_announcement() -> None:
    """Start a show here and now, and keep what that has written for the peers to imitate."""
    due = (datetime.now(UTC) - timedelta(seconds=1)).replace(microsecond=0)
    (show,) = plant([due])
    activate_goal(show.goal_id, int(due.timestamp()))
    messages = [*collection(MESSAGES).find()]
    rows = [*collection(TIMELINE).find({"goal_id": show.goal_id})]
    collection(ANNOUNCEMENT).insert_one({"messages": messages, "rows": rows})
    for name, index in collection(MESSAGES).index_information().items():
        collection(PEER_MESSAGES).create_index(index["key"], name=name)
