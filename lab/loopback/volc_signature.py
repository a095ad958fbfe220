"""Verifies requests signed for BytePlus' OpenAPI, according to the vendor's docs.

This module shares no code with `sessions_app/rtc`, so that it finds mistakes there.
"""

import calendar
import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from urllib.parse import quote

from lab.loopback.exchange import LoopbackRequest

CLOCK_SKEW_SECONDS = 900
_AUTHORIZATION = re.compile(
    r"HMAC-SHA256 Credential=(?P<access_key>[^/,]+)/(?P<scope>[^,]+), "
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)
_MUST_BE_SIGNED = frozenset({"content-type", "host", "x-content-sha256", "x-date"})


class Refusal(Exception):
    """A refusal in the vendor's form: HTTP status and error code."""

    def __init__(self, status: int, code: str) -> None:
        self.status = status
        self.code = code
        super().__init__(code)


@dataclass(frozen=True)
class Signer:
    """The client that the vendor knows."""

    access_key: str
    secret_key: str
    region: str

    def check(self, request: LoopbackRequest) -> None:
        """Raise a Refusal unless the client has signed exactly this request, and has done so recently."""
        headers = request.headers
        given = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if not given or not set(given["headers"].split(";")) >= _MUST_BE_SIGNED <= set(headers):
            raise Refusal(401, "MissingAuthenticationToken")
        if given["access_key"] != self.access_key:
            raise Refusal(401, "InvalidAccessKey")
        if not _is_recent(headers["x-date"], request.at):
            raise Refusal(400, "InvalidTimestamp")
        if given["scope"] != f"{headers['x-date'][:8]}/{self.region}/rtc/request":
            raise Refusal(401, "InvalidCredential")
        if headers["x-content-sha256"] != hashlib.sha256(request.body).hexdigest():
            raise Refusal(400, "InvalidContentSha256")
        expected = self._signature(request, given["headers"].split(";"), given["scope"])
        if not hmac.compare_digest(given["signature"], expected):
            raise Refusal(403, "SignatureDoesNotMatch")

    def _signature(self, request: LoopbackRequest, signed_headers: list[str], scope: str) -> str:
        canonical = f"{request.method}\n{request.path}\n"
        canonical += "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(request.query.items()))
        canonical += "\n"
        for name in sorted(signed_headers):
            canonical += f"{name}:{request.headers.get(name, '').strip()}\n"
        canonical += f"\n{';'.join(sorted(signed_headers))}\n{hashlib.sha256(request.body).hexdigest()}"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        key = self.secret_key.encode()
        for part in (*scope.split("/"), f"HMAC-SHA256\n{request.headers['x-date']}\n{scope}\n{hashed}"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex()


def _is_recent(date: str, now: float) -> bool:
    try:
        seconds = calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return False
    return abs(seconds - now) <= CLOCK_SKEW_SECONDS
