"""The admin's front page counts what needs a person's attention. Each number leads to a list of the same length."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from desk.attention import MOST_COUNTED, Need, shows_in_need
from desk.hour import deliveries_of_last_hour, starts_of_last_hour
from desk.upcoming import upcoming_shows
from goals.models import Goal
from goals.tasks import activate_goal
from notifications.models import CHUNKS
from sessions_app.models import Session
from taskqueue.heartbeat import beat
from tests.factories.documents import connection
from tests.factories.fixtures import Commands
from tests.factories.goals import SessionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import StaffFactory
from tests.factories.profiler import WHOLE_INDEX, profiled

pytestmark = pytest.mark.django_db

URL = "/admin/"
MINUTE = timedelta(minutes=1)
LIVE_ROW = {"_cls": "ShowGoal", "activated_at": timezone.now(), "cancelled_at": None, "exp": None}


@pytest.fixture(autouse=True)
def _urls(settings: Any) -> None:
    settings.ROOT_URLCONF = "config.urls"


@pytest.fixture
def show(session: Session, viewer: User) -> Goal:
    funding_goal = ShowFundingGoalFactory(session=session, paid_by=[viewer], closed=True)
    made: Goal = ShowGoalFactory(funding_goal=funding_goal)
    return made


def _set(goal: Goal, **fields: Any) -> None:
    connection.database["goals"].update_one({"_id": goal.pk}, {"$set": fields})


def _overdue(goal: Goal) -> None:
    _set(goal, nbf=timezone.now() - MINUTE)


def _held(goal: Goal) -> None:
    nbf = timezone.now() - MINUTE
    _set(goal, nbf=nbf, held_nbf=nbf)


def _live(goal: Goal) -> None:
    now = timezone.now()
    _set(goal, nbf=now - MINUTE, activated_at=now - MINUTE + timedelta(seconds=2.5), created_at=now - 2 * MINUTE)


def _recording(goal: Goal, state: str = "started") -> None:
    row = {"_id": goal.pk, "state": state, "requested_at": timezone.now() - MINUTE}
    connection.database["recordings"].insert_one(row)


def _chunk(goal: Goal, states: str) -> None:
    row = {"_id": f"x:{states}", "goal_id": str(goal.pk), "states": states, "sent_at": None}
    connection.database[CHUNKS].insert_one({**row, "planned_at": timezone.now() - MINUTE})


def _untold(goal: Goal) -> None:
    _live(goal)
    _recording(goal)
    _chunk(goal, "ssfp")


SITUATIONS = {Need.OVERDUE: _overdue, Need.HELD: _held, Need.UNTOLD: _untold, Need.UNRECORDED: _live}


@pytest.mark.parametrize("need", Need)
def test_show_in_need_is_counted_and_listed(admin: Client, show: Goal, need: Need) -> None:
    SITUATIONS[need](show)
    other = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=_another_session(), closed=True))
    counts = {each: shows_in_need(each, now=timezone.now()) for each in Need}
    assert counts == {each: [show.pk] if each is need else [] for each in Need}
    tiles = {tile.url: tile.count for tile in admin.get(URL).context["tiles"]}
    (url,) = (url for url in tiles if need.value in url)
    assert tiles[url] == 1
    listed = [goal.pk for goal in admin.get(url).context["cl"].result_list]
    assert listed == [show.pk] != [other.pk]


def _another_session() -> Session:
    made: Session = SessionFactory()
    return made


@pytest.mark.parametrize(("need", "cause"), [(Need.UNTOLD, _untold), (Need.UNRECORDED, _live)])
def test_show_in_need_is_found_behind_hundreds_of_newer_ones(
    show: Goal, need: Need, cause: Callable[[Goal], None]
) -> None:
    cause(show)
    newer = [{**LIVE_ROW, "_id": ObjectId(), "nbf": timezone.now() - MINUTE / 2} for _each in range(MOST_COUNTED)]
    connection.database["goals"].insert_many(newer)
    runs = {"state": "started", "requested_at": timezone.now()}
    connection.database["recordings"].insert_many([{**runs, "_id": row["_id"]} for row in newer])
    with profiled() as profile:
        assert shows_in_need(need, now=timezone.now()) == [show.pk]
    assert not {"COLLSCAN", "SORT", WHOLE_INDEX} & {stage for query in profile.queries for stage in query.stages}


@pytest.mark.parametrize("need", Need)
def test_scheduled_shows_are_not_read(show: Goal, need: Need) -> None:
    SITUATIONS[need](show)
    later = {**LIVE_ROW, "activated_at": None, "nbf": timezone.now() + MINUTE}
    connection.database["goals"].insert_many([{**later, "_id": ObjectId()} for _each in range(100)])
    with profiled() as profile:
        assert shows_in_need(need, now=timezone.now()) == [show.pk]
    (query,) = (query for query in profile.queries if query.collection == "goals")
    plan = connection.database.command("explain", query.command, verbosity="executionStats")
    assert plan["executionStats"]["totalDocsExamined"] == 1


def test_late_subscription_does_not_make_a_show_untold(show: Goal) -> None:
    _live(show)
    _chunk(show, "ssmx")
    assert shows_in_need(Need.UNTOLD, now=timezone.now()) == []


def test_failed_recording_needs_a_person_after_its_show(show: Goal) -> None:
    _set(show, nbf=timezone.now() - MINUTE, activated_at=timezone.now() - MINUTE, exp=timezone.now())
    _recording(show, "failed")
    assert shows_in_need(Need.UNRECORDED, now=timezone.now()) == [show.pk]


def test_healthy_show_needs_nobody(admin: Client, show: Goal) -> None:
    _live(show)
    _recording(show)
    assert [tile.count for tile in admin.get(URL).context["tiles"]] == [0, 0, 0, 0, 0]


def test_missing_cluster_and_failed_task_are_said(admin: Client) -> None:
    connection.database["django_q_task"].insert_one({"id": "1", "success": False, "stopped": timezone.now()})
    response = admin.get(URL)
    assert "No qcluster is alive, so no show starts." in response.content.decode()
    assert [tile.count for tile in response.context["tiles"]][-1] == 1
    assert not response.context["needs_nobody"]


@pytest.mark.parametrize(
    "permissions",
    [(), ("view_goal",), ("view_failure",), ("view_goal", "view_failure")],
    ids=["nothing", "shows only", "failures only", "both"],
)
def test_all_is_well_only_for_those_who_may_see_all(db: None, permissions: tuple[str, ...]) -> None:
    beat("one", started_at=timezone.now(), workers={"showgoals": 2}, deaths=0)
    client = Client()
    client.force_login(StaffFactory(permissions=permissions))
    response = client.get(URL)
    page = response.content.decode()
    assert (response.context["troubles"], "All is well." in page) == ([], len(permissions) == 2)
    assert ("What needs a person now" in page) == bool(permissions)


def test_upcoming_shows_have_names_and_payers(admin: Client, show: Goal) -> None:
    (found,) = upcoming_shows(now=timezone.now())
    assert (found.goal_id, found.title, found.streamer, found.nbf) == (
        str(show.pk),
        show.levels[0].title,
        "streamer",
        show.nbf,
    )
    assert show.levels[0].title in admin.get(URL).content.decode()


def test_last_hour_is_counted_by_its_steps(show: Goal) -> None:
    _live(show)
    _recording(show)
    _chunk(show, "sssmfpuxe")
    now = timezone.now()
    starts = [each for each in starts_of_last_hour(now=now) if each.count]
    assert [(each.count, each.median, each.latest) for each in starts] == [(1, 2.5, 2.5)]
    deliveries = [(each.sent, each.unsent) for each in deliveries_of_last_hour(now=now)]
    assert len(deliveries) == 12
    assert [each for each in deliveries if any(each)] == [(4, 3)]


def test_real_start_is_on_the_plot(session: Session) -> None:
    nbf = timezone.now().replace(microsecond=0)
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=nbf)
    activate_goal(str(show.pk), int(nbf.timestamp()))
    assert sum(each.count for each in starts_of_last_hour(now=timezone.now())) == 1


def test_staff_see_no_more_than_they_may(show: Goal) -> None:
    client = Client()
    client.force_login(StaffFactory(permissions=()))
    response = client.get(URL)
    assert (response.status_code, response.context["tiles"]) == (200, [])
    assert show.levels[0].title not in response.content.decode()


def test_front_page_takes_few_commands(commands: Commands, admin: Client, show: Goal) -> None:
    for _each in range(5):
        ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=_another_session(), closed=True))
    admin.get(URL)
    commands.names.clear()
    assert admin.get(URL).status_code == 200
    assert len(commands.names) <= 32, commands.names


@pytest.mark.parametrize("needs", ["nothing", "", "\0", "overdue&needs=held"])
def test_odd_need_is_no_error(admin: Client, needs: str) -> None:
    assert admin.get(f"/admin/goals/goal/?needs={needs}").status_code in {200, 302, 400}


def test_shows_in_need_are_at_most_five_hundred(db: None) -> None:
    soon = timezone.now() - MINUTE
    row = {**LIVE_ROW, "activated_at": None, "nbf": soon}
    connection.database["goals"].insert_many([{**row, "_id": ObjectId()} for _each in range(505)])
    assert len(shows_in_need(Need.OVERDUE, now=timezone.now())) == 500
