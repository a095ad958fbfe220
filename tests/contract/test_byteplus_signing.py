"""Our signer and the signer of the loopback server agree with a request that the vendor's SDK signed."""

from datetime import UTC, datetime

import pytest

from lab.loopback.byteplus import BytePlusLoopback
from lab.loopback.exchange import LoopbackRequest
from sessions_app.rtc.signing import query_string, sign_request
from tests.vectors import load_vectors

VECTOR = load_vectors("start_record_request")
HEADERS = VECTOR["headers"]
SIGNED_AT = datetime(2025, 11, 22, 7, 0, tzinfo=UTC)


def test_sign_request_equals_the_vendors_sdk() -> None:
    headers = sign_request(
        host=HEADERS["Host"],
        query={"Version": "2022-06-01", "Action": "StartRecord"},
        body=VECTOR["body_utf8"].encode(),
        access_key=VECTOR["ak"],
        secret_key=VECTOR["sk"],
        region=VECTOR["region"],
        now=SIGNED_AT,
    )
    signed = ("Content-Type", "Host", "X-Content-Sha256", "X-Date", "Authorization")
    assert headers == {name: HEADERS[name] for name in signed}


def test_query_is_sorted_and_encoded_as_rfc_3986_says() -> None:
    assert query_string({"b": "a b+c~/", "a": "\u6f14"}) == "a=%E6%BC%94&b=a%20b%2Bc~%2F"


@pytest.mark.parametrize(
    ("changed", "status"),
    [({}, 200), ({"secret_key": "wrong"}, 403), ({"access_key": "wrong"}, 401), ({"region": "elsewhere"}, 401)],
    ids=str,
)
def test_loopback_verifies_the_vendors_request(changed: dict[str, str], status: int) -> None:
    server = BytePlusLoopback(
        **{
            "app_id": "123456781234567812345678",
            "access_key": VECTOR["ak"],
            "secret_key": VECTOR["sk"],
            "region": VECTOR["region"],
        }
        | changed
    )
    request = LoopbackRequest(
        method="POST",
        target=VECTOR["request_line"].split()[1],
        headers={name.lower(): value for name, value in HEADERS.items()},
        body=VECTOR["body_utf8"].encode(),
        at=SIGNED_AT.timestamp(),
    )
    assert server.answer(request).status == status
