"""`GET /goals/{id}/payers` lists who has paid, and what became of their events."""

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User

from goals.models import Goal
from mongodb.collections import collection
from notifications.models import NotificationChunk
from notifications.tasks import batch_notify_stream_authorized
from sessions_app.models import Session
from showgoals.contributions import fold_all
from showgoals.models import Contribution
from tests.factories.client import ApiClient
from tests.factories.goals import ContributionFactory, ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.factories.people import UserFactory
from tests.factories.profiler import WHOLE_INDEX, profiled
from tests.notifications.conftest import Audience, started
from tests.notifications.payers.steps import listed, overlapping, set_states, viewers
from tests.notifications.steps import chunk_of, plan_show, send_all

pytestmark = pytest.mark.django_db
STATES = ("planned", "sent", "unknown", "failed", "excluded", "expired", "superseded")
FILTERS = (None, *STATES, "unplanned", "received")


def seconds(moment: Any) -> int:
    return int(moment.timestamp())


def test_row_says_what_is_known_about_a_payer(
    funding_goal: Goal, viewer: User, streamer: User, outbox: list[Any]
) -> None:
    ContributionFactory(funding_goal=funding_goal, viewer=viewer, amount=7)
    show = started(ShowGoalFactory(funding_goal=funding_goal, nbf=whole_second()))
    batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id)
    send_all()
    client = ApiClient(viewer)
    assert client.get(f"/sessions/{show.conditions.session_id}/token").body["preset"] == "sd"
    assert client.post(f"/goals/{show.pk}/received", {"event_id": chunk_of().event_id}).status == 204

    bodies = [ApiClient(streamer).get(f"/goals/{goal}/payers").body for goal in (show.pk, show.context.funding_goal_id)]

    first, last = Contribution.objects.order_by("pk")
    (receipts,), (fetch,) = (list(collection(name).find()) for name in ("event_receipts", "credential_fetches"))
    row = {
        "viewer_id": str(viewer.pk),
        "username": "viewer",
        "amount": 12,
        "payments": 2,
        "first_paid_at": seconds(first.created_at),
        "last_paid_at": seconds(last.created_at),
        "preview": "sent",
        "sd": "sent",
        "received_at": receipts["received"][chunk_of().event_id] // 1000,
        "credentials_fetched_at": seconds(fetch["last_at"].replace(tzinfo=first.created_at.tzinfo)),
    }
    assert bodies == [{"next": None, "previous": None, "results": [row]}] * 2


def test_payers_before_their_show_have_no_events(session: Session, streamer: User) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, paid_by=UserFactory.create_batch(2))

    rows = ApiClient(streamer).get(f"/goals/{funding_goal.pk}/payers").body["results"]

    nothing = ("preview", "sd", "received_at", "credentials_fetched_at")
    assert [[row[name] for name in nothing] for row in rows] == [[None] * 4] * 2
    assert listed(funding_goal, streamer, state="unplanned") == [row["viewer_id"] for row in rows]
    assert listed(funding_goal, streamer, state="sent") == []
    assert listed(funding_goal, streamer, state="received") == []


def test_payer_whom_only_the_breakdown_holds_is_listed_last(session: Session, streamer: User) -> None:
    payers = viewers(5)
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[*payers, payers[0]])
    fold_all(str(funding_goal.pk))
    old = [str(payer.pk) for payer in payers[1:3]]
    collection("contributions").delete_many({"viewer_id": {"$in": old}})
    changed = {"breakdown.nobody": {"amount": 1}, f"breakdown.{old[1]}": {}}
    collection("goals").update_one({"_id": funding_goal.pk}, {"$set": changed})

    answer = ApiClient(streamer).get(f"/goals/{funding_goal.pk}/payers").body["results"]

    assert [(row["viewer_id"], row["amount"], row["payments"]) for row in answer] == [
        (str(payers[0].pk), 10, 2),
        *((str(payer.pk), 5, 1) for payer in payers[3:]),
        (old[0], 5, 0),
        (old[1], 0, 0),  # without an amount
    ]
    assert [answer[-1][name] for name in ("first_paid_at", "last_paid_at")] == [None, None]
    order = [row["viewer_id"] for row in answer]
    for size in (1, 2, 3, 4, 5, 200):
        assert listed(funding_goal, streamer, page_size=str(size)) == order
    for viewer in (old[0], str(payers[0].pk)):
        assert listed(funding_goal, streamer, viewer_id=viewer.upper()) == [viewer]


def test_payer_without_an_account_has_no_name(session: Session, streamer: User) -> None:
    payer = UserFactory()
    funding_goal = ShowFundingGoalFactory(session=session, paid_by=[payer])
    payer.delete()

    (row,) = ApiClient(streamer).get(f"/goals/{funding_goal.pk}/payers").body["results"]
    assert (row["username"], row["amount"]) == (None, 5)


