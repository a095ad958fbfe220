"""What the examples of this room say."""

from api.openapi.examples import (
    ACCESS_EXP,
    FUNDED_UNTIL,
    FUNDING_GOAL_ID,
    NBF,
    OPENED_AT,
    RTC_TOKEN,
    SESSION_ID,
    SHOW_ID,
    SHOW_SECONDS,
    STREAMER_ID,
    TOKEN,
    VIEWER_ID,
)
from sessions_app.schema import PAIR, SESSION

LATER = NBF + 1800
# In 2030: who tries the example out gets a goal that can be paid for.
YET_TO_COME = 1893456000
LATE_SECONDS = 12
TICKET = {"ticket_product_id": "livestream-show-ticket_200", "ticket_product_type": "show"}
SHOW_LEVELS = [{"title": "Proceed", "target": SHOW_SECONDS}]
FUNDING_LEVELS = [{"title": "A song", "target": 500}]
FUNDING_TERMS = {"perform_duration": SHOW_SECONDS, "hesitation_countdown": 10, "discount_percentage": 0}
SHOW_BODY = {
    "levels": SHOW_LEVELS,
    "context": {"funding_goal_id": FUNDING_GOAL_ID, "session_id": SESSION_ID, **TICKET},
    "nbf": NBF,
}
FUNDING_BODY = {
    "levels": FUNDING_LEVELS,
    "exp": YET_TO_COME,
    "context": {"session_id": SESSION_ID, **FUNDING_TERMS, **TICKET},
}
SHOW_CONTEXT = {"type": "show", "session_id": SESSION_ID, **TICKET, "funding_goal_id": FUNDING_GOAL_ID}
SHOW = {
    "id": SHOW_ID,
    "type": "show",
    "status": "scheduled",
    "active": True,
    "nbf": NBF,
    "exp": None,
    "access_exp": ACCESS_EXP,
    "activated_at": None,
    "levels": SHOW_LEVELS,
    "progress": 0,
    "conditions": {"session_id": SESSION_ID},
    "context": SHOW_CONTEXT,
    "metadata": {"user_id": STREAMER_ID},
    "created_at": FUNDED_UNTIL + 20,
}
BEGUN = {
    **SHOW,
    "status": "live",
    "activated_at": NBF,
    "access_exp": ACCESS_EXP + LATE_SECONDS,
    "context": {**SHOW_CONTEXT, "started": NBF + LATE_SECONDS, "started_by": "streamer"},
}
MOVED = {**SHOW, "nbf": LATER, "access_exp": LATER + SHOW_SECONDS}
CANCELLED = {**SHOW, "status": "cancelled", "active": False}
FUNDING_GOAL = {
    **SHOW,
    "id": FUNDING_GOAL_ID,
    "type": "show-funding",
    "status": "open",
    "nbf": None,
    "exp": FUNDED_UNTIL,
    "access_exp": None,
    "levels": FUNDING_LEVELS,
    "context": {"type": "show-funding", "session_id": SESSION_ID, **TICKET, **FUNDING_TERMS},
    "created_at": OPENED_AT,
}
CONTRIBUTION = {
    "id": "6811c0d1f672c8b2cbdc2499",
    "goal_id": FUNDING_GOAL_ID,
    "viewer_id": VIEWER_ID,
    "amount": 200,
    "created_at": OPENED_AT + 90,
}
TIMELINE_ROW = {
    "seq": NBF * 1_000_000 + 4321,
    "at_ms": NBF * 1000 + 4,
    "kind": "task",
    "name": "activate_goal",
    "outcome": "done",
    "detail": "",
}
ENDED_SESSION = {
    **SESSION,
    "status": "ended",
    "show_goal_pairs": [{**PAIR, "show_ended": True}],
    "ended_at": NBF + 3600,
}
RTC_INFO = {
    "app_id": "6811aa00d273022b46570a00",
    "room_id": SESSION_ID,
    "user_id": f"{VIEWER_ID}__stream_authorized__{NBF}",
    "token": RTC_TOKEN,
    "exp": ACCESS_EXP,
}
SD_CREDENTIALS = {"token": TOKEN, "byteplus_token": RTC_TOKEN, "byteplus_rtc_info": RTC_INFO}
SD = {"preset": "sd", **SD_CREDENTIALS, "nbf": NBF, "exp": ACCESS_EXP}
PREVIEW = {**dict.fromkeys(SD), "preset": "preview", "token": TOKEN}
