"""A real cluster beside the witnesses, and one or several shows that start on it."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bson import ObjectId
from django.conf import settings

from lab.bench.chaos.services import Service, Supervisor
from lab.bench.fanout.vendors import Heard, Weather, stand_in
from lab.bench.lateness.commits import Commit, watch_commits
from lab.bench.lateness.planting import GOALS, PlantedShow, plant, queue_starts
from lab.bench.lateness.witness import Witness
from lab.bench.surroundings import connection
from mongodb.transactions import collection
from notifications.models import EVENTS
from taskqueue.queues import Queue

WORKERS = 2
PRESETS = 2
# Several small shows give every worker something to do: its imports and connections are no part of a fan-out.
WARM_UP_SHOWS, WARM_UP_VIEWERS = 6, 60
STARTED_WITHIN_SECONDS = 60.0
SECONDS_AHEAD = 1.5
FAR_AHEAD = timedelta(hours=1)


@dataclass(frozen=True)
class Stage:
    """Witnesses of what is committed and of what arrives, and the cluster's command."""

    environment: Mapping[str, str]
    directory: Path
    _commits: Witness
    _vendors: Witness

    def new_commits(self) -> list[Commit]:
        """Return the starts committed since the last question."""
        seen: list[Commit] = self._commits.ask()
        return seen

    def heard(self) -> Heard:
        """Return what has come in at Pusher's stand-in."""
        heard: Heard = self._vendors.ask()
        return heard

    @contextmanager
    def cluster(self) -> Iterator[tuple[Service, Supervisor]]:
        """Run `manage.py qcluster` inside the block; both queues have their workers."""
        service = Service(["manage.py", "qcluster"], self.environment, self.directory / "qcluster.log")
        with Supervisor([service]) as supervisor:
            supervisor.wait_for(
                lambda: len(service.processes(Queue.WORK.value)) == WORKERS, "workers", seconds=STARTED_WITHIN_SECONDS
            )
            yield service, supervisor


@contextmanager
def set_stage(directory: Path, *, rtt_seconds: float, weather: Weather | None = None) -> Iterator[Stage]:
    """Watch, and stand in for the vendors, inside the block."""
    directory.mkdir(parents=True, mode=0o700, exist_ok=True)
    place = {"mongodb_uri": connection.get_connection_params()["host"], "database": connection.settings_dict["NAME"]}
    shop = {"rtt_seconds": rtt_seconds, "weather": weather, "directory": directory, "secret_key": settings.SECRET_KEY}
    with (
        Witness(watch_commits, **place, collection=GOALS) as commits,
        Witness(stand_in, **place, **shop) as vendors,
    ):
        yield Stage({**vendors.greeting, "Q_WORKERS": str(WORKERS)}, directory, commits, vendors)


def start_shows(audiences: Sequence[int]) -> list[PlantedShow]:
    """Plant a show for each audience, all to start at one moment that is near; return them."""
    # Far ahead: planting may take longer than the reconciler leaves overdue shows alone.
    planted = [plant([datetime.now(UTC) + FAR_AHEAD], viewers=viewers)[0] for viewers in audiences]
    nbf = datetime.fromtimestamp(math.ceil(time.time() + SECONDS_AHEAD), tz=UTC)
    shows = [PlantedShow(show.goal_id, show.streamer_id, nbf) for show in planted]
    collection(GOALS).update_many({"_id": {"$in": [ObjectId(show.goal_id) for show in shows]}}, {"$set": {"nbf": nbf}})
    queue_starts(shows)
    return shows


def all_sent(shows: Sequence[PlantedShow]) -> Callable[[], bool]:
    """Return the question whether the ledger has everything acknowledged."""
    goal_ids = [show.goal_id for show in shows]
    return lambda: sent_events(goal_ids) == PRESETS * len(goal_ids)


def sent_events(goal_ids: Sequence[str]) -> int:
    """Count the events that are recorded as sent to everybody."""
    return int(collection(EVENTS).count_documents({"goal_id": {"$in": goal_ids}, "sent_at": {"$ne": None}}))


def warm_up(supervisor: Supervisor) -> None:
    """Have every worker send something."""
    shows = start_shows([WARM_UP_VIEWERS] * WARM_UP_SHOWS)
    supervisor.wait_for(all_sent(shows), "warm-up", seconds=STARTED_WITHIN_SECONDS)
