"""Every change of a goal by a person leaves a record with the author, time, reason, request, and old and new values."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from api.audit import Author, author
from api.models import AuthorRole
from goals.models import Goal
from goals.settlements import SettlementState
from goals.tasks import activate_goal
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from sessions_app.models import Session
from showgoals.changes import cancel_show_goal, move_show_goal
from showgoals.closing import close_funding_goal
from showgoals.settlement.deciding import decide_settlement
from tests.factories.client import ApiClient
from tests.factories.documents import stored
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW, SECONDS
from tests.factories.people import MEI, StaffFactory
from tests.factories.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def show(session: Session, viewer: User) -> Goal:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    goal: Goal = ShowGoalFactory(funding_goal=funding_goal, nbf=NOW + HOUR)
    return goal


def records() -> list[dict[str, Any]]:
    return stored("change_records")


def brief() -> list[tuple[str, str, dict[str, Any], dict[str, Any], str]]:
    return [(each["action"], each["by_role"], each["before"], each["after"], each["reason"]) for each in records()]


def test_record_of_a_move_is_whole(streamer: User, streamer_client: ApiClient, show: Goal) -> None:
    answer = streamer_client.patch(f"/goals/{show.pk}", {"levels": [{"title": "Finale", "target": 90}]})

    (record,) = records()
    assert record.pop("_id").generation_time.timestamp() > 0
    assert record == {
        "at": NOW.replace(tzinfo=None),
        "action": "move_show_goal",
        "by_role": "streamer",
        "by_id": str(streamer.pk),
        "subject_type": "goals.goal",
        "subject_id": str(show.pk),
        "about": [str(streamer.pk)],
        "before": {"title": show.levels[0].title, "target": show.levels[0].target},
        "after": {"title": "Finale", "target": 90},
        "reason": "",
        "request_id": answer.headers["X-Request-ID"],
    }


def test_what_changes_nothing_leaves_no_record(streamer_client: ApiClient, show: Goal) -> None:
    streamer_client.patch(f"/goals/{show.pk}", {"nbf": SECONDS + 3600})
    streamer_client.post(f"/goals/{show.pk}/cancel", {"reason": "ill"})
    streamer_client.post(f"/goals/{show.pk}/cancel", {"reason": "ill again"})

    assert brief() == [("cancel_show_goal", "streamer", {"cancelled": False}, {"cancelled": True}, "ill")]


def test_refused_change_leaves_no_record(show: Goal) -> None:
    def move_then_fail() -> None:
        move_show_goal(str(show.pk), now=NOW, nbf=NOW + 2 * HOUR, by=MEI)
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        run_in_transaction(move_then_fail)

    assert records() == []


def test_product_itself_leaves_no_record(show: Goal) -> None:
    run_in_transaction(lambda: cancel_show_goal(str(show.pk), now=NOW))

    assert records() == []


def test_reason_and_author_of_a_use_case_are_kept(show: Goal) -> None:
    move: dict[str, Any] = {
        "now": NOW,
        "nbf": NOW + 2 * HOUR,
        "by": MEI,
        "reason": "The streamer has called.",
        "level": None,
    }
    run_in_transaction(lambda: move_show_goal(str(show.pk), **move))

    (record,) = records()
    assert (record["reason"], record["by_id"], record["by_role"]) == ("The streamer has called.", MEI.id, "staff")
    assert (record["before"], record["after"]) == (
        {"nbf": "2026-03-01 13:00:00"},
        {"nbf": "2026-03-01 14:00:00"},
    )


def test_lives_of_a_show_and_its_funding_goal_are_recorded(
    session: Session, streamer: User, streamer_client: ApiClient, viewer: User, show: Goal
) -> None:
    staff = ApiClient(StaffFactory(permissions=("view_goal", "exclude_payers", "send_again", "cancel_goal")))
    open_goal = ShowFundingGoalFactory(session=session)
    streamer_client.patch(f"/goals/{open_goal.pk}", {"exp": SECONDS + 60})
    streamer_client.post(f"/goals/{open_goal.pk}/close", {})
    streamer_client.patch(f"/goals/{show.pk}", {"nbf": SECONDS})
    activate_goal(str(show.pk), SECONDS)
    streamer_client.post(f"/goals/{show.pk}/start", {})
    streamer_client.post(f"/goals/{show.pk}/extend", {"seconds": 60})
    staff.post(f"/goals/{show.pk}/redeliver", {})
    staff.post(f"/goals/{show.pk}/payers/{viewer.pk}/exclude", {"reason": "A chargeback."})
    staff.post(f"/goals/{show.pk}/payers/{viewer.pk}/exclude", {"reason": "Again."})
    staff.post(f"/goals/{show.pk}/payers/{viewer.pk}/include", {"reason": "A mistake."})
    staff.post(f"/goals/{show.pk}/end", {})
    streamer_client.post(f"/sessions/{session.pk}/end", {"cancel_shows": True})

    assert [(action, role, reason) for action, role, _before, _after, reason in brief()] == [
        ("move_funding_end", "streamer", ""),
        ("close_funding_goal", "streamer", ""),
        ("move_show_goal", "streamer", ""),
        ("begin_show", "streamer", ""),
        ("extend_show", "streamer", ""),
        ("redeliver", "staff", ""),
        ("exclude_payer", "staff", "A chargeback."),
        ("include_payer", "staff", "A mistake."),
        ("end_show", "staff", ""),
        ("end_session", "streamer", ""),
    ]
    excluded = next(each for each in records() if each["action"] == "exclude_payer")
    assert excluded["about"] == [str(streamer.pk), str(viewer.pk)]
    assert excluded["after"] == {"excluded": True, "viewer_id": str(viewer.pk)}


def test_decision_is_recorded(session: Session, viewer: User) -> None:
    goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    waiting = {"settlement": {"state": "in_question", "reason": "?", "decided_at": NOW, "total": 5, "payers": 1}}
    collection("goals").update_one({"_id": goal.pk}, {"$set": {**waiting, "active": False}})
    decision: dict[str, Any] = {"outcome": SettlementState.EARNED, "reason": "It was fine.", "by": MEI, "now": NOW}
    run_in_transaction(lambda: decide_settlement(str(goal.pk), **decision))

    assert brief() == [
        ("decide_settlement", "staff", {"settlement": "in_question"}, {"settlement": "earned"}, "It was fine.")
    ]


def test_two_people_at_once_leave_a_record_each(show: Goal) -> None:
    people = [Author(AuthorRole.STAFF, str(number) * 24, f"person {number}") for number in range(2)]

    def change(person: Author) -> None:
        level = {"title": person.name, "target": 60}
        run_in_transaction(lambda: move_show_goal(str(show.pk), now=NOW, level=level, by=person))

    at_once([partial(change, person) for person in people])

    first, second = records()
    assert {first["by_id"], second["by_id"]} == {person.id for person in people}
    assert second["before"]["title"] == first["after"]["title"]


def test_close_by_staff_has_a_reason(session: Session) -> None:
    goal = ShowFundingGoalFactory(session=session, exp=NOW + timedelta(hours=1))
    run_in_transaction(lambda: close_funding_goal(str(goal.pk), now=NOW, by=MEI, reason="Asked by phone."))

    assert [(row[0], row[4]) for row in brief()] == [("close_funding_goal", "Asked by phone.")]


def test_author_is_the_streamer_only_of_own_things(streamer: User, admin: Client) -> None:
    assert str(author(streamer, owner_id=str(streamer.pk))) == f"streamer {streamer.username}"
    assert str(author(streamer, owner_id="0" * 24)) == f"staff {streamer.username}"
    assert timezone.now() == NOW
