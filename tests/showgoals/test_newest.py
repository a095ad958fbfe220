"""Lists are sorted by `created_at`, then by id, because ids that two processes create in one second have no order."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from notifications.channel_data import channel_data
from sessions_app.models import Recording, RecordingState, Session
from sessions_app.tasks import write_livestream_feed
from tests.factories.client import ApiClient
from tests.factories.documents import connection, stored_one
from tests.factories.goals import ContributionFactory, SessionFactory, ShowFundingGoalFactory
from tests.factories.paging import there_and_back
from tests.factories.profiler import WHOLE_INDEX, profiled

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
SLOW = frozenset({"COLLSCAN", WHOLE_INDEX, "SORT"})
# When each of five documents was made, in milliseconds after noon, in the order of their ids.
MOMENTS = pytest.mark.parametrize(
    "moments", [(7, 7, 7, 7, 7), (4, 3, 2, 1, 0), (0, 2, 1, 2, 0)], ids=["at once", "against the ids", "mixed"]
)
SIZES = pytest.mark.parametrize("size", [1, 2, 5, 200])


def made_at(collection: str, ids: Sequence[ObjectId], moments: Sequence[int], field: str = "created_at") -> list[str]:
    """Set the times of the documents to the moments. Return the ids, newest first."""
    ids = sorted(ids)
    for each, moment in zip(ids, moments, strict=True):
        moved = {"$set": {field: NOON + timedelta(milliseconds=moment)}}
        connection.get_collection(collection).update_one({"_id": each}, moved)
    return [str(each) for _moment, each in sorted(zip(moments, ids, strict=True), reverse=True)]


def goals_at(session: Session, moments: Sequence[int]) -> list[str]:
    return made_at("goals", [ShowFundingGoalFactory(session=session).pk for _ in moments], moments)


def listed(client: ApiClient, path: str, size: int, *, field: str = "id", **query: str) -> tuple[list[str], list[str]]:
    """Page forward to the end, then back to the beginning. Return the ids that were shown on each way."""
    forward, backward = there_and_back(client, path, page_size=str(size), **query)
    assert all(len(results) <= size for results in (*forward, *backward))
    return ids_of(forward, field), ids_of(backward, field)


def ids_of(pages: list[list[Any]], field: str) -> list[str]:
    return [row[field] for results in pages for row in results]


@MOMENTS
@SIZES
def test_goals_are_paged_without_loss_or_repetition(
    streamer_client: ApiClient, session: Session, moments: Sequence[int], size: int
) -> None:
    newest_first = goals_at(session, moments)

    queries: list[dict[str, str]] = [{}, {"session_id": str(session.pk)}, {"type": "show-funding", "status": "open"}]
    for query in queries:
        assert listed(streamer_client, "/goals", size, **query) == (newest_first, newest_first)
        oldest_first = listed(streamer_client, "/goals", size, **query, order="created_at")
        assert oldest_first == (newest_first[::-1], newest_first[::-1])


@pytest.mark.parametrize(
    "nbfs", [(7, 7, 7, 7, 7), (None,) * 5, (None, 3, None, 1, 3)], ids=["at once", "none", "mixed"]
)
@SIZES
def test_goals_are_paged_by_nbf_without_loss_or_repetition(
    streamer_client: ApiClient, session: Session, nbfs: Sequence[int | None], size: int
) -> None:
    goals = sorted(ShowFundingGoalFactory(session=session).pk for _ in nbfs)
    for goal, nbf in zip(goals, nbfs, strict=True):
        change = {"$unset": {"nbf": ""}} if nbf is None else {"$set": {"nbf": NOON + timedelta(seconds=nbf)}}
        connection.get_collection("goals").update_one({"_id": goal}, change)
    earliest_first = [str(goal) for _nbf, goal in sorted(zip([nbf or 0 for nbf in nbfs], goals, strict=True))]

    for query in ({}, {"session_id": str(session.pk)}, {"type": "show-funding", "status": "open"}):
        for order, expected in (("nbf", earliest_first), ("-nbf", earliest_first[::-1])):
            assert listed(streamer_client, "/goals", size, **query, order=order) == (expected, expected)


@MOMENTS
@SIZES
def test_sessions_are_paged_without_loss_or_repetition(
    streamer_client: ApiClient, streamer: User, moments: Sequence[int], size: int
) -> None:
    newest_first = made_at("sessions", [SessionFactory(user=streamer).pk for _ in moments], moments)

    queries: list[dict[str, str]] = [{}, {"status": "live"}, {"streamer_id": str(streamer.pk), "status": "live"}]
    for query in queries:
        assert listed(streamer_client, "/sessions", size, **query) == (newest_first, newest_first)
    assert listed(streamer_client, "/feeds/livestream", size, field="session_id") == (newest_first[:1],) * 2


@MOMENTS
@SIZES
def test_feed_is_paged_without_loss_or_repetition(viewer_client: ApiClient, moments: Sequence[int], size: int) -> None:
    newest_first = made_at("sessions", [SessionFactory().pk for _ in moments], moments)

    assert listed(viewer_client, "/feeds/livestream", size, field="session_id") == (newest_first, newest_first)


@MOMENTS
@SIZES
def test_contributions_are_paged_without_loss_or_repetition(
    viewer_client: ApiClient, viewer: User, session: Session, moments: Sequence[int], size: int
) -> None:
    goal = ShowFundingGoalFactory(session=session)
    paid = [ContributionFactory(funding_goal=goal, viewer=viewer).pk for _ in moments]
    newest_first = made_at("contributions", paid, moments)

    assert listed(viewer_client, "/me/contributions", size) == (newest_first, newest_first)


def test_goal_that_is_added_meanwhile_shifts_no_page(streamer_client: ApiClient, session: Session) -> None:
    goals = goals_at(session, (7, 7, 7, 7))
    page = streamer_client.get("/goals", page_size="2").body
    newer = ShowFundingGoalFactory(session=session).pk
    connection.get_collection("goals").update_one({"_id": newer}, {"$set": {"created_at": NOON + timedelta(hours=1)}})

    following = streamer_client.get(page["next"]).body

    assert ids_of([page["results"], following["results"]], "id") == goals
    assert ids_of([streamer_client.get(following["previous"]).body["results"]], "id") == goals[:2]


def test_way_back_from_an_empty_page_misses_no_goal(streamer_client: ApiClient, session: Session) -> None:
    goals = goals_at(session, (7, 7, 7))
    following = streamer_client.get("/goals", page_size="2", status="open").body["next"]
    closed = {"$set": {"exp": NOON}}
    connection.get_collection("goals").update_one({"_id": ObjectId(goals[2])}, closed)

    empty = streamer_client.get(following).body

    assert (empty["results"], empty["next"]) == ([], None)
    assert ids_of([streamer_client.get(empty["previous"]).body["results"]], "id") == goals[:2]


@pytest.mark.parametrize(("order", "other"), [("nbf", "-nbf"), ("nbf", "-created_at"), ("-created_at", "created_at")])
def test_cursor_is_good_for_its_order_only(
    streamer_client: ApiClient, session: Session, order: str, other: str
) -> None:
    goals = [ShowFundingGoalFactory(session=session) for _ in range(2)]
    following = streamer_client.get("/goals", order=order, page_size="1").body["next"]
    assert [goal["id"] for goal in streamer_client.get(following).body["results"]] in ([str(each.pk)] for each in goals)
    (cursor,) = parse_qs(urlsplit(following).query)["cursor"]
    assert streamer_client.get("/goals", order=other, cursor=cursor).problem == (400, "invalid_cursor", [])


def test_cursor_of_the_former_order_is_refused(streamer_client: ApiClient, session: Session) -> None:
    goals_at(session, (7,))
    former = "cD02YjBhODZjYWQ3Nzk2MmFkMDQ0NzMyZmM="  # p=6b0a86cad77962ad044732fc

    assert streamer_client.get("/goals", cursor=former).problem == (400, "invalid_cursor", [])


@MOMENTS
@pytest.mark.parametrize("noted", range(5))
def test_feed_shows_the_newest_goal(
    streamer_client: ApiClient, session: Session, moments: Sequence[int], noted: int
) -> None:
    newest_first = goals_at(session, moments)
    write_livestream_feed(newest_first[noted])

    (row,) = streamer_client.get("/feeds/livestream").body["results"]

    assert row["goal"]["id"] == newest_first[0]


@MOMENTS
def test_feed_entry_keeps_the_newest_goal_in_any_order(session: Session, moments: Sequence[int]) -> None:
    newest_first = goals_at(session, moments)
    newest = stored_one("goals", ObjectId(newest_first[0]))

    for goals in (newest_first, newest_first[::-1], newest_first[2:] + newest_first[:2]):
        connection.get_collection("livestream_feed").delete_many({})
        for goal in goals:
            write_livestream_feed(goal)
        assert stored_one("livestream_feed", session.pk) == {
            "_id": session.pk,
            "goal_id": newest_first[0],
            "created_at": newest["created_at"],
        }


def test_feed_entry_without_created_at_gives_way_to_a_higher_id_only(session: Session) -> None:
    lower, middle, higher = sorted(goals_at(session, (7, 7, 7)))
    entries = connection.get_collection("livestream_feed")
    entries.insert_one({"_id": session.pk, "goal_id": middle})

    write_livestream_feed(lower)
    assert stored_one("livestream_feed", session.pk) == {"_id": session.pk, "goal_id": middle}
    write_livestream_feed(higher)
    assert stored_one("livestream_feed", session.pk)["goal_id"] == higher


@MOMENTS
def test_channel_shows_the_newest_session_and_its_goals(streamer: User, moments: Sequence[int]) -> None:
    sessions = made_at("sessions", [SessionFactory(user=streamer).pk for _ in moments], moments)
    goals = goals_at(Session.objects.get(pk=sessions[0]), moments)

    data = channel_data(f"private-stream@{streamer.pk}")

    assert data is not None
    assert (data["session"]["id"], [goal["id"] for goal in data["goals"]]) == (sessions[0], goals)


@MOMENTS
def test_admin_lists_the_newest_first(session: Session, moments: Sequence[int]) -> None:
    admin = Client()
    admin.force_login(User.objects.create_superuser("admin"))
    goals = goals_at(session, moments)
    made_at("sessions", [session.pk], [99])
    sessions = made_at("sessions", [SessionFactory().pk for _ in moments], moments)
    for goal in goals:
        Recording.objects.create(pk=goal, state=RecordingState.FAILED, requested_at=NOON)
    recordings = made_at("recordings", [ObjectId(goal) for goal in goals], moments, field="requested_at")
    searched = str(session.user_id)

    for page, query, expected in (
        ("goals_goal", {}, goals),
        ("goals_goal", {"kind__exact": "ShowFundingGoal"}, goals),
        ("goals_goal", {"q": searched.upper()}, goals),
        ("goals_goal", {"o": "8"}, goals[::-1]),
        ("goals_goal", {"o": "1.-5"}, goals),
        ("sessions_app_session", {}, [str(session.pk), *sessions]),
        ("sessions_app_session", {"status__exact": "live"}, [str(session.pk), *sessions]),
        ("sessions_app_session", {"q": searched}, [str(session.pk)]),
        ("sessions_app_recording", {}, recordings),
        ("sessions_app_recording", {"state__exact": "failed"}, recordings),
    ):
        slow = SLOW - {WHOLE_INDEX} if "kind__exact" in query else SLOW
        with profiled() as profile:
            response = admin.get(reverse(f"admin:{page}_changelist"), query)
        assert [str(row.pk) for row in response.context["cl"].result_list] == expected
        # Only queries that sort are checked, because the pages also count rows. A filter by kind reads a whole index.
        lists = [found for found in profile.queries if "$sort" in str(found.command)]
        assert (len(lists) > 0, [found for found in lists if found.stages & slow]) == (True, [])
