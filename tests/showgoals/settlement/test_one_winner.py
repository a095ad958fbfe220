"""If creations, a revival and a lapse come at the same instant, exactly one of them takes place."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from goals.models import Goal
from mongodb.collections import collection
from sessions_app.models import Session
from showgoals.settlement.tasks import lapse_funding_goal, reconcile_settlements
from tests.factories.bodies import show_body
from tests.factories.client import ApiClient
from tests.factories.documents import stored, stored_one
from tests.factories.goals import (
    HOUR,
    SessionFactory,
    ShowFundingGoalFactory,
    ShowGoalFactory,
    whole_second,
)
from tests.factories.threads import at_once

CREATIONS = 50
LAPSE, REVIVAL, CREATION = "lapse", "revival", "creation"


@pytest.mark.slow
@pytest.mark.parametrize("has_cancelled_show", [False, True])
def test_one_of_many_decides(streamer: User, viewer: User, *, has_cancelled_show: bool) -> None:
    hold_a_race(streamer, viewer, has_cancelled_show=has_cancelled_show, creations=10)


@pytest.mark.long
@pytest.mark.parametrize("has_cancelled_show", [False, True])
def test_one_of_fifty_and_two_decides_twenty_times(streamer: User, viewer: User, *, has_cancelled_show: bool) -> None:
    winners = Counter(
        hold_a_race(streamer, viewer, has_cancelled_show=has_cancelled_show, creations=CREATIONS) for _ in range(20)
    )
    assert winners.total() == 20
    assert set(winners) <= {LAPSE, REVIVAL if has_cancelled_show else CREATION}


def hold_a_race(streamer: User, viewer: User, *, has_cancelled_show: bool, creations: int) -> str:
    """Run creations, a revival and a lapse at once. Check that exactly one of them has won, and return which."""
    goal, show_id = due_to_lapse(SessionFactory(user=streamer), viewer, has_cancelled_show=has_cancelled_show)
    client, body = ApiClient(streamer), show_body(goal)
    nbf = {"nbf": int((whole_second() + HOUR).timestamp())}
    lapses_at = int((goal.lapses_at or timezone.now()).timestamp())
    answers = at_once(
        [
            *[partial(client.post, "/goals?type=show", body)] * creations,
            partial(client.patch, f"/goals/{show_id or '0' * 24}", nbf),
            partial(lapse_funding_goal, str(goal.pk), lapses_at),
            reconcile_settlements,
        ]
    )
    created = [answer for answer in answers[:creations] if answer.status == 201]
    revived = answers[creations].status == 200
    signals = stored("goal_timeline", goal_id=str(goal.pk), kind="signal", name="goal.lapsed")
    winners = [CREATION] * len(created) + [REVIVAL] * revived + [LAPSE] * len(signals)
    assert len(winners) == 1, winners
    check_stored(goal, lapsed=winners == [LAPSE])
    refusals = {answer.problem[:2] for answer in answers[:creations] if answer.status != 201}
    assert refusals <= {(409, "funding_lapsed"), (409, "show_goal_exists")}
    return winners[0]


def due_to_lapse(session: Session, viewer: User, *, has_cancelled_show: bool) -> tuple[Goal, str]:
    """Return a funding goal that should have lapsed a minute ago, and the id of its cancelled show, or ""."""
    goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    show_id = ""
    if has_cancelled_show:
        show_id = str(ShowGoalFactory(funding_goal=goal).pk)
        assert ApiClient(session.user).post(f"/goals/{show_id}/cancel").status == 200
    moment = whole_second() - timedelta(minutes=1)
    collection("goals").update_one({"_id": goal.pk}, {"$set": {"lapses_at": moment, "active": False}})
    return Goal.objects.get(pk=goal.pk), show_id


def check_stored(goal: Goal, *, lapsed: bool) -> None:
    """Check that the stored documents agree with the winner, and that the sums are complete."""
    document = stored_one("goals", goal.pk)
    paid = sum(payment["amount"] for payment in stored("contributions", funding_goal_id=str(goal.pk)))
    settlement, show_id = document["settlement"], document["context"]["show_goal_id"]
    assert (document["lapses_at"], document["progress"]) == (None, paid)
    if lapsed:
        assert (settlement["state"], settlement["total"]) == ("refund_due", paid)
        assert show_id is None or stored_one("goals", show_id)["cancelled_at"] is not None
    else:
        assert settlement is None
        assert stored_one("goals", show_id)["cancelled_at"] is None
