"""With `POST /pusher/webhook`, Pusher reports who has subscribed. Late payers of a live show are then let in."""

import hmac
import json
from collections import Counter
from typing import Any

import pytest

from notifications.webhook import signature
from tests.api.throttling import throttled
from tests.factories.client import Answer, ApiClient
from tests.factories.documents import everything_stored, queued_messages
from tests.factories.fixtures import Commands

PATH = "/pusher/webhook"
KEY, SECRET = "pusher-key", "pusher-secret"
REFUSED: tuple[int, str, list[Any]] = (403, "permission_denied", [])
# Fixed ids, because they are part of test names, which must be the same in all processes of a test run.
STREAMER, VIEWER, OTHER = (f"6811bfd5d273022b4657000{number}" for number in range(3))

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def keys(settings: Any) -> None:
    settings.PUSHER = {**settings.PUSHER, "key": KEY, "secret": SECRET}


def member_added(viewer: str = VIEWER, *, preset: str = "sd", user_id: Any = None) -> dict[str, Any]:
    channel = f"presence-stream-viewer@{STREAMER}.{preset}.{viewer}"
    return {"name": "member_added", "channel": channel, "user_id": user_id or viewer}


def bundle(*events: Any, **more: Any) -> bytes:
    return json.dumps({"time_ms": 1_747_573_200_000, "events": events, **more}).encode()


def post(body: bytes, *, key: str = KEY, signed: str | None = None, **more: str) -> Answer:
    signed = hmac.digest(SECRET.encode(), body, "sha256").hex() if signed is None else signed
    return ApiClient().post_bytes(PATH, body, x_pusher_key=key, x_pusher_signature=signed, **more)


def queued() -> list[tuple[Any, ...]]:
    return [message.args for message in queued_messages("let_late_joiners_in")]


def test_signature_is_computed_as_documented() -> None:
    assert signature(b"The quick brown fox jumps over the lazy dog", "key") == (
        "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    )


def test_one_message_is_queued_for_a_bundle() -> None:
    events = [member_added(), member_added(OTHER), member_added()]
    answer = post(bundle(*events, more=True))

    assert (answer.status, answer.body) == (200, {})
    assert queued() == [(1_747_573_200_000, f"{STREAMER}{VIEWER}\n{STREAMER}{OTHER}")]


@pytest.mark.parametrize(
    "event",
    [
        {"name": "member_removed", "channel": member_added()["channel"], "user_id": VIEWER},
        {"name": "channel_vacated", "channel": member_added()["channel"]},
        {"name": "channel_occupied", "channel": member_added()["channel"]},
        {"name": "something_new", "of": ["any", "form"]},
        {"name": ["member_added"]},
        {},
        "event",
        None,
        member_added(preset="preview"),
        member_added(user_id=OTHER),
        member_added(user_id=7),
        {**member_added(), "channel": f"presence-stream@{STREAMER}"},
        {**member_added(), "channel": f"{member_added()['channel']}\n"},
        {**member_added(), "channel": 7},
    ],
    ids=str,
)
def test_other_events_change_nothing(event: Any) -> None:
    before = everything_stored()
    answer = post(bundle(event))

    assert (answer.status, answer.body) == (200, {})
    assert everything_stored() == before


def test_webhook_that_is_not_genuine_is_refused(settings: Any) -> None:
    body = bundle(member_added())
    before = everything_stored()
    refused = [
        post(body, signed=""),
        post(body, signed="0" * 64),
        post(body, signed="\u00e9"),
        post(body, signed=signature(body + b" ", SECRET)),
        post(body, signed=signature(body, "another")),
        post(body, key="another"),
        post(b"not JSON", signed="0" * 64),
        post(b"", signed=""),
        ApiClient().post_bytes(PATH, body),
    ]
    for missing in ({"secret": ""}, {"key": ""}):
        settings.PUSHER = {**settings.PUSHER, "key": KEY, "secret": SECRET, **missing}
        refused += [post(body), post(body, key="", signed=signature(body, ""))]
    assert [answer.problem for answer in refused] == [REFUSED] * 13
    assert everything_stored() == before


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", (400, "malformed_json", [])),
        (b"{", (400, "malformed_json", [])),
        (b"[]", (400, "invalid", [("", "invalid")])),
        (b"{}", (400, "invalid", [("/events", "required"), ("/time_ms", "required")])),
        (
            b'{"time_ms": "soon", "events": {}}',
            (400, "invalid", [("/events", "invalid_type"), ("/time_ms", "invalid")]),
        ),
    ],
)
def test_body_that_pusher_does_not_send_is_refused(body: bytes, problem: Any) -> None:
    status, code, errors = post(body).problem
    assert (status, code, sorted(errors)) == problem


def test_only_json_up_to_the_limit_is_taken(settings: Any) -> None:
    assert post(bundle(), content_type="text/plain").problem == (415, "unsupported_media_type", [])
    settings.MAX_BODY_BYTES = 100
    assert post(bundle(member_added())).problem == (413, "payload_too_large", [])


def test_many_refused_webhooks_are_throttled() -> None:
    genuine = bundle(member_added())
    with throttled(address="3/hour"):
        statuses = [post(genuine, signed="0").status for _ in range(5)]
        assert post(genuine).status == 200

    assert statuses[0] == 403
    assert statuses[-1] == 429


def test_bundle_of_five_thousand_takes_as_many_commands_as_one(commands: Commands) -> None:
    body = bundle(*(member_added(f"{number:024x}") for number in range(5000)))
    assert post(bundle(member_added())).status == 200
    of_one = Counter(commands.names)
    commands.names.clear()

    assert post(body).status == 200

    assert Counter(commands.names) == of_one
    _first, (_time_ms, members) = queued()
    assert len(members.splitlines()) == 5000
