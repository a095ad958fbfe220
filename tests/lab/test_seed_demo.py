"""`seed_demo` stores what the use cases would store, and prints a line for each show."""

import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from django.core.management import CommandError, call_command
from django.db import connection as django_connection

from showgoals.models import ShowFundingGoal
from tests.factories.bodies import show_body
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored, stored, stored_one
from tests.factories.goals import ShowFundingGoalFactory

NOW = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)
STORED_NOW = NOW.replace(tzinfo=None)

pytestmark = pytest.mark.django_db
connection: Any = django_connection


def seed(viewers: int, shows: int = 1) -> list[dict[str, Any]]:
    stdout = StringIO()
    call_command("seed_demo", viewers=viewers, shows=shows, stdout=stdout, stderr=StringIO())
    return [json.loads(line) for line in stdout.getvalue().splitlines()]


def test_seed_demo_prints_a_line_for_each_show() -> None:
    with time_machine.travel(NOW, tick=False):
        lines = seed(viewers=2, shows=2)

        for line in lines:
            streamer, viewers = line["streamer"], line["viewers"]
            assert line == {
                "streamer": {
                    "id": streamer["id"],
                    "username": f"streamer-{streamer['id']}",
                    "password": lines[0]["streamer"]["password"],
                    "access": streamer["access"],
                },
                "session_id": line["session_id"],
                "funding_goal_id": line["funding_goal_id"],
                "viewers": [
                    {"id": viewer["id"], "username": f"viewer-{viewer['id']}", "access": viewer["access"]}
                    for viewer in viewers
                ],
            }
            assert len(viewers) == 2
    people = [person["id"] for line in lines for person in (line["streamer"], *line["viewers"])]
    assert sorted(people) == sorted({str(user["_id"]) for user in stored("auth_user")})


def test_seed_demo_stores_what_the_use_cases_would_store() -> None:
    with time_machine.travel(NOW, tick=False):
        (line,) = seed(viewers=2)

    goal_id, session_id, streamer_id = line["funding_goal_id"], line["session_id"], line["streamer"]["id"]
    first, second = (viewer["id"] for viewer in line["viewers"])
    opened_at = STORED_NOW - timedelta(hours=1)
    assert stored("sessions") == [
        {
            "_id": ObjectId(session_id),
            "user": ObjectId(streamer_id),
            "title": f"Session of streamer-{streamer_id}",
            "status": "live",
            "show_goal_pairs": [
                {"funding_goal": ObjectId(goal_id), "funding_ended": True, "show_goal": None, "show_ended": False}
            ],
            "cache_version": 0,
            "created_at": opened_at,
            "ended_at": None,
        }
    ]
    (goal,) = stored("goals")
    assert (goal["breakdown"], goal["payers"]) == ({first: {"amount": 200}, second: {"amount": 200}}, 2)
    assert {key: goal[key] for key in ("_id", "_cls", "active", "nbf", "exp", "progress", "levels")} == {
        "_id": ObjectId(goal_id),
        "_cls": "ShowFundingGoal",
        "active": False,
        "nbf": None,
        "exp": STORED_NOW - timedelta(minutes=1),
        "progress": 400,
        "levels": [{"title": "Proceed", "target": 400}],
    }
    assert (goal["conditions"], goal["metadata"]) == ({"session_id": session_id}, {"user_id": streamer_id})
    assert [{**paid, "_id": None} for paid in stored("contributions")] == [
        {
            "_id": None,
            "funding_goal_id": goal_id,
            "viewer_id": viewer,
            "amount": 200,
            "key": "seed_demo",
            "folded": True,
            "created_at": opened_at,
        }
        for viewer in (first, second)
    ]


def test_seed_demo_stores_the_keys_that_the_use_cases_store() -> None:
    made = stored_one("goals", ShowFundingGoalFactory(closed=True).pk)
    (line,) = seed(viewers=1)
    seeded = stored_one("goals", line["funding_goal_id"])

    assert (list(seeded), list(seeded["context"])) == (list(made), list(made["context"]))


def test_seed_demo_announces_nothing() -> None:
    seed(viewers=3, shows=2)

    counts = {name: len(documents) for name, documents in everything_stored().items() if documents}
    assert counts == {"auth_user": 8, "contributions": 6, "goals": 2, "sessions": 2}


def test_seeded_password_opens_every_account() -> None:
    (line,) = seed(viewers=1)

    for person in (line["streamer"], *line["viewers"]):
        credentials = {"username": person["username"], "password": line["streamer"]["password"]}
        assert ApiClient().post("/auth/token", credentials).status == 200


def test_seeded_access_is_valid_for_a_day() -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        (line,) = seed(viewers=1)
        clients = [
            ApiClient(authorization=f"Bearer {person['access']}") for person in (line["streamer"], *line["viewers"])
        ]
        statuses = []
        for hours in (23, 25):
            clock.move_to(NOW + timedelta(hours=hours))
            statuses.append([client.get("/sessions").status for client in clients])

    assert statuses == [[200, 200], [401, 401]]


def test_show_can_be_created_for_a_seeded_funding_goal() -> None:
    (line,) = seed(viewers=2)
    goal = ShowFundingGoal.objects.get(pk=line["funding_goal_id"])

    answer = ApiClient(authorization=f"Bearer {line['streamer']['access']}").post("/goals?type=show", show_body(goal))

    assert (answer.status, answer.body["status"]) == (201, "scheduled")


def test_seed_demo_without_viewers_leaves_an_unpaid_goal() -> None:
    (line,) = seed(viewers=0)

    goal = stored_one("goals", line["funding_goal_id"])
    assert (line["viewers"], goal["breakdown"], goal["progress"]) == ([], {}, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"viewers": -1}, "--viewers must be 0 to 100000, not -1."),
        ({"viewers": 100_001}, "--viewers must be 0 to 100000, not 100001."),
        ({"viewers": 1, "shows": 0}, "--shows must be 1 to 10000, not 0."),
    ],
)
def test_seed_demo_refuses_numbers_out_of_range(options: dict[str, int], message: str) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("seed_demo", **options)

    assert str(refusal.value) == message


def test_seed_demo_requires_the_migrations() -> None:
    applied = connection.database["django_migrations"]
    last = applied.find_one_and_delete({"app": "showgoals"}, sort=[("_id", -1)])
    try:
        with pytest.raises(CommandError) as refusal:
            seed(viewers=1)
    finally:
        applied.insert_one(last)

    assert str(refusal.value) == "The database is not up to date: run `manage.py migrate` first."


def test_seed_demo_reports_on_stderr() -> None:
    stderr = StringIO()
    with time_machine.travel(NOW, tick=False):
        call_command("seed_demo", viewers=2, shows=3, stdout=StringIO(), stderr=stderr)

    assert re.fullmatch(r"seeded 3 x 2 viewers: 21 documents in \d+\.\d s\n", stderr.getvalue())
