"""Every list of the admin needs few MongoDB commands, however many rows it shows."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from django.contrib import admin as django_admin
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django_q.models import Schedule

from api.audit import Author, record_change
from api.models import AuthorRole, ServerKey
from mongodb.collections import collection
from sessions_app.models import Recording, RecordingState
from taskqueue.results import RESULTS
from tests.factories.endpoints import EndpointFactory
from tests.factories.fixtures import Commands
from tests.factories.goals import SessionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import UserFactory
from tests.taskqueue.tasks import note
from webhooks.models import Attempt

pytestmark = pytest.mark.django_db

MOST_COMMANDS = 13


@pytest.fixture(autouse=True)
def _urls(settings: Any) -> None:
    settings.ROOT_URLCONF = "config.urls"


def lists() -> list[str]:
    return [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in django_admin.site._registry
    ]


def add_rows(number: int) -> None:
    """Add a row to each list. The rows belong to a new show, a new user and a new endpoint."""
    funding_goal = ShowFundingGoalFactory(session=SessionFactory(), closed=True, paid_by=[UserFactory()])
    show = ShowGoalFactory(funding_goal=funding_goal)
    now, name = datetime.now(UTC), f"row {number}"
    Recording.objects.create(pk=str(show.pk), state=RecordingState.FAILED, error="BytePlus: 500", requested_at=now)
    ServerKey.objects.create(name=name, digest=name, start="sk_12345", scopes=["read"], created_at=now)
    Group.objects.create(name=name)
    Schedule.objects.create(name=name, func=note.path, args="'a'")
    record_change("end_show", show, by=Author(AuthorRole.STAFF, str(show.metadata.user_id), "boss"))
    note.enqueue("a", subject=str(show.pk))
    told = {"type": "goal.added", "number": 1, "created_at": now, "error": "", "answer": "", "duration_ms": 1}
    Attempt.objects.create(endpoint_id=EndpointFactory().pk, event_id=str(ObjectId()), status=200, **told)
    for success in (True, False):
        task = {"id": f"{number}{success}".rjust(32, "0"), "group": str(show.pk), "success": success, "result": '"no"'}
        call = {"name": "note", "func": note.path, "args": "[]", "kwargs": "{}", "attempt_count": 1}
        collection(RESULTS).insert_one({**task, **call, "started": now, "stopped": now})


def commands_of(admin: Client, commands: Commands, path: str) -> list[str]:
    commands.names.clear()
    page = admin.get(path)
    assert page.status_code == 200
    assert len(page.context["cl"].result_list) > 0, path
    return list(commands.names)


def test_lists_take_few_commands_however_many_rows_they_show(commands: Commands, admin: Client) -> None:
    add_rows(0)
    for path in lists():
        admin.get(path)  # some things are read once, such as content types
    few = {path: commands_of(admin, commands, path) for path in lists()}
    for number in range(1, 6):
        add_rows(number)
    many = {path: commands_of(admin, commands, path) for path in lists()}

    assert {path: sent for path, sent in many.items() if len(sent) > len(few[path])} == {}
    assert {path: len(sent) for path, sent in many.items() if len(sent) > MOST_COMMANDS} == {}
