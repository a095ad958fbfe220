"""The admin's page of a user: sessions, shows and payments, and buttons that deactivate and reactivate the account."""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from api.audit import author, record_change
from api.models import ServerKey
from desk.users.deactivating import deactivate
from goals.models import Goal
from ops.forgetting import forget
from sessions_app.models import Session
from showgoals.tasks import fold_contributions
from tests.desk.filling import filled
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored, stored
from tests.factories.goals import HOUR, ContributionFactory, SessionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW
from tests.factories.people import StaffFactory, UserFactory
from tests.factories.profiler import profiled
from tests.factories.threads import at_once
from tests.showgoals.pages import messages

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def boss() -> User:
    person: User = StaffFactory(username="boss", permissions=("view_user", "change_user", "view_goal", "cancel_goal"))
    return person


@pytest.fixture
def browser(boss: User) -> Client:
    return sign_in(boss)


@pytest.fixture
def show(session: Session, viewer: User) -> Goal:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    fold_contributions(str(funding_goal.pk))
    goal: Goal = ShowGoalFactory(funding_goal=funding_goal, nbf=NOW + HOUR)
    return goal


def sign_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def page(user: User, action: str = "change/") -> str:
    return reverse("admin:auth_user_change", args=[user.pk]).replace("change/", action)


def records() -> list[tuple[str, dict[str, Any], dict[str, Any], str]]:
    return [(each["action"], each["before"], each["after"], each["reason"]) for each in stored("change_records")]


def answer(browser: Client, user: User, **fields: str) -> Any:
    """Fill in the page that deactivates the user, and send it."""
    told = browser.get(page(user, "deactivate/")).context["form"]["told"].value()
    return browser.post(page(user, "deactivate/"), {"told": told, **fields}, follow=True)


def test_page_says_what_is_live_and_paid(browser: Client, streamer: User, viewer: User, show: Goal) -> None:
    ContributionFactory(funding_goal=ShowFundingGoalFactory(), viewer=streamer, amount=77)

    text = browser.get(page(streamer)).content.decode()

    for told in (
        reverse("admin:sessions_app_session_change", args=[show.conditions.session_id]),
        reverse("admin:goals_goal_change", args=[show.pk]),
        '(scheduled, <time datetime="2026-03-01T13:00:00Z">2026-03-01 13:00:00 UTC</time>, payers: 1)',
        ": 77 · ",
        f"/admin/goals/goal/?q={streamer.pk}",
        f"?about={streamer.pk}",
        page(streamer, "deactivate/"),
    ):
        assert told in text


def test_user_without_sessions_is_deactivated_after_a_question(browser: Client, viewer: User) -> None:
    client = ApiClient(viewer)
    assert "What becomes of them?" not in browser.get(page(viewer, "deactivate/")).content.decode()

    answer = browser.post(page(viewer, "deactivate/"), {"reason": "Asked by phone."}, follow=True)

    assert (answer.redirect_chain, messages(answer)) == (
        [(page(viewer), 302)],
        [f"User {viewer.username} is deactivated."],
    )
    assert client.get("/me").status == 401
    assert records() == [("deactivate", {"is_active": True}, {"is_active": False}, "Asked by phone.")]
    assert page(viewer, "reactivate/") in browser.get(page(viewer)).content.decode()


def _key(name: str, **fields: Any) -> ServerKey:
    fields = {"digest": name, "start": "sk_12345", "scopes": ["read"], "created_at": NOW, "created_by": "-", **fields}
    return ServerKey.objects.create(name=name, **fields)


