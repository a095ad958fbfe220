"""The admin for people who use a screen reader or only a keyboard. axe-core checks every page in two looks."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User

from api.audit import Author, record_change
from api.models import AuthorRole, ServerKey
from mongodb.collections import collection
from sessions_app.models import Recording, RecordingState
from taskqueue.results import RESULTS
from tests.browser.accessibility import findings
from tests.browser.chromium import Chromium, Page
from tests.browser.site import Site, wait_until
from tests.browser.staff import create_staff, open_front_page

pytestmark = [
    pytest.mark.needs("chromium", "npm"),
    pytest.mark.e2e,
    pytest.mark.long,
    pytest.mark.django_db,
    pytest.mark.timeout(300),
]

# Language, colours, and the width of the screen.
LOOKS = [("en", "light", 1400), ("zh-hant", "dark", 390)]
MOST_TABS = 80
FOCUSED = "(e => e ? (e.value || e.innerText || '').trim() : '')(document.activeElement)"  # empty while a page loads
TEXT = "(document.body || {}).innerText || ''"
# Django's own widgets break these rules. The search field is labelled by an image with an alternative text. The help
# icons beside two lists of choices have a label, but no role.
OF_DJANGO = ("serious label-title-only #searchbar:", "serious aria-prohibited-attr ")
BESIDES = ("/admin/", "/admin/find/?q=show", "/admin/decisions/", "/admin/no-such-page/", "/admin/auth/user/add/")


@pytest.fixture
def page(desk: Site, chromium: Chromium) -> Page:
    """The admin's front page, after a superuser has signed in."""
    boss = create_staff("boss")
    show = desk.create_show(starts_in_seconds=3600)
    now = datetime.now(UTC)
    Recording.objects.create(pk=show.goal_id, state=RecordingState.FAILED, error="BytePlus: 500", requested_at=now)
    ServerKey.objects.create(name="Tickets", digest="x", start="sk_12345", scopes=["read"], created_at=now)
    record_change("end_show", boss, by=Author(AuthorRole.STAFF, str(boss.pk), "boss"), reason="Asked by phone.")
    collection(RESULTS).insert_one(failed_task(show.goal_id, now=now))
    return open_front_page(desk, chromium, "boss")


def failed_task(goal_id: str, *, now: datetime) -> dict[str, Any]:
    """Return the document that the queue stores for a failed task of the goal."""
    call = {"name": "check_recordings", "func": "sessions_app.recordings.tasks.check_recordings", "args": "[]"}
    outcome = {"success": False, "result": '"BytePlus: 500"', "attempt_count": 1, "started": now, "stopped": now}
    return {"id": "a" * 32, "group": goal_id, "kwargs": "{}", **call, **outcome}


def address(page: Page) -> str:
    return str(page.evaluate("location.pathname"))


def addresses() -> list[str]:
    """Return the addresses of all lists, of one row of each list, and of a few other pages."""
    found = list(BESIDES)
    for model in admin.site._registry:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        found.append(base)
        row = model._default_manager.order_by().first()
        if row is not None:
            found.append(f"{base}{row.pk}/change/")
    user = User.objects.exclude(username="boss").latest("pk")
    return [*found, f"/admin/auth/user/{user.pk}/deactivate/"]


def show_as(page: Page, language: str, scheme: str, width: int) -> None:
    page.prefer(scheme)
    page.resize(width, 1000)
    page.browser.command("Network.enable", page.session)
    headers = {"Accept-Language": language}
    page.browser.command("Network.setExtraHTTPHeaders", page.session, headers=headers)


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
def test_axe_core_finds_nothing_serious(desk: Site, page: Page, language: str, scheme: str, width: int) -> None:
    show_as(page, language, scheme, width)
    found: dict[str, list[str]] = {}
    for path in addresses():
        page.load(f"{desk.api.base_url}{path}")
        grave = [each for each in findings(page) if each.startswith(("serious", "critical"))]
        grave = [each for each in grave if not each.startswith(OF_DJANGO)]
        if grave:
            found[path] = grave

    assert found == {}, json.dumps(found, indent=1, ensure_ascii=False)


def test_failed_task_is_run_again_by_the_keyboard(desk: Site, page: Page) -> None:
    tab_to(page, "failed tasks")
    page.press("Enter")
    wait_until(lambda: address(page) == "/admin/django_q/failure/")
    tab_to(page, " UTC")
    page.press("Enter")
    wait_until(lambda: address(page).endswith("/change/"))
    tab_to(page, "Run again")
    page.press("Enter")
    said = "Tasks that are in the queue again: 1"
    wait_until(lambda: said in str(page.evaluate(TEXT)))

    assert said in str(page.evaluate(TEXT))
    assert collection(RESULTS).count_documents({"success": False}) == 0


def tab_to(page: Page, ending: str) -> None:
    """Press Tab until the focused element's text ends with `ending`."""
    page.await_load()
    passed: list[str] = []
    while not str(page.evaluate(FOCUSED)).endswith(ending):
        assert len(passed) < MOST_TABS, (ending, passed)
        passed.append(str(page.evaluate(FOCUSED)))
        page.press("Tab")
