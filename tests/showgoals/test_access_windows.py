"""The cached windows of the session token view are never stale, and are read once for many viewers."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pymongo import monitoring

from goals.models import Goal
from goals.tasks import activate_goal
from mongodb.collections import collection, connection
from mongodb.transactions import run_in_transaction
from sessions_app.cache_version import raise_cache_version
from sessions_app.models import Session
from showgoals.access_windows import Windows, windows
from showgoals.changes import begin_show
from showgoals.folds import fold_into_breakdown
from showgoals.models import Contribution
from showgoals.payments import is_payer
from tests.factories.client import ApiClient
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import UserFactory
from tests.factories.profiler import profiled
from tests.factories.stream_tokens import read_stream_token
from tests.factories.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("either_cache")]


@pytest.fixture
def show(session: Session, viewer: User) -> Goal:
    """A show with one payer that is about to start."""
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    goal: Goal = ShowGoalFactory(funding_goal=funding_goal, nbf=timezone.now().replace(microsecond=0))
    return goal


def preset(client: ApiClient, session: Session) -> str:
    return str(client.get(f"/sessions/{session.pk}/token").body["preset"])


def start(show: Goal) -> None:
    activate_goal(str(show.pk), int(show.window[0].timestamp()))


def test_answer_changes_with_the_start_and_the_end(
    viewer_client: ApiClient, streamer_client: ApiClient, session: Session, show: Goal
) -> None:
    seen = [preset(viewer_client, session)]
    start(show)
    seen += [preset(viewer_client, session), preset(streamer_client, session), preset(viewer_client, session)]
    assert seen == ["preview", "sd", "publish", "sd"]
    streamer_client.post(f"/sessions/{session.pk}/end", {})
    assert viewer_client.get(f"/sessions/{session.pk}/token").problem == (409, "session_ended", [])


def test_credentials_follow_the_window(viewer_client: ApiClient, session: Session, show: Goal) -> None:
    start(show)
    path = f"/sessions/{session.pk}/token"
    first = viewer_client.get(path).body
    later = timezone.now()
    run_in_transaction(lambda: begin_show(str(show.pk), now=later))
    second = viewer_client.get(path).body
    begun = Goal.objects.get(pk=show.pk)
    assert (first["exp"], second["exp"]) == tuple(int(goal.window[1].timestamp()) for goal in (show, begun))
    assert read_stream_token(second["token"], now=second["nbf"]).exp == second["exp"]


def test_payer_is_let_in_before_the_payment_is_folded(session: Session, show: Goal) -> None:
    start(show)
    late = UserFactory()  # the payment is late, because its commit became visible only after the show was created
    Contribution.objects.create(
        funding_goal_id=show.context.funding_goal_id,
        viewer_id=str(late.pk),
        amount=5,
        key="1",
        created_at=timezone.now(),
    )
    client = ApiClient(late)
    assert preset(client, session) == "sd"
    run_in_transaction(lambda: fold_into_breakdown(show.context.funding_goal_id))
    assert preset(client, session) == "sd"


def test_known_payers_are_looked_up_again_only_for_another_version(session: Session, show: Goal, viewer: User) -> None:
    start(show)
    funding_goal_id = show.context.funding_goal_id
    stranger: User = UserFactory()
    reads: list[int] = []
    for person, version in [(viewer, 1), (viewer, 1), (stranger, 1), (stranger, 1), (viewer, 2), (viewer, 2)]:
        with profiled() as profile:
            assert is_payer(str(person.pk), funding_goal_id, version=version) == (person == viewer)
        reads.append(len([query for query in profile.queries if query.collection == "contributions"]))
    assert reads == [1, 0, 1, 1, 1, 0]


def test_excluded_payer_is_not_let_in_once_the_version_is_raised(
    session: Session, show: Goal, viewer: User, viewer_client: ApiClient
) -> None:
    start(show)
    assert preset(viewer_client, session) == "sd"
    collection("contributions").delete_many({"viewer_id": str(viewer.pk)})
    collection("goals").update_many({}, {"$unset": {f"breakdown.{viewer.pk}": ""}})
    run_in_transaction(lambda: raise_cache_version(str(session.pk)))
    assert preset(viewer_client, session) == "preview"


def test_index_alone_finds_a_payer(show: Goal, viewer: User) -> None:
    with profiled() as profile:
        assert is_payer(str(viewer.pk), show.context.funding_goal_id, version=0)
    paid = [query.stages for query in profile.queries if query.collection == "contributions"]
    assert paid == [{"LIMIT", "PROJECTION_COVERED", "IXSCAN"}]


def test_concurrent_viewers_read_the_windows_once(session: Session, show: Goal) -> None:
    start(show)
    session.refresh_from_db()
    asked: list[str] = []

    class Listener(monitoring.CommandListener):
        def started(self, event: Any) -> None:
            if event.command_name == "find" and event.command["find"] == "goals":
                asked.append(event.command_name)

        def succeeded(self, event: Any) -> None: ...
        def failed(self, event: Any) -> None: ...

    connection.close_pool()
    options = connection.settings_dict["OPTIONS"]
    connection.settings_dict["OPTIONS"] = {**options, "event_listeners": [Listener()]}
    try:
        fresh = Windows()
        found = at_once([lambda: fresh.of(str(session.pk), session.cache_version)] * 50)
    finally:
        connection.settings_dict["OPTIONS"] = options
        connection.close_pool()
    assert ([window.paid.goal_id for window in found[0]], len(asked)) == ([str(show.pk)], 1)
    assert all(answer == found[0] for answer in found)


def test_only_the_newest_sessions_are_kept(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("showgoals.access_windows.KEPT_SESSIONS", 3)
    kept = Windows()
    for version in range(10):
        kept.of(str(session.pk), version)
    assert len(kept._read) == 3
    assert windows.of(str(session.pk), 10**6) == []
