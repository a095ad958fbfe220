"""The stand-in for Pusher refuses what Pusher refuses."""

import hashlib
import hmac
import json
import socket
import time
from typing import Any

import pytest
import requests

from lab.loopback.faults import Failure, Fault
from lab.loopback.pusher import PusherLoopback
from tests.contract import keys
from tests.contract.sending import broadcast

EVENT = {"name": "goal.added", "channels": ["private-user@1"], "data": "{}"}


def test_loopback_accepts_and_counts_a_signed_event(pusher_server: PusherLoopback) -> None:
    before = time.time()
    answer = _post(pusher_server, "events", EVENT)
    assert (answer.status_code, answer.json()) == (200, {})
    [event] = pusher_server.events
    assert event[:3] == ("private-user@1", "goal.added", "{}")
    assert before <= event.at <= time.time()
    seen = requests.get(f"http://{pusher_server.address}/_seen", timeout=5)
    assert seen.json() == {"requests": 1, "rejected": 0, "events": {"goal.added": 1}}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"auth_key": "other"}, "401 unknown auth_key or auth_version"),
        ({"auth_version": "2.0"}, "401 unknown auth_key or auth_version"),
        ({"auth_timestamp": "1"}, "401 auth_timestamp is more than 600 s off"),
        ({"auth_timestamp": "now"}, "401 auth_timestamp is more than 600 s off"),
        pytest.param(
            {"auth_timestamp": str(int(time.time()) + 3600)},
            "401 auth_timestamp is more than 600 s off",
            id="an hour ahead",
        ),
        ({"body_md5": "0" * 32}, "401 body_md5 is not that of the body"),
        ({"body_md5": ""}, "401 body_md5 is missing"),
        ({"auth_signature": "0" * 64}, "401 invalid signature"),
        ({"auth_signature": ""}, "401 auth_signature is missing"),
    ],
    ids=str,
)
def test_loopback_refuses_bad_authentication(
    pusher_server: PusherLoopback, changed: dict[str, str], reason: str
) -> None:
    assert _post(pusher_server, "events", EVENT, **changed).status_code == 401
    assert list(pusher_server.reasons) == [reason]
    assert pusher_server.seen() == {"requests": 1, "rejected": 1, "events": {}}


@pytest.mark.parametrize(
    ("resource", "body", "status"),
    [
        ("events", [], 400),
        ("events", EVENT | {"channels": []}, 400),
        ("events", EVENT | {"channels": ["c"] * 101}, 400),
        ("events", EVENT | {"channels": ["c c"]}, 400),
        ("events", EVENT | {"channels": ["x" * 165]}, 400),
        ("events", EVENT | {"channels": [7]}, 400),
        ("events", EVENT | {"name": ""}, 400),
        ("events", EVENT | {"name": "n" * 201}, 400),
        ("events", EVENT | {"data": {}}, 400),
        ("events", EVENT | {"data": "\u6f14" * 3_414}, 413),
        ("batch_events", {"batch": []}, 400),
        ("batch_events", {"batch": [{"channel": "c", "name": "n", "data": "{}"}] * 11}, 400),
        ("batch_events", {"batch": ["event"]}, 400),
        ("batch_events", {"batch": [{"channel": "c", "name": "n", "data": "a" * 10_241}]}, 413),
        ("channels", EVENT, 404),
    ],
)
def test_loopback_refuses_what_breaks_a_limit(
    pusher_server: PusherLoopback, resource: str, body: Any, status: int
) -> None:
    assert _post(pusher_server, resource, body).status_code == status
    assert (pusher_server.rejected, pusher_server.events) == (1, [])


def test_loopback_keeps_no_data_when_asked(pusher_server: PusherLoopback) -> None:
    with PusherLoopback(
        app_id=keys.PUSHER_APP_ID, key=keys.PUSHER_KEY, secret=keys.PUSHER_SECRET, keep_data=False
    ) as server:
        broadcast(keys.pusher_backend(server), ["a", "b"], "goal.added", '{"a": 1}')
    assert [event[:3] for event in server.events] == [("a", "goal.added", ""), ("b", "goal.added", "")]


def test_loopback_applies_a_request_whose_answer_is_lost(pusher_server: PusherLoopback) -> None:
    pusher_server.fail_next(status=503, applied=True)
    assert _post(pusher_server, "events", EVENT).status_code == 503
    assert len(pusher_server.events) == 1


def test_loopback_fails_as_often_as_told(pusher_server: PusherLoopback) -> None:
    pusher_server.fail_next(status=500, times=2)
    assert [_post(pusher_server, "events", EVENT).status_code for _ in range(3)] == [500, 500, 200]


def test_loopback_fails_at_random_but_the_same_for_a_seed(pusher_server: PusherLoopback) -> None:
    def statuses() -> list[int]:
        pusher_server.fail_at_random({Fault(Failure.STATUS, status=503): 0.5}, seed=7)
        return [_post(pusher_server, "events", EVENT).status_code for _ in range(20)]

    first = statuses()
    assert set(first) == {200, 503}
    assert statuses() == first


def test_loopback_is_down_once_for_a_while(pusher_server: PusherLoopback) -> None:
    pusher_server.go_down(after_requests=1, seconds=0.2)
    assert _post(pusher_server, "events", EVENT).status_code == 200
    with pytest.raises(requests.ConnectionError):
        _post(pusher_server, "events", EVENT)
    time.sleep(0.3)
    assert _post(pusher_server, "events", EVENT).status_code == 200


def test_loopback_hangs_for_a_while(pusher_server: PusherLoopback) -> None:
    pusher_server.hang(seconds=0.3)
    began = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        _post(pusher_server, "events", EVENT)
    assert time.monotonic() - began >= 0.3
    assert _post(pusher_server, "events", EVENT).status_code == 200
    assert len(pusher_server.events) == 1


def test_loopback_refuses_calls_over_the_limit(pusher_server: PusherLoopback) -> None:
    pusher_server.limit_calls(2)
    answers = [_post(pusher_server, "events", EVENT) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[2].headers["Retry-After"], answers[2].text) == ("1", "over quota\n")
    assert (len(pusher_server.events), pusher_server.over_limit, pusher_server.rejected) == (2, 1, 0)


def _post(server: PusherLoopback, resource: str, body: Any, **changed: str) -> requests.Response:
    content = json.dumps(body).encode()
    path = f"/apps/{server.app_id}/{resource}"
    query = {
        "auth_key": server.key,
        "auth_timestamp": str(int(time.time())),
        "auth_version": "1.0",
        "body_md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
    }
    query |= {name: value for name, value in changed.items() if name != "auth_signature"}
    signed = "POST\n" + path + "\n" + "&".join(f"{name}={value}" for name, value in sorted(query.items()))
    query["auth_signature"] = hmac.new(server.secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    return requests.post(f"http://{server.address}{path}", params=query | changed, data=content, timeout=5)


def test_half_a_request_is_not_counted(pusher_server: PusherLoopback) -> None:
    with socket.create_connection((pusher_server.host, pusher_server.port)) as client:
        client.sendall(b"POST /apps/1/events HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert pusher_server.seen() == {"requests": 0, "rejected": 0, "events": {}}
