"""Raw requests to gunicorn with production settings. A bad request gets a problem document, never a status of 5xx."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import NamedTuple

import pytest
from django.contrib.auth.models import User

from api.authentication import issue_access
from api.tokens import ACCESS_LIFETIME, LEEWAY
from showgoals.models import Contribution
from tests.api.raw_http import Answer, send
from tests.factories.goals import ShowFundingGoalFactory

pytestmark = [pytest.mark.e2e, pytest.mark.django_db]

GOALS, TOKEN = b"GET /goals%s HTTP/1.1", b"POST /auth/token HTTP/1.1"
HOST, JSON = b"Host: 127.0.0.1", b"Content-Type: application/json"
CHINESE = re.compile("[\u4e00-\u9fff]")
EVERY_ANSWER = {
    *("content-type", "x-request-id", "content-language", "cache-control", "content-security-policy"),
    *("referrer-policy", "x-content-type-options", "x-frame-options"),
}


class Case(NamedTuple):
    """A request, and the expected status and code."""

    status: int
    code: str
    line: bytes
    headers: tuple[bytes, ...] = (HOST,)
    body: bytes = b""


def get(status: int, code: str, *headers: bytes) -> Case:
    return Case(status, code, b"GET /healthz HTTP/1.1", headers)


def post(status: int, code: str, body: bytes, *headers: bytes) -> Case:
    return Case(status, code, TOKEN, (HOST, *headers, b"Content-Length: %d" % len(body)), body)


CASES = {
    "unknown path": Case(404, "not_found", b"GET /nope HTTP/1.1"),
    "trailing slash": Case(404, "not_found", GOALS % b"/"),
    "double slash": Case(404, "not_found", b"GET //goals HTTP/1.1"),
    "path like a host": Case(404, "not_found", b"GET //evil.example/ HTTP/1.1"),
    "star": Case(404, "not_found", b"OPTIONS * HTTP/1.1"),
    "proxy's CONNECT": Case(404, "not_found", b"CONNECT evil.example:443 HTTP/1.1"),
    "unserved static file": Case(404, "not_found", b"GET /static/%00/../../nope HTTP/1.1"),
    "path that isn't UTF-8": Case(404, "not_found", GOALS % b"/%ff%fe"),
    "path with a surrogate": Case(404, "not_found", GOALS % b"/%ed%a0%80"),
    "path with NUL": Case(404, "not_found", GOALS % b"/%00"),
    "path with broken escapes": Case(404, "not_found", b"GET /%zz% HTTP/1.1"),
    "path in raw bytes": Case(400, "bad_request", b"GET /\xff\xfe HTTP/1.1"),
    "path of 9,000 characters": Case(414, "uri_too_long", b"GET /%s HTTP/1.1" % (b"a" * 9000)),
    "no token": Case(401, "not_authenticated", GOALS % b"", (HOST, b"Authorization: Basic eDp5")),
    "token that isn't ASCII": Case(401, "not_authenticated", GOALS % b"", (HOST, b"Authorization: Bearer \xe9")),
    "wrong method": Case(405, "method_not_allowed", b"DELETE /healthz HTTP/1.1"),
    "wrong method, signed in": Case(405, "method_not_allowed", b"PUT /goals HTTP/1.1"),
    "unknown method": Case(405, "method_not_allowed", b"FOO /healthz HTTP/1.1"),
    "TRACE": Case(405, "method_not_allowed", b"TRACE /healthz HTTP/1.1"),
    "method in lower case": Case(400, "bad_request", b"get /healthz HTTP/1.1"),
    "query with NUL": Case(400, "invalid", GOALS % b"?type=%00&status=%00"),
    "query that isn't UTF-8": Case(400, "invalid", GOALS % b"?type=%ff%ed%a0%80"),
    "query with broken escapes": Case(400, "invalid", GOALS % b"?status=%zz&x=%&y=%f"),
    "cursor with NUL": Case(400, "invalid_cursor", GOALS % b"?cursor=%00"),
    "1,500 parameters": Case(400, "bad_request", GOALS % b"?" + b"a&" * 1500),
    "XML wanted": get(406, "not_acceptable", HOST, b"Accept: application/xml"),
    "JSON not wanted": get(406, "not_acceptable", HOST, b"Accept: text/html, application/json;q=0"),
    "broken Accept": get(406, "not_acceptable", HOST, b"Accept: ;;\xe9,q=x"),
    "foreign host": get(400, "bad_request", b"Host: evil.example"),
    "host that isn't one": get(400, "bad_request", b"Host: a b_c/<>"),
    "two hosts": get(400, "bad_request", HOST, HOST),
    "header without a colon": get(400, "bad_request", HOST, b"nonsense"),
    "header with NUL": get(400, "bad_request", HOST, b"X-A: a\x00b"),
    "folded header": get(400, "bad_request", HOST, b"X-A: a", b"  b"),
    "header of 9,000 bytes": get(431, "headers_too_large", HOST, b"X-A: " + b"a" * 9000),
    "150 headers": get(431, "headers_too_large", HOST, *(b"X-%d: a" % number for number in range(150))),
    "unknown expectation": get(417, "expectation_failed", HOST, b"Expect: 200-ok"),
    "no HTTP": Case(400, "bad_request", b"hello", ()),
    "HTTP 2.0": Case(400, "bad_request", b"GET /healthz HTTP/2.0"),
    "unknown transfer coding": post(400, "bad_request", b"", JSON, b"Transfer-Encoding: nope"),
    "length of 5,000 digits": get(400, "bad_request", HOST, b"Content-Length: " + b"9" * 5000),
    "two lengths": post(400, "bad_request", b"{}", JSON, b"Content-Length: 1"),
    "chunked body": Case(411, "length_required", TOKEN, (HOST, JSON, b"Transfer-Encoding: chunked"), b"0\r\n\r\n"),
    "body of 2 MB": Case(413, "payload_too_large", TOKEN, (HOST, JSON, b"Content-Length: 2000000"), b"{"),
    "text": post(415, "unsupported_media_type", b"{}", b"Content-Type: text/plain"),
    "broken media type": post(415, "unsupported_media_type", b"{}", b"Content-Type: \xe9;;;="),
    "broken JSON": post(400, "malformed_json", b"{", JSON),
    "empty body": post(400, "invalid", b"", JSON),
    "form without a CSRF token": Case(403, "permission_denied", b"POST /admin HTTP/1.1", (HOST, b"Content-Length: 0")),
}  # fmt: skip


def ask(port: int, bearer: dict[str, str], case: Case) -> Answer:
    """Send the request, with the user's token unless the case has an Authorization header or has no headers."""
    is_signed = any(header.startswith(b"Authorization") for header in case.headers) or not case.headers
    token = [] if is_signed else [f"Authorization: {bearer['Authorization']}".encode()]
    return send(port, case.line, [*case.headers, *token], case.body)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_refusal_is_a_problem(port: int, bearer: dict[str, str], case: Case) -> None:
    answer = ask(port, bearer, case)

    problem = answer.json()
    assert (answer.status, problem["status"], problem["code"]) == (case.status, case.status, case.code)
    assert {"type", "title", "detail"} <= set(problem)
    assert set(answer.headers) >= EVERY_ANSWER
    assert (answer.headers["content-type"], answer.headers["content-language"]) == ("application/problem+json", "en")


