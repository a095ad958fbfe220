"""Plays an evening, which is a session with one show, with a client that openapi-generator has made.

Its arguments are `BASE_URL STREAMER VIEWER PASSWORD`.
"""

import json
import sys
import time
from typing import Any

from made import (
    ApiClient,
    ApiException,
    Configuration,
    ContributionBody,
    CreateGoalType,
    Credentials,
    DeliveriesApi,
    EndSessionBody,
    FundingContext,
    FundingLevel,
    GoalsApi,
    GoalStatus,
    NewGoal,
    NewShow,
    NewShowFunding,
    SessionBody,
    SessionsApi,
    ShowContext,
    ShowLevel,
    SigningInApi,
)

WITHIN_SECONDS = 20


def main(base_url: str, streamer_name: str, viewer_name: str, password: str) -> dict[str, Any]:  # noqa: PLR0915 - one story
    """Play the evening, and return what the client has received."""

    def signed_in(name: str) -> Any:
        tokens = SigningInApi(ApiClient(Configuration(base_url))).sign_in(Credentials(username=name, password=password))
        return ApiClient(Configuration(base_url, access_token=tokens.access))

    streamer, viewer = signed_in(streamer_name), signed_in(viewer_name)
    goals, sessions = GoalsApi(streamer), SessionsApi(streamer)
    created = sessions.create_session_with_http_info(SessionBody(title="Friday night"))
    session = created.data
    product = {"session_id": session.id, "ticket_product_id": "ticket_200", "ticket_product_type": "show"}
    context = FundingContext(**product, perform_duration=60, hesitation_countdown=86_400, discount_percentage=0)
    funding_body = NewShowFunding(levels=[FundingLevel(title="A song", target=500)], context=context)
    funding = goals.create_goal(CreateGoalType.SHOW_MINUS_FUNDING, NewGoal(funding_body))
    show_body = NewGoal(
        NewShow(
            levels=[ShowLevel(title="Proceed", target=60)],
            context=ShowContext(**product, funding_goal_id=funding.id),
            nbf=int(time.time()),
        )
    )
    paid = GoalsApi(viewer).contribute(funding.id, "1", ContributionBody(amount=200))
    try:
        refused = goals.create_goal(CreateGoalType.SHOW, show_body)
    except ApiException as error:
        refused = error.data
    closed = goals.close_funding_goal(funding.id)
    show = goals.create_goal(CreateGoalType.SHOW, show_body)
    await_live(goals, show.id)
    token = SessionsApi(viewer).get_session_token(session.id)
    begun = goals.begin_show(show.id)
    timeline = DeliveriesApi(streamer).get_timeline(show.id, page_size=200)
    payers = DeliveriesApi(streamer).list_payers(show.id)
    report = DeliveriesApi(viewer).get_viewer(show.id, paid.viewer_id)
    goals.end_show(show.id)
    settlement = goals.get_settlement(funding.id)
    mine = GoalsApi(viewer).list_my_contributions()
    ended = sessions.end_session(session.id, end_session_body=EndSessionBody(cancel_shows=True))
    return {
        "location": created.headers["Location"] == f"/sessions/{session.id}",
        "paid": paid.amount,
        "refused": refused.code,
        "closed": closed.status,
        "preset": token.preset,
        "room": token.byteplus_rtc_info.room_id == session.id,
        "begun": begun.context.started_by,
        "payers": [payer.amount for payer in payers.results],
        "report": report.paid.amount,
        "settlement": settlement.state,
        "mine": [each.outcome for each in mine.results],
        "timeline": "activate_goal" in [row.name for row in timeline.results],
        "ended": ended.status,
    }


def await_live(goals: Any, show_id: str) -> None:
    give_up_at = time.monotonic() + WITHIN_SECONDS
    while (show := goals.get_goal(show_id)).status != GoalStatus.LIVE:
        assert time.monotonic() < give_up_at, show
        time.sleep(0.2)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))  # noqa: T201 - for the test
