"""Every query of the flow and of the API uses an index. Each query is explained as the product sent it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from goals.ending import overdue_ends
from goals.models import Goal
from goals.starting import overdue
from goals.tasks import activate_goal
from notifications.tasks import batch_notify_stream_authorized, send_chunk
from sessions_app.models import Session
from sessions_app.tasks import write_livestream_feed
from showgoals.contributions import fold_overdue
from showgoals.settlement.reading import outcomes_as_csv
from showgoals.settlement.tasks import reconcile_settlements, settle_performances
from showgoals.tasks import fold_contributions
from taskqueue.broker import PreciseBroker
from tests.factories.bodies import funding_body, show_body
from tests.factories.client import ApiClient
from tests.factories.documents import connection, queued_messages
from tests.factories.goals import (
    HOUR,
    ContributionFactory,
    SessionFactory,
    ShowFundingGoalFactory,
    ShowGoalFactory,
    whole_second,
)
from tests.factories.people import PASSWORD, UserFactory
from tests.factories.profiler import WHOLE_INDEX, profiled

ORDERS = ("created_at", "nbf", "-nbf")
# A plan with one of these stages reads more documents than it returns.
SLOW = frozenset({"COLLSCAN", WHOLE_INDEX, "SORT"})


@pytest.fixture
def show(session: Session, viewer: User) -> Goal:
    """A due show that the viewer has paid for, in a session with another funding goal."""
    ShowFundingGoalFactory(session=session)
    paid = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    goal: Goal = ShowGoalFactory(funding_goal=paid, nbf=whole_second())
    return goal


def collections_read(run: Callable[[], Any]) -> Sequence[str]:
    """Run the call and return the collections that it read. Check that no query scans or sorts in memory."""
    with profiled() as profile:
        run()
    assert [query for query in profile.queries if query.stages & SLOW] == []
    return sorted({query.collection for query in profile.queries})


def activate(show: Goal) -> None:
    assert activate_goal(str(show.pk), int(show.nbf.timestamp())) == "started"  # type: ignore[union-attr]


def test_profiler_sees_a_scan(session: Session) -> None:
    with profiled() as profile:
        list(Session.objects.filter(title="Evening stream"))
        list(Session.objects.order_by().filter(title="Evening stream"))
        list(Goal.objects.order_by("exp"))

    assert [query.stages & SLOW for query in profile.queries] == [{WHOLE_INDEX}, {"COLLSCAN"}, {"COLLSCAN", "SORT"}]


def test_creating_a_show(streamer_client: ApiClient, closed_goal: Goal) -> None:
    def create() -> None:
        assert streamer_client.post("/goals?type=show", show_body(closed_goal), idempotency_key="1").status == 201

    assert collections_read(create) == ["auth_user", "contributions", "goals", "idempotency_keys", "sessions"]


def test_creating_a_show_beside_another(streamer_client: ApiClient, session: Session, closed_goal: Goal) -> None:
    ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True))
    body = show_body(closed_goal, nbf=10**9)

    assert collections_read(lambda: streamer_client.post("/goals?type=show", body)) == [
        *("auth_user", "contributions", "goals", "sessions")
    ]


def test_opening_a_funding_goal(streamer_client: ApiClient, session: Session) -> None:
    body = funding_body(session)
    read = collections_read(lambda: streamer_client.post("/goals?type=show-funding", body))
    assert read == ["auth_user", "sessions"]


def test_contributing_and_folding(viewer_client: ApiClient, open_goal: Goal) -> None:
    path = f"/goals/{open_goal.pk}/contributions"

    def contribute() -> None:
        assert viewer_client.post(path, {"amount": 5}, idempotency_key="1").status == 201
        assert viewer_client.post(path, {"amount": 5}, idempotency_key="1").status == 201
        assert fold_contributions(str(open_goal.pk)) == 1

    assert collections_read(contribute) == [
        *("auth_user", "contributions", "django_q_ormq", "goals", "idempotency_keys"),
    ]


def test_folding_what_is_overdue(viewer: User) -> None:
    """The partial index holds only contributions that are not folded yet, however many folded ones old goals have."""
    old, *others = ShowFundingGoalFactory.create_batch(3)
    ContributionFactory.create_batch(50, funding_goal=old, viewer=viewer)
    fold_contributions(str(old.pk))
    for goal in others:
        ContributionFactory(funding_goal=goal)
    with profiled() as profile:
        assert fold_overdue(before=datetime.now(UTC) + HOUR) == (2, 2)
    looks = [query for query in profile.queries if query.command.get("hint") == "unfolded"]
    assert [query.stages for query in looks] == [{"LIMIT", "FETCH", "IXSCAN", "PROJECTION_SIMPLE"}] * 2
    assert [query for query in profile.queries if query.stages & SLOW] == []
    index = connection.get_collection("contributions").index_information()["unfolded"]
    assert (index["key"], index["partialFilterExpression"]) == ([("created_at", 1)], {"folded": {"$eq": False}})


def test_settling(streamer_client: ApiClient, show: Goal) -> None:
    """The partial indexes hold only funding goals that are not settled, or about which a person has to decide."""
    activate(show)
    lapsing, _waiting = (ShowFundingGoalFactory(closed=True, paid_by=[UserFactory()]) for _ in range(2))
    past = {"$set": {"lapses_at": lapsing.created_at - HOUR}}
    connection.get_collection("goals").update_one({"_id": lapsing.pk}, past)
    with profiled() as profile:
        assert (reconcile_settlements(), settle_performances()) == ("lapsed 1", "proven 0, former 0")
        streamer_client.get(f"/goals/{show.context.funding_goal_id}/settlement")
        list(outcomes_as_csv(show.context.funding_goal_id))
    assert [query for query in profile.queries if query.stages & SLOW] == []
    indexes = connection.get_collection("goals").index_information()
    assert indexes["unsettled"]["partialFilterExpression"] == {"_cls": "ShowFundingGoal", "settlement": None}


def test_activating_and_aggregating(show: Goal) -> None:
    def start() -> None:
        activate(show)
        batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id)
        for message in queued_messages("send_chunk"):
            send_chunk(*message.args)
        write_livestream_feed(str(show.pk))

    assert collections_read(start) == [
        *("auth_user", "django_q_ormq", "exclusions", "goals", "livestream_feed"),
        *("notification_chunks", "notification_events", "sessions"),
    ]


def test_start_changes_no_indexed_field(db: None) -> None:
    """Otherwise MongoDB would rebuild the keys of all indexes, which takes 14 ms for a hundred shows."""
    indexes = connection.get_collection("goals").index_information()
    assert "unended" in indexes
    assert [name for name, index in indexes.items() if "activated_at" in str(index)] == []


def test_reconciling(show: Goal) -> None:
    activate(show)
    now = datetime.now(UTC)
    assert collections_read(lambda: (overdue(before=now, now=now), overdue_ends(before=now, leave_out=()))) == ["goals"]


def test_session_token_view(show: Goal, streamer: User, viewer: User) -> None:
    activate(show)
    path = f"/sessions/{show.conditions.session_id}/token"
    clients = [ApiClient(streamer), ApiClient(viewer)]

    assert collections_read(lambda: [client.get(path) for client in clients]) == [
        *("auth_user", "contributions", "credential_fetches", "exclusions", "goals", "sessions"),
    ]


def test_dequeuing(show: Goal) -> None:
    ContributionFactory()
    broker = PreciseBroker()

    def dequeue() -> None:
        for message_id, _payload in broker.dequeue():
            broker.acknowledge(message_id)

    assert collections_read(dequeue) == ["django_q_ormq"]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"type": "show"},
        {"status": "scheduled"},
        {"status": "live"},
        {"status": "ended"},
        {"status": "cancelled"},
        {"status": "open"},
        {"status": "closed"},
        {"session": "yes"},
        {"session": "yes", "type": "show-funding"},
        {"funding_goal": "yes"},
        {"page_size": "1"},
        *({"order": order, "page_size": "1", **more} for order in ORDERS for more in ({}, {"session": "yes"})),
        {"order": "nbf", "type": "show", "status": "scheduled,live"},
        {"order": "-nbf", "session": "yes", "type": "show-funding"},
        {"order": "-nbf", "funding_goal": "yes"},
        {"created_after": "1000000000", "created_before": "2000000000", "page_size": "1"},
        {"created_after": "1000000000", "session": "yes", "order": "created_at"},
    ],
    ids=str,
)
def test_lists_of_goals(streamer_client: ApiClient, show: Goal, query: dict[str, str]) -> None:
    ids = {"session_id": show.conditions.session_id, "funding_goal_id": show.context.funding_goal_id}
    asked = {f"{name}_id" if value == "yes" else name: value for name, value in query.items()}
    asked |= {name: ids[name] for name in asked if name in ids}

    def pages() -> None:
        page = streamer_client.get("/goals", **asked).body
        while page["next"]:
            page = streamer_client.get(page["next"]).body
        while page["previous"]:
            page = streamer_client.get(page["previous"]).body

    assert collections_read(pages) == ["auth_user", "goals"]


def test_livestream_feed(viewer_client: ApiClient, show: Goal) -> None:
    write_livestream_feed(str(show.pk))
    SessionFactory()

    def pages() -> None:
        first = viewer_client.get("/feeds/livestream", page_size="1").body
        assert len(viewer_client.get(first["next"]).body["results"]) == 1

    assert collections_read(pages) == ["auth_user", "goals", "livestream_feed", "sessions"]


@pytest.mark.parametrize(
    "path",
    [
        "/sessions?page_size=1",
        "/sessions?status=live",
        "/sessions?streamer_id={streamer}",
        "/sessions?streamer_id={streamer}&status=live",
        "/sessions/{session}",
        "/goals/{show}",
        "/goals/{show}/timeline",
    ],
)
def test_other_reads(streamer_client: ApiClient, show: Goal, path: str) -> None:
    SessionFactory()
    url = path.format(session=show.conditions.session_id, show=show.pk, streamer=show.metadata.user_id)
    assert "auth_user" in collections_read(lambda: streamer_client.get(url))


def test_signing_in(streamer: User) -> None:
    credentials = {"username": streamer.username, "password": PASSWORD}
    assert collections_read(lambda: ApiClient().post("/auth/token", credentials)) == ["auth_user"]


@pytest.mark.parametrize(
    ("channel", "collections"),
    [
        ("private-stream@{0}", ["auth_user", "goals", "sessions"]),
        ("presence-stream-viewer@{0}.sd.{1}", ["auth_user", "contributions", "exclusions", "goals", "sessions"]),
    ],
)
def test_channel_authorisation(show: Goal, streamer: User, viewer: User, channel: str, collections: list[str]) -> None:
    subscription = {"socket_id": "1.1", "channel_name": channel.format(streamer.pk, viewer.pk)}
    read = collections_read(lambda: ApiClient(viewer).post("/pusher/auth", subscription))
    assert read == collections
