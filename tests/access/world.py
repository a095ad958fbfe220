"""The objects that the calls address, and the users who make the calls."""

import json
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from api.authentication import issue_access
from goals.models import Goal
from goals.tasks import activate_goal
from sessions_app.models import Session
from showgoals.tasks import fold_contributions
from tests.factories.bodies import funding_body, show_body
from tests.factories.endpoints import EndpointFactory
from tests.factories.goals import HOUR, SessionFactory, ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.factories.people import PASSWORD, StaffFactory, UserFactory
from tests.factories.tokens import refresh_token
from webhooks.models import Endpoint, Event
from webhooks.publishing import publish

CALLERS = ("anonymous", "other", "viewer", "owner", "staff")
# A member of staff without the permission to view goals.
NEWCOMER = "newcomer"
# A user whose account was disabled after signing in, and Django's superuser.
DISABLED, SUPERUSER = "disabled", "superuser"
# Calls that use a goal other than the live show.
SCHEDULED = frozenset({"PATCH /goals/{goal_id}", "POST /goals/{goal_id}/cancel"})
OPEN = frozenset({"POST /goals/{goal_id}/contributions", "POST /goals/{goal_id}/close"})

CLOSED = frozenset(
    {f"{method} /goals/{{goal_id}}/settlement{ending}" for method in ("GET", "POST") for ending in ("", ".csv")}
)


@dataclass(frozen=True)
class World:
    """A live show, a scheduled show, a closed funding goal that has no show yet, and an open funding goal."""

    people: dict[str, User]
    session: Session
    live: Goal
    scheduled: Goal
    closed: Goal
    open: Goal
    endpoint: Endpoint

    def send(self, call: str, caller: str, *, method: str = "", **ids: object) -> Any:
        """Make the call as the caller and return the response. `method` and `ids` override the call's own."""
        named, _space, path = call.partition(" ")
        headers = {"Idempotency-Key": f"{caller} {call}"}
        if caller in self.people:
            headers["Authorization"] = f"Bearer {issue_access(self.people[caller])}"
        body = json.dumps(self._body(call)) if named in {"POST", "PATCH"} else ""
        url = path.format(**{**self.ids(call), **ids})
        client = Client(raise_request_exception=False, headers=headers)
        return client.generic(method or named, url, body, content_type="application/json")

    def ids(self, call: str) -> dict[str, object]:
        """Return the ids that the path of the call needs."""
        named = (self.scheduled, SCHEDULED), (self.open, OPEN), (self.closed, CLOSED)
        goal = next((goal for goal, calls in named if call in calls), self.live)
        event = Event.objects.exclude(place=None).first()
        return {
            "goal_id": goal.pk,
            "session_id": self.session.pk,
            "viewer_id": self.people["viewer"].pk,
            "event_id": event and event.place,
            "endpoint_id": self.endpoint.pk,
        }

    def _body(self, call: str) -> dict[str, Any]:
        owner = self.people["owner"]
        bodies: dict[str, dict[str, Any]] = {
            "POST /auth/token": {"username": owner.username, "password": PASSWORD},
            "POST /auth/token/refresh": {"refresh": refresh_token(owner)},
            "POST /sessions": {"title": "Evening stream"},
            "POST /sessions/{session_id}/end": {"cancel_shows": True},
            "POST /goals?type=show-funding": funding_body(self.session),
            "POST /goals?type=show": show_body(self.closed, nbf=int((whole_second() + 5 * HOUR).timestamp())),
            "PATCH /goals/{goal_id}": {"nbf": int((whole_second() + 3 * HOUR).timestamp())},
            "POST /goals/{goal_id}/received": {"event_id": "0"},
            "POST /goals/{goal_id}/contributions": {"amount": 5},
            "POST /goals/{goal_id}/extend": {"seconds": 1},
            "POST /goals/{goal_id}/payers/{viewer_id}/exclude": {"reason": "A chargeback."},
            "POST /goals/{goal_id}/payers/{viewer_id}/include": {"reason": "A mistake."},
            "POST /goals/{goal_id}/settlement": {"outcome": "earned", "reason": "It was fine."},
            "POST /webhook-endpoints": {"url": "https://partner.example.com/hooks"},
            "PATCH /webhook-endpoints/{endpoint_id}": {"types": ["goal.started"]},
            "POST /pusher/auth": {"socket_id": "1.1", "channel_name": f"private-user@{self.people['viewer'].pk}"},
        }
        return bodies.get(call, {})


def make_world() -> World:
    """Create the users and the objects."""
    people: dict[str, User] = {name: UserFactory(username=name) for name in ("other", "viewer", "owner")}
    staff = StaffFactory(
        username="staff",
        permissions=(
            *("view_goal", "change_goal", "cancel_goal", "send_again"),
            *("exclude_payers", "decide_settlement", "change_endpoint"),
        ),
    )
    people |= {
        "staff": staff,
        NEWCOMER: UserFactory(username=NEWCOMER, is_staff=True),
        DISABLED: UserFactory(username=DISABLED, is_active=False),
        SUPERUSER: UserFactory(username=SUPERUSER, is_staff=True, is_superuser=True),
    }
    session = SessionFactory(user=people["owner"])
    paid, waiting, closed = (
        ShowFundingGoalFactory(session=session, closed=True, paid_by=[people["viewer"]]) for _ in range(3)
    )
    live = ShowGoalFactory(funding_goal=paid, nbf=whole_second(), target_seconds=600)
    activate_goal(str(live.pk), int(live.nbf.timestamp()))
    for goal in (paid, waiting, closed):
        fold_contributions(str(goal.pk))
    publish()
    return World(
        people=people,
        session=session,
        live=live,
        scheduled=ShowGoalFactory(funding_goal=waiting, nbf=whole_second() + HOUR),
        closed=closed,
        open=ShowFundingGoalFactory(session=session),
        endpoint=EndpointFactory(),
    )
