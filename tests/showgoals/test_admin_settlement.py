"""The admin lists the funding goals that wait for a decision, and a person decides on a separate page."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from goals.models import Goal
from goals.tasks import activate_goal, deactivate_goal
from mongodb.collections import collection
from sessions_app.models import Session
from tests.factories.documents import everything_stored, stored_one, timeline
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.factories.people import StaffFactory

LIST = reverse("admin:goals_goal_changelist")
DECISION = {"outcome": "refund_due", "reason": "The streamer did not come."}


@pytest.fixture
def in_question(session: Session, viewer: User) -> Goal:
    """A funding goal whose show has ended, though nothing proves that it was performed."""
    goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    show = ShowGoalFactory(funding_goal=goal, nbf=whole_second(), target_seconds=1)
    activate_goal(str(show.pk), int(show.window[0].timestamp()))
    begun = whole_second() - timedelta(seconds=5)
    collection("goals").update_one({"_id": show.pk}, {"$set": {"nbf": begun}})
    assert deactivate_goal(str(show.pk), int(begun.timestamp()) + 1) == "ended"
    return Goal.objects.get(pk=goal.pk)


def decide_page(goal: Goal) -> str:
    return reverse("admin:goals_goal_decide", args=[goal.pk])


def listed(admin: Client) -> set[Any]:
    answer: Any = admin.get(LIST, {"payments": "waiting"})
    return {goal.pk for goal in answer.context["cl"].result_list}


def test_list_holds_what_waits_for_a_decision(admin: Client, session: Session, in_question: Goal) -> None:
    """The list has the goal in question, and two that an earlier release has closed and that wait for a show.

    A goal with a show and an open goal are not listed.
    """
    former, cancelled, with_show = (ShowFundingGoalFactory(session=session, closed=True) for _ in range(3))
    ShowFundingGoalFactory(session=session)
    shows = [
        ShowGoalFactory(funding_goal=goal, nbf=whole_second() + timedelta(hours=hours))
        for hours, goal in ((2, cancelled), (4, with_show))
    ]
    collection("goals").update_one({"_id": shows[0].pk}, {"$set": {"cancelled_at": whole_second()}})
    ended = [goal.pk for goal in (former, cancelled, with_show)]
    collection("goals").update_many({"_id": {"$in": ended}}, {"$set": {"active": False}})
    assert listed(admin) == {in_question.pk, former.pk, cancelled.pk}
    assert admin.get(LIST).status_code == 200


def test_person_decides_with_a_reason(admin: Client, in_question: Goal) -> None:
    page = reverse("admin:goals_goal_change", args=[in_question.pk])
    assert decide_page(in_question) in admin.get(page).content.decode()
    shown = admin.get(page).content.decode()
    for fact in (
        "state: in question",
        "reason: Nothing proves that the show was performed.",
        "decided by: -",
        "as sold: no",
        "total: 5",
        "payers: 1",
    ):
        assert fact in shown
    answer = admin.post(decide_page(in_question), DECISION, follow=True)
    assert "Decided: refund due" in answer.content.decode()
    settlement = stored_one("goals", in_question.pk)["settlement"]
    assert (settlement["state"], settlement["reason"], settlement["decided_by"]) == (*DECISION.values(), "admin")
    (row,) = [row for row in timeline(in_question.pk) if row["outcome"] == "changed_by"]
    assert row["detail"].endswith("staff admin: refund_due: The streamer did not come.")
    assert [entry.object_id for entry in LogEntry.objects.all()] == [str(in_question.pk)]
    assert listed(admin) == set()
    assert decide_page(in_question) not in admin.get(page).content.decode()


@pytest.mark.parametrize("decision", [{"outcome": "earned"}, {**DECISION, "reason": "  "}, {**DECISION, "outcome": ""}])
def test_decision_needs_an_outcome_and_a_reason(admin: Client, in_question: Goal, decision: dict[str, str]) -> None:
    before = everything_stored()["goals"]
    answer = admin.post(decide_page(in_question), decision)
    assert (answer.status_code, everything_stored()["goals"]) == (200, before)
    assert "This field is required." in answer.content.decode()


def test_second_person_is_told_that_it_was_decided(admin: Client, in_question: Goal) -> None:
    admin.post(decide_page(in_question), DECISION)
    before = everything_stored()["goals"]
    answer = admin.post(decide_page(in_question), {**DECISION, "outcome": "earned"}, follow=True)
    assert "It has already been decided: refund due (The streamer did not come.)." in answer.content.decode()
    assert everything_stored()["goals"] == before


def test_goal_without_a_question_has_nothing_to_decide(admin: Client, session: Session) -> None:
    goal = ShowFundingGoalFactory(session=session, closed=True)
    for answer in (admin.get(decide_page(goal), follow=True), admin.post(decide_page(goal), DECISION, follow=True)):
        assert "There is nothing to decide: the payments" in answer.content.decode()


def test_page_leads_to_the_show_and_its_recording(admin: Client, in_question: Goal) -> None:
    show_id = in_question.context.show_goal_id
    recording = reverse("admin:sessions_app_recording_change", args=[show_id])
    links = [reverse("admin:goals_goal_change", args=[show_id]), recording]
    content = admin.get(decide_page(in_question)).content.decode()
    assert [link in content for link in links] == [True, True]
    assert links[0] in admin.get(reverse("admin:goals_goal_change", args=[in_question.pk])).content.decode()

    collection("recordings").delete_one({"_id": ObjectId(show_id)})
    content = admin.get(decide_page(in_question)).content.decode()
    assert [link in content for link in links] == [True, False]


def test_decision_needs_its_permission(in_question: Goal) -> None:
    client = Client()
    client.force_login(StaffFactory(permissions=("view_goal", "change_goal")))
    page = client.get(reverse("admin:goals_goal_change", args=[in_question.pk]))
    assert (page.status_code, decide_page(in_question) in page.content.decode()) == (200, False)
    assert [client.get(decide_page(in_question)).status_code, client.post(decide_page(in_question)).status_code] == [
        403,
        403,
    ]


def test_page_is_translated(admin: Client, in_question: Goal) -> None:
    content = admin.get(decide_page(in_question), headers={"Accept-Language": "zh-hant"}).content.decode()
    assert "應退款" in content
    assert "This can" not in content