@pytest.mark.parametrize(
    ("line", "allow"),
    [
        (b"DELETE /healthz HTTP/1.1", "GET, HEAD, OPTIONS"),
        (b"PUT /goals HTTP/1.1", "GET, POST, HEAD, OPTIONS"),
        (b"OPTIONS /goals HTTP/1.1", "GET, POST, HEAD, OPTIONS"),
        (b"OPTIONS /healthz HTTP/1.1", "GET, HEAD, OPTIONS"),
    ],
)
def test_allow_names_the_methods(port: int, bearer: dict[str, str], line: bytes, allow: str) -> None:
    answer = ask(port, bearer, Case(0, "", line))

    assert (answer.status, answer.headers["allow"]) == (204 if b"OPTIONS" in line else 405, allow)


@pytest.mark.parametrize(("path", "status"), [(b"/healthz", 200), (b"/goals", 200), (b"/nope", 404)])
def test_head_is_get_without_a_body(port: int, bearer: dict[str, str], path: bytes, status: int) -> None:
    head, whole = (ask(port, bearer, Case(0, "", b"%s %s HTTP/1.1" % (method, path))) for method in (b"HEAD", b"GET"))

    assert (head.status, head.body, whole.status) == (status, b"", status)
    assert head.headers["content-length"] == str(len(whole.body))


