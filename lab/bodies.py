"""Request bodies. This module does not import Django, because processes without Django use it, too."""

from typing import Any

SHOW_SECONDS = 60
# With this value, a funding goal does not lapse while a developer leaves it alone for an hour.
HESITATION_SECONDS = 86_400
TICKET: dict[str, Any] = {"ticket_product_id": "livestream-show-ticket_200", "ticket_product_type": "show"}
# The context of a body of `POST /goals?type=show-funding`, without the session's id.
FUNDING_CONTEXT = {
    **TICKET,
    "perform_duration": SHOW_SECONDS,
    "hesitation_countdown": HESITATION_SECONDS,
    "discount_percentage": 0,
}


def show_body(funding_goal_id: str, session_id: str, *, nbf: int, target_seconds: int = SHOW_SECONDS) -> dict[str, Any]:
    """Return a body of `POST /goals?type=show`, like the example in the specification."""
    return {
        "levels": [{"title": "Proceed", "target": target_seconds}],
        "context": {"funding_goal_id": funding_goal_id, "session_id": session_id, **TICKET},
        "nbf": nbf,
    }
