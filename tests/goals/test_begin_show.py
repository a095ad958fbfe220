"""`POST /goals/{id}/start` says that the streamer has really begun. Payers then get the whole length of the show."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from time_machine import Traveller

from config.ports import load_port
from goals.models import Goal
from goals.tasks import activate_goal, deactivate_goal
from mongodb.collections import collection
from notifications.backends import get_realtime
from notifications.models import NotificationChunk
from notifications.tasks import batch_notify_stream_authorized, send_chunk
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored, queued_messages, stored, stored_one
from tests.factories.goals import HOUR, ContributionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import SECONDS, WHOLE, as_stored
from tests.factories.people import UserFactory

NBF, NBF_SECONDS = WHOLE + HOUR, SECONDS + 3600
BEGAN = NBF + timedelta(seconds=30, milliseconds=1)
BEGAN_SECONDS = NBF_SECONDS + 31  # rounded up


def test_start_moves_the_access_and_its_end(live: Goal, streamer: User, clock: Traveller) -> None:
    clock.move_to(BEGAN)
    client = ApiClient(streamer)
    collection("django_q_ormq").delete_many({})

    answer = client.post(f"/goals/{live.pk}/start", {})

    context = live.context_data() | {"started": BEGAN_SECONDS, "started_by": "streamer"}
    assert (answer.status, answer.body["access_exp"], answer.body["context"]) == (200, BEGAN_SECONDS + 60, context)
    assert [(message.func.rpartition(".")[2], message.args[:2]) for message in queued_messages()] == [
        ("note_overlaps", (str(live.pk),)),
        ("deactivate_goal", (str(live.pk), BEGAN_SECONDS + 60)),
        ("notify_goal", ("goal.updated", str(live.pk))),
        ("batch_notify_stream_authorized", (str(live.pk), live.context.funding_goal_id)),
        ("publish_events", ()),
    ]
    assert deactivate_goal(str(live.pk), NBF_SECONDS + 60) == "too_early"
    clock.move_to(NBF + timedelta(seconds=60))
    assert deactivate_goal(str(live.pk), NBF_SECONDS + 60) == "not_endable"


def test_second_start_answers_the_same_and_changes_nothing(live: Goal, streamer: User, clock: Traveller) -> None:
    clock.move_to(BEGAN)
    client = ApiClient(streamer)
    first = client.post(f"/goals/{live.pk}/start", {})
    before = everything_stored()
    clock.shift(timedelta(seconds=10))
    second = client.post(f"/goals/{live.pk}/start", {})
    assert (second.status, second.body) == (200, first.body)
    assert everything_stored() == before


def test_viewers_get_new_credentials_for_the_new_window(clock: Traveller, viewer: User) -> None:
    funding_goal = ShowFundingGoalFactory(closed=True, paid_by=[viewer])
    show = ShowGoalFactory(funding_goal=funding_goal, nbf=NBF)
    clock.move_to(NBF)
    activate_goal(str(show.pk), NBF_SECONDS)
    batch_notify_stream_authorized(str(show.pk), str(funding_goal.pk))
    clock.move_to(BEGAN)
    ApiClient(User.objects.get(pk=show.metadata.user_id)).post(f"/goals/{show.pk}/start", {})
    load_port.cache_clear()
    realtime: Any = get_realtime()

    assert batch_notify_stream_authorized(str(show.pk), str(funding_goal.pk)) == "planned"
    for chunk in NotificationChunk.objects.filter(preset="sd"):
        send_chunk(chunk.pk)
    events = [json.loads(event.data) for event in realtime.outbox]
    assert [(event["version"], event["exp"]) for event in events] == [(3, BEGAN_SECONDS + 60)]
    chunks = NotificationChunk.objects.filter(preset="sd")
    assert {chunk.payload["version"]: chunk.ledger.states for chunk in chunks} == {2: "o", 3: "s"}


def test_start_noted_after_an_outage_is_replaced_once(show: Goal, streamer: User, clock: Traveller) -> None:
    clock.move_to(NBF + timedelta(seconds=90))  # an outage
    activate_goal(str(show.pk), NBF_SECONDS)
    client = ApiClient(streamer)
    began = []
    for seconds in (100, 110):
        clock.move_to(NBF + timedelta(seconds=seconds))
        began.append(client.post(f"/goals/{show.pk}/start", {}).body["context"]["started"])
    assert began == [NBF_SECONDS + 100] * 2
    stored = stored_one("goals", show.pk)["context"]
    assert (stored["started"], stored["started_by"]) == (as_stored(NBF + timedelta(seconds=100)), "streamer")


def test_streamer_who_begins_in_the_second_of_a_late_start_is_noted(
    show: Goal, streamer: User, clock: Traveller
) -> None:
    late = NBF + timedelta(seconds=90, milliseconds=200)
    clock.move_to(late)
    activate_goal(str(show.pk), NBF_SECONDS)
    by_server = stored_one("goals", show.pk)["context"]
    clock.shift(timedelta(milliseconds=300))

    answer = ApiClient(streamer).post(f"/goals/{show.pk}/start", {})

    context = answer.body["context"]
    assert (by_server["started"], by_server["started_by"]) == (as_stored(NBF + timedelta(seconds=91)), "system")
    assert (context["started"], context["started_by"]) == (NBF_SECONDS + 91, "streamer")
    (record,) = stored("change_records")
    assert (record["before"], record["after"]) == ({"started_by": "system"}, {"started_by": "streamer"})


@pytest.mark.parametrize("late_seconds", [0, 90])
def test_streamer_does_not_begin_before_the_start(
    show: Goal, streamer: User, clock: Traveller, late_seconds: int
) -> None:
    clock.move_to(NBF + timedelta(seconds=late_seconds))
    activate_goal(str(show.pk), NBF_SECONDS)
    clock.shift(timedelta(seconds=-5))  # the API is on another host, whose clock is behind

    context = ApiClient(streamer).post(f"/goals/{show.pk}/start", {}).body["context"]

    assert (context["started"], context["started_by"]) == (NBF_SECONDS + late_seconds, "streamer")


def test_show_that_has_not_started_can_not_begin(show: Goal, streamer: User) -> None:
    client = ApiClient(streamer)
    assert client.post(f"/goals/{show.pk}/start", {}).problem == (409, "not_started", [])
    client.post(f"/goals/{show.pk}/cancel", {})
    assert client.post(f"/goals/{show.pk}/start", {}).problem == (409, "not_started", [])
    funding = client.post(f"/goals/{show.context.funding_goal_id}/start", {})
    assert funding.problem == (409, "not_started", [])


def test_show_that_has_ended_can_not_begin(live: Goal, streamer: User, clock: Traveller) -> None:
    clock.move_to(NBF + timedelta(seconds=60))
    deactivate_goal(str(live.pk), NBF_SECONDS + 60)
    assert ApiClient(streamer).post(f"/goals/{live.pk}/start", {}).problem == (409, "already_ended", [])


def test_only_the_owner_begins(live: Goal, clock: Traveller) -> None:
    assert ApiClient(UserFactory()).post(f"/goals/{live.pk}/start", {}).problem == (404, "goal_not_found", [])


def test_payments_do_not_move_the_access(live: Goal, clock: Traveller) -> None:
    """The show's `progress` is in seconds and stays 0. Payments count for the funding goal."""
    ContributionFactory()
    assert Goal.objects.get(pk=live.pk).access_exp == NBF + timedelta(seconds=60)
