"""Claims of the dead are released: at once where one can see that they are dead, else when their place is silent."""

from datetime import UTC, datetime, timedelta

import pytest
from django_q.conf import Conf

from mongodb.collections import collection
from taskqueue.broker import PreciseBroker
from taskqueue.claim_owner import place, this_process
from taskqueue.heartbeat import CLUSTERS, beat, leave
from taskqueue.leases import release_dead_owners
from taskqueue.messages import MESSAGES
from tests.factories.documents import stored
from tests.taskqueue.tasks import note

pytestmark = pytest.mark.django_db

ELSEWHERE = "other|boot|1"
DEAD, ITS_CLUSTER = f"{ELSEWHERE}|7|1", f"{ELSEWHERE}|1|1"


def hold(*owners: str) -> None:
    """Queue a message for each owner, which holds it."""
    for owner in owners:
        note.enqueue(owner, subject=owner)
        collection(MESSAGES).update_one({"subject": owner}, {"$set": {"owner": owner, "attempts": 1}})


def owners() -> list[str | None]:
    return [message.get("owner") for message in stored(MESSAGES)]


def cluster_beats(ago: timedelta) -> None:
    """Have the cluster of the other place beat, that long ago."""
    beat(ITS_CLUSTER, started_at=datetime.now(UTC), workers={}, deaths=0)
    collection(CLUSTERS).update_one({"_id": ITS_CLUSTER}, {"$set": {"beat_at": datetime.now(UTC) - ago}})


def test_dead_processes_of_this_place_lose_their_claims_at_once() -> None:
    dead = f"{place(this_process())}|1|1"
    cluster_beats(ago=timedelta(0))
    hold(dead, this_process(), DEAD)

    assert release_dead_owners() == 1
    assert owners() == [None, this_process(), DEAD]
    assert [claim.attempt for claim in PreciseBroker().claim()] == [2]
    assert PreciseBroker().claim() == []


@pytest.mark.parametrize(("ago", "released"), [(Conf.RETRY - 5, 0), (Conf.RETRY + 5, 1)])
def test_silent_places_lose_their_claims_after_retry_seconds(ago: int, released: int) -> None:
    hold(DEAD)
    cluster_beats(ago=timedelta(seconds=ago))

    assert (release_dead_owners(also_silent=True), owners()) == (released, [None] if released else [DEAD])


def test_cluster_that_left_in_order_leaves_no_claims_behind() -> None:
    hold(DEAD)
    cluster_beats(ago=timedelta(0))
    leave(ITS_CLUSTER)

    assert (release_dead_owners(also_silent=True), owners()) == (1, [None])


def test_neighbour_at_the_same_place_keeps_the_claims() -> None:
    """Two clusters share a host; one of them has stopped long ago."""
    hold(DEAD)
    cluster_beats(ago=timedelta(days=1))
    beat(f"{ELSEWHERE}|2|1", started_at=datetime.now(UTC), workers={}, deaths=0)

    assert (release_dead_owners(also_silent=True), owners()) == (0, [DEAD])


def test_places_are_not_silent_for_a_cluster_that_was_cut_off_itself() -> None:
    """It passes `also_silent` only after it has reached MongoDB for `retry` seconds."""
    hold(DEAD)

    assert (release_dead_owners(), owners()) == (0, [DEAD])


def test_message_of_a_dead_owner_is_taken_alone() -> None:
    """It may have killed its worker."""
    hold(DEAD)
    release_dead_owners(also_silent=True)

    (message,) = stored(MESSAGES)
    assert (message["alone"], message["attempts"], message.keys() & {"owner", "session"}) == (True, 1, set())
    assert message["lock"] <= datetime.now(UTC).replace(tzinfo=None)
