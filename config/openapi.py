"""Settings of drf-spectacular, which generates our OpenAPI document (docs/adr/0027-openapi.md)."""

from typing import Any

DESCRIPTION = """\
Viewers of a livestream fund a show together. The streamer performs it at an announced time, and only those who paid can
watch.

**Conventions.** Requests and answers are JSON in UTF-8. Paths have no trailing slash. Ids are strings of 24 hex digits.
Times are Unix seconds, UTC. Answers may get additional fields in future; unknown fields in requests are refused.

**Signing in.** `POST /auth/token` answers with an access token. Send it as `Authorization: Bearer <access>`. On this
page, a call of *Signing in* fills in the token for all other calls. There is no sign-up: staff create accounts in the
admin.

**Errors** are `application/problem+json` (RFC 9457). Programs should read `code`, which never changes. `title` and
`detail` are texts for people in the requested language. Each operation lists the codes that it can answer. An unknown
path is 404 `not_found`, and a method that a path does not support is 405 `method_not_allowed`.

**Idempotency.** Send an `Idempotency-Key` with a POST that creates something. If you send the same request with the
same key within 24 hours, the server repeats the first 2xx answer, with `Idempotent-Replay: true`. Errors are not
stored.

**Limits.** An answer 429 says in `Retry-After` how long to wait. Every answer has the usual security headers for
browsers.

**Events** are sent through Pusher Channels. They are listed here as webhooks, but no HTTP server is called:
subscribe with pusher-js.

**A viewer's client.** `GET /realtime` says how to connect to Pusher. Let `s` be the streamer's id and
`v` the viewer's.
- Subscribe to `private-stream@s` and to `presence-stream-viewer@s.preview.v`, and once the viewer has paid, before the
show starts, also to `presence-stream-viewer@s.sd.v`. Never subscribe viewers to `presence-stream@s`: only 100 members
fit into it.
- Ignore an event if you have seen its pair of `event_id` and `redelivery`, or if its `version` is lower than the
latest that you know for its goal. For `goal.progressed`, compare `progress` instead.
- After a reconnect, and if no event has come `jitter_factor` seconds after `nbf`, read the goals of the session and the
session token again. Pusher keeps no events.
- Join the room with the `byteplus_rtc_info` of `GET /sessions/{id}/token`. Each answer has a user id of its own, so no
device throws another out of the room.
- In reports, `sent` means that Pusher has accepted an event, not that a client has got it. Only `received` means that.

**Money.** `amount` and the targets of funding goals are whole units of the platform's currency or coins. The product
moves no money: it says what is due to whom.
"""

TAGS = [
    {"name": "Signing in", "description": "Exchange a user name and password for JWTs, renew them, and end them."},
    {"name": "Sessions", "description": "The livestreams of streamers, and the credentials to watch or publish them."},
    {"name": "Goals", "description": "Funding goals, the payments of viewers, and the shows that they pay for."},
    {"name": "Deliveries", "description": "Which events a viewer was sent, and sending them again."},
    {"name": "Realtime", "description": "Subscriptions to Pusher channels."},
    {"name": "Pages", "description": "What streamers and payers look at in a browser."},
    {"name": "Events", "description": "What Pusher sends to subscribers."},
    {"name": "Partners", "description": "What the servers of partners need."},
    {"name": "Operations", "description": "For those who run the service."},
    {"name": "This document", "description": "This API as OpenAPI 3.1, and as a page."},
]

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "DEFAULT_GENERATOR_CLASS": "api.openapi.document.DocumentGenerator",
    "OAS_VERSION": "3.1.0",
    "TITLE": "Show goals",
    "VERSION": "0.1.0",
    "DESCRIPTION": DESCRIPTION,
    "CONTACT": {"name": "The developers of Show goals"},
    "SERVERS": [{"url": "/", "description": "The server that answers this document."}],
    "LICENSE": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
    "TAGS": TAGS,
    "SCHEMA_PATH_PREFIX": "",
    "SORT_OPERATION_PARAMETERS": False,
    "COMPONENT_SPLIT_PATCH": False,  # we write separate classes for the bodies of PATCH
    "ENFORCE_NON_BLANK_FIELDS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,  # docstrings are for developers of the product
    "POSTPROCESSING_HOOKS": ["notifications.schema.add_events"],
}
