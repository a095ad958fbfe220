"""With `POST /goals/{id}/received`, a viewer's client confirms that it has got an event."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from django.contrib.auth.models import User

from mongodb.collections import collection
from notifications.fanout.ledger import ID_BYTES, Ledger
from notifications.models import NotificationChunk
from notifications.receipts import MOST_VIEWERS, KnownChunks, _Chunk, known_chunks
from notifications.tasks import batch_notify_payers
from sessions_app.models import Session
from tests.factories.client import Answer, ApiClient
from tests.factories.documents import queued_messages, stored
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import UserFactory
from tests.factories.profiler import profiled
from tests.factories.threads import at_once
from tests.notifications.conftest import Audience
from tests.notifications.steps import chunk_of, plan_show

pytestmark = pytest.mark.django_db
NOT_FOUND: Any = (404, "event_not_found", [])


def confirm(goal: Any, event_id: str, viewer: User | None) -> Answer:
    return ApiClient(viewer).post(f"/goals/{goal}/received", {"event_id": event_id})


def receipts() -> dict[str, Any]:
    return {receipt["_id"]: receipt["received"] for receipt in stored("event_receipts")}


@pytest.fixture(autouse=True)
def _nothing_known() -> None:
    known_chunks.forget()


@pytest.fixture
def audience(live: Callable[[int], Audience]) -> Audience:
    audience = live(2)
    plan_show(audience)
    return audience


@pytest.fixture
def payer(audience: Audience) -> User:
    return User.objects.get(pk=audience.viewers[0])


@pytest.mark.parametrize("preset", ["preview", "sd"])
def test_first_receipt_of_an_event_counts(audience: Audience, payer: User, preset: str) -> None:
    event_id = chunk_of(preset).event_id
    now = int(time.time())
    with time_machine.travel(now, tick=False):
        answers = [confirm(audience.show.pk, event_id, payer)]
    answers.append(confirm(str(audience.show.pk).upper(), event_id, payer))

    assert [(answer.status, answer.body) for answer in answers] == [(204, None)] * 2
    assert receipts() == {f"{audience.show.pk}:{payer.pk}": {event_id: now * 1000}}
    events = ApiClient(payer).get(f"/goals/{audience.show.pk}/viewers/{payer.pk}").body["events"]
    assert {event["event_id"]: event["received_at_ms"] for event in events} == {
        chunk.event_id: now * 1000 if chunk.preset == preset else None for chunk in NotificationChunk.objects.all()
    }


def test_receipts_at_once_make_one_document(audience: Audience, payer: User) -> None:
    events = [chunk_of(preset).event_id for preset in ("preview", "sd")] * 4
    answers = at_once([partial(confirm, audience.show.pk, event_id, payer) for event_id in events])

    assert [answer.status for answer in answers] == [204] * 8
    assert {viewer: set(received) for viewer, received in receipts().items()} == {
        f"{audience.show.pk}:{payer.pk}": set(events)
    }


def test_receipt_of_a_cancellation(session: Session, viewer: User) -> None:
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer]))
    assert ApiClient(session.user).post(f"/goals/{show.pk}/cancel").status == 200
    (message,) = queued_messages("batch_notify_payers")
    batch_notify_payers(*message.args)

    assert confirm(show.pk, NotificationChunk.objects.get().event_id, viewer).status == 204


def test_unknown_event_is_not_found(audience: Audience, payer: User, streamer: User) -> None:
    event_id, goal_id = chunk_of().event_id, audience.show.pk
    for goal, event, person in (
        (goal_id, "nonsense", payer),
        (goal_id, f"received.{event_id}", payer),
        (ObjectId(), event_id, payer),
        (audience.funding_goal_id, event_id, payer),
        (goal_id, event_id, UserFactory()),
        (goal_id, event_id, streamer),
    ):
        assert confirm(goal, event, person).problem == NOT_FOUND
    assert confirm("zzz", event_id, payer).problem == (404, "not_found", [])
    assert confirm(goal_id, event_id, None).problem == (401, "not_authenticated", [])
    assert receipts() == {}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, (400, "invalid", [("/event_id", "required")])),
        ({"event_id": 1}, (400, "invalid", [("/event_id", "invalid_type")])),
        ({"event_id": "x" * 65}, (400, "invalid", [("/event_id", "max_length")])),
        ({"event_id": "x", "at": 1}, (400, "unknown_field", [("/at", "unknown_field")])),
    ],
)
def test_bad_receipt_is_refused(audience: Audience, payer: User, body: Any, problem: Any) -> None:
    assert ApiClient(payer).post(f"/goals/{audience.show.pk}/received", body).problem == problem


def test_receipt_reads_and_writes_by_an_index(audience: Audience, payer: User) -> None:
    event_id = chunk_of().event_id
    with profiled() as profile:
        confirm(audience.show.pk, event_id, payer)

    queries = [query for query in profile.queries if query.collection != "auth_user"]
    assert sorted(query.collection for query in queries) == ["event_receipts", "notification_chunks"]
    assert all("COLLSCAN" not in query.stages for query in queries)


def test_chunk_is_read_once_for_all_its_viewers(audience: Audience, payer: User) -> None:
    event_id, other = chunk_of().event_id, User.objects.get(pk=audience.viewers[1])
    assert confirm(audience.show.pk, event_id, payer).status == 204

    with profiled() as profile:
        assert confirm(audience.show.pk, event_id, other).status == 204

    assert [query.collection for query in profile.queries] == ["auth_user", "event_receipts"]
    assert len(receipts()) == 2


@pytest.mark.parametrize("is_known", [False, True])
def test_viewer_between_two_payers_is_not_let_in(live: Callable[[int], Audience], *, is_known: bool) -> None:
    audience = live(3)
    first, between, last = sorted(audience.viewers)
    unset = {"$unset": {f"breakdown.{between}": ""}, "$inc": {"payers": -1}}
    collection("goals").update_one({"_id": ObjectId(audience.funding_goal_id)}, unset)
    plan_show(audience)
    event_id, (stranger, payer) = chunk_of().event_id, (User.objects.get(pk=each) for each in (between, last))
    if is_known:
        assert confirm(audience.show.pk, event_id, User.objects.get(pk=first)).status == 204

    assert confirm(audience.show.pk, event_id, stranger).problem == NOT_FOUND
    assert confirm(audience.show.pk, event_id, payer).status == 204


def test_known_chunk_counts_for_its_own_event_only(audience: Audience, payer: User) -> None:
    event_id, show_id = chunk_of().event_id, audience.show.pk
    assert confirm(show_id, event_id, payer).status == 204

    assert confirm(audience.funding_goal_id, event_id, payer).problem == NOT_FOUND
    assert confirm(show_id, "nonsense", payer).problem == NOT_FOUND


def test_viewer_of_a_later_chunk_is_found(audience: Audience, payer: User) -> None:
    event_id, late = chunk_of().event_id, UserFactory()
    assert confirm(audience.show.pk, event_id, payer).status == 204
    collection("goals").update_one(
        {"_id": ObjectId(audience.funding_goal_id)}, {"$set": {f"breakdown.{late.pk}": 1}, "$inc": {"payers": 1}}
    )
    plan_show(audience)

    assert confirm(audience.show.pk, event_id, late).status == 204


def test_process_keeps_a_limited_number_of_viewers_for_a_minute() -> None:
    known, viewers = KnownChunks(), MOST_VIEWERS // 4
    chunk = _Chunk("a", "b", Ledger.planned(bytes(ID_BYTES * viewers)))
    for _ in range(2):
        for number in range(4):
            known.add(("goal", "event"), str(number), chunk)
    assert len(known.of(("goal", "event"))) == 4

    known.add(("goal", "other"), "0", chunk)
    assert [len(known.of(("goal", event))) for event in ("event", "other")] == [0, 1]

    known._outdated_at = time.monotonic()
    assert known.of(("goal", "other")) == []
