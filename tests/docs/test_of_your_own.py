"""A kind of goal and a field are added by changing only the files that docs/architecture.md names.

Each test copies the product, makes the changes of the page in the copy, and runs the copy on the test's database.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from api.authentication import issue_access
from goals.kinds import GoalKind
from goals.states import SCHEDULED
from sessions_app.models import Session
from tests.docs.markdown import ROOT, code_blocks, section
from tests.factories.bodies import funding_body
from tests.factories.documents import connection, stored_one, timeline
from tests.factories.goals import ShowFundingGoalFactory, whole_second

pytestmark = pytest.mark.django_db

PAGE = "docs/architecture.md"
KIND = "A kind of goal of your own"
FIELD = "A field of your own"
ROOMS = [path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file() and path.name not in ("lab", "tests")]
# A code block of the page. A block that begins with "+++" and a path shows changed lines of that file. A block that
# begins with "#" and a path shows a new file.
BLOCK = re.compile(r"^```\w+\n(\+\+\+|#) (\S+\.py)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SETUP = """
import json, sys
from datetime import datetime

import django
django.setup()
from django.core.management import call_command
from django.test import Client

call_command("makemigrations", verbosity=0)
access, *arguments = sys.argv[1:]
client = Client(SERVER_NAME="localhost", headers={"Authorization": f"Bearer {access}"})
"""
# Arguments: the ids of the session and of the streamer, and the nbf.
RAFFLE = """
from django.utils import timezone
from goals.kinds import GoalKind
from goals.tasks import activate_goal, create_goal
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from taskqueue.messages import MESSAGES

def listed(status):
    goals = client.get("/goals", {"type": "raffle", "status": status}).json()["results"]
    return [[goal["id"], goal["type"], goal["status"], goal["progress"]] for goal in goals]

session_id, user_id, nbf = arguments
nbf = datetime.fromisoformat(nbf)
levels = [{"title": "A guitar", "target": 1}]
raffle = run_in_transaction(lambda: create_goal(
    kind=GoalKind.RAFFLE, session_id=session_id, user_id=user_id, levels=levels, context={}, nbf=nbf,
    now=timezone.now(),
))
created = listed("scheduled")
due = collection(MESSAGES).distinct("subject", {"name": "activate_goal"})
outcome = activate_goal(str(raffle.pk), int(nbf.timestamp()))
print(json.dumps([str(raffle.pk), created, list(due), outcome, listed("live")]))
"""
# Arguments: the body of a funding goal, and the id of a funding goal that was created without the field.
DRESS_CODE = """
from notifications.backends import get_realtime
from notifications.tasks import notify_goal

