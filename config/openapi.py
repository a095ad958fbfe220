"""Settings of drf-spectacular, which writes our OpenAPI document (docs/adr/0027-openapi.md)."""

from typing import Any

DESCRIPTION = """\
Viewers of a livestream fund a show together; the streamer performs it at an announced moment, for those who paid.

**Conventions.** JSON in, JSON out, UTF-8, no trailing slashes. Ids are strings of 24 hex digits. Times are Unix
seconds, UTC. Fields may be added to answers; unknown fields in requests are refused.

**Signing in.** `POST /auth/token` answers an access token; send it as `Authorization: Bearer <access>`. On the page:
*Authorize*.

**Errors** are `application/problem+json` (RFC 9457). Programs read `code`, which never changes; `title` and `detail`
are texts for people, in the language asked for. Each operation lists the codes that it can answer. A path that nobody
serves is 404 `not_found`, a method that a path doesn't know 405 `method_not_allowed`.

**Idempotency.** Send an `Idempotency-Key` with a POST that creates: the same key with the same request answers the
first 2xx again, with `Idempotent-Replay: true`, for 24 hours. Errors are not kept.

**Limits.** 429 says in `Retry-After` how long to wait. Every answer carries the usual headers that guard browsers.

**Events** go out through Pusher Channels; they are listed under *Webhooks*, though nobody's HTTP server is called:
subscribe with pusher-js.
"""

TAGS = [
    {"name": "Signing in", "description": "Credentials in, JWTs out."},
    {"name": "Sessions", "description": "A streamer's livestreams, and what a person may see of one."},
    {"name": "Goals", "description": "Funding goals, the money of viewers, and the shows that it pays for."},
    {"name": "Deliveries", "description": "Who was told and let in, and telling again."},
    {"name": "Realtime", "description": "Subscribing to Pusher's channels, and the events on them."},
    {"name": "Operations", "description": "For those who run the service."},
    {"name": "This document", "description": "OpenAPI 3.1, and a page of it."},
]

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "DEFAULT_GENERATOR_CLASS": "api.openapi.document.DocumentGenerator",
    "OAS_VERSION": "3.1.0",
    "TITLE": "Show goals",
    "VERSION": "0.1.0",
    "DESCRIPTION": DESCRIPTION,
    "LICENSE": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
    "TAGS": TAGS,
    "SCHEMA_PATH_PREFIX": "",
    "SORT_OPERATION_PARAMETERS": False,
    "COMPONENT_SPLIT_PATCH": False,  # bodies of PATCH are classes of their own
    "ENFORCE_NON_BLANK_FIELDS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,  # docstrings are for us
    "POSTPROCESSING_HOOKS": ["notifications.schema.add_events"],
}
