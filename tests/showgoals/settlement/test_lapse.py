"""A funding goal that gets no show in time lapses once, and its payments are due back."""

import math
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.cancelling import cancel_missed
from goals.models import Goal
from mongodb.collections import collection
from sessions_app.models import Session
from showgoals.settlement.tasks import lapse_funding_goal, reconcile_settlements
from showgoals.tasks import reconcile_contributions
from taskqueue.calls import Call
from tests.conftest import FailCommand
from tests.factories.bodies import show_body
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored, queued_messages, stored, stored_one, timeline
from tests.factories.goals import HOUR, ShowFundingGoalFactory
from tests.factories.moments import SECONDS, WHOLE, as_stored
from tests.showgoals.settlement.conftest import Close

LAPSES_AT = WHOLE + timedelta(seconds=60)
LAPSE_SECONDS = SECONDS + 60


def lapse_messages() -> list[tuple[Any, Any]]:
    return [(message.args, message.lock) for message in queued_messages("lapse_funding_goal")]


def lapse_calls(*goals: Goal) -> list[Call]:
    """Return the calls that a worker would make from the queued messages for the lapses of these goals."""
    messages = {message["subject"]: message for message in stored("django_q_ormq", name="lapse_funding_goal")}
    return [
        Call(
            (str(goal.pk), int((goal.lapses_at or WHOLE).timestamp())),
            subject=str(goal.pk),
            request_id=f"request {number}",
            message_id=messages[str(goal.pk)]["_id"],
        )
        for number, goal in enumerate(goals)
    ]


def settlement(goal: Goal) -> Any:
    return stored_one("goals", goal.pk)["settlement"]


def lapses(goal: Goal) -> int:
    return len(stored("goal_timeline", goal_id=str(goal.pk), kind="signal", name="goal.lapsed"))


def test_closed_goal_lapses_when_its_time_has_come(waiting: Goal, session: Session, clock: Traveller) -> None:
    assert lapse_messages() == [((str(waiting.pk), LAPSE_SECONDS), as_stored(LAPSES_AT))]
    clock.move_to(LAPSES_AT)

    assert lapse_funding_goal(str(waiting.pk), LAPSE_SECONDS) == "lapsed"

    lapsed = stored_one("goals", waiting.pk)
    assert lapsed["settlement"] == {
        "state": "refund_due",
        "reason": "no_show",
        "decided_at": as_stored(LAPSES_AT),
        "decided_by": None,
        "as_sold": None,
        "total": 5,
        "payers": 1,
    }
    assert (lapsed["lapses_at"], lapsed["version"], lapsed["lapsed_version"]) == (None, 3, 3)
    signals = [row["name"] for row in timeline(waiting.pk) if row["kind"] == "signal"]
    assert signals == [
        "goal.created",
        "goal.added",
        "goal.progressed",
        "goal.ended",
        "settlement.decided",
        "goal.lapsed",
    ]


@pytest.mark.parametrize(("countdown", "seconds"), [(None, 900), (0, 900), (1, 1), (86_400, 86_400)])
def test_goal_waits_for_its_hesitation_countdown(close: Close, countdown: int | None, seconds: int) -> None:
    goal = close(hesitation_countdown=countdown)
    assert goal.lapses_at == WHOLE + timedelta(seconds=seconds)


def test_goal_that_is_closed_by_hand_counts_from_that_moment(clock: Traveller, session: Session) -> None:
    goal = ShowFundingGoalFactory(session=session, exp=None, hesitation_countdown=60)
    assert ApiClient(session.user).post(f"/goals/{goal.pk}/close").status == 200
    assert lapse_messages() == [((str(goal.pk), LAPSE_SECONDS), as_stored(LAPSES_AT))]


def test_second_run_does_nothing(waiting: Goal, clock: Traveller) -> None:
    clock.move_to(LAPSES_AT)
    lapse_funding_goal(str(waiting.pk), LAPSE_SECONDS)
    before = everything_stored()
    assert lapse_funding_goal(str(waiting.pk), LAPSE_SECONDS) == "not_lapsable"
    assert (reconcile_settlements(), everything_stored()) == ("lapsed 0", before)


def test_goals_lapse_together(close: Close, streamer: User, clock: Traveller) -> None:
    """One goal of the batch has a show, and one message comes early.

    Each message is deleted in the transaction in which its call takes effect.
    """
    early, *goals = (close(hesitation_countdown=seconds) for seconds in (61, 60, 60, 60))
    calls = lapse_calls(early, *goals)
    show = ApiClient(streamer).post("/goals?type=show", show_body(goals[1]))
    assert show.status == 201
    clock.move_to(LAPSES_AT)

    assert lapse_funding_goal.run(calls) == ["too_early", "lapsed", "not_lapsable", "lapsed"]

    assert [lapses(goal) for goal in (early, *goals)] == [0, 1, 0, 1]
    assert lapse_messages() == [((str(early.pk), LAPSE_SECONDS + 1), as_stored(LAPSES_AT + timedelta(seconds=1)))]
    for goal, request in zip(goals, ("request 1", None, "request 3"), strict=True):
        rows = stored("goal_timeline", goal_id=str(goal.pk), name="goal.lapsed")
        assert [row["request_id"] for row in rows] == ([request] if request else [])
    assert lapse_funding_goal.run(calls[1:]) == ["not_lapsable"] * 3


