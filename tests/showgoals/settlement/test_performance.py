"""The end of a show decides whether its payments are earned, or whether a person has to decide."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from time_machine import Traveller

from api.audit import Author
from api.models import AuthorRole
from config.clock import now
from goals.models import Goal
from goals.settlements import SettlementState
from goals.suspects import Suspects
from goals.tasks import activate_goal, deactivate_goal
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from sessions_app.models import Session
from showgoals.settlement.deciding import NotInQuestion, decide_settlement
from showgoals.settlement.tasks import reconcile_settlements, settle_performances
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored, stored, stored_one
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import WHOLE

NBF = WHOLE + timedelta(seconds=10)
FILES = {"provider": {"files": [{"vid": "v1"}]}}


@pytest.fixture
def live(clock: Traveller, session: Session, viewer: User) -> Goal:
    """A show of a minute that has just started. The viewer has paid 5."""
    return start(session, viewer, clock)


def start(session: Session, viewer: User, clock: Traveller, **show: Any) -> Goal:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    goal = ShowGoalFactory(funding_goal=funding_goal, nbf=NBF, **show)
    clock.move_to(NBF)
    activate_goal(str(goal.pk), int(NBF.timestamp()))
    return Goal.objects.get(pk=goal.pk)


def end(show: Goal, clock: Traveller) -> Any:
    """End the show at its `access_exp`, and return its settlement."""
    ends_at = Goal.objects.get(pk=show.pk).window[1]
    clock.move_to(ends_at)
    assert deactivate_goal(str(show.pk), int(ends_at.timestamp())) == "ended"
    return settlement(show)


def settlement(show: Goal) -> Any:
    return stored_one("goals", show.context.funding_goal_id)["settlement"]


def verdict(show: Goal) -> tuple[str, str]:
    return settlement(show)["state"], settlement(show)["reason"]


def decisions(show: Goal) -> int:
    return len(stored("goal_timeline", goal_id=show.context.funding_goal_id, name="settlement.decided"))


def test_show_whose_streamer_has_begun_is_earned(live: Goal, streamer: User, clock: Traveller) -> None:
    assert settlement(live) is None
    ApiClient(streamer).post(f"/goals/{live.pk}/start")
    earned = end(live, clock)
    assert earned | {"decided_at": None} == {
        "state": "earned",
        "reason": "performed",
        "decided_at": None,
        "decided_by": None,
        "as_sold": True,
        "total": 5,
        "payers": 1,
    }


def test_recorded_show_is_earned(live: Goal, clock: Traveller) -> None:
    collection("recordings").update_one({"_id": live.pk}, {"$set": FILES})
    end(live, clock)
    assert verdict(live) == ("earned", "recorded")


def test_show_without_evidence_is_in_question_until_its_recording_is_found(live: Goal, clock: Traveller) -> None:
    end(live, clock)
    assert verdict(live) == ("in_question", "no_evidence")
    before = everything_stored()
    assert (settle_performances(), everything_stored()) == ("proven 0, former 0", before)
    collection("recordings").update_one({"_id": live.pk}, {"$set": FILES})
    assert [settle_performances(), settle_performances()] == ["proven 1, former 0", "proven 0, former 0"]
    assert (verdict(live), decisions(live), settlement(live)["as_sold"]) == (("earned", "recorded"), 2, True)


def test_nobody_decides_on_a_refund_after_the_recording_was_found(live: Goal, clock: Traveller) -> None:
    end(live, clock)
    collection("recordings").update_one({"_id": live.pk}, {"$set": FILES})
    mei = Author(AuthorRole.STAFF, "1" * 24, "mei")
    decision: dict[str, Any] = {"outcome": SettlementState.REFUND_DUE, "reason": "Nobody came.", "by": mei}
    with pytest.raises(NotInQuestion, match="A recording of the show was found"):
        run_in_transaction(lambda: decide_settlement(live.context.funding_goal_id, **decision, now=now()))
    settle_performances()
    assert verdict(live) == ("earned", "recorded")


def test_person_may_decide_what_the_recording_is_about_to_prove(live: Goal, clock: Traveller) -> None:
    end(live, clock)
    collection("recordings").update_one({"_id": live.pk}, {"$set": FILES})
    mei = Author(AuthorRole.STAFF, "1" * 24, "mei")
    decision: dict[str, Any] = {"outcome": SettlementState.EARNED, "reason": "I was there.", "by": mei}
    run_in_transaction(lambda: decide_settlement(live.context.funding_goal_id, **decision, now=now()))
    assert (settle_performances(), verdict(live)) == ("proven 0, former 0", ("earned", "I was there."))


def test_recording_changes_no_decision_of_a_person(live: Goal, clock: Traveller) -> None:
    end(live, clock)
    decided = {"settlement.state": "refund_due", "settlement.decided_by": "mei"}
    collection("goals").update_one({"settlement.reason": "no_evidence"}, {"$set": decided})
    collection("recordings").update_one({"_id": live.pk}, {"$set": FILES})
    assert settle_performances() == "proven 0, former 0"


@pytest.mark.parametrize("begins", [True, False])
def test_show_that_is_ended_early_is_in_question(
    live: Goal, streamer: User, session: Session, clock: Traveller, *, begins: bool
) -> None:
    client = ApiClient(streamer)
    if begins:
        client.post(f"/goals/{live.pk}/start")
    collection("recordings").update_one({"_id": live.pk}, {"$set": FILES})
    clock.shift(timedelta(seconds=30))
    assert client.post(f"/sessions/{session.pk}/end").status == 200
    assert (verdict(live), settle_performances()) == (("in_question", "ended_early"), "proven 0, former 0")


@pytest.mark.parametrize("path", ["/goals/{show}/end", "/sessions/{session}/end"])
def test_show_that_is_ended_after_its_full_length_is_earned(
    live: Goal, streamer: User, session: Session, clock: Traveller, path: str
) -> None:
    client = ApiClient(streamer)
    clock.move_to(NBF + timedelta(milliseconds=10))
    client.post(f"/goals/{live.pk}/start")
    clock.shift(timedelta(seconds=60, milliseconds=500))  # its last second has begun, because its start was rounded up
    assert client.post(path.format(show=live.pk, session=session.pk)).status == 200
    assert verdict(live) == ("earned", "performed")


@pytest.mark.parametrize(
    ("show", "as_sold"),
    [
        ({"target_seconds": 60}, True),
        ({"target_seconds": 61}, True),
        ({"target_seconds": 59}, False),
        ({"ticket_product_id": "another"}, False),
    ],
)
def test_settlement_says_whether_the_show_was_as_sold(
    show: dict[str, Any], clock: Traveller, session: Session, viewer: User, *, as_sold: bool
) -> None:
    assert end(start(session, viewer, clock, **show), clock)["as_sold"] is as_sold


def test_streamer_can_change_nothing_after_the_show(live: Goal, streamer: User, clock: Traveller) -> None:
    end(live, clock)
    before = stored("goals")
    client, path = ApiClient(streamer), f"/goals/{live.pk}"
    nbf = int(now().timestamp()) + 3600
    answers = [client.post(f"{path}/start"), client.post(f"{path}/cancel"), client.patch(path, {"nbf": nbf})]
    assert [answer.status for answer in answers] == [409, 409, 409]
    assert stored("goals") == before


def test_show_that_an_earlier_release_has_ended_is_settled(live: Goal, clock: Traveller) -> None:
    end(live, clock)
    collection("goals").update_many({}, {"$unset": {"settlement": "", "lapses_at": "", "lapsed_version": ""}})
    collection("goals").update_many({"_cls": "ShowFundingGoal"}, {"$set": {"active": False}})
    assert [settle_performances(), settle_performances()] == ["proven 0, former 1", "proven 0, former 0"]
    assert verdict(live) == ("in_question", "no_evidence")


def test_show_that_fails_does_not_stop_the_others(
    live: Goal, clock: Traveller, session: Session, viewer: User, suspects: Suspects
) -> None:
    end(live, clock)
    broken = ShowFundingGoalFactory(session=session, closed=True)
    in_question = stored_one("goals", live.context.funding_goal_id)["settlement"]
    failing = {"settlement": in_question, "context.show_goal_id": str(live.pk), "levels": "Tickets"}
    collection("goals").update_one({"_id": broken.pk}, {"$set": failing})
    collection("recordings").update_one({"_id": live.pk}, {"$set": FILES})
    assert [settle_performances(), settle_performances()] == ["proven 1, former 0", "proven 0, former 0"]
    assert verdict(live) == ("earned", "recorded")


def test_settled_show_never_lapses(live: Goal, clock: Traveller) -> None:
    end(live, clock)
    clock.shift(timedelta(days=2))
    assert (reconcile_settlements(), verdict(live)) == ("lapsed 0", ("in_question", "no_evidence"))
