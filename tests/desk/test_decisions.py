"""The page of pending decisions with their evidence, and the pages that exclude a payer or end the exclusion."""

from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from goals.models import Goal
from goals.tasks import activate_goal
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from sessions_app.models import Session
from showgoals.live_shows import end_show
from showgoals.models import Exclusion
from showgoals.settlement.performance import settle_show
from showgoals.tasks import fold_contributions
from tests.factories.documents import everything_stored, stored
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW, SECONDS
from tests.factories.people import StaffFactory
from tests.factories.profiler import profiled
from tests.showgoals.pages import messages

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
PAGE = "/admin/decisions/"


def sign_in(*permissions: str) -> Client:
    client = Client()
    client.force_login(StaffFactory(permissions=permissions))
    return client


def in_question(session: Session, viewer: User) -> Goal:
    """Return the funding goal of a show that was ended early."""
    funding_goal: Goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    fold_contributions(str(funding_goal.pk))
    show = ShowGoalFactory(funding_goal=funding_goal, nbf=NOW, target_seconds=600)
    activate_goal(str(show.pk), SECONDS)
    run_in_transaction(lambda: end_show(str(show.pk), now=NOW, by=None))
    run_in_transaction(lambda: settle_show(str(show.pk), now=NOW))
    return Goal.objects.get(pk=funding_goal.pk)


def excluding(goal: Goal, viewer: User, what: str = "exclude") -> str:
    return reverse(f"decisions:{what}", args=[goal.pk, viewer.pk])


def test_decision_has_its_evidence_beside_it(session: Session, viewer: User) -> None:
    goal = in_question(session, viewer)

    text = sign_in("view_goal", "decide_settlement").get(PAGE).content.decode()

    for told in (
        *("The show ended early.", "payers: 1", "0:00:01 / 0:10:00"),
        reverse("admin:goals_goal_decide", args=[goal.pk]),
        reverse("admin:goals_goal_change", args=[goal.context.show_goal_id]),
    ):
        assert told in text


def test_goal_closed_before_settlements_waits_too(session: Session, viewer: User) -> None:
    goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    collection("goals").update_one({"_id": goal.pk}, {"$set": {"active": False, "lapses_at": None, "settlement": None}})

    text = sign_in("view_goal").get(PAGE).content.decode()
    assert "The funding goal was closed by an earlier release, and has no show." in text


def test_decide_button_and_page_need_their_permissions(session: Session, viewer: User) -> None:
    goal = in_question(session, viewer)

    assert reverse("admin:goals_goal_decide", args=[goal.pk]) not in sign_in("view_goal").get(PAGE).content.decode()
    assert sign_in("view_recording").get(PAGE).status_code == 403
    assert sign_in("view_goal", "change_goal").get(excluding(goal, viewer)).status_code == 403
    assert sign_in("view_goal", "change_goal").post(excluding(goal, viewer), {"reason": "x"}).status_code == 403
    assert Client().get(PAGE).status_code == 302


def test_list_of_models_leads_to_the_decisions() -> None:
    link = f'href="{PAGE}"'

    assert link in sign_in("view_goal").get("/admin/goals/").content.decode()
    assert link not in sign_in("view_recording").get("/admin/").content.decode()


@pytest.mark.parametrize("page", ["x", "99", "-1", "0"])
def test_odd_pages_are_no_error(page: str) -> None:
    answer = sign_in("view_goal").get(f"{PAGE}?p={page}")

    assert (answer.status_code, "Nothing waits for a decision." in answer.content.decode()) == (200, True)


def test_page_asks_the_same_for_any_number_of_decisions(session: Session, viewer: User) -> None:
    client, counts = sign_in("view_goal"), []
    for _round in range(2):
        for _number in range(3):
            in_question(session, viewer)
            collection("goals").update_many({}, {"$set": {"activated_at": NOW, "exp": NOW}})
        with profiled() as profile:
            assert client.get(PAGE).status_code == 200
        counts.append(len(profile.queries))

    assert counts[0] == counts[1] <= 12


def test_payer_is_taken_out_and_back_in_with_reasons(session: Session, viewer: User) -> None:
    goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    client = sign_in("view_goal", "exclude_payers")
    payer_page = reverse("desk:payer", args=[goal.pk, viewer.pk])

    taken = client.post(excluding(goal, viewer), {"reason": "A chargeback."}, follow=True)
    assert (taken.redirect_chain, messages(taken)) == ([(payer_page, 302)], ["Taken out."])
    text = client.get(excluding(goal, viewer, "include")).content.decode()
    assert "A chargeback." in text
    assert "Payer: viewer ·" in text
    twice = client.post(excluding(goal, viewer), {"reason": "Twice."}, follow=True)
    assert messages(twice) == ["Nothing was changed: the payer had been taken out before."]
    back = [
        client.post(excluding(goal, viewer, "include"), {"reason": reason}, follow=True)
        for reason in ("A mistake.", "Twice.")
    ]

    assert [messages(answer) for answer in back] == [
        ["The payer is in again."],
        ["Nothing was changed: the payer is not taken out."],
    ]
    assert not Exclusion.objects.exists()
    assert [(record["action"], record["reason"]) for record in stored("change_records")] == [
        ("exclude_payer", "A chargeback."),
        ("include_payer", "A mistake."),
    ]


@pytest.mark.parametrize("form", [{}, {"reason": " "}, {"reason": "x" * 401}])
def test_reason_is_needed(session: Session, viewer: User, form: Any) -> None:
    goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    client, before = sign_in("view_goal", "exclude_payers"), everything_stored()
    answer = client.post(excluding(goal, viewer), form)

    assert (answer.status_code, list(answer.context["form"].errors)) == (200, ["reason"])
    assert {name: kept for name, kept in everything_stored().items() if name == "exclusions"} == {
        name: kept for name, kept in before.items() if name == "exclusions"
    }


def test_who_has_not_paid_and_odd_ids_are_said(session: Session, streamer: User) -> None:
    goal = ShowFundingGoalFactory(session=session, closed=True)
    client = sign_in("view_goal", "exclude_payers")

    answer = client.post(excluding(goal, streamer), {"reason": "x"}, follow=True)

    assert len(messages(answer)) == 1
    assert not Exclusion.objects.exists()
    for goal_id, viewer_id in (("x", streamer.pk), (ObjectId(), streamer.pk), (goal.pk, "x")):
        assert client.get(reverse("decisions:exclude", args=[goal_id, viewer_id])).status_code == 404
