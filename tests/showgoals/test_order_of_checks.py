"""If a request has two faults, the response names the fault that comes first in CHECKS."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User

from goals.models import Goal
from sessions_app.models import Session
from tests.factories.bodies import Body, show_body
from tests.factories.client import ApiClient
from tests.factories.documents import connection
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.showgoals.faults import refusal_of


@dataclass
class Attempt:
    """A request that would create a show, before faults are put into it and into the database."""

    streamer: User
    session: Session
    funding_goal: Goal
    body: Body
    kind: str = "show"
    content_type: str = "application/json"
    authorized: bool = True
    cut: bool = False
    padding: int = 0

    def send(self) -> Any:
        """Send the request."""
        text = json.dumps(self.body)
        sent = (text[:-1] if self.cut else text).encode().ljust(self.padding)
        client = ApiClient(self.streamer if self.authorized else None)
        return client.post_bytes(f"/goals?type={self.kind}", sent, content_type=self.content_type)

    def store(self, collection: str, document: Goal | Session, **changes: Any) -> None:
        """Change a stored document."""
        names = {name.replace("__", "."): value for name, value in changes.items()}
        connection.get_collection(collection).update_one({"_id": document.pk}, {"$set": names})


@pytest.fixture
def attempt(streamer: User, session: Session, closed_goal: Goal) -> Attempt:
    return Attempt(streamer, session, closed_goal, show_body(closed_goal))


def no_token(attempt: Attempt) -> None:
    attempt.authorized = False


def too_large(attempt: Attempt) -> None:
    attempt.padding = 1024 * 1024 + 1


def another_type(attempt: Attempt) -> None:
    attempt.content_type = "text/plain"


def malformed(attempt: Attempt) -> None:
    attempt.cut = True


def unknown_goal_type(attempt: Attempt) -> None:
    attempt.kind = "karaoke"


def invalid(attempt: Attempt) -> None:
    attempt.body["levels"][0]["target"] = 0


def foreign_funding_goal(attempt: Attempt) -> None:
    attempt.store("goals", attempt.funding_goal, metadata__user_id=str(ObjectId()))


def foreign_session(attempt: Attempt) -> None:
    attempt.store("sessions", attempt.session, user=ObjectId())


def ended_session(attempt: Attempt) -> None:
    attempt.store("sessions", attempt.session, status="ended")


def open_funding(attempt: Attempt) -> None:
    attempt.store("goals", attempt.funding_goal, exp=whole_second() + HOUR)


def lapsed(attempt: Attempt) -> None:
    sums = {"total": 0, "payers": 0, "decided_at": whole_second()}
    settlement = {"state": "refund_due", "reason": "no_show", "decided_by": None, "as_sold": None, **sums}
    attempt.store("goals", attempt.funding_goal, settlement=settlement, lapsed_version=2)


def linked(attempt: Attempt) -> None:
    attempt.store("goals", attempt.funding_goal, context__show_goal_id=str(ObjectId()))


def no_pair(attempt: Attempt) -> None:
    pulled = {"$pull": {"show_goal_pairs": {"funding_goal": attempt.funding_goal.pk}}}
    connection.get_collection("sessions").update_one({"_id": attempt.session.pk}, pulled)


def another_show(attempt: Attempt) -> None:
    ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=attempt.session, closed=True))


# The faults, in the order in which the API looks for them. `another_show` must be stored before the other faults,
# because its factory needs a valid session.
CHECKS: list[tuple[Callable[[Attempt], None], int, str]] = [
    (no_token, 401, "not_authenticated"),
    (too_large, 413, "payload_too_large"),
    (another_type, 415, "unsupported_media_type"),
    (malformed, 400, "malformed_json"),
    (unknown_goal_type, 400, "unknown_goal_type"),
    (invalid, 400, "invalid"),
    (foreign_funding_goal, 404, "funding_goal_not_found"),
    (foreign_session, 404, "session_not_found"),
    (ended_session, 409, "session_ended"),
    (open_funding, 409, "funding_still_open"),
    (lapsed, 409, "funding_lapsed"),
    (linked, 409, "show_goal_exists"),
    (no_pair, 409, "session_pair_missing"),
    (another_show, 409, "show_overlaps"),
]
ORDER = [fault.__name__ for fault, _status, _code in CHECKS]


@pytest.mark.parametrize("check", CHECKS, ids=ORDER)
def test_each_fault_has_its_error(attempt: Attempt, check: tuple[Callable[[Attempt], None], int, str]) -> None:
    fault, status, code = check
    fault(attempt)

    assert refusal_of(attempt.send)[:2] == (status, code)


@pytest.mark.parametrize(
    ("earlier", "later"),
    list(combinations(CHECKS, 2)),
    ids=[f"{earlier}-{later}" for earlier, later in combinations(ORDER, 2)],
)
def test_first_of_two_faults_is_answered(
    attempt: Attempt,
    earlier: tuple[Callable[[Attempt], None], int, str],
    later: tuple[Callable[[Attempt], None], int, str],
) -> None:
    later[0](attempt)
    earlier[0](attempt)

    assert refusal_of(attempt.send)[:2] == earlier[1:]
