"""Claims of dead owners are released at once on the same host, and in other places once the place is silent.

A place is one boot of a host, and one namespace of process ids.
"""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from mongodb.collections import collection
from taskqueue.broker import PreciseBroker
from taskqueue.claim_owner import place, this_process
from taskqueue.heartbeat import CLUSTERS, beat, leave
from taskqueue.leases import Contact, forget_silent_clusters, release_dead_owners
from taskqueue.messages import MESSAGES
from tests.factories.documents import stored
from tests.taskqueue.tasks import note

pytestmark = pytest.mark.django_db

SILENCE = settings.Q_SILENCE
ELSEWHERE = "other|boot|1"
DEAD, ITS_CLUSTER = f"{ELSEWHERE}|7|1", f"{ELSEWHERE}|1|1"


def hold(*owners: str) -> None:
    """Queue a message for each owner, and let the owner hold the message."""
    for owner in owners:
        note.enqueue(owner, subject=owner)
        collection(MESSAGES).update_one({"subject": owner}, {"$set": {"owner": owner, "attempts": 1}})


def owners() -> list[str | None]:
    return [message.get("owner") for message in stored(MESSAGES)]


def cluster_beats(ago: timedelta) -> None:
    """Store a heartbeat of the other place's cluster, written `ago` before now."""
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


@pytest.mark.parametrize("pid", ["odd", "", "-1", "²", "9" * 5000])
def test_owner_that_names_no_process_is_dead(pid: str) -> None:
    hold(f"{place(this_process())}|{pid}|1")

    assert (release_dead_owners(), owners()) == (1, [None])


@pytest.mark.parametrize(("ago", "released"), [(SILENCE - 5, 0), (SILENCE + 5, 1)])
def test_silent_places_lose_their_claims(ago: int, released: int) -> None:
    hold(DEAD)
    cluster_beats(ago=timedelta(seconds=ago))

    assert (release_dead_owners(also_silent=True), owners()) == (released, [None] if released else [DEAD])


def test_cluster_that_left_in_order_leaves_no_claims_behind() -> None:
    hold(DEAD)
    cluster_beats(ago=timedelta(0))
    leave(ITS_CLUSTER)

    assert (release_dead_owners(also_silent=True), owners()) == (1, [None])


def test_neighbour_at_the_same_place_keeps_the_claims() -> None:
    """Two clusters share a host; one of them stopped long ago."""
    hold(DEAD)
    cluster_beats(ago=timedelta(days=1))
    beat(f"{ELSEWHERE}|2|1", started_at=datetime.now(UTC), workers={}, deaths=0)

    assert (release_dead_owners(also_silent=True), owners()) == (0, [DEAD])


def test_places_are_not_silent_for_a_cluster_that_was_cut_off_itself() -> None:
    """A cluster passes `also_silent` only after it has been in contact with MongoDB for `Q_SILENCE` seconds."""
    hold(DEAD)

    assert (release_dead_owners(), owners()) == (0, [DEAD])


def test_message_of_a_dead_owner_is_taken_alone() -> None:
    """The message may have killed its worker."""
    hold(DEAD)
    release_dead_owners(also_silent=True)

    (message,) = stored(MESSAGES)
    assert (message["alone"], message["attempts"], message.keys() & {"owner", "session"}) == (True, 1, set())
    assert message["lock"] <= datetime.now(UTC).replace(tzinfo=None)


def looks(contact: Contact, *moments: int) -> list[bool]:
    """Note a contact at each of these moments, in seconds. Return whether it was long at each of them."""
    answers = []
    for moment in moments:
        contact.note(moment)
        answers.append(contact.is_long(moment))
    return answers


def test_contact_is_long_only_without_a_gap() -> None:
    """After its own error or pause, a cluster again gives others `Q_SILENCE` seconds in which to write a heartbeat."""
    contact = Contact(0)
    long_at_last = [*[False] * SILENCE, True]

    assert looks(contact, *range(SILENCE + 1)) == long_at_last
    contact.lose()
    assert not contact.is_long(SILENCE)
    assert looks(contact, *range(20, 21 + SILENCE)) == long_at_last
    assert not contact.is_long(100)
    assert looks(contact, *range(100, 101 + SILENCE)) == long_at_last
    assert looks(contact, 106 + SILENCE) == [True]


@pytest.mark.parametrize(("ago", "kept"), [(55, True), (65, False)])
def test_cluster_that_is_silent_for_a_minute_is_forgotten(ago: int, *, kept: bool) -> None:
    cluster_beats(ago=timedelta(seconds=ago))
    beat(this_process(), started_at=datetime.now(UTC), workers={}, deaths=0)
    forget_silent_clusters()

    assert {each["_id"] for each in stored(CLUSTERS)} == {this_process(), *([ITS_CLUSTER] if kept else [])}
