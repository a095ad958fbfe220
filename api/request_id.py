"""The id of the request that this thread is answering; it ties an answer to its log lines."""

import logging
import re
from contextvars import ContextVar
from uuid import uuid4

_ACCEPTABLE = re.compile(r"[A-Za-z0-9-]{1,64}")

request_id: ContextVar[str] = ContextVar("request_id", default="-")


def current_request_id() -> str:
    """Return the id of the request being answered, "-" outside one."""
    return request_id.get()


def accept_or_create(incoming: str) -> str:
    """Return the client's id if it is harmless, else a new one."""
    return incoming if _ACCEPTABLE.fullmatch(incoming) else str(uuid4())


class RequestIdFilter(logging.Filter):
    """Give each log record a `request_id` for the formatter."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set the field; never drops a record."""
        record.request_id = current_request_id()
        return True
