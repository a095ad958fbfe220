"""A payment that got a 201 is folded and its payer announced, even if its commit is late or a process has died."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event

import pytest
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.kinds import GoalKind
from goals.models import Goal
from goals.payloads import GoalCreated, PayersAdded
from goals.signals import GoalSignal, goal_created, payers_added
from goals.suspects import suspects
from goals.tasks import activate_goal
from mongodb.collections import collection, connection
from mongodb.transactions import insert_at_commit, run_in_transaction
from notifications.tasks import batch_notify_stream_authorized, notify_late_payers
from sessions_app.models import Session
from showgoals.contributions import contribute, queue_fold
from showgoals.errors import FundingClosed
from showgoals.models import Contribution
from showgoals.tasks import fold_contributions, reconcile_contributions
from tests.conftest import FailCommand
from tests.factories.bodies import show_body
from tests.factories.client import Answer, ApiClient
from tests.factories.documents import everything_stored, queued_messages, stored, stored_one, timeline
from tests.factories.goals import HOUR, ContributionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW
from tests.factories.people import UserFactory
from tests.factories.threads import at_once
from tests.taskqueue.clusters import eventually

SOON = timedelta(seconds=0.4)
OVERDUE = timedelta(seconds=3)
COMMIT_TAKES_MS = 1200
PAYERS = 20
COMMITS_APART = 0.03


@pytest.fixture
def closing_goal(session: Session) -> Goal:
    """A funding goal that closes in a moment."""
    goal: Goal = ShowFundingGoalFactory(session=session, exp=datetime.now(UTC) + SOON)
    return goal


@contextmanager
def slow_payment(goal: Goal, viewer: User, fail_command: FailCommand) -> Iterator[Future[Answer]]:
    """Pay for the open goal, close it during the commit of the payment, and run the block before the commit is done."""
    _set_exp(goal, datetime.now(UTC) + HOUR)
    fail_command("commitTransaction", blockConnection=True, blockTimeMS=COMMIT_TAKES_MS)
    path = f"/goals/{goal.pk}/contributions"
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(ApiClient(viewer).post, path, {"amount": 5}, idempotency_key="1")
        eventually(_is_committing)
        _set_exp(goal, datetime.now(UTC) - timedelta(seconds=1))
        yield paying


def listed(goal: Goal) -> tuple[int, list[str]]:
    """Return the funding goal's progress and the viewers in its `breakdown`."""
    document = stored_one("goals", goal.pk)
    return document["progress"], sorted(document["breakdown"])


def announcements(goal: Goal) -> int:
    return len([row for row in timeline(goal.pk) if (row["kind"], row["name"]) == ("signal", "payers.added")])


def test_each_attempt_of_a_payment_reads_the_clock(
    closing_goal: Goal, viewer_client: ApiClient, fail_command: FailCommand
) -> None:
    """The first attempt found the goal open, but its commit failed after the goal had closed."""
    fail_command(
        "commitTransaction",
        errorCode=112,
        errorLabels=["TransientTransactionError"],
        blockConnection=True,
        blockTimeMS=COMMIT_TAKES_MS,
    )
    answer = viewer_client.post(f"/goals/{closing_goal.pk}/contributions", {"amount": 5}, idempotency_key="1")
    assert answer.problem == (409, "funding_closed", [])
    assert stored("contributions") == []


@pytest.mark.parametrize("process", ["queues the fold", "dies before it queues the fold"])
def test_payer_whose_commit_comes_after_the_start_is_told(
    closing_goal: Goal, viewer: User, streamer_client: ApiClient, fail_command: FailCommand, process: str
) -> None:
    with slow_payment(closing_goal, viewer, fail_command) as paying:
        now = int(time.time())
        created = streamer_client.post("/goals?type=show", show_body(closing_goal, nbf=now))
        assert activate_goal(created.body["id"], created.body["nbf"]) == "started"
    assert (created.status, paying.result().status, listed(closing_goal)) == (201, 201, (0, []))
    (notify,) = queued_messages("batch_notify_stream_authorized")
    assert batch_notify_stream_authorized(*notify.args) == "nothing_to_plan"
    if process.startswith("dies"):
        collection("django_q_ormq").delete_many({"name": "fold_contributions"})
        _wait(seconds=2.1)
        assert reconcile_contributions() == 1
    else:
        (message,) = queued_messages("fold_contributions")
        assert fold_contributions(*message.args) == 1

    assert listed(closing_goal) == (5, [str(viewer.pk)])
    assert announcements(closing_goal) == 1
    (late,) = queued_messages("notify_late_payers")
    assert (notify_late_payers(*late.args), notify_late_payers(*late.args)) == ("planned", "nothing_to_plan")
    told = streamer_client.get(f"/goals/{created.body['id']}/viewers/{viewer.pk}").body["events"]
    assert [(event["preset"], event["state"]) for event in told] == [("preview", "planned"), ("sd", "planned")]