@pytest.mark.parametrize("commit", ["is refused", "is lost", "has no answer"])
def test_lapse_whose_commit_fails_takes_place_once(
    waiting: Goal, clock: Traveller, fail_command: FailCommand, commit: str
) -> None:
    """A worker that dies before the commit leaves nothing; its message runs again."""
    failures: dict[str, dict[str, Any]] = {
        "is refused": {"errorCode": 112, "errorLabels": ["TransientTransactionError"]},
        "is lost": {"closeConnection": True},
        "has no answer": {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}},
    }
    clock.move_to(LAPSES_AT)
    fail_command("commitTransaction", **failures[commit])
    assert lapse_funding_goal(str(waiting.pk), LAPSE_SECONDS) == "lapsed"
    assert (lapses(waiting), settlement(waiting)["total"], settlement(waiting)["payers"]) == (1, 5, 1)


def test_early_message_is_queued_again(waiting: Goal, clock: Traveller) -> None:
    collection("django_q_ormq").delete_many({})
    clock.move_to(LAPSES_AT - timedelta(milliseconds=1))
    assert lapse_funding_goal(str(waiting.pk), LAPSE_SECONDS) == "too_early"
    assert settlement(waiting) is None
    ((args, lock),) = lapse_messages()
    assert (args, lock > as_stored(LAPSES_AT)) == ((str(waiting.pk), LAPSE_SECONDS), True)


def test_host_whose_clock_is_ahead_lapses_nothing(session: Session) -> None:
    """MongoDB's clock decides, not the host's clock."""
    goal = ShowFundingGoalFactory(session=session, exp=None, hesitation_countdown=60)
    ApiClient(session.user).post(f"/goals/{goal.pk}/close")
    ((args, lock),) = lapse_messages()
    with time_machine.travel(lock + HOUR, tick=False):
        assert (lapse_funding_goal(*args), reconcile_settlements()) == ("too_early", "lapsed 0")
    assert settlement(goal) is None
    assert [again[0] for again in lapse_messages()] == [args, args]


def test_message_for_another_moment_does_nothing(waiting: Goal, clock: Traveller) -> None:
    clock.move_to(LAPSES_AT + HOUR)
    assert lapse_funding_goal(str(waiting.pk), LAPSE_SECONDS + 1) == "not_lapsable"
    assert lapse_funding_goal("0" * 24, LAPSE_SECONDS) == "not_lapsable"
    assert settlement(waiting) is None


def test_reconciler_lapses_what_messages_have_missed(waiting: Goal, clock: Traveller) -> None:
    clock.move_to(LAPSES_AT + timedelta(seconds=5))
    assert reconcile_settlements() == "lapsed 0"  # the message may still come
    clock.move_to(LAPSES_AT + timedelta(seconds=6))
    assert (reconcile_settlements(), reconcile_settlements()) == ("lapsed 1", "lapsed 0")
    assert lapses(waiting) == 1
    (repaired,) = stored("repairs")
    assert (repaired["_id"], repaired["count"]) == ("goals.lapsed_by_reconciler", 1)