body, earlier_id = arguments
answer = client.post("/goals?type=show-funding", body, content_type="application/json")
goal = answer.json()
notify_goal("goal.added", goal["id"])
events = [json.loads(event.data)["context"] for event in get_realtime().outbox]
print(json.dumps([answer.status_code, goal, client.get(f"/goals/{earlier_id}").json(), events]))
"""


class Tree:
    """A copy of the product with the changes that a section of the page shows."""

    def __init__(self, directory: Path, title: str) -> None:
        self._directory = directory
        shutil.copy(ROOT / "manage.py", directory)
        for room in ROOMS:
            shutil.copytree(ROOT / room, directory / room)
        for sign, path, text in BLOCK.findall(section(PAGE, title)):
            change = self._change if sign == "+++" else self._add
            change(directory / path, text)

    def run(self, environment: dict[str, str], code: str, *arguments: str) -> Any:
        """Write the migrations, run the code in a process of its own, and return the JSON that it prints."""
        command = [sys.executable, "-c", SETUP + code, *arguments]
        done = subprocess.run(
            command, cwd=self._directory, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def changed(self) -> list[str]:
        """Return the files that are new or differ from the product's. For a migration, return its folder."""
        paths = [path.relative_to(self._directory) for path in self._directory.rglob("*.py")]
        changed = [path for path in paths if _text(self._directory / path) != _text(ROOT / path)]
        return sorted(str(path.parent if path.parent.name == "migrations" else path) for path in changed)

    def _add(self, path: Path, text: str) -> None:
        assert not path.exists()
        path.write_text(text, encoding="utf-8")

    def _change(self, path: Path, diff: str) -> None:
        """Apply a diff, in which a minus marks removed lines, a plus added lines, and a space all other lines."""
        lines = [(line[:1] or " ", line[1:]) for line in diff.splitlines()]
        old, new = ("".join(f"\n{line}" for sign, line in lines if sign != other) + "\n" for other in "+-")
        text = _text(path)
        assert text.count(old) == 1, f"{path.name} has not exactly one of {old}"
        path.write_text(text.replace(old, new), encoding="utf-8")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def test_kind_of_your_own_is_created_and_starts(
    tmp_path: Path, child_environment: dict[str, str], session: Session, streamer: User
) -> None:
    tree = Tree(tmp_path, KIND)
    arguments = (str(session.pk), str(streamer.pk), whole_second().isoformat())
    raffle_id, created, due, outcome, started = tree.run(child_environment, RAFFLE, issue_access(streamer), *arguments)

    assert created == [[raffle_id, "raffle", "scheduled", 0]]
    assert (due, outcome) == ([raffle_id], "started")
    assert started == [[raffle_id, "raffle", "live", 1]]
    assert stored_one("sessions", session.pk)["bound_goals"] == {"RaffleGoal": raffle_id}
    assert answers(raffle_id) == {
        "goal.created": {
            "bind_raffle_to_session": "bound",
            "schedule_lifecycle_tasks": "start_scheduled",
            "track_goals": "tracked",
            "store_event": "event_stored",
        },
        "goal.started": {"draw_ticket": "drawn", "store_event": "event_stored"},
    }
    assert tree.changed() == [
        *("goals/kinds.py", "goals/migrations", "goals/signals.py"),
        *("showgoals/apps.py", "showgoals/migrations", "showgoals/models.py", "showgoals/raffles.py"),
    ]


def test_index_of_the_page_finds_overdue_goals_of_the_kind(db: None) -> None:
    goals = connection.get_collection("goals")
    overdue = {**SCHEDULED.condition(GoalKind.SHOW), "_cls": "RaffleGoal", "nbf": {"$lte": whole_second()}}
    assert "COLLSCAN" in str(goals.find(overdue).sort("nbf", 1).explain()["queryPlanner"]["winningPlan"])
    (index,) = [block for block in code_blocks(section(PAGE, KIND)) if block.startswith("goals.create_index(")]
    exec(index, {"goals": goals})
    try:
        plan = str(goals.find(overdue).sort("nbf", 1).explain()["queryPlanner"]["winningPlan"])
    finally:
        goals.drop_index("unended_raffles")
    assert "'indexName': 'unended_raffles'" in plan


def test_field_of_your_own_is_accepted_and_answered(
    tmp_path: Path, child_environment: dict[str, str], session: Session, streamer: User
) -> None:
    earlier = ShowFundingGoalFactory(session=session)
    body = funding_body(session)
    body["context"]["dress_code"] = "black tie"
    tree = Tree(tmp_path, FIELD)
    arguments = (json.dumps(body), str(earlier.pk))
    status, goal, earlier_goal, events = tree.run(child_environment, DRESS_CODE, issue_access(streamer), *arguments)

    context = {"type": "show-funding", **body["context"]}
    assert (status, goal["context"], events) == (201, context, [context] * 3)
    assert stored_one("goals", goal["id"])["context"]["dress_code"] == "black tie"
    assert earlier_goal["context"] == earlier.context_data()
    assert tree.changed() == ["goals/migrations", "goals/models.py", "showgoals/serializers.py"]


def answers(goal_id: str) -> dict[str, dict[str, str]]:
    """Return the results of the receivers that apply to the goal: {signal: {receiver: result}}."""
    found: dict[str, dict[str, str]] = {}
    signal = ""
    for row in timeline(goal_id):
        if row["kind"] == "signal":
            signal = row["name"]
        elif row["kind"] == "receiver" and row["outcome"] != "not_applicable":
            found.setdefault(signal, {})[row["name"]] = row["outcome"]
    return found
