"""The steps of "A realtime vendor of your own" in docs/architecture.md are enough to add a vendor."""

import hmac
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils.module_loading import import_string

from config import environment
from mongodb.collections import collection
from notifications import backends
from tests.docs.markdown import code_blocks, section
from tests.factories.client import ApiClient
from tests.factories.documents import queued_messages
from tests.notifications.conftest import Audience
from tests.notifications.steps import deliveries

pytestmark = pytest.mark.django_db

KEY = "key-of-acme"
VIEWERS = 20
# The events of the funding goal and of the show, on each of the streamer's channels.
GOAL_EVENTS = ("goal.added", "goal.progressed", "goal.added", "goal.started")
PRESETS = ("preview", "sd")

Call = list[tuple[str, str]]


class Acme(ThreadingHTTPServer):
    """A made-up vendor. It refuses calls beyond its limits, and keeps the channel and name of each accepted event."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[Call] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Acme

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        events: list[dict[str, Any]] = body if isinstance(body, list) else [body]
        is_taken = self.headers["Authorization"] == f"Bearer {KEY}" and len(events) <= 3 and all(map(_fits, events))
        if is_taken:
            self.server.calls.append([(channel, event["name"]) for event in events for channel in event["to"]])
        self.send_response(200 if is_taken else 400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_message: object) -> None:
        pass


def _fits(event: dict[str, Any]) -> bool:
    return len(event["to"]) <= 7 and len(event["data"].encode()) <= 2_000


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Acme]:
    """Follow docs/architecture.md: add the file, add the entry to the settings, and choose the backend."""
    module, entry = code_blocks(section("docs/architecture.md", "A realtime vendor of your own"))
    (tmp_path / "acme.py").write_text(module, encoding="utf-8")
    monkeypatch.setattr(backends, "__path__", [*backends.__path__, str(tmp_path)])
    with Acme() as server:
        monkeypatch.setenv("ACME_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("ACME_KEY", KEY)
        backend, options = eval(f"{{{entry}}}", {"env": environment})["acme"]
        settings.REALTIME = {"BACKEND": backend, "OPTIONS": options}
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
    sys.modules.pop("notifications.backends.acme", None)


def test_fan_out_of_a_show_keeps_the_limits_of_another_vendor(acme: Acme, live: Callable[[int], Audience]) -> None:
    audience = live(VIEWERS)
    run_tasks()

    streamer = audience.show.metadata.user_id
    screens = [f"private-stream@{streamer}", f"presence-stream@{streamer}", f"private-user@{streamer}"]
    viewers = [
        f"presence-stream-viewer@{streamer}.{preset}.{viewer}" for preset in PRESETS for viewer in audience.viewers
    ]
    assert Counter(event for call in acme.calls for event in call) == Counter(
        [(channel, name) for channel in screens for name in GOAL_EVENTS]
        + [(channel, "stream.authorized") for channel in viewers]
    )
    assert call_sizes(acme, "goal.") == [3] * len(GOAL_EVENTS)
    assert call_sizes(acme, "stream.", ".preview.") == [6, 7, 7]
    assert call_sizes(acme, "stream.", ".sd.") == [2, 3, 3, 3, 3, 3, 3]
    assert ("all_sent", f"sd: {VIEWERS} viewers in 1 chunks") in deliveries(audience.show)


def test_subscription_is_signed_as_the_other_vendor_does(acme: Acme, viewer: User) -> None:
    channel = f"private-user@{viewer.pk}"
    answer = ApiClient(viewer).post("/pusher/auth", {"socket_id": "1.2", "channel_name": channel})
    assert answer.body["auth"] == hmac.digest(KEY.encode(), f"1.2:{channel}".encode(), "sha256").hex()


def call_sizes(acme: Acme, name: str, channel: str = "") -> list[int]:
    return sorted(len(call) for call in acme.calls if call[0][1].startswith(name) and channel in call[0][0])


def run_tasks() -> None:
    """Run the queued tasks of the app `notifications`, and the tasks that they queue."""
    while waiting := [message for message in queued_messages() if message.func.startswith("notifications.")]:
        collection("django_q_ormq").delete_many({})
        for message in waiting:
            import_string(message.func)(*message.args)
