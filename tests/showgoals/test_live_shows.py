"""`POST /goals/{id}/end` ends a live show early, and `POST /goals/{id}/extend` makes it last longer."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.ending import end_if_due
from goals.models import Goal
from goals.tasks import activate_goal, deactivate_goal
from goals.versions import MOST_CHANGES
from mongodb.transactions import run_in_transaction
from notifications.models import NotificationChunk
from notifications.tasks import batch_notify_stream_authorized, send_chunk
from sessions_app.models import Recording, Session
from showgoals.changes import cancel_show_goal
from tests.factories.bodies import show_body
from tests.factories.client import ApiClient
from tests.factories.documents import connection, everything_stored, queued_messages, stored_one, timeline
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import SECONDS, WHOLE
from tests.factories.people import StaffFactory, UserFactory
from tests.factories.threads import at_once

pytestmark = pytest.mark.django_db
DAY = 24 * 3600
ENDED_AT = WHOLE + timedelta(seconds=30, milliseconds=999)
Add = Callable[..., Goal]


@pytest.fixture
def add(clock: Traveller, session: Session, viewer: User) -> Add:
    """Return a function that creates a show of a minute. The viewer has paid for it."""

    def create(*, nbf: Any = WHOLE, target_seconds: int = 60) -> Goal:
        funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
        goal: Goal = ShowGoalFactory(funding_goal=funding_goal, nbf=nbf, target_seconds=target_seconds)
        return goal

    return create


@pytest.fixture
def live(add: Add) -> Goal:
    """A live show: the time is NOW, a quarter of a second after its start."""
    show = add()
    activate_goal(str(show.pk), SECONDS)
    return show


@pytest.fixture
def client(live: Goal, streamer: User) -> ApiClient:
    return ApiClient(streamer)


def ends(show: Goal) -> list[Any]:
    return [message.args for message in queued_messages("deactivate_goal") if message.args[0] == str(show.pk)]


def notes(show: Goal) -> list[str]:
    return [row["detail"] for row in timeline(show.pk) if row["outcome"] == "changed_by"]


def test_live_show_ends_now(live: Goal, client: ApiClient, clock: Traveller, viewer: User) -> None:
    clock.move_to(ENDED_AT)
    answer = client.post(f"/goals/{live.pk}/end")

    assert (answer.status, answer.headers["ETag"]) == (200, '"3-0-ended"')
    assert {name: answer.body[name] for name in ("status", "active", "exp", "access_exp", "version")} == {
        "status": "ended",
        "active": False,
        "exp": SECONDS + 31,  # rounded up
        "access_exp": SECONDS + 60,
        "version": 3,
    }
    assert ends(live) == []
    assert [message.args for message in queued_messages("stop_record")] == [(str(live.pk), live.conditions.session_id)]
    assert [message.args[0] for message in queued_messages("notify_goal")][-1] == "goal.ended"
    (pair,) = stored_one("sessions", live.conditions.session_id)["show_goal_pairs"]
    assert pair["show_ended"] is True
    assert ApiClient(viewer).get(f"/sessions/{live.conditions.session_id}/token").body["preset"] == "preview"
    assert notes(live) == ["version 3, streamer streamer: exp - -> 2026-03-01 12:00:31"]
    assert deactivate_goal(str(live.pk), SECONDS + 60) == "too_early"


def test_show_lasts_longer(live: Goal, client: ApiClient, viewer: User, outbox: list[Any]) -> None:
    batch_notify_stream_authorized(str(live.pk), live.context.funding_goal_id, 2, SECONDS + 60)
    answer = client.post(f"/goals/{live.pk}/extend", {"seconds": 600})

    assert (answer.status, answer.headers["ETag"], answer.body["access_exp"]) == (200, '"3-0-live"', SECONDS + 660)
    assert answer.body["levels"] == [{"title": "Proceed", "target": 660}]
    assert ends(live) == [(str(live.pk), SECONDS + 660)]
    updated = [message for message in queued_messages("notify_goal") if message.args[0] == "goal.updated"]
    assert [f'"access_exp":{SECONDS + 660},"reason":"changed"' in str(message.args[3]) for message in updated] == [True]
    planned = queued_messages("batch_notify_stream_authorized")[-1]
    assert planned.args == (str(live.pk), live.context.funding_goal_id, 3, SECONDS + 660)
    batch_notify_stream_authorized(*planned.args)
    for chunk_id in NotificationChunk.objects.values_list("pk", flat=True):
        send_chunk(chunk_id)
    chunks = NotificationChunk.objects.filter(preset="sd")
    assert {chunk.payload["exp"]: chunk.ledger.states for chunk in chunks} == {SECONDS + 60: "o", SECONDS + 660: "s"}
    assert ApiClient(viewer).get(f"/sessions/{live.conditions.session_id}/token").body["exp"] == SECONDS + 660
    assert notes(live) == ["version 3, streamer streamer: target 60 -> 660"]


def test_extended_show_ends_at_its_new_end_and_is_recorded_until_then(
    live: Goal, client: ApiClient, clock: Traveller
) -> None:
    client.post(f"/goals/{live.pk}/extend", {"seconds": 60})
    clock.move_to(WHOLE + timedelta(seconds=61))
    assert deactivate_goal(str(live.pk), SECONDS + 60) == "not_endable"
    assert (queued_messages("stop_record"), Recording.objects.get(pk=live.pk).state) == ([], "requested")
    clock.move_to(WHOLE + timedelta(seconds=120))
    assert deactivate_goal(str(live.pk), SECONDS + 120) == "ended"


def test_length_counts_from_when_the_streamer_began(live: Goal, client: ApiClient, clock: Traveller) -> None:
    clock.move_to(WHOLE + timedelta(seconds=20))
    assert client.post(f"/goals/{live.pk}/start").body["access_exp"] == SECONDS + 80
    assert client.post(f"/goals/{live.pk}/extend", {"seconds": 5}).body["access_exp"] == SECONDS + 85


def test_two_taps_with_the_same_key_extend_once(live: Goal, client: ApiClient) -> None:
    extend = partial(client.post, f"/goals/{live.pk}/extend", {"seconds": 60})
    first, second = extend(idempotency_key="1"), extend(idempotency_key="1")
    assert (first.status, second.status, second.body) == (200, 200, first.body)
    assert (second.headers["Idempotent-Replay"], second.headers["ETag"]) == ("true", first.headers["ETag"])
    assert extend(idempotency_key="2").body["access_exp"] == SECONDS + 180


@pytest.mark.parametrize(("what", "body"), [("end", {}), ("extend", {"seconds": 60})])
def test_two_taps_on_the_same_tag_are_one(live: Goal, streamer: User, what: str, body: Any) -> None:
    tag = ApiClient(streamer).get(f"/goals/{live.pk}").headers["ETag"]
    tap = partial(ApiClient(streamer).post, f"/goals/{live.pk}/{what}", body, if_match=tag)
    assert sorted(answer.status for answer in at_once([tap] * 2)) == [200, 412]


def test_five_ends_at_once_are_one(live: Goal, streamer: User) -> None:
    answers = at_once([lambda: ApiClient(streamer).post(f"/goals/{live.pk}/end")] * 5)
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409, 409]
    assert [row["name"] for row in timeline(live.pk) if row["kind"] == "signal"].count("goal.ended") == 1


def test_added_time_must_not_overlap_the_next_show(live: Goal, add: Add, client: ApiClient, clock: Traveller) -> None:
    add(nbf=WHOLE + timedelta(seconds=100))
    before = everything_stored()
    problem = client.post(f"/goals/{live.pk}/extend", {"seconds": 41}).problem
    assert (problem, everything_stored()) == ((409, "show_overlaps", []), before)
    assert client.post(f"/goals/{live.pk}/extend", {"seconds": 40}).status == 200


def test_either_the_extension_or_the_next_show_wins(live: Goal, session: Session, streamer: User) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True)
    body = show_body(funding_goal, nbf=SECONDS + 100)
    calls = [
        lambda: ApiClient(streamer).post(f"/goals/{live.pk}/extend", {"seconds": 60}),
        lambda: ApiClient(streamer).post("/goals?type=show", body),
    ]
    answers = at_once(calls)
    won = [answer.status for answer in answers if answer.status < 400]
    lost = [answer.problem for answer in answers if answer.status >= 400]
    assert (len(won), lost) == (1, [(409, "show_overlaps", [])])


def test_either_the_extension_or_the_end_wins(live: Goal, streamer: User) -> None:
    """The worker's clock is ahead of the web server's."""
    due = WHOLE + timedelta(seconds=60)

    def extend() -> str:
        answer = ApiClient(streamer).post(f"/goals/{live.pk}/extend", {"seconds": 60})
        return "extended" if answer.status == 200 else str(answer.problem[1])

    outcomes = set(at_once([extend, lambda: run_in_transaction(partial(end_if_due, str(live.pk), due))]))
    stored = Goal.objects.get(pk=live.pk)
    assert (outcomes, stored.active, ends(live)) in (
        ({"extended", "not_endable"}, True, [(str(live.pk), SECONDS + 120)]),
        ({"already_ended", "ended"}, False, []),
    )


def test_show_may_be_extended_by_a_day_but_not_beyond_two(live: Goal, client: ApiClient) -> None:
    extend = partial(client.post, f"/goals/{live.pk}/extend")
    assert extend({"seconds": DAY}).body["access_exp"] == SECONDS + DAY + 60
    assert extend({"seconds": DAY}).problem == (409, "show_too_long", [])
    assert extend({"seconds": DAY - 60}).body["access_exp"] == SECONDS + 2 * DAY


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, (400, "invalid", [("/seconds", "required")])),
        ({"seconds": 0}, (400, "invalid", [("/seconds", "min_value")])),
        ({"seconds": DAY + 1}, (400, "invalid", [("/seconds", "max_value")])),
        ({"seconds": 1.0}, (400, "invalid", [("/seconds", "invalid_type")])),
        ({"seconds": 1, "nbf": 1}, (400, "unknown_field", [("/nbf", "unknown_field")])),
    ],
)
def test_bad_extension_is_refused(live: Goal, client: ApiClient, body: Any, problem: Any) -> None:
    before = everything_stored()
    assert (client.post(f"/goals/{live.pk}/extend", body).problem, everything_stored()) == (problem, before)


@pytest.mark.parametrize(("what", "body"), [("end", {}), ("extend", {"seconds": 60}), ("start", {})])
def test_only_a_live_show_is_ended_or_extended_or_begun(
    add: Add, streamer: User, clock: Traveller, what: str, body: Any
) -> None:
    waiting, cancelled, over = add(nbf=WHOLE + HOUR), add(nbf=WHOLE + 2 * HOUR), add()
    run_in_transaction(lambda: cancel_show_goal(str(cancelled.pk), now=WHOLE))
    activate_goal(str(over.pk), SECONDS)
    clock.move_to(WHOLE + timedelta(seconds=60))  # the end is due, but no worker has ended the show yet
    client = ApiClient(streamer)
    before = everything_stored()
    problems = [
        client.post(f"/goals/{goal_id}/{what}", body).problem[:2]
        for goal_id in (waiting.pk, cancelled.pk, waiting.context.funding_goal_id, over.pk, ObjectId())
    ]
    assert problems == [
        (409, "not_started"),
        (409, "not_started"),
        (409, "not_started" if what == "start" else "not_a_show"),
        (409, "already_ended"),
        (404, "goal_not_found"),
    ]
    assert everything_stored() == before
    deactivate_goal(str(over.pk), SECONDS + 60)
    assert client.post(f"/goals/{over.pk}/{what}", body).problem == (409, "already_ended", [])


@pytest.mark.parametrize(
    ("what", "body", "needed", "others"),
    [("extend", {"seconds": 60}, "change_goal", "cancel_goal"), ("end", {}, "cancel_goal", "change_goal")],
)
def test_staff_need_the_permission(  # noqa: PLR0917 - pytest's parameters
    live: Goal, viewer: User, what: str, body: Any, needed: str, others: str
) -> None:
    for person in (viewer, UserFactory(), StaffFactory(), StaffFactory(permissions=(others,))):
        problem = ApiClient(person).post(f"/goals/{live.pk}/{what}", body).problem
        assert problem == (404, "goal_not_found", [])
    mei = StaffFactory(username="mei", permissions=(needed,))
    assert ApiClient(mei).post(f"/goals/{live.pk}/{what}", body).status == 200
    assert [note.partition(":")[0] for note in notes(live)] == ["version 3, staff mei"]


def test_show_that_was_changed_a_thousand_times_is_not_extended(live: Goal, client: ApiClient) -> None:
    connection.get_collection("goals").update_one({"_id": live.pk}, {"$set": {"version": MOST_CHANGES}})
    answers = [client.post(f"/goals/{live.pk}/extend", {"seconds": 1}) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 409]
    assert answers[1].problem == (409, "too_many_changes", [])
    assert client.post(f"/goals/{live.pk}/end").status == 200
