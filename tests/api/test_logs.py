"""Each log line names its request. In production, a line is one JSON object."""

import json
import logging
from collections.abc import Iterator
from logging.config import DictConfigurator
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from api.logs import JsonFormatter, RefusalFilter, RequestIdFilter

AT = {"created": 1745993863.25, "levelname": "WARNING", "name": "goals.starting"}


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """The log lines, as production would write them."""
    written: list[Any] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(json.loads(self.format(record)))

    handler = Lines()
    handler.setFormatter(JsonFormatter())
    handler.addFilter(RequestIdFilter())
    handler.addFilter(RefusalFilter())
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def named(record: logging.LogRecord) -> logging.LogRecord:
    assert RequestIdFilter().filter(record)
    return record


def test_line_is_one_object_with_the_request(mine: None) -> None:
    record = logging.makeLogRecord({**AT, "msg": "show=%s\nlate", "args": ("6811",), "token": "secret"})

    line = JsonFormatter().format(named(record))

    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2025-04-30T06:17:43.250+00:00",
        "level": "WARNING",
        "logger": "goals.starting",
        "message": "show=6811\nlate",
        "request_id": "mine",
    }


def test_line_without_a_request_says_so() -> None:
    assert json.loads(JsonFormatter().format(named(logging.makeLogRecord({"msg": "up"}))))["request_id"] == "-"


def test_line_is_ascii() -> None:
    assert JsonFormatter().format(logging.makeLogRecord({"msg": "\u2028\u8868\udcff"})).isascii()


def test_line_of_text_is_one_line() -> None:
    formatter = DictConfigurator({}).configure_formatter(settings.LOGGING["formatters"]["line"])
    forged = "x\r\n2026-11-29 forged\x1b[2J\x85\u2028"
    record = logging.makeLogRecord({**AT, "msg": "Filtering by %s \u8868", "args": (forged,), "request_id": "mine"})

    time, line = formatter.format(record).split(" WARNING ")

    assert time == formatter.formatTime(record)
    assert line == r"goals.starting [mine] Filtering by x\r\n2026-11-29 forged\x1b[2J\x85\u2028 " + "\u8868"


def test_exception_is_in_the_object() -> None:
    with pytest.raises(ValueError, match="gone") as raised:
        int("gone")
    record = logging.makeLogRecord({**AT, "msg": "failed", "exc_info": raised._excinfo})

    line = json.loads(JsonFormatter().format(record))

    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("ValueError: invalid literal for int() with base 10: 'gone'")


def test_request_id_of_a_log_call_is_kept(mine: None) -> None:
    assert vars(named(logging.makeLogRecord({"request_id": "another"})))["request_id"] == "another"


@pytest.mark.parametrize(
    ("path", "status", "logger"), [("/no/such/path", 404, "WARNING"), ("/raise/bug", 500, "ERROR")]
)
def test_lines_that_django_logs_after_the_request_have_its_id(
    client: APIClient, lines: list[Any], path: str, status: int, logger: str
) -> None:
    response = client.get(f"{path}?token=hidden", headers={"X-Request-ID": "mine", "Authorization": "Bearer hidden"})

    assert response.status_code == status
    told = [line for line in lines if line["logger"] == "django.request"]
    assert [(line["level"], line["request_id"]) for line in told] == [(logger, "mine")]
    assert "hidden" not in json.dumps(lines)


def test_development_logs_plain_lines() -> None:
    """Tests use the settings of development. The tests in `tests/e2e` read the log lines of production."""
    assert settings.LOG_FORMAT == "line"


@pytest.mark.parametrize(
    ("host", "path"),
    [("evil.example", "/echo"), ("testserver", f"/echo?{'a&' * 1500}"), ("a b_c/<>", "/no/such/path")],
    ids=["unknown host", "too many fields", "host that isn't one"],
)
def test_refusal_by_django_is_one_line_without_a_traceback(
    client: APIClient, lines: list[Any], settings: Any, host: str, path: str
) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]

    response = client.get(path, headers={"Host": host})

    assert (response.status_code, response.json()["code"]) == (400, "bad_request")
    assert [(line["level"], "exception" in line) for line in lines] == [("WARNING", False)]