@pytest.mark.parametrize(
    "accept",
    [
        b"*/*",
        b"",
        b"application/json",
        b"application/json; charset=utf-8",
        b"application/*;q=0.1",
        b"text/html,application/xhtml+xml,*/*;q=0.8",
    ],
)
def test_json_is_answered_if_accepted(port: int, bearer: dict[str, str], accept: bytes) -> None:
    answer = ask(port, bearer, get(200, "", HOST, b"Accept: " + accept))

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize("change", ["disabled", "deleted", "expired", "password", "signed out"])
def test_all_processes_refuse_the_caller_within_a_second(port: int, user: User, change: str) -> None:
    lifetime = timedelta(seconds=3) - LEEWAY if change == "expired" else ACCESS_LIFETIME
    bearer = {"Authorization": f"Bearer {issue_access(user, lifetime)}"}
    me = Case(200, "", b"GET /me HTTP/1.1")

    def statuses() -> set[int]:
        """Send many more requests than there are processes, so that each process gets some. Return the statuses."""
        with ThreadPoolExecutor(8) as pool:
            return {answer.status for answer in pool.map(lambda _: ask(port, bearer, me), range(24))}

    assert statuses() == {200}
    if change == "expired":
        time.sleep(2)
    elif change == "deleted":
        user.delete()
    elif change == "password":
        user.set_password("another password")
        user.save()
    elif change == "signed out":
        sign_out = Case(204, "", b"POST /auth/sign-out HTTP/1.1", (HOST, b"Content-Length: 0"))
        assert ask(port, bearer, sign_out).status == 204
    else:
        User.objects.filter(pk=user.pk).update(is_active=False)
    time.sleep(1)
    assert statuses() == {401}


def test_csrf_failure_under_the_admin_stays_a_page(port: int, bearer: dict[str, str]) -> None:
    case = Case(403, "", b"POST /admin/login/ HTTP/1.1", (HOST, b"Content-Length: 0"))

    answer = ask(port, bearer, case)

    assert (answer.status, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")


def test_refusals_are_in_the_language_asked_for(port: int, bearer: dict[str, str]) -> None:
    languages = {}
    for name, case in CASES.items():
        asking = case._replace(headers=(*case.headers, b"Accept-Language: zh-Hant-TW, en;q=0.5"))
        answer = ask(port, bearer, asking)
        problem = answer.json()
        texts = [problem["title"], *(each["detail"] for each in (problem, *problem.get("errors", [])))]
        is_chinese = all(CHINESE.search(text) for text in texts)
        languages[name] = (answer.headers["content-language"], is_chinese)

    assert {name: found for name, found in languages.items() if found != ("zh-hant", True)} == {}


def test_refused_host_is_answered_in_the_language_asked_for(port: int, bearer: dict[str, str]) -> None:
    case = Case(400, "", b"GET /healthz?lang=zh-hant HTTP/1.1", (b"Host: evil.example",))

    assert ask(port, bearer, case).headers["content-language"] == "zh-hant"


@pytest.mark.parametrize("header", [b"X-Forwarded-Proto: https", b"X-Forwarded-Protocol: ssl", b"X-Forwarded-Ssl: on"])
def test_headers_of_an_unconfigured_proxy_are_ignored(port: int, bearer: dict[str, str], header: bytes) -> None:
    answer = ask(port, bearer, get(200, "", HOST, header))

    assert (answer.status, "strict-transport-security" in answer.headers) == (200, False)


def test_key_sent_in_two_header_lines_pays_once(port: int, bearer: dict[str, str]) -> None:
    path = f"/goals/{ShowFundingGoalFactory().pk}/contributions"

    once, doubled, again = (pay(port, path, bearer, [b"payment"] * times) for times in (1, 2, 1))

    assert (once, doubled, again) == ((201, None), (400, "invalid_idempotency_key"), (201, None))
    assert [paid.amount for paid in Contribution.objects.all()] == [5]


def pay(port: int, path: str, bearer: dict[str, str], keys: list[bytes]) -> tuple[int, str | None]:
    """Pay 5, with an Idempotency-Key line for each key. Return the status and the problem's code."""
    body = b'{"amount": 5}'
    lines = (*(b"Idempotency-Key: " + key for key in keys), JSON, b"Content-Length: %d" % len(body))
    answer = ask(port, bearer, Case(0, "", b"POST %s HTTP/1.1" % path.encode(), (HOST, *lines), body))
    return answer.status, answer.json().get("code")
