"""Signs requests to BytePlus' OpenAPI as AWS Signature Version 4 does, except that the secret key gets no prefix.

Source: BytePlus' public docs and SDK. `tests/vectors/start_record_request.json` is a request that the SDK signed.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from functools import reduce
from urllib.parse import quote

SERVICE = "rtc"
_SIGNED_HEADERS = "content-type;host;x-content-sha256;x-date"


def sign_request(
    *,
    host: str,
    query: Mapping[str, str],
    body: bytes,
    access_key: str,
    secret_key: str,
    region: str,
    now: datetime,
    method: str = "POST",
) -> dict[str, str]:
    """Return the headers of a signed request to `/`. `now` is in UTC. The caller must send `body` unchanged."""
    date = now.strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    headers = {"Content-Type": "application/json", "Host": host, "X-Content-Sha256": digest, "X-Date": date}
    scope = f"{date[:8]}/{region}/{SERVICE}/request"
    canonical = hashlib.sha256(_canonical_request(method, query, headers, digest).encode()).hexdigest()
    key = reduce(_hmac, scope.split("/"), secret_key.encode())
    signature = _hmac(key, f"HMAC-SHA256\n{date}\n{scope}\n{canonical}").hex()
    credential = f"Credential={access_key}/{scope}"
    return headers | {
        "Authorization": f"HMAC-SHA256 {credential}, SignedHeaders={_SIGNED_HEADERS}, Signature={signature}"
    }


def query_string(query: Mapping[str, str]) -> str:
    """Return the query as it is signed and sent: sorted, and encoded according to RFC 3986."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))


def _canonical_request(method: str, query: Mapping[str, str], headers: Mapping[str, str], digest: str) -> str:
    lines = [f"{name.lower()}:{value.strip()}" for name, value in sorted(headers.items())]
    return "\n".join([method, "/", query_string(query), *lines, "", _SIGNED_HEADERS, digest])


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), hashlib.sha256)
