"""The list of changes in the admin: its names, filters and searches, and the links to it."""

from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import translation

from api.audit import Author, author, record_change
from api.models import AuthorRole, ServerKey
from desk.changes.words import differences
from goals.models import Goal
from mongodb.collections import collection, connection
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW, SECONDS
from tests.factories.people import StaffFactory
from tests.factories.profiler import profiled

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
LIST = "/admin/api/changerecord/"


@pytest.fixture
def show(session: Session) -> Goal:
    goal: Goal = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=NOW + HOUR)
    return goal


@pytest.fixture
def reader() -> Client:
    client = Client()
    client.force_login(StaffFactory(username="reader", permissions=("view_changerecord", "view_goal")))
    return client


def rows(page: Any) -> list[tuple[str, str]]:
    return [(record.action, record.subject_id) for record in page.context["cl"].result_list]


def test_list_says_who_what_from_what_to_what_and_why(reader: Client, streamer_client: ApiClient, show: Goal) -> None:
    streamer_client.patch(f"/goals/{show.pk}", {"levels": [{"title": "<Finale>", "target": 90}]})
    streamer_client.post(f"/goals/{show.pk}/cancel", {"reason": "The guitarist is <ill>."})

    text = reader.get(LIST).content.decode()

    for told in (
        "2026-03-01 12:00:00",
        "streamer",
        "move or change a show",
        "target: 60 → 90",
        "&lt;Finale&gt;",
        "cancelled: no → yes",
        "The guitarist is &lt;ill&gt;.",
        reverse("admin:goals_goal_change", args=[show.pk]),
    ):
        assert told in text


def test_list_in_traditional_chinese(reader: Client, streamer_client: ApiClient, show: Goal) -> None:
    streamer_client.post(f"/goals/{show.pk}/cancel", {})

    text = reader.get(LIST, headers={"Accept-Language": "zh-hant"}).content.decode()

    assert "取消演出" in text
    assert "否 → 是" in text


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ({"settlement": None}, {"settlement": "refund_due"}, "款項: - → 應退款"),
        ({"settlement": "in_question"}, {"settlement": "earned"}, "款項: 待裁決 → 歸直播主所有"),
        ({"status": "live"}, {"status": "ended"}, "狀態: 進行中 → 已結束"),
        ({"state": "failed"}, {"state": "requested"}, "狀態: 失敗 → 已要求"),
        ({"started_by": None}, {"started_by": "streamer"}, "開始: - → 由直播主"),
        ({}, {"scopes": ["read", "unknown"]}, "權限範圍: 讀取目標、付款與事件, unknown"),
        ({}, {"fields": ["email", "unknown"]}, "欄位: 電子郵件, unknown"),
    ],
)
def test_values_are_in_traditional_chinese(before: dict[str, Any], after: dict[str, Any], line: str) -> None:
    with translation.override("zh-hant"):
        assert differences(before, after) == [line]


def test_history_of_a_goal_is_its_part_of_the_list(reader: Client, streamer_client: ApiClient, show: Goal) -> None:
    for goal in (show, ShowFundingGoalFactory(session=Session.objects.get(pk=show.conditions.session_id))):
        key = "nbf" if goal is show else "exp"
        streamer_client.patch(f"/goals/{goal.pk}", {key: SECONDS + 60})

    page = reader.get(reverse("admin:goals_goal_history", args=[show.pk]), follow=True)

    assert page.redirect_chain == [(f"{LIST}?of={show.pk}", 302)]
    assert rows(page) == [("move_show_goal", str(show.pk))]


def test_history_needs_the_permission(show: Goal) -> None:
    client = Client()
    client.force_login(StaffFactory(permissions=("view_goal",)))

    assert client.get(reverse("admin:goals_goal_history", args=[show.pk])).status_code == 403
    assert client.get(LIST).status_code == 403


