"""Plays an evening, which is a session with one show, with a client that openapi-python-client has made.

Its arguments are `BASE_URL STREAMER VIEWER PASSWORD`.
"""

import json
import sys
import time
from typing import Any

from made import AuthenticatedClient, Client
from made.api.deliveries import get_timeline, get_viewer, list_payers
from made.api.goals import (
    begin_show,
    close_funding_goal,
    contribute,
    create_goal,
    end_show,
    get_goal,
    get_settlement,
    list_my_contributions,
)
from made.api.sessions import create_session, end_session, get_session_token
from made.api.signing_in import sign_in
from made.models import (
    ContributionBody,
    CreateGoalType,
    Credentials,
    EndSessionBody,
    FundingContext,
    FundingLevel,
    GoalStatus,
    NewShow,
    NewShowFunding,
    SessionBody,
    ShowContext,
    ShowContextTicketProductType,
    ShowLevel,
)

WITHIN_SECONDS = 20


def main(base_url: str, streamer_name: str, viewer_name: str, password: str) -> dict[str, Any]:
    """Play the evening, and return what the client has received."""

    def signed_in(name: str) -> Any:
        tokens = sign_in.sync(client=Client(base_url), body=Credentials(username=name, password=password))
        return AuthenticatedClient(base_url, token=tokens.access)

    streamer, viewer = signed_in(streamer_name), signed_in(viewer_name)
    created = create_session.sync_detailed(client=streamer, body=SessionBody(title="Friday night"))
    session = created.parsed
    product = {"session_id": session.id, "ticket_product_id": "ticket_200"}
    funding = create_goal.sync(
        client=streamer,
        type_=CreateGoalType.SHOW_FUNDING,
        body=NewShowFunding(
            levels=[FundingLevel(title="A song", target=500)],
            context=FundingContext(
                **product,
                ticket_product_type="show",
                perform_duration=60,
                hesitation_countdown=86_400,
                discount_percentage=0,
            ),
        ),
    )
    show_body = NewShow(
        levels=[ShowLevel(title="Proceed", target=60)],
        context=ShowContext(
            **product, ticket_product_type=ShowContextTicketProductType.SHOW, funding_goal_id=funding.id
        ),
        nbf=int(time.time()),
    )
    paid = contribute.sync(funding.id, client=viewer, idempotency_key="1", body=ContributionBody(amount=200))
    refused = create_goal.sync(client=streamer, type_=CreateGoalType.SHOW, body=show_body)
    closed = close_funding_goal.sync(funding.id, client=streamer)
    show = create_goal.sync(client=streamer, type_=CreateGoalType.SHOW, body=show_body)
    await_live(streamer, show.id)
    token = get_session_token.sync(session.id, client=viewer)
    begun = begin_show.sync(show.id, client=streamer)
    timeline = get_timeline.sync(show.id, client=streamer, page_size=200)
    payers = list_payers.sync(show.id, client=streamer)
    report = get_viewer.sync(show.id, paid.viewer_id, client=viewer)
    end_show.sync(show.id, client=streamer)
    settlement = get_settlement.sync(funding.id, client=streamer)
    mine = list_my_contributions.sync(client=viewer)
    ended = end_session.sync(session.id, client=streamer, body=EndSessionBody(cancel_shows=True))
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


def await_live(streamer: Any, show_id: str) -> None:
    give_up_at = time.monotonic() + WITHIN_SECONDS
    while (show := get_goal.sync(show_id, client=streamer)).status != GoalStatus.LIVE:
        assert time.monotonic() < give_up_at, show
        time.sleep(0.2)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))  # noqa: T201 - for the test
