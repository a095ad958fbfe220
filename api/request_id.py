"""The id of the current request, which connects a response with its log lines, tasks and timeline rows."""

import re
from contextvars import ContextVar
from uuid import uuid4

NO_REQUEST = "-"
# The key in `request.META` under which the first middleware stores the id, in place of the header from the client.
META_KEY = "HTTP_X_REQUEST_ID"
LONGEST = 64
_ACCEPTABLE = re.compile(rf"[A-Za-z0-9-]{{1,{LONGEST}}}")

request_id: ContextVar[str] = ContextVar("request_id", default=NO_REQUEST)


def current_request_id() -> str:
    """Return the id of the current request, or of the request that queued the running task, or else "-"."""
    return request_id.get()


def accept_or_create(incoming: str) -> str:
    """Return the client's id if it is harmless, else a new one."""
    return incoming if _ACCEPTABLE.fullmatch(incoming) else str(uuid4())
