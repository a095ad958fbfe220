"""Log lines. Each has the id of its request; with LOG_FORMAT=json each is a JSON object."""

import json
import logging
import re
from datetime import UTC, datetime

from django.http import HttpRequest

from api.request_id import META_KEY, NO_REQUEST, current_request_id

# Characters that end a line or control a terminal: control characters, and Unicode's line and paragraph separators.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class RequestIdFilter(logging.Filter):
    """Gives each log record a `request_id` for the formatters, unless it has one."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set the field, and keep the record."""
        if not hasattr(record, "request_id"):
            record.request_id = _named_by(record) or current_request_id()
        return True


class RefusalFilter(logging.Filter):
    """Removes the traceback from records about requests that Django refuses, and makes such a record a WARNING at most.

    Django logs clients' errors, such as an unknown Host or too many fields, with a traceback of its own code.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, and keep it."""
        is_suspicious = record.name.startswith("django.security.")
        if is_suspicious and record.levelno > logging.WARNING:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        if is_suspicious or (record.name == "django.request" and record.levelno <= logging.WARNING):
            record.exc_info = record.exc_text = None
        return True


class LineFormatter(logging.Formatter):
    """Writes a line of text. A caller's text in a message can neither begin another line nor control a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line without the traceback, which follows on lines of its own."""
        return _STEERING.sub(lambda found: ascii(found[0])[1:-1], super().formatMessage(record))


class JsonFormatter(logging.Formatter):
    """Writes a line of JSON: `time` (UTC), `level`, `logger`, `message`, `request_id`, and `exception` if any.

    Other fields of the record are left out, because Django's fields hold the request. The line is ASCII, so no
    character can break it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", NO_REQUEST),
        }
        if record.exc_info and record.exc_info[0]:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _named_by(record: logging.LogRecord) -> str | None:
    """Return the id of the request that a record of Django holds.

    Django logs some errors after the middleware, when `current_request_id` no longer knows the request.
    """
    request = getattr(record, "request", None)
    return request.META.get(META_KEY) if isinstance(request, HttpRequest) else None