def test_payment_that_is_committed_after_the_end_of_its_session_is_folded(
    closing_goal: Goal, session: Session, viewer: User, streamer_client: ApiClient, fail_command: FailCommand
) -> None:
    with slow_payment(closing_goal, viewer, fail_command) as paying:
        ended = streamer_client.post(f"/sessions/{session.pk}/end", {})
    assert (ended.status, paying.result().status) == (200, 201)
    fold_contributions(str(closing_goal.pk))
    assert (listed(closing_goal), announcements(closing_goal)) == ((5, [str(viewer.pk)]), 1)
    (late,) = queued_messages("notify_late_payers")  # the funding goal has lapsed
    assert (late.args, notify_late_payers(*late.args)) == ((str(closing_goal.pk),), "planned")


def test_fold_announces_only_payers_whom_the_show_does_not_know(closed_goal: Goal, viewer: User) -> None:
    ContributionFactory(funding_goal=closed_goal, viewer=viewer)
    fold_contributions(str(closed_goal.pk))
    assert announcements(closed_goal) == 0  # there is no show yet
    show = ShowGoalFactory(funding_goal=closed_goal)
    _late_payment(closed_goal, viewer)
    fold_contributions(str(closed_goal.pk))
    assert announcements(closed_goal) == 0  # the viewer was listed before
    late = UserFactory.create_batch(2)
    for payer in (viewer, *late):
        _late_payment(closed_goal, payer)
    heard: list[PayersAdded] = []
    with _heard(payers_added, heard.append):
        fold_contributions(str(closed_goal.pk))
    assert (announcements(closed_goal), listed(closed_goal)) == (1, (25, sorted(str(u.pk) for u in (viewer, *late))))
    goal = Goal.objects.get(pk=closed_goal.pk)
    assert heard == [PayersAdded.of(goal, show_goal_id=str(show.pk), has_lapsed=False)]


def test_reconciler_folds_what_a_dead_process_has_left_and_counts_it(
    clock: Traveller, open_goal: Goal, viewer: User
) -> None:
    ContributionFactory.create_batch(2, funding_goal=open_goal, viewer=viewer)
    _created_at(NOW)
    clock.shift(timedelta(seconds=2))
    before = everything_stored()
    assert (reconcile_contributions(), everything_stored()) == (0, before)  # the fold may still be queued
    clock.shift(timedelta(milliseconds=1))
    assert (reconcile_contributions(), reconcile_contributions()) == (2, 0)
    assert listed(open_goal) == (10, [str(viewer.pk)])
    (repaired,) = stored("repairs")
    assert (repaired["_id"], repaired["count"]) == ("contributions.folded_by_reconciler", 2)


def test_reconciler_counts_no_repair_while_a_fold_is_queued(clock: Traveller, open_goal: Goal, viewer: User) -> None:
    """The tasks of the queue run late, or the commit came late."""
    ContributionFactory(funding_goal=open_goal, viewer=viewer)
    queue_fold(str(open_goal.pk), now=NOW)
    _created_at(NOW)
    clock.shift(OVERDUE)
    assert (reconcile_contributions(), listed(open_goal)) == (1, (5, [str(viewer.pk)]))
    assert stored("repairs") == []


def test_reconciler_counts_no_repair_if_the_fold_is_queued_meanwhile(paid_goal: Goal, clock: Traveller) -> None:
    """The process that stored the payment is alive, but the reconciler sees the payment before the fold is queued."""
    ShowGoalFactory(funding_goal=paid_goal)
    _late_payment(paid_goal, UserFactory())
    clock.shift(OVERDUE)
    with _heard(payers_added, lambda _payload: queue_fold(str(paid_goal.pk), now=NOW)):
        assert reconcile_contributions() == 1
    assert stored("repairs") == []


def test_payment_committed_long_after_it_was_created_is_not_missed(
    clock: Traveller, open_goal: Goal, viewer: User
) -> None:
    """Payments are not committed in the order of `created_at`, so the reconciler must not skip old payments."""
    ContributionFactory(funding_goal=open_goal, viewer=viewer)
    _created_at(NOW)
    clock.shift(OVERDUE)
    assert reconcile_contributions() == 1
    late = UserFactory()
    ContributionFactory(funding_goal=open_goal, viewer=late)
    _created_at(NOW - timedelta(hours=1), viewer_id=str(late.pk))
    assert (reconcile_contributions(), listed(open_goal)) == (1, (10, sorted([str(viewer.pk), str(late.pk)])))