def test_filters_and_searches_find_by_who_what_and_whom(reader: Client, streamer: User, show: Goal) -> None:
    boss, other = StaffFactory(username="boss"), ObjectId()
    record_change("end_show", show, by=author(boss), about=[str(streamer.pk)])
    record_change("change", boss, by=Author(AuthorRole.STAFF, str(other), "-"), about=[str(boss.pk)])
    of_show, of_boss = ("end_show", str(show.pk)), ("change", str(boss.pk))

    assert {query: rows(reader.get(f"{LIST}?{query}")) for query in (
        *("", "action=end_show", "action=nope", "since=hour", f"of={show.pk}", f"by={boss.pk}"),
        *(f"about={streamer.pk}", "q=boss", f"q={show.pk}", f"q={streamer.pk}", "q=nobody", "of=%00", "about=x"),
        f"by={boss.pk}&action=change",
    )} == {
        "": [of_boss, of_show],
        "action=end_show": [of_show],
        "action=nope": [of_boss, of_show],
        "since=hour": [of_boss, of_show],
        f"of={show.pk}": [of_show],
        f"by={boss.pk}": [of_show],
        f"about={streamer.pk}": [of_show],
        "q=boss": [of_show],
        f"q={show.pk}": [of_show],
        f"q={streamer.pk}": [of_show],
        "q=nobody": [],
        "of=%00": [],
        "about=x": [],
        f"by={boss.pk}&action=change": [],
    }  # fmt: skip


def test_request_id_finds_its_changes(reader: Client, streamer_client: ApiClient, show: Goal) -> None:
    answer = streamer_client.post(f"/goals/{show.pk}/cancel", {}, x_request_id="asked-by-phone")

    assert answer.status == 200
    assert rows(reader.get(f"{LIST}?q=asked-by-phone")) == [("cancel_show_goal", str(show.pk))]


def test_changes_by_a_key_name_it(reader: Client, show: Goal) -> None:
    key = ServerKey.objects.create(name="Ticket office", digest="x", start="sk_", scopes=["read"], created_at=NOW)
    record_change("decide_settlement", show, by=Author(AuthorRole.KEY, str(key.pk), "key: Ticket office"))

    assert "Ticket office" in reader.get(LIST).content.decode()


def test_nobody_adds_changes_or_deletes_a_record(show: Goal) -> None:
    record_change("end_show", show, by=Author(AuthorRole.STAFF, "0" * 24, "-"))
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    (record,) = collection("change_records").find({})

    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{record['_id']}/delete/", {"post": "yes"}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": [str(record["_id"])], "post": "yes"})
    assert list(collection("change_records").find({})) == [record]


@pytest.mark.parametrize("query", ["", "of={show}", "by={by}", "about={by}", "action=end_show", "q={show}", "p=2"])
def test_list_asks_as_much_for_many_changes_as_for_few(reader: Client, show: Goal, query: str) -> None:
    person = StaffFactory()
    asked = query.format(show=show.pk, by=person.pk)
    by, about = author(person), [str(person.pk)]
    counts = []
    for _round in range(2):
        for _number in range(60):
            record_change("end_show", show, by=by, about=about)
        with profiled() as profile:
            assert reader.get(f"{LIST}?{asked}").status_code == 200
        counts.append(len(profile.queries))
        asked_for = [query for query in profile.queries if query.collection == "change_records"]
        assert [query for query in asked_for if query.stages & {"COLLSCAN", "SORT"}] == []

    assert counts[0] == counts[1] <= 12


@pytest.mark.parametrize(
    "condition", [{"by_id": "x"}, {"action": "x"}, {"subject_id": "x"}, {"about": {"$all": ["x"]}}]
)
def test_changes_are_found_by_an_index_in_the_order_of_the_list(condition: dict[str, Any]) -> None:
    plan = connection.database.change_records.find(condition).sort("_id", -1).explain()["queryPlanner"]["winningPlan"]

    assert "COLLSCAN" not in str(plan)
    assert "'SORT'" not in str(plan)