@pytest.mark.parametrize(("choice", "revoked"), [("keep", set()), ("revoke", {"Old", "Tickets"})])
def test_keys_of_a_deactivated_user_stay_valid_or_are_revoked(boss: User, choice: str, revoked: set[str]) -> None:
    """The page names the keys that this user has made, but no keys of other people who had the same name."""
    maker = UserFactory(username="maker")
    keys = [_key("Old", created_by="maker"), _key("Tickets"), _key("Gone", created_by="maker", revoked_at=NOW)]
    _key("Other")
    _key("Former", created_by="maker", created_at=NOW - HOUR)
    record_change("add", keys[1], by=author(maker))
    record_change("add", _key("Renamed", created_by="maker"), by=author(boss))
    boss.user_permissions.add(Permission.objects.get(codename="add_serverkey"))
    browser = sign_in(boss)
    question = browser.get(page(maker, "deactivate/")).content.decode()
    named = [name for name in ("Old", "Tickets", "Gone", "Other", "Former", "Renamed") if f"{name} (" in question]
    assert named == ["Old", "Tickets"]
    assert list(browser.post(page(maker, "deactivate/"), {"reason": ""}).context["form"].errors) == ["keys"]

    answer(browser, maker, keys=choice, reason="Has left.")

    found = ServerKey.objects.exclude(revoked_at=None).exclude(name="Gone")
    assert {key.name for key in found} == revoked
    assert [action for action, *_rest in records()] == ["add", "add", "deactivate", *["revoke"] * len(revoked)]


def test_keys_are_only_named_to_a_person_who_may_not_revoke_them(browser: Client, viewer: User) -> None:
    key = _key("Tickets", created_by=viewer.username)
    assert "Tickets (" in browser.get(page(viewer, "deactivate/")).content.decode()

    browser.post(page(viewer, "deactivate/"), {"keys": "revoke", "reason": ""})

    assert (User.objects.get(pk=viewer.pk).is_active, ServerKey.objects.get(pk=key.pk).revoked_at) == (False, None)


def test_streamer_with_a_waiting_show_needs_an_answer_what_becomes_of_it(
    browser: Client, streamer: User, show: Goal
) -> None:
    before = everything_stored()
    question = browser.get(page(streamer, "deactivate/")).content.decode()
    answer = browser.post(page(streamer, "deactivate/"), {"reason": ""})

    assert reverse("admin:goals_goal_change", args=[show.pk]) in question
    assert (answer.status_code, list(answer.context["form"].errors)) == (200, ["sessions"])
    assert everything_stored() == before


@pytest.mark.parametrize(("choice", "statuses"), [("keep", {"scheduled"}), ("end", {"cancelled"})])
def test_shows_of_a_deactivated_streamer_go_on_or_are_cancelled(
    browser: Client, streamer: User, show: Goal, choice: str, statuses: set[str]
) -> None:
    answer(browser, streamer, sessions=choice, reason="Fraud.")

    assert not User.objects.get(pk=streamer.pk).is_active
    assert {Goal.objects.get(pk=show.pk).status(NOW).value} == statuses
    actions = [action for action, *_rest in records()]
    assert actions == (["deactivate"] if choice == "keep" else ["deactivate", "cancel_show_goal", "end_session"])
    assert Session.objects.get(pk=show.conditions.session_id).status == ("live" if choice == "keep" else "ended")


def test_interrupted_ending_can_be_repeated(browser: Client, streamer: User, show: Goal) -> None:
    answer(browser, streamer, sessions="keep")
    assert "End live sessions" in browser.get(page(streamer)).content.decode()
    answer(browser, streamer, sessions="end")
    assert "End live sessions" not in browser.get(page(streamer)).content.decode()

    assert [action for action, *_rest in records()] == ["deactivate", "cancel_show_goal", "end_session"]


def test_session_that_the_page_has_not_listed_does_not_end(
    browser: Client, streamer: User, show: Goal, viewer: User
) -> None:
    told = browser.get(page(streamer, "deactivate/")).context["form"]["told"].value()
    new = SessionFactory(user=streamer)
    before = everything_stored()

    again = answer(browser, streamer, sessions="end", told=told)

    assert "The list has changed since you opened the page." in again.content.decode()
    assert reverse("admin:sessions_app_session_change", args=[new.pk]) in again.content.decode()
    assert everything_stored() == before
    answer(browser, streamer, sessions="end", told=again.context["form"]["told"].value())
    assert not User.objects.get(pk=streamer.pk).is_active
    assert {session.status for session in Session.objects.all()} == {"ended"}


