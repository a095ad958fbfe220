"""The setting LOGGING: one handler, which writes all lines to stderr."""

from typing import Any


def log_settings(formatter: str) -> dict[str, Any]:
    """Return the setting. `formatter` is "json" or "line"."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "request_id": {"()": "api.logs.RequestIdFilter"},
            "refusal": {"()": "api.logs.RefusalFilter"},
        },
        "formatters": {
            "json": {"()": "api.logs.JsonFormatter"},
            "line": {
                "class": "api.logs.LineFormatter",
                "format": "{asctime} {levelname} {name} [{request_id}] {message}",
                "style": "{",
            },
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": formatter,
                "filters": ["request_id", "refusal"],
            }
        },
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            # These loggers use only the root's handler, because the handlers of Django and gunicorn add no request id.
            **{name: {"level": "INFO", "propagate": True} for name in ("django", "gunicorn.access", "gunicorn.error")},
            # urllib3's debug lines and pymongo's command log can carry signatures and payloads.
            **{name: {"level": "WARNING"} for name in ("urllib3", "pymongo", "pusher")},
        },
    }