def test_run_that_takes_long_stops_and_reports_what_it_has_done(
    close: Close, clock: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("showgoals.settlement.tasks.RUN_SECONDS", 0.0)
    for _goal in range(2):
        close(hesitation_countdown=60)
    clock.move_to(LAPSES_AT + timedelta(seconds=6))

    assert [reconcile_settlements() for _run in range(3)] == ["lapsed 1", "lapsed 1", "lapsed 0"]

    (repaired,) = stored("repairs")
    assert (repaired["_id"], repaired["count"]) == ("goals.lapsed_by_reconciler", 2)


def test_goal_that_fails_does_not_stop_the_others(close: Close, clock: Traveller) -> None:
    broken, healthy = close(hesitation_countdown=60), close(hesitation_countdown=60)
    collection("goals").update_one({"_id": broken.pk}, {"$unset": {"metadata": ""}})
    clock.move_to(LAPSES_AT + timedelta(seconds=6))
    assert reconcile_settlements() == "lapsed 1"
    assert (settlement(broken), lapses(healthy)) == (None, 1)


def test_show_keeps_the_goal_from_lapsing(waiting: Goal, streamer: User, clock: Traveller) -> None:
    created = ApiClient(streamer).post("/goals?type=show", show_body(waiting))
    assert (created.status, lapse_messages(), stored_one("goals", waiting.pk)["lapses_at"]) == (201, [], None)
    clock.move_to(LAPSES_AT)
    assert lapse_funding_goal(str(waiting.pk), LAPSE_SECONDS) == "not_lapsable"


def test_lapsed_goal_gets_no_show(waiting: Goal, streamer: User, clock: Traveller) -> None:
    clock.move_to(LAPSES_AT)
    lapse_funding_goal(str(waiting.pk), LAPSE_SECONDS)
    before = everything_stored()
    created = ApiClient(streamer).post("/goals?type=show", show_body(waiting))
    assert (created.problem, everything_stored()) == ((409, "funding_lapsed", []), before)


def test_cancelled_show_can_be_revived_until_its_funding_goal_lapses(
    waiting: Goal, streamer: User, clock: Traveller
) -> None:
    client = ApiClient(streamer)
    show_id = client.post("/goals?type=show", show_body(waiting)).body["id"]
    nbf = {"nbf": SECONDS + 7200}
    clock.shift(timedelta(seconds=10, milliseconds=-100))
    assert client.post(f"/goals/{show_id}/cancel").status == 200
    assert lapse_messages() == [((str(waiting.pk), LAPSE_SECONDS + 11), as_stored(LAPSES_AT + timedelta(seconds=11)))]
    assert client.patch(f"/goals/{show_id}", nbf).status == 200
    assert (lapse_messages(), stored_one("goals", waiting.pk)["lapses_at"]) == ([], None)

    clock.shift(timedelta(seconds=10))
    client.post(f"/goals/{show_id}/cancel")
    ((args, _lock),) = lapse_messages()
    clock.shift(timedelta(seconds=62))
    assert (lapse_funding_goal(*args), settlement(waiting)["reason"]) == ("lapsed", "show_cancelled")
    before = everything_stored()
    for change in (nbf, {"levels": [{"title": "Longer", "target": 90}]}):
        assert client.patch(f"/goals/{show_id}", change).problem == (409, "funding_lapsed", [])
    assert client.post("/goals?type=show", show_body(waiting)).problem == (409, "funding_lapsed", [])
    assert everything_stored() == before


def test_goal_of_a_missed_show_lapses(waiting: Goal, streamer: User, clock: Traveller) -> None:
    ApiClient(streamer).post("/goals?type=show", show_body(waiting, nbf=SECONDS + 30))
    clock.shift(HOUR + timedelta(seconds=32))
    assert cancel_missed(now=WHOLE + HOUR + timedelta(seconds=32), until=math.inf) == 1
    ((args, _lock),) = lapse_messages()
    clock.shift(timedelta(seconds=62))
    assert lapse_funding_goal(*args) == "lapsed"


def test_goal_that_an_earlier_release_has_closed_never_lapses(waiting: Goal, streamer: User, clock: Traveller) -> None:
    fields, queued = {"lapses_at": "", "settlement": "", "lapsed_version": ""}, lapse_messages()
    collection("goals").update_one({"_id": waiting.pk}, {"$unset": fields})
    clock.shift(HOUR)
    assert (reconcile_settlements(), lapse_funding_goal(str(waiting.pk), LAPSE_SECONDS)) == ("lapsed 0", "not_lapsable")
    client = ApiClient(streamer)
    show = client.post("/goals?type=show", show_body(waiting, nbf=SECONDS + 7200))
    assert (show.status, client.post(f"/goals/{show.body['id']}/cancel").status) == (201, 200)
    assert (lapse_messages(), stored_one("goals", waiting.pk).get("lapses_at")) == (queued, None)


def test_show_of_an_earlier_release_keeps_the_goal_from_lapsing(
    waiting: Goal, streamer: User, clock: Traveller
) -> None:
    """During a deployment an old process creates the show, and leaves `lapses_at` as it is."""
    ApiClient(streamer).post("/goals?type=show", show_body(waiting))
    collection("goals").update_one({"_id": waiting.pk}, {"$set": {"lapses_at": LAPSES_AT}})
    clock.move_to(LAPSES_AT)
    assert lapse_funding_goal(str(waiting.pk), LAPSE_SECONDS) == "has_show"
    assert lapse_funding_goal(str(waiting.pk), LAPSE_SECONDS) == "not_lapsable"


def test_payment_that_is_folded_after_the_lapse_adds_to_its_sums(
    waiting: Goal, viewer: User, streamer: User, clock: Traveller
) -> None:
    clock.move_to(LAPSES_AT)
    lapse_funding_goal(str(waiting.pk), LAPSE_SECONDS)
    _pay_late(waiting, str(viewer.pk), str(streamer.pk))
    clock.shift(timedelta(seconds=3))
    reconcile_contributions()

    lapsed = stored_one("goals", waiting.pk)
    assert (lapsed["settlement"]["total"], lapsed["settlement"]["payers"], lapsed["progress"]) == (19, 2, 19)
    assert (lapsed["version"], lapsed["lapsed_version"]) == (4, 3)
    names = [row["name"] for row in timeline(waiting.pk) if row["kind"] == "signal"]
    assert names[-4:] == ["goal.lapsed", "goal.progressed", "payers.added", "settlement.decided"]


def _pay_late(goal: Goal, *viewers: str) -> None:
    collection("contributions").insert_many(
        {
            "funding_goal_id": str(goal.pk),
            "viewer_id": viewer,
            "amount": 7,
            "key": f"late {viewer}",
            "folded": False,
            "created_at": WHOLE,
        }
        for viewer in viewers
    )
