"""A form of the admin writes only the fields that were edited, and only if the show has not changed since."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from time_machine import Traveller

from goals.models import Goal
from goals.tasks import activate_goal
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored, queued_messages
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW
from tests.showgoals.pages import messages, open_form, page, split, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
EACH_LANGUAGE = pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
LIST = "/admin/goals/goal/"
NBF = datetime(2026, 3, 1, 20, 15, 37, tzinfo=UTC)  # not on the full minute


@pytest.fixture
def show(session: Session) -> Goal:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True)
    goal: Goal = ShowGoalFactory(funding_goal=funding_goal, nbf=NBF, title=" Encore & <more> ")
    return goal


@EACH_LANGUAGE
@pytest.mark.parametrize("status", ["scheduled", "cancelled"])
def test_untouched_form_writes_nothing_and_says_so(
    admin: Client, streamer_client: ApiClient, show: Goal, language: str, status: str
) -> None:
    if status == "cancelled":
        streamer_client.post(f"/goals/{show.pk}/cancel", {})
    fields = open_form(admin, page(show), accept_language=language)
    before = everything_stored()
    url = f"{page(show)}?lang={language}"

    for button, leads_to in (("_save", LIST), ("_continue", url)):
        response = admin.post(url, {**fields, button: "Save"}, headers={"Accept-Language": language}, follow=True)

        assert response.redirect_chain == [(leads_to, 302)]
        assert messages(response) == [{"en": "Nothing was changed.", "zh-hant": "沒有任何變更。"}[language]]
    assert ("nbf_0" in fields) == (status == "scheduled")
    assert everything_stored() == before


@EACH_LANGUAGE
def test_form_shows_and_takes_seconds(admin: Client, show: Goal, language: str) -> None:
    fields = open_form(admin, page(show), accept_language=language)
    assert (fields["nbf_0"], fields["nbf_1"]) == ("2026-03-01", "20:15:37")

    admin.post(page(show), {**fields, "nbf_1": "20:15:38"}, headers={"Accept-Language": language})

    assert stored(show).nbf == NBF + timedelta(seconds=1)


@EACH_LANGUAGE
def test_form_of_a_user_has_no_moments_that_could_lose_their_seconds(admin: Client, language: str) -> None:
    user = User.objects.get(username="admin")

    fields = open_form(admin, reverse("admin:auth_user_change", args=[user.pk]), accept_language=language)

    assert "username" in fields
    assert [name for name in fields if name.startswith(("last_login", "date_joined"))] == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"title": "Finale"}, (NBF, "Finale", 60)),
        ({"target_seconds": "90"}, (NBF, " Encore & <more> ", 90)),
        (split(NBF + HOUR), (NBF + HOUR, " Encore & <more> ", 60)),
        ({"title": "Finale", **split(NBF + HOUR)}, (NBF + HOUR, "Finale", 60)),
    ],
)
def test_form_writes_what_was_changed(admin: Client, show: Goal, change: dict[str, str], expected: Any) -> None:
    fields = open_form(admin, page(show))

    response = admin.post(page(show), {**fields, **change}, follow=True)

    changed = stored(show)
    assert response.redirect_chain == [(LIST, 302)]
    assert (changed.nbf, changed.levels[0].title, changed.levels[0].target) == expected
    assert changed.version == show.version + 1
    assert LogEntry.objects.count() == 1


def test_title_of_a_cancelled_show_changes_without_bringing_it_back(
    admin: Client, streamer_client: ApiClient, show: Goal
) -> None:
    streamer_client.post(f"/goals/{show.pk}/cancel", {})
    fields = open_form(admin, page(show))

    admin.post(page(show), {**fields, "title": "Finale", **split(NBF + HOUR)})

    changed = stored(show)
    assert (changed.status(timezone.now()), changed.levels[0].title, changed.nbf) == ("cancelled", "Finale", NBF)
    assert [message.args for message in queued_messages("activate_goal")] == []


def test_old_form_does_not_overwrite_what_the_streamer_did(
    admin: Client, streamer_client: ApiClient, show: Goal
) -> None:
    fields = open_form(admin, page(show))
    later = int(NBF.timestamp()) + 3600
    level = {"title": "<b>Finale</b>", "target": 90}
    streamer_client.patch(f"/goals/{show.pk}", {"nbf": later, "levels": [level]})
    before = everything_stored()

    response = admin.post(page(show), {**fields, "title": "Mine"}, follow=True)

    assert everything_stored() == before
    assert response.redirect_chain == [(page(show), 302)]
    assert messages(response) == [
        (
            "The show has changed since you opened the page, so nothing was written."
            "<br>Starts at: 2026-03-01 20:15:37 when you opened the page, 2026-03-01 21:15:37 now."
            "<br>Title:  Encore &amp; &lt;more&gt;  when you opened the page, &lt;b&gt;Finale&lt;/b&gt; now."
            "<br>Length in seconds: 60 when you opened the page, 90 now."
            "<br>version 2, streamer streamer: nbf 2026-03-01 20:15:37 -&gt; 2026-03-01 21:15:37;"
            " title &quot; Encore &amp; &lt;more&gt; &quot; -&gt; &quot;&lt;b&gt;Finale&lt;/b&gt;&quot;;"
            " target 60 -&gt; 90"
        )
    ]


def test_old_form_is_told_of_the_last_changes_only(admin: Client, streamer_client: ApiClient, show: Goal) -> None:
    fields = open_form(admin, page(show))
    for seconds in range(61, 73):
        streamer_client.patch(f"/goals/{show.pk}", {"levels": [{"title": "Encore", "target": seconds}]})

    response = admin.post(page(show), {**fields, "title": "Mine"}, follow=True)

    (message,) = messages(response)
    last = [f"version {target - 59}, streamer streamer: target {target - 1} -&gt; {target}" for target in range(63, 73)]
    assert message.split("<br>")[3:] == last


@pytest.mark.parametrize("change", [{"title": "Mine"}, split(NBF + HOUR), {}], ids=["title", "nbf", "nothing"])
def test_old_form_does_not_bring_a_cancelled_show_back(
    admin: Client, streamer_client: ApiClient, show: Goal, change: dict[str, str]
) -> None:
    fields = open_form(admin, page(show))
    streamer_client.post(f"/goals/{show.pk}/cancel", {"reason": "ill"})
    before = everything_stored()

    response = admin.post(page(show), {**fields, **change}, follow=True)

    assert everything_stored() == before
    assert messages(response) == [
        (
            "The show has changed since you opened the page, so nothing was written."
            "<br>status: scheduled when you opened the page, cancelled now."
            "<br>version 2, streamer streamer: cancelled"
        )
    ]


def test_second_of_two_forms_is_shown_the_change_of_the_first(admin: Client, show: Goal) -> None:
    other = Client()
    other.force_login(User.objects.create_superuser("other"))
    first, second = open_form(admin, page(show)), open_form(other, page(show))

    admin.post(page(show), {**first, "target_seconds": "90"})
    response = other.post(page(show), {**second, "target_seconds": "120"}, follow=True)

    assert stored(show).levels[0].target == 90
    assert messages(response) == [
        (
            "The show has changed since you opened the page, so nothing was written."
            "<br>Length in seconds: 60 when you opened the page, 90 now."
            "<br>version 2, staff admin: target 60 -&gt; 90"
        )
    ]


def test_form_of_a_show_that_has_started_since_says_so(admin: Client, show: Goal, clock: Traveller) -> None:
    fields = open_form(admin, page(show))
    clock.move_to(NBF)
    activate_goal(str(show.pk), int(NBF.timestamp()))
    before = everything_stored()

    response = admin.post(page(show), {**fields, "title": "Mine"}, follow=True)

    assert everything_stored() == before
    assert messages(response) == [
        (
            "The show has changed since you opened the page, so nothing was written."
            "<br>status: scheduled when you opened the page, live now."
        )
    ]


def test_conflict_says_the_status_in_the_language_of_the_reader(admin: Client, show: Goal, clock: Traveller) -> None:
    fields = open_form(admin, page(show))
    clock.move_to(NBF)
    activate_goal(str(show.pk), int(NBF.timestamp()))

    response = admin.post(page(show), fields, headers={"Accept-Language": "zh-hant"}, follow=True)

    (message,) = messages(response)
    assert ("已排定" in message, "進行中" in message, "scheduled" in message) == (True, True, False)


def test_form_without_the_version_that_it_has_seen_is_refused(admin: Client, show: Goal) -> None:
    fields = open_form(admin, page(show))
    del fields["seen_version"]
    before = everything_stored()

    response = admin.post(page(show), {**fields, "title": "Mine"})

    assert response.context["adminform"].form.errors == {"seen_version": ["Reload the page."]}
    assert everything_stored() == before


@EACH_LANGUAGE
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("nbf", split(NOW - timedelta(seconds=1))),
        ("nbf", {"nbf_0": "0001-01-01"}),
        ("nbf", {"nbf_0": "1970-01-01", "nbf_1": "00:10:00"}),
        ("nbf", split(NOW + timedelta(days=365, seconds=1))),
        ("nbf", {"nbf_0": "9999-12-31", "nbf_1": "23:59:59"}),
        ("nbf", {"nbf_0": "10000-01-01"}),
        ("nbf", {"nbf_1": "20:15:37.5"}),
        ("nbf", {"nbf_0": ""}),
        ("title", {"title": ""}),
        ("title", {"title": "  "}),
        ("title", {"title": "two\nlines"}),
        ("title", {"title": "x" * 201}),
        ("target_seconds", {"target_seconds": "0"}),
        ("target_seconds", {"target_seconds": "86401"}),
        ("target_seconds", {"target_seconds": "1.5"}),
        ("target_seconds", {"target_seconds": "9" * 30}),
    ],
)
def test_bounds_are_those_of_the_api(
    admin: Client, show: Goal, language: str, field: str, change: dict[str, str]
) -> None:
    fields = open_form(admin, page(show))
    before = everything_stored()

    response = admin.post(page(show), {**fields, **change}, headers={"Accept-Language": language})

    assert (response.status_code, list(response.context["adminform"].form.errors)) == (200, [field])
    assert everything_stored() == before


def test_nbf_in_a_year_is_accepted(admin: Client, show: Goal) -> None:
    latest = NOW.replace(microsecond=0) + timedelta(days=365)
    admin.post(page(show), {**open_form(admin, page(show)), **split(latest)})
    assert stored(show).nbf == latest


def test_past_nbf_is_refused_and_names_the_button(admin: Client, show: Goal) -> None:
    fields = open_form(admin, page(show))

    response = admin.post(page(show), {**fields, **split(NOW - HOUR)})

    assert response.context["adminform"].form.errors == {
        "nbf": ["This time has passed. To start the show at once, use the button “Start now”."]
    }
    assert "Start now" in response.content.decode()


def test_title_of_a_show_that_is_due_can_be_changed(admin: Client, show: Goal, clock: Traveller) -> None:
    """The show's `nbf` has passed, but the form does not change it."""
    clock.move_to(NBF + timedelta(seconds=2))

    admin.post(page(show), {**open_form(admin, page(show)), "title": "Finale"})

    assert (stored(show).levels[0].title, stored(show).nbf) == ("Finale", NBF)
