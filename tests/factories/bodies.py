"""Request bodies as clients send them."""

import time
from typing import Any

from goals.models import Goal
from lab import bodies
from sessions_app.models import Session

Body = dict[str, Any]


def show_body(funding_goal: Goal, *, nbf: int | None = None) -> Body:
    """Return the specification's example of a show for this funding goal. The show starts in an hour, or at nbf."""
    nbf = int(time.time()) + 3600 if nbf is None else nbf
    return bodies.show_body(str(funding_goal.pk), funding_goal.conditions.session_id, nbf=nbf)


def funding_body(session: Session, *, exp: int | None = None) -> Body:
    """Return a body that opens a funding goal for an hour, or until exp."""
    return {
        "levels": [{"title": "Tickets", "target": 1000}],
        "exp": int(time.time()) + 3600 if exp is None else exp,
        "context": {"session_id": str(session.pk), **bodies.FUNDING_CONTEXT},
    }
