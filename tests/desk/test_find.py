"""The admin's search box finds ids, codes, and beginnings of titles, names and addresses, regardless of case."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from desk.finding import MOST_FOUND, MOST_USERS_LISTED, Found, Kinds, find
from goals.models import Goal
from mongodb.folded import FOLDED, begins_with
from mongodb.transactions import run_in_transaction
from sessions_app.models import Session
from showgoals.changes import cancel_show_goal
from tests.desk.pressing import agent
from tests.factories.documents import connection
from tests.factories.fixtures import Commands
from tests.factories.goals import SessionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import StaffFactory, UserFactory
from tests.factories.profiler import WHOLE_INDEX, profiled
from tests.showgoals.pages import page

pytestmark = pytest.mark.django_db

ALL = Kinds(goals=True, sessions=True, users=True)
URL = "/admin/find/"
MANY = 3000


@pytest.fixture(autouse=True)
def _urls(settings: Any) -> None:
    settings.ROOT_URLCONF = "config.urls"


def titled(title: str, session: Session) -> Goal:
    goal: Goal = ShowFundingGoalFactory(session=session)
    _set_title(goal, title)
    return goal


def _set_title(goal: Goal, title: str) -> None:
    connection.database["goals"].update_one({"_id": goal.pk}, {"$set": {"levels.0.title": title}})


def ids(found: Found) -> list[str]:
    return [goal.goal_id for goal in found.goals]


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Piano evening", "piano e"),
        ("Piano evening", "PIANO"),
        ("\uff30\uff49\uff41\uff4e\uff4f night", "piano n"),
        ("piano", "\uff50\uff49\uff41"),
        ("STRASSE 7", "straße"),
        ("Straße 7", "strass"),
        ("José sings", "jose"),
        ("㎏ of love", "kg"),
        ("ﬁne", "FINE"),
        ("鋼琴之夜", "鋼琴"),
        ("👍 hello", "👍"),
        ("$ne.x", "$ne"),
        (".*", ".*"),
    ],
)
def test_title_is_found_by_its_beginning(session: Session, title: str, text: str) -> None:
    goal = titled(title, session)
    titled("zither", session)
    assert ids(find(text, ALL)) == [str(goal.pk)]


@pytest.mark.parametrize("text", ["", "   ", "evening", "no such thing", "\uffff", "f" * 24, "x-y", "f" * 24 + "-x"])
def test_nothing_is_found(session: Session, text: str) -> None:
    titled("Piano evening", SessionFactory(user=session.user, title="Piano"))
    assert find(text, Kinds(goals=True, sessions=False, users=True)).is_empty


def test_session_and_user_are_found_by_name() -> None:
    anna = UserFactory(username="Anna.Bell", email="Bell@Example.com")
    session = SessionFactory(user=anna, title="Anna's evening")
    found = find("anna", ALL)
    assert [each.session_id for each in found.sessions] == [str(session.pk)]
    assert [(each.username, each.email) for each in found.users] == [("Anna.Bell", "Bell@example.com")]
    assert [each.user_id for each in find("bell@ex", ALL).users] == [str(anna.pk)]


def test_user_is_found_with_their_goals_and_payments(session: Session, viewer: User) -> None:
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, paid_by=[viewer], closed=True))
    (payer,) = find("VIEW", ALL).users
    assert ([goal.goal_id for goal in payer.paid], payer.goals) == ([str(show.pk)], [])
    (streamer,) = find("streamer", ALL).users
    assert [goal.goal_id for goal in streamer.goals] == [str(show.pk), show.context.funding_goal_id]
    assert {goal.streamer for goal in (*payer.paid, *streamer.goals)} == {"streamer"}


def test_ids_and_codes_are_found(session: Session, viewer: User) -> None:
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True))
    assert ids(find(str(show.pk), ALL)) == [str(show.pk)]
    assert set(ids(find(str(session.pk), ALL))) == {str(show.pk), show.context.funding_goal_id}
    assert [each.user_id for each in find(f" {viewer.pk} ", ALL).users] == [str(viewer.pk)]
    coded = find(f"{show.pk}-{viewer.pk}".upper(), ALL)
    assert (ids(coded), [each.user_id for each in coded.users]) == ([str(show.pk)], [str(viewer.pk)])


def test_a_change_of_a_title_is_found_at_once(session: Session) -> None:
    goal = titled("Piano", session)
    _set_title(goal, "Guitar")
    assert (ids(find("piano", ALL)), ids(find("guitar", ALL))) == ([], [str(goal.pk)])


def test_more_than_the_page_holds_is_said() -> None:
    for number in range(MOST_FOUND + 1):
        UserFactory(username=f"same-{number}")
    found = find("same", ALL)
    assert (len(found.users), found.is_cut) == (MOST_FOUND, True)


@pytest.fixture
def crowd(db: None) -> None:
    """Create thousands of goals, sessions and users. Ten of each kind are called Rare."""
    names = [f"{'Rare' if number % (MANY // 10) == 0 else 'usual'} {number}" for number in range(MANY)]
    database = connection.database
    database["goals"].insert_many([{"levels": [{"title": name}, {"title": "b"}], "made": True} for name in names])
    database["sessions"].insert_many([{"title": name, "made": True} for name in names])
    database["auth_user"].insert_many([{"username": name, "email": f"{name}@x.example"} for name in names])


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("goals", {"levels": {"$elemMatch": {"title": begins_with("rare")}}}),
        ("sessions", {"title": begins_with("rare")}),
        ("auth_user", {"username": begins_with("rare")}),
        ("auth_user", {"email": begins_with("rare")}),
    ],
)
def test_search_reads_no_more_keys_than_it_finds(crowd: None, name: str, condition: dict[str, Any]) -> None:
    command = {"find": name, "filter": condition, "collation": FOLDED, "limit": MOST_FOUND + 1}
    stats = connection.database.command("explain", command, verbosity="executionStats")["executionStats"]
    assert stats["nReturned"] == 10
    assert stats["totalKeysExamined"] <= stats["nReturned"] + 1
    assert stats["totalDocsExamined"] == stats["nReturned"]


def test_page_shows_all_kinds(admin: Client, session: Session) -> None:
    anna = UserFactory(username="anna")
    goal = titled("Anna sings", SessionFactory(user=anna, title="Annas evening"))
    page = admin.get(URL, {"q": "anna"}).content.decode()
    assert reverse("admin:goals_goal_change", args=[goal.pk]) in page
    assert "Annas evening" in page
    assert reverse("admin:auth_user_change", args=[anna.pk]) in page


@pytest.mark.parametrize(("text", "count"), [("rare", 10), ("RÄRE 3", 1), ("f" * 24, 0), ("x", 0)])
def test_list_of_users_is_searched_by_indexes(crowd: None, admin: Client, text: str, count: int) -> None:
    with profiled() as profile:
        page = admin.get(reverse("admin:auth_user_changelist"), {"q": text})

    assert page.context["cl"].result_count == count
    stages = [query.stages for query in profile.queries if query.collection == "auth_user"]
    assert not any(each & {"COLLSCAN", WHOLE_INDEX} for each in stages), stages


def test_list_of_users_says_that_there_are_more(crowd: None, admin: Client) -> None:
    page = admin.get(reverse("admin:auth_user_changelist"), {"q": "usual"})

    assert page.context["cl"].result_count == MOST_USERS_LISTED
    assert "There is more. Type more of the name." in page.content.decode()


def test_page_leads_to_the_only_thing_found(admin: Client, session: Session) -> None:
    goal = titled("Only one", session)
    for text in ("only", str(goal.pk)):
        assert admin.get(URL, {"q": text})["Location"] == reverse("admin:goals_goal_change", args=[goal.pk])
    session_page = reverse("admin:sessions_app_session_change", args=[session.pk])
    assert admin.get(URL, {"q": session.title})["Location"] == session_page


@pytest.mark.parametrize("text", ["", "%00", "%FF", "%ED%A0%BD", "nobody", "x" * 5000])
def test_odd_text_is_no_error(admin: Client, text: str) -> None:
    assert admin.get(f"{URL}?q={text}").status_code in {200, 400}


def test_only_what_may_be_viewed_is_found(session: Session) -> None:
    goal = titled("Annas goal", session)
    titled("Anna again", session)
    UserFactory(username="anna")
    client = Client()
    client.force_login(StaffFactory(username="support"))
    page = client.get(URL, {"q": "anna"}).content.decode()
    assert reverse("admin:goals_goal_change", args=[goal.pk]) in page
    assert "/admin/auth/user/" not in page


def test_strangers_are_asked_to_sign_in(viewer: User) -> None:
    client = Client()
    assert client.get(URL)["Location"].startswith("/admin/login/")
    client.force_login(viewer)
    assert client.get(URL).status_code == 302


@pytest.mark.parametrize("page", ["/admin/", "/admin/goals/goal/", "/admin/auth/user/add/"])
def test_every_page_has_the_box(admin: Client, page: str) -> None:
    assert f'action="{URL}"' in admin.get(page).content.decode()
    assert f'action="{URL}"' not in Client().get("/admin/login/").content.decode()


def test_search_by_name_takes_few_commands(commands: Commands, admin: Client, session: Session) -> None:
    for number in range(5):
        titled(f"Anna {number}", SessionFactory(user=session.user, title=f"Anna {number}"))
        UserFactory(username=f"anna-{number}")
    commands.names.clear()
    assert admin.get(URL, {"q": "anna"}).status_code == 200
    by_goals = [name for name in commands.names if "session" not in name and "auth_user" not in name]
    assert by_goals == ["find goals", "distinct goals"]
    assert len(commands.names) <= 9


@pytest.mark.parametrize(("permission", "is_offered"), [("change_goal", True), ("send_again", False)])
def test_scheduled_show_can_be_moved_from_the_page(show: Goal, permission: str, *, is_offered: bool) -> None:
    client, move = agent(permission), f"{page(show, 'move/')}?by="
    for number, goal in enumerate([show, Goal.objects.get(pk=show.context.funding_goal_id)]):
        _set_title(goal, f"Piano {number}")
    assert client.get(URL, {"q": "piano"}).content.decode().count(move) == 3 * is_offered

    run_in_transaction(lambda: cancel_show_goal(str(show.pk), now=show.created_at))
    assert move not in client.get(URL, {"q": "piano"}).content.decode()


def test_status_of_a_session_is_in_the_language_of_the_reader(admin: Client, session: Session) -> None:
    SessionFactory(user=session.user, title=session.title)
    found = admin.get(URL, {"q": session.title}, headers={"Accept-Language": "zh-hant"}).content.decode()

    assert (found.count("<td>進行中</td>"), found.count("<td>live</td>")) == (2, 0)
