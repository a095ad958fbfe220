"""gunicorn's log in our format: each request and its answer, but no queries or headers."""

import re
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

from api.request_id import NO_REQUEST

# gunicorn quotes a line or a header of a request that it can't read. It may contain a token.
_QUOTED = re.compile(r"""b?(['"]).*\1""", re.DOTALL)


class RequestLogger(Logger):
    """Logs through Django's configuration (`logconfig_dict`). Made for gunicorn 27.0."""

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Log an answer: method, path as it was sent, status, size, milliseconds and peer."""
        del req
        sent_headers = {name.lower(): value for name, value in resp.headers}
        self.access_log.info(
            "%s %s %s %sB %sms from %s",
            environ["REQUEST_METHOD"],
            environ["RAW_URI"].partition("?")[0],
            str(resp.status).partition(" ")[0],
            resp.sent,
            request_time // timedelta(milliseconds=1),
            environ.get("REMOTE_ADDR") or "-",
            extra={"request_id": sent_headers.get("x-request-id", NO_REQUEST)},
        )

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log without the quoted text."""
        super().warning(_QUOTED.sub("'...'", msg), *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log without the queries of URLs."""
        super().exception(msg, *(str(argument).partition("?")[0] for argument in args), **kwargs)
