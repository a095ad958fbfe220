"""Recordings are read-only in the admin, and system checks validate their settings."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from time_machine import Traveller

from config.errors import TransportError
from goals.models import Goal
from lab.loopback.byteplus import BytePlusLoopback
from sessions_app.checks import check_recording_parameters, check_rtc
from sessions_app.models import Recording
from sessions_app.recordings.tasks import check_recordings
from tests.factories.profiler import WHOLE_INDEX, profiled
from tests.sessions_app.studio import MINUTE, check, start

LIST = "admin:sessions_app_recording_changelist"


def ids(response: Any) -> list[str]:
    assert response.status_code == 200
    return [str(recording.pk) for recording in response.context["cl"].result_list]


def test_failed_recordings_are_listed(admin: Client, show: Goal, vendor: BytePlusLoopback) -> None:
    vendor.refuse_next("AccessDenied")
    with pytest.raises(TransportError):
        start(show)
    page = admin.get(reverse(LIST), {"state": "failed"})
    assert ids(page) == [str(show.pk)]
    assert "BytePlus StartRecord: AccessDenied." in page.content.decode()
    assert ids(admin.get(reverse(LIST), {"state": "verified"})) == []


@pytest.mark.parametrize(("term", "found"), [("{show}", 1), ("6811c05bf672c8b2cbdc2432", 0), ("no id", 0)])
def test_recordings_are_found_by_their_show(admin: Client, show: Goal, term: str, found: int) -> None:
    page = admin.get(reverse(LIST), {"q": term.format(show=show.pk)})
    assert len(ids(page)) == found


def test_recording_is_read_only_and_leads_to_its_show(admin: Client, show: Goal) -> None:
    page = admin.get(reverse("admin:sessions_app_recording_change", args=[show.pk]))
    assert reverse("admin:goals_goal_change", args=[show.pk]) in page.content.decode()
    assert (page.context["has_change_permission"], page.context["has_delete_permission"]) == (False, False)
    assert admin.get(reverse("admin:sessions_app_recording_add")).status_code == 403
    assert admin.post(reverse("admin:sessions_app_recording_delete", args=[show.pk])).status_code == 403


@pytest.mark.usefixtures("vendor")
def test_queries_read_indexes(show: Goal, clock: Traveller) -> None:
    start(show)
    clock.shift(MINUTE)
    with profiled() as profile:
        assert list(Recording.objects.filter(state="failed").order_by("-requested_at", "-pk")[:50]) == []
        assert check_recordings() == 1
        check(show)
    of_recordings = [query.stages for query in profile.queries if query.collection == "recordings"]
    assert [stages & {"COLLSCAN", "SORT", WHOLE_INDEX} for stages in of_recordings] == [frozenset()] * 6


@pytest.mark.parametrize(
    ("recording", "storage", "found"),
    [
        ({}, {"Type": 0}, []),
        ({"Encode": {"VideoHeight": 1080}, "Layout": {}, "Control": {}}, {}, []),
        ({"Encoding": {}}, {"Type": 1}, ["sessions_app.E006"]),
        ({"Encode": 1080, "StorageConfig": {}}, {"Type": 2}, ["sessions_app.E006"] * 2),
        ({}, {"Type": 3}, ["sessions_app.E007"]),
        ({}, {"Type": "0"}, ["sessions_app.E007"]),
    ],
    ids=str,
)
def test_parameters_that_byteplus_would_refuse_are_errors(
    settings: Settings, recording: dict[str, Any], storage: dict[str, Any], found: list[str]
) -> None:
    settings.BYTEPLUS_RECORDING, settings.BYTEPLUS_STORAGE = recording, storage
    assert [message.id for message in check_recording_parameters()] == found
    assert all(message.hint for message in check_recording_parameters())


@pytest.mark.parametrize(("per_second", "found"), [(-1, ["sessions_app.E008"]), (0, []), (60, [])])
def test_negative_pace_is_an_error(settings: Settings, per_second: int, found: list[str]) -> None:
    settings.BYTEPLUS_QPS = per_second
    assert [message.id for message in check_recording_parameters()] == found


@pytest.mark.parametrize(("secret", "found"), [("", ["sessions_app.W002"]), ("secret", [])])
def test_missing_callback_secret_is_a_warning(settings: Settings, secret: str, found: list[str]) -> None:
    settings.RTC_BACKEND = "byteplus"
    settings.BYTEPLUS = {**settings.BYTEPLUS, "access_key": "a", "secret_key": "s"}
    settings.BYTEPLUS_STORAGE = {"Type": 1}
    settings.BYTEPLUS_CALLBACK_SECRET = secret
    assert [message.id for message in check_rtc()] == found