def test_goal_that_cannot_be_folded_does_not_stop_the_others(
    clock: Traveller, session: Session, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("showgoals.contributions.CONTRIBUTIONS_A_LOOK", 2)
    goals = [ShowFundingGoalFactory(session=session) for _ in range(3)]
    for goal in goals:
        ContributionFactory.create_batch(2, funding_goal=goal)
    _created_at(NOW)
    collection("goals").update_one({"_id": goals[0].pk}, {"$set": {"breakdown": "broken"}})
    clock.shift(OVERDUE)
    try:
        assert (reconcile_contributions(), reconcile_contributions()) == (4, 0)
    finally:
        suspects.clear()
    assert [stored_one("goals", goal.pk)["progress"] for goal in goals] == [0, 10, 10]
    assert caplog.text.count(f"action on goal failed goal={goals[0].pk}") == 1


@pytest.mark.slow
def test_no_payer_is_missed_while_the_show_is_created(streamer: User, session: Session) -> None:
    """Each payer is in the `breakdown` that the creation of the show saw, or was announced later.

    The payments begin while the goal has no show. They are committed before, during and after the show's creation.
    """
    goal = ShowFundingGoalFactory(session=session, closed=True)
    last_has_paid, show_is_created = Event(), Event()

    def note(payload: GoalCreated | PayersAdded) -> None:
        document = collection("goals").find_one({"_id": goal.pk})
        insert_at_commit("seen_by_the_show", {"viewers": sorted(document["breakdown"])})

    def create() -> None:
        assert last_has_paid.wait(timeout=10)
        assert ApiClient(streamer).post("/goals?type=show", show_body(goal)).status == 201
        show_is_created.set()

    def be_last() -> None:
        last_has_paid.set()
        assert show_is_created.wait(timeout=10)

    *payers, last = UserFactory.create_batch(PAYERS)
    paying = [
        partial(_pay_slowly, goal, payer, before_commit=partial(_wait, seconds=number * COMMITS_APART))
        for number, payer in enumerate(payers)
    ]
    paying.append(partial(_pay_slowly, goal, last, before_commit=be_last))
    with _heard(goal_created, note), _heard(payers_added, note):
        at_once([*paying, create, partial(_fold_again_and_again, goal)])
        fold_contributions(str(goal.pk))

    seen = stored("seen_by_the_show")
    assert len(seen) > 1  # at least the last payment came after the show
    assert {viewer for row in seen for viewer in row["viewers"]} == {
        row["viewer_id"] for row in stored("contributions")
    }


def _pay_slowly(goal: Goal, payer: User, *, before_commit: Callable[[], None]) -> None:
    def pay() -> None:
        goal_id, payer_id = str(goal.pk), str(payer.pk)
        contribute(Contribution(funding_goal_id=goal_id, viewer_id=payer_id, amount=5, key="1", created_at=NOW))
        before_commit()

    with suppress(FundingClosed):  # the show was created before the payment
        run_in_transaction(pay)


def _fold_again_and_again(goal: Goal) -> None:
    for _ in range(2 * PAYERS):
        fold_contributions(str(goal.pk))
        _wait(seconds=COMMITS_APART)


@contextmanager
def _heard(signal: GoalSignal, hear: Callable[..., None]) -> Iterator[None]:
    """Connect a receiver of the signal during the block."""

    def receiver(payload: PayersAdded, **_kwargs: object) -> tuple[str, str]:
        if payload.kind is GoalKind.SHOW or isinstance(payload, PayersAdded):
            hear(payload)
        return "hear", "heard"

    signal.connect(receiver, weak=False, dispatch_uid="hear")
    try:
        yield
    finally:
        signal.disconnect(dispatch_uid="hear")


def _late_payment(goal: Goal, viewer: User) -> None:
    """Store a payment that was made before the goal had its show, and is committed now."""
    collection("contributions").insert_one(
        {
            "funding_goal_id": str(goal.pk),
            "viewer_id": str(viewer.pk),
            "amount": 5,
            "key": str(time.monotonic_ns()),
            "folded": False,
            "created_at": datetime.now(UTC),
        }
    )


def _created_at(moment: datetime, **condition: str) -> None:
    collection("contributions").update_many(condition, {"$set": {"created_at": moment}})


def _set_exp(goal: Goal, exp: datetime) -> None:
    collection("goals").update_one({"_id": goal.pk}, {"$set": {"exp": exp.replace(microsecond=0)}})


def _is_committing() -> bool:
    """Tell whether the server keeps a commit of this process waiting."""
    client = connection.connection
    mine = {"command.commitTransaction": 1, "appName": client.options.pool_options.appname}
    return bool(list(client.admin.aggregate([{"$currentOp": {"localOps": True}}, {"$match": mine}])))


def _wait(*, seconds: float) -> None:
    time.sleep(max(0.0, seconds))
