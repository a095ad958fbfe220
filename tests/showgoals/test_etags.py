"""A read of a goal whose ETag the client knows gets a 304, and a change with an outdated ETag is refused."""

from functools import partial

import pytest
from django.contrib.auth.models import User

from goals.models import Goal
from mongodb.transactions import run_in_transaction
from sessions_app.models import Session
from showgoals.folds import fold_into_breakdown
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored
from tests.factories.goals import ContributionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def show(session: Session) -> Goal:
    goal: Goal = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True))
    return goal


def test_tag_is_made_of_version_progress_and_status(streamer_client: ApiClient, session: Session) -> None:
    goal = ShowFundingGoalFactory(session=session)
    path = f"/goals/{goal.pk}"
    assert streamer_client.get(path).headers["ETag"] == '"1-0-open"'
    ContributionFactory(funding_goal=goal)
    run_in_transaction(partial(fold_into_breakdown, str(goal.pk)))
    assert streamer_client.get(path).headers["ETag"] == '"1-5-open"'
    assert streamer_client.post(f"{path}/close").headers["ETag"] == '"2-5-closed"'


@pytest.mark.parametrize("known", ["{}", "W/{}", '"another", {}', "*"])
def test_known_goal_is_not_sent_again(streamer_client: ApiClient, show: Goal, known: str) -> None:
    first = streamer_client.get(f"/goals/{show.pk}")
    tag = first.headers["ETag"]
    again = streamer_client.get(f"/goals/{show.pk}", headers={"If-None-Match": known.format(tag)})
    assert (again.status, again.headers["ETag"], again.body) == (304, tag, None)


@pytest.mark.parametrize("known", ['"another"', "", "1-0-scheduled", "nonsense"])
def test_unknown_goal_is_sent(streamer_client: ApiClient, show: Goal, known: str) -> None:
    assert streamer_client.get(f"/goals/{show.pk}", headers={"If-None-Match": known}).status == 200


def test_change_on_an_old_tag_writes_nothing(streamer_client: ApiClient, show: Goal) -> None:
    path = f"/goals/{show.pk}"
    old = streamer_client.get(path).headers["ETag"]
    longer = {"levels": [{"title": "Proceed", "target": 90}]}
    first = streamer_client.patch(path, longer, if_match=old)
    before = everything_stored()

    second = streamer_client.patch(path, {"levels": [{"title": "Proceed", "target": 30}]}, if_match=old)

    assert (first.status, first.headers["ETag"]) == (200, '"2-0-scheduled"')
    assert (second.problem, everything_stored()) == ((412, "precondition_failed", []), before)
    assert streamer_client.patch(path, longer, if_match="*").status == 200
    assert streamer_client.patch(path, longer, if_match=f"W/{old}").status == 412


def test_one_of_two_changes_on_the_same_tag_wins(streamer: User, show: Goal) -> None:
    path = f"/goals/{show.pk}"
    tag = ApiClient(streamer).get(path).headers["ETag"]

    def change(target: int) -> int:
        body = {"levels": [{"title": "Proceed", "target": target}]}
        return ApiClient(streamer).patch(path, body, if_match=tag).status

    statuses = at_once([partial(change, target) for target in (90, 30)])
    assert sorted(statuses) == [200, 412]


def test_list_has_no_tag(streamer_client: ApiClient, show: Goal) -> None:
    assert "ETag" not in streamer_client.get("/goals").headers