def test_sessions_for_which_no_time_is_left_are_said_and_end_later(
    browser: Client, streamer: User, show: Goal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _number in range(2):
        SessionFactory(user=streamer)
    monkeypatch.setattr("desk.users.deactivating.SESSION_SECONDS", 60)

    told = [messages(answer(browser, streamer, sessions="end")) for _time in range(3)]

    left, name = "Sessions that are still live: {}. Press the button again.", streamer.username
    assert told == [
        [f"User {name} is deactivated.", left.format(2)],
        [left.format(1)],
        [f"The live sessions of user {name} have ended."],
    ]
    assert {session.status for session in Session.objects.all()} == {"ended"}


def test_session_that_was_opened_just_before_the_deactivation_is_counted(
    streamer: User, show: Goal, boss: User
) -> None:
    listed = [Session.objects.get(pk=show.conditions.session_id)]
    SessionFactory(user=streamer)

    done = deactivate(streamer, sessions=listed, keys=[], by=author(boss), reason="", now=NOW)

    assert (done.was_active, done.sessions_left) == (True, 1)


def test_page_of_an_inactive_user_says_that_it_ends_sessions(browser: Client, streamer: User, show: Goal) -> None:
    answer(browser, streamer, sessions="keep")

    text = browser.get(page(streamer, "deactivate/")).content.decode()

    assert ("End live sessions" in text, "can&#x27;t sign in any more" in text) == (True, False)


def test_double_submit_and_two_people_at_once_deactivate_once(boss: User, viewer: User) -> None:
    other = StaffFactory(permissions=("view_user", "change_user"))
    clients = [sign_in(person) for person in (boss, boss, other)]

    answers = at_once([partial(client.post, page(viewer, "deactivate/"), {}) for client in clients])

    assert {answer.status_code for answer in answers} == {302}
    assert [action for action, *_rest in records()] == ["deactivate"]


def test_second_deactivation_says_that_nothing_was_changed(browser: Client, viewer: User) -> None:
    name = viewer.username
    for button, done, again in (
        ("deactivate/", f"User {name} is deactivated.", f"User {name} was deactivated already. Nothing was changed."),
        ("reactivate/", f"User {name} is active again.", f"User {name} was active already. Nothing was changed."),
    ):
        answers = [browser.post(page(viewer, button), {"reason": each}, follow=True) for each in ("first", "second")]
        assert [messages(answer) for answer in answers] == [[done], [again]]
    assert [reason for *_rest, reason in records()] == ["first", "first"]


@pytest.mark.parametrize("reason", ["\u200b", " \u3164 "])
def test_reason_of_which_people_see_nothing_is_refused(browser: Client, viewer: User, reason: str) -> None:
    answer = browser.post(page(viewer, "deactivate/"), {"reason": reason})
    assert "This field is required." in answer.content.decode()
    assert records() == []


def test_reactivated_user_signs_in_again_but_old_tokens_stay_ended(browser: Client, viewer: User) -> None:
    former = ApiClient(viewer)
    browser.post(page(viewer, "deactivate/"), {})
    browser.post(page(viewer, "reactivate/"), {"reason": "A mistake."})

    assert former.get("/me").status == 401
    assert ApiClient(User.objects.get(pk=viewer.pk)).get("/me").status in {200, 401}
    assert [action for action, *_rest in records()] == ["deactivate", "reactivate"]
    assert User.objects.get(pk=viewer.pk).is_active


def test_nobody_deactivates_themselves(browser: Client, boss: User) -> None:
    assert page(boss, "deactivate/") not in browser.get(page(boss)).content.decode()

    answer = browser.post(page(boss, "deactivate/"), {}, follow=True)

    assert messages(answer) == ["You can't deactivate yourself."]
    assert User.objects.get(pk=boss.pk).is_active


def test_old_form_does_not_deactivate_and_nobody_is_deleted(browser: Client, viewer: User) -> None:
    root = sign_in(User.objects.create_superuser("root"))

    assert (
        root.post(page(viewer), filled(root, page(viewer))).status_code == 302
    )  # a form without "active", as if the box were not ticked
    assert root.post(page(viewer, "delete/"), {"post": "yes"}).status_code == 403
    root.post("/admin/auth/user/", {"action": "delete_selected", "_selected_action": [str(viewer.pk)], "post": "yes"})
    assert User.objects.get(pk=viewer.pk).is_active


@pytest.mark.parametrize("action", ["deactivate/", "reactivate/"])
def test_odd_and_unknown_ids_lead_back(browser: Client, action: str) -> None:
    for odd in ("x", "f" * 24, "9" * 400):
        assert browser.get(f"/admin/auth/user/{odd}/{action}").status_code == 302


def test_change_of_a_user_is_recorded_without_names_and_addresses(viewer: User) -> None:
    root = sign_in(User.objects.create_superuser("root"))
    crew = Group.objects.create(name="crew")
    form = filled(root, page(viewer)) | {
        "username": "mei",
        "email": "mei@example.org",
        "is_staff": "on",
        "groups": [str(crew.pk)],
        "user_permissions": [str(Permission.objects.get(codename="view_goal").pk)],
    }

    assert root.post(page(viewer), form).status_code == 302

    ((action, before, after, _reason),) = records()
    assert (action, before) == ("change", {"is_staff": False, "groups": [], "user_permissions": []})
    assert after.pop("fields") == ["email", "username"]
    assert after == {"is_staff": True, "groups": ["crew"], "user_permissions": ["view_goal"]}
    assert "mei@example.org" not in str(stored("change_records"))


def test_other_changes_of_accounts_groups_and_keys_are_recorded(viewer: User) -> None:
    root = sign_in(User.objects.create_superuser("root"))
    new = {
        "username": "new",
        "usable_password": "true",
        "password1": "a long passphrase",
        "password2": "a long passphrase",
    }
    root.post("/admin/auth/user/add/", new)
    root.post(page(viewer, "password/"), {**new, "password1": "x" * 20, "password2": "x" * 20})
    root.post("/admin/auth/user/", {"action": "sign_out", "_selected_action": [str(viewer.pk)]})
    root.post("/admin/auth/group/add/", {"name": "crew"})
    crew = Group.objects.get(name="crew")
    crew_page = f"/admin/auth/group/{crew.pk}/change/"
    root.post(crew_page, filled(root, crew_page) | {"name": "team"})
    root.post(f"/admin/auth/group/{crew.pk}/delete/", {"post": "yes"})
    root.post("/admin/api/serverkey/add/", {"name": "Partner", "scopes": ["read"]})
    for _twice in range(2):
        root.post("/admin/api/serverkey/", {"action": "revoke", "_selected_action": [str(ServerKey.objects.get().pk)]})

    assert [(action, before, after) for action, before, after, _reason in records()] == [
        ("add", {}, _account(is_active=True)),
        ("set_password", {}, {}),
        ("sign_out_everywhere", {}, {}),
        ("add", {}, {"name": "crew", "permissions": []}),
        ("change", {"name": "crew"}, {"name": "team"}),
        ("delete", {"name": "team", "permissions": []}, {}),
        ("add", {}, {"name": "Partner", "scopes": ["read"]}),
        ("revoke", {}, {}),
    ]
    assert User.objects.get(username="new").check_password("a long passphrase")
    assert "sk_" not in str(stored("change_records"))


def test_forgetting_a_user_empties_the_reasons_about_them(browser: Client, boss: User) -> None:
    person: User = UserFactory(username="mei-lin")
    browser.post(page(person, "deactivate/"), {"reason": "Mei Lin has called."})

    forget(str(person.pk))

    ((action, _before, _after, reason),) = records()
    assert (action, reason) == ("deactivate", "")


@pytest.mark.parametrize("hanging", [1, 5])
def test_page_asks_the_same_for_any_number_of_sessions(browser: Client, streamer: User, hanging: int) -> None:
    for _number in range(hanging):
        session = SessionFactory(user=streamer)
        ShowFundingGoalFactory(session=session)
        ContributionFactory(funding_goal=ShowFundingGoalFactory(), viewer=streamer)
    browser.get(page(streamer))  # content types are cached
    with profiled() as profile:
        assert browser.get(page(streamer)).status_code == 200

    asked = [query for query in profile.queries if query.collection in {"sessions", "goals", "contributions"}]
    assert len(asked) <= 5
    assert len(profile.queries) <= 16
    assert "COLLSCAN" not in {stage for query in asked for stage in query.stages}


def _account(**flags: bool) -> dict[str, Any]:
    plain: dict[str, Any] = {"is_active": True, "is_staff": False, "is_superuser": False}
    return {**plain, **flags, "groups": [], "user_permissions": []}
