"""gunicorn's log. `ops.asgi` writes a line for each request, so gunicorn does not write one of its own."""

from gunicorn.glogging import Logger


class ErrorLogger(Logger):
    """Logs through Django's configuration (`logconfig_dict`)."""

    access_log_enabled = False
