"""The aggregate of the flow returns a show with its viewers and its `access_exp`, or raises an error."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from bson.errors import InvalidId
from django.contrib.auth.models import User
from django.db.models import Model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goals.access import access_exp
from goals.models import Goal
from sessions_app.models import Session
from showgoals.errors import ShowCannotBeAnnounced
from showgoals.queries import AwaitingShow, awaiting_show
from tests.factories.documents import connection
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import UserFactory

SECONDS = st.integers(1_600_000_000, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, tz=UTC))


def change(document: Goal | Session, collection: str, update: Any) -> None:
    connection.get_collection(collection).update_one({"_id": document.pk}, update)


@pytest.fixture
def show(session: Session, closed_goal: Goal) -> Goal:
    goal: Goal = ShowGoalFactory(funding_goal=closed_goal)
    return goal


def awaited(show: Goal) -> AwaitingShow:
    return awaiting_show(str(show.pk), show.context.funding_goal_id)


def test_show_is_found_with_its_viewers(session: Session, streamer: User) -> None:
    viewers = UserFactory.create_batch(3)
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[*viewers, viewers[0]])
    show = ShowGoalFactory(funding_goal=funding_goal)

    found = awaited(show)

    assert found == AwaitingShow(
        session_id=str(session.pk),
        streamer_id=str(streamer.pk),
        nbf=show.nbf,
        exp=show.nbf + timedelta(seconds=60),
        viewers=found.viewers,
    )
    assert sorted(found.viewers) == sorted(str(viewer.pk) for viewer in viewers)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    target=st.integers(1, 86_400),
    progress=st.integers(0, 100_000),
    nbf=SECONDS,
    started=st.none() | SECONDS,
)
def test_pipeline_and_function_agree_when_the_access_ends(
    show: Goal, target: int, progress: int, nbf: datetime, started: datetime | None
) -> None:
    levels = [{"title": "Warm-up", "target": 1}, {"title": "Proceed", "target": target}]
    stored = {"levels": levels, "progress": progress, "nbf": nbf, "context.started": started}
    change(show, "goals", {"$set": stored})

    ends = access_exp(target_seconds=target, progress_seconds=progress, nbf=nbf, started=started)
    found = awaited(show)
    assert (found.nbf, found.exp) == (nbf, ends)
    assert Goal.objects.get(pk=show.pk).access_exp == ends


@pytest.mark.parametrize(
    ("target", "progress", "started", "seconds"),
    [(60, 0, None, 60), (60, 45, None, 15), (60, 60, None, 0), (60, 90, None, 0), (60, 0, 30, 90), (60, 20, 30, 70)],
)
def test_access_ends_after_what_remains_of_the_target(
    target: int, progress: int, started: int | None, seconds: int
) -> None:
    nbf = datetime(2025, 4, 30, 6, 17, 43, tzinfo=UTC)
    began = None if started is None else nbf + timedelta(seconds=started)
    ends = access_exp(target_seconds=target, progress_seconds=progress, nbf=nbf, started=began)
    assert ends == nbf + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "update", [{"$set": {"breakdown": {}}}, {"$set": {"breakdown": None}}, {"$unset": {"breakdown": 1}}]
)
def test_show_without_payers_has_no_viewers(closed_goal: Goal, show: Goal, update: Any) -> None:
    change(closed_goal, "goals", update)
    assert awaited(show).viewers == ()


@pytest.mark.parametrize("levels", [[], None])
def test_show_without_a_level_is_an_error(show: Goal, levels: Any) -> None:
    """Without this error, the `access_exp` of such a show would equal its `nbf`."""
    change(show, "goals", {"$set": {"levels": levels}})
    with pytest.raises(ShowCannotBeAnnounced):
        awaited(show)


@pytest.mark.parametrize("missing", ["show", "funding goal", "session"])
def test_missing_document_is_an_error(show: Goal, closed_goal: Goal, session: Session, missing: str) -> None:
    documents: dict[str, tuple[str, Model]] = {
        "show": ("goals", show),
        "funding goal": ("goals", closed_goal),
        "session": ("sessions", session),
    }
    collection, gone = documents[missing]
    connection.get_collection(collection).delete_one({"_id": gone.pk})
    with pytest.raises(ShowCannotBeAnnounced):
        awaited(show)


@pytest.mark.parametrize("kind", ["KaraokeGoal", "ShowFundingGoal"])
def test_goal_of_another_kind_is_an_error(show: Goal, kind: str) -> None:
    change(show, "goals", {"$set": {"_cls": kind}})
    with pytest.raises(ShowCannotBeAnnounced):
        awaited(show)


def test_bad_id_is_an_error(show: Goal) -> None:
    with pytest.raises(InvalidId):
        awaiting_show("zzz", show.context.funding_goal_id)


def test_unknown_ids_are_an_error(db: None) -> None:
    with pytest.raises(ShowCannotBeAnnounced):
        awaiting_show(str(ObjectId()), str(ObjectId()))
