"""A payment is stored once for each key and folded once, with exact sums."""

from collections import Counter
from datetime import timedelta
from functools import partial

from bson import ObjectId
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.models import Goal
from sessions_app.models import Session
from showgoals.contributions import FOLD_BATCH, queue_fold
from showgoals.tasks import fold_contributions
from tests.factories.client import ApiClient
from tests.factories.documents import QueuedMessage, connection, everything_stored, queued_messages, stored, stored_one
from tests.factories.goals import ContributionFactory, ShowFundingGoalFactory
from tests.factories.moments import NOW, SECONDS, WHOLE, as_stored
from tests.factories.people import UserFactory
from tests.factories.threads import at_once
from tests.showgoals.faults import refusal


def path(goal: Goal) -> str:
    return f"/goals/{goal.pk}/contributions"


def money(goal: Goal) -> tuple[int, dict[str, int]]:
    """Return the funding goal's progress and the amount of each viewer."""
    document = stored_one("goals", goal.pk)
    return document["progress"], {viewer: paid["amount"] for viewer, paid in document["breakdown"].items()}


def test_contribution_is_answered_stored_and_queued_to_be_folded(
    clock: Traveller, session: Session, viewer: User
) -> None:
    goal = ShowFundingGoalFactory(session=session)
    before = everything_stored()

    answer = ApiClient(viewer).post(path(goal), {"amount": 5}, idempotency_key="1")

    (document,) = stored("contributions")
    assert (answer.status, answer.headers["Location"], answer.body) == (
        201,
        "/me/contributions",
        {
            "id": str(document["_id"]),
            "goal_id": str(goal.pk),
            "viewer_id": str(viewer.pk),
            "amount": 5,
            "created_at": SECONDS,
        },
    )
    assert document == {
        "_id": document["_id"],
        "funding_goal_id": str(goal.pk),
        "viewer_id": str(viewer.pk),
        "amount": 5,
        "key": "1",
        "folded": False,
        "created_at": as_stored(NOW),
    }
    assert everything_stored()["goals"] == before["goals"]
    when = as_stored(WHOLE + timedelta(seconds=1, milliseconds=50))
    assert queued_messages("fold_contributions") == [
        QueuedMessage("showgoals.tasks.fold_contributions", (str(goal.pk),), str(goal.pk), when)
    ]


def test_same_key_pays_once(open_goal: Goal, viewer_client: ApiClient) -> None:
    first = viewer_client.post(path(open_goal), {"amount": 5}, idempotency_key="1")
    again = viewer_client.post(path(open_goal), {"amount": 5}, idempotency_key="1")

    assert (again.status, again.body, again.headers["Idempotent-Replay"]) == (201, first.body, "true")
    assert len(stored("contributions")) == 1


def test_same_key_for_another_amount_is_refused(open_goal: Goal, viewer_client: ApiClient) -> None:
    viewer_client.post(path(open_goal), {"amount": 5}, idempotency_key="1")

    problem = refusal(viewer_client, path(open_goal), {"amount": 6}, idempotency_key="1")
    assert problem == (422, "idempotency_key_reused", [])


def test_key_never_pays_twice_even_when_its_answer_is_forgotten(open_goal: Goal, viewer_client: ApiClient) -> None:
    viewer_client.post(path(open_goal), {"amount": 5}, idempotency_key="1")
    connection.get_collection("idempotency_keys").delete_many({})  # as after 24 hours

    problem = refusal(viewer_client, path(open_goal), {"amount": 5}, idempotency_key="1")
    assert problem == (422, "idempotency_key_reused", [])


def test_same_key_of_two_viewers_pays_twice(open_goal: Goal, viewer: User) -> None:
    other: User = UserFactory()
    answers = [ApiClient(user).post(path(open_goal), {"amount": 5}, idempotency_key="1") for user in (viewer, other)]

    assert [answer.status for answer in answers] == [201, 201]
    assert fold_contributions(str(open_goal.pk)) == 2
    assert money(open_goal) == (10, {str(viewer.pk): 5, str(other.pk): 5})


def test_same_key_sent_ten_times_at_once_pays_once(open_goal: Goal, viewer: User) -> None:
    clients = [ApiClient(viewer) for _ in range(10)]
    answers = at_once([partial(client.post, path(open_goal), {"amount": 5}, idempotency_key="1") for client in clients])

    statuses = Counter(answer.status for answer in answers)
    assert set(statuses) <= {201, 409}
    assert {answer.problem[1] for answer in answers if answer.status == 409} <= {"idempotency_in_progress"}
    assert statuses[201] >= 1
    assert len(stored("contributions")) == 1


def test_fold_twice_is_fold_once(open_goal: Goal, viewer: User) -> None:
    ContributionFactory.create_batch(3, funding_goal=open_goal, viewer=viewer, amount=7)

    assert (fold_contributions(str(open_goal.pk)), money(open_goal)) == (3, (21, {str(viewer.pk): 21}))
    once = everything_stored()
    assert fold_contributions(str(open_goal.pk)) == 0
    assert everything_stored() == once


def test_fold_takes_all_batches(open_goal: Goal, viewer: User) -> None:
    count = 2 * FOLD_BATCH + 1
    _insert(open_goal, [(str(viewer.pk), 1)] * count)

    assert fold_contributions(str(open_goal.pk)) == count
    assert money(open_goal) == (count, {str(viewer.pk): count})


def test_folds_at_once_sum_exactly(open_goal: Goal) -> None:
    """Eight folds run while six viewers pay."""
    viewers = UserFactory.create_batch(6)

    def pay(viewer: User) -> None:
        for _ in range(5):
            ContributionFactory(funding_goal=open_goal, viewer=viewer, amount=3)

    paying = [partial(pay, viewer) for viewer in viewers]
    folding = [partial(fold_contributions, str(open_goal.pk))] * 8
    at_once([*paying, *folding])
    fold_contributions(str(open_goal.pk))

    assert money(open_goal) == (90, {str(viewer.pk): 15 for viewer in viewers})


def test_fold_of_a_deleted_goal_does_nothing(db: None) -> None:
    assert fold_contributions(str(ObjectId())) == 0


def test_one_message_folds_all_of_a_second(open_goal: Goal) -> None:
    for milliseconds in (0, 250, 999, 1000):
        queue_fold(str(open_goal.pk), now=WHOLE + timedelta(milliseconds=milliseconds))

    assert sorted(message.lock for message in queued_messages("fold_contributions")) == [
        as_stored(WHOLE + timedelta(seconds=1, milliseconds=50)),
        as_stored(WHOLE + timedelta(seconds=2, milliseconds=50)),
    ]


def test_answer_has_the_progress_and_no_breakdown(open_goal: Goal, viewer: User, streamer_client: ApiClient) -> None:
    ContributionFactory(funding_goal=open_goal, viewer=viewer, amount=40)
    fold_contributions(str(open_goal.pk))

    answer = streamer_client.get(f"/goals/{open_goal.pk}")

    assert (answer.body["progress"], "breakdown" in answer.body) == (40, False)


def _insert(goal: Goal, payments: list[tuple[str, int]]) -> None:
    """Insert contributions in bulk, as the API stores them."""
    connection.get_collection("contributions").insert_many(
        {
            "funding_goal_id": str(goal.pk),
            "viewer_id": viewer_id,
            "amount": amount,
            "key": str(index),
            "folded": False,
            "created_at": as_stored(NOW),
        }
        for index, (viewer_id, amount) in enumerate(payments)
    )