@pytest.mark.parametrize("size", [1, 2, 3, 200])
def test_filters_by_state_page_without_loss_or_repetition(
    session: Session, settings: Any, streamer: User, size: int
) -> None:
    settings.NOTIFY_CHUNK = 3
    audience = overlapping(session)
    set_states("preview", audience, "ppsufxeoorsu")
    set_states("sd", audience, "psssrufxeopp")
    collection("notification_chunks").delete_one({"preset": "sd", "first": audience.viewers[0]})
    expected: dict[str, list[str]] = {state: [] for state in (*STATES, "unplanned")}
    for row in ApiClient(streamer).get(f"/goals/{audience.show.pk}/payers").body["results"]:
        for state in {row["preview"] or "unplanned", row["sd"] or "unplanned"}:
            expected[state].append(row["viewer_id"])

    answered = {state: listed(audience.show, streamer, state=state, page_size=str(size)) for state in expected}

    assert answered == expected
    assert {state: len(payers) for state, payers in expected.items()} == {
        "planned": 6,
        "sent": 3,
        "unknown": 3,
        "failed": 2,
        "excluded": 2,
        "expired": 2,
        "superseded": 3,
        "unplanned": 3,
    }


def test_events_of_an_earlier_access_do_not_count(show: Goal, viewer: User, streamer: User, outbox: list[Any]) -> None:
    batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id)
    send_all()
    event_id = chunk_of().event_id
    ApiClient(viewer).post(f"/goals/{show.pk}/received", {"event_id": event_id})
    assert ApiClient(streamer).post(f"/goals/{show.pk}/start").status == 200
    moved = Goal.objects.get(pk=show.pk)
    collection("goals").update_one({"_id": show.pk}, {"$inc": {"version": 1}})
    batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id, moved.version + 1)

    (row,) = ApiClient(streamer).get(f"/goals/{show.pk}/payers").body["results"]

    assert (row["preview"], row["sd"], row["received_at"]) == ("planned", "planned", None)
    assert (listed(show, streamer, state="sent"), listed(show, streamer, state="received")) == ([], [])


def test_events_without_a_version_count(show: Goal, streamer: User) -> None:
    batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id)
    collection("notification_chunks").update_many({}, {"$unset": {"payload.version": 1}})

    (row,) = ApiClient(streamer).get(f"/goals/{show.pk}/payers").body["results"]
    assert (row["preview"], row["sd"]) == ("planned", "planned")


@pytest.mark.parametrize("state", FILTERS)
def test_one_viewer_is_found_in_each_state(show: Goal, viewer: User, streamer: User, state: str | None) -> None:
    batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id)
    asked = {"viewer_id": str(viewer.pk)} | ({"state": state} if state else {})

    assert listed(show, streamer, **asked) == ([str(viewer.pk)] if state in {None, "planned"} else [])
    assert listed(show, streamer, **{**asked, "viewer_id": str(ObjectId())}) == []


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"state": "lost"}, (400, "invalid", [("/state", "invalid_choice")])),
        ({"state": ""}, (400, "invalid", [("/state", "blank")])),
        ({"viewer_id": "zzz"}, (400, "invalid", [("/viewer_id", "invalid_id")])),
        ({"status": "sent"}, (400, "invalid", [("/status", "unknown_parameter")])),
        ({"cursor": "cD16eno="}, (400, "invalid_cursor", [])),
    ],
)
def test_bad_query_is_refused(show: Goal, streamer: User, query: dict[str, str], problem: Any) -> None:
    assert ApiClient(streamer).get(f"/goals/{show.pk}/payers", **query).problem == problem


@pytest.mark.parametrize("state", FILTERS)
def test_page_takes_the_same_indexed_queries_whatever_its_size(
    live: Callable[[int], Audience], streamer: User, state: str | None
) -> None:
    audience = live(6)
    plan_show(audience)
    events = [chunk.event_id for chunk in NotificationChunk.objects.all()]
    for viewer in audience.viewers:
        ApiClient(User.objects.get(pk=viewer)).post(f"/goals/{audience.show.pk}/received", {"event_id": events[0]})
    collection("notification_chunks").update_many({"preset": "sd"}, {"$set": {"states": "psufxe"}})
    client, asked = ApiClient(streamer), {"state": state} if state else {}
    counts = []
    for size in ("1", "2"):
        page = client.get(f"/goals/{audience.show.pk}/payers", page_size=size, **asked).body
        with profiled() as profile:
            client.get(page["next"] or f"/goals/{audience.show.pk}/payers?page_size={size}")
        assert [query for query in profile.queries if query.stages & {"COLLSCAN", WHOLE_INDEX, "SORT"}] == []
        counts.append(sorted(query.collection for query in profile.queries))

    assert counts[0] == counts[1]
    assert len(counts[0]) <= 9
