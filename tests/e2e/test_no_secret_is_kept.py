"""No secret of an evening appears in a log line, in a document, or in a response that must not contain it."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django_q.models import Task

from config.ports import load_port
from lab.loopback.byteplus import BytePlusLoopback
from lab.loopback.pusher import PusherLoopback
from sessions_app.recordings.callbacks import signature
from taskqueue.packages import unpack
from tests.conftest import FailCommand
from tests.e2e.evening import KEYS, PASSWORDS, RTC_APP_ID, WRONG_PASSWORD, Evening, Log, configure
from tests.factories.documents import everything_stored
from tests.factories.people import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def evening(db: None, settings: Any) -> Iterator[Evening]:
    log, root = Log(), logging.getLogger()
    with (
        PusherLoopback(app_id="1", key="public", secret=KEYS["Pusher's secret"]) as pusher,
        BytePlusLoopback(
            app_id=RTC_APP_ID, access_key=KEYS["BytePlus' access key"], secret_key=KEYS["BytePlus' secret key"]
        ) as byteplus,
        time_machine.travel(time.time()) as clock,
        ExitStack() as stack,
    ):
        configure(settings, pusher, byteplus)
        for logger in (root, logging.getLogger("django"), logging.getLogger("django-q")):
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.DEBUG)
        root.addHandler(log)
        stack.callback(root.removeHandler, log)
        load_port.cache_clear()
        yield Evening(pusher, byteplus, log, clock)
    load_port.cache_clear()


def play(evening: Evening, fail_command: FailCommand) -> str:
    """Go through the main flow and then through failures. Return the show's id."""
    viewer = User.objects.get(username="viewer")
    evening.sign_in("streamer")
    evening.sign_in("viewer")
    refresh = {"refresh": evening.secrets["refresh token of the viewer"]}
    evening.ask(
        "POST",
        "/auth/token/refresh",
        refresh,
        of={name: f"new {name} token of the viewer" for name in ("access", "refresh")},
    )
    session_id = evening.call("POST", "/sessions", {"title": "x"}, who="streamer", key="1", wanted=201)["id"]
    show = make_show(evening, session_id)
    evening.work()
    take_credentials(evening, session_id)
    evening.call("POST", f"/goals/{show}/start", {}, who="streamer")
    call_back(evening, show, "forged", wanted=403)
    call_back(evening, show, KEYS["the callbacks' secret"], wanted=200)
    evening.work()
    evening.secrets |= told(evening)
    lose_pusher(evening, show, str(viewer.pk))
    refuse(evening, session_id, fail_command)
    for path in (f"/goals/{show}/timeline?page_size=200", f"/goals/{show}/viewers/{viewer.pk}", f"/goals/{show}"):
        evening.call("GET", path, who="streamer")
    return show


def make_show(evening: Evening, session_id: str) -> str:
    ticket = {"ticket_product_id": "t", "ticket_product_type": "show", "session_id": session_id}
    context = {"perform_duration": 60, "hesitation_countdown": 86_400, "discount_percentage": 0, **ticket}
    exp = int(time.time()) + 60
    funding = {"levels": [{"title": "x", "target": 10}], "exp": exp, "context": context}
    goal = evening.call("POST", "/goals?type=show-funding", funding, who="streamer", key="2", wanted=201)["id"]
    for _replay in range(2):
        evening.call("POST", f"/goals/{goal}/contributions", {"amount": 5}, who="viewer", key="3", wanted=201)
    evening.clock.move_to(exp + 1)
    evening.work()
    show = {"levels": [{"title": "x", "target": 600}], "nbf": 10**9, "context": {"funding_goal_id": goal, **ticket}}
    created = evening.call("POST", "/goals?type=show", show, who="streamer", key="4", wanted=201)
    return str(created["id"])


def take_credentials(evening: Evening, session_id: str) -> None:
    for who, preset in (("viewer", "sd"), ("streamer", "publish")):
        of = {"token": f"{preset} stream token", "byteplus_token": f"{preset} RTC token"}
        answer = evening.ask("GET", f"/sessions/{session_id}/token", who=who, of=of)
        assert answer["preset"] == preset
        if preset == "sd":
            evening.secrets["second RTC token"] = answer["byteplus_rtc_info"]["token"]
    streamer = User.objects.get(username="streamer")
    subscription = {"socket_id": "1.2", "channel_name": f"private-user@{streamer.pk}"}
    evening.ask("POST", "/pusher/auth", subscription, who="streamer", of={"auth": "channel authorisation"})


def told(evening: Evening) -> dict[str, str]:
    """Return the credentials that the viewer got over Pusher."""
    events = [json.loads(event.data) for event in evening.pusher.events if ".sd." in event.channel]
    assert len(events) >= 2, "the show's start, and that it has really begun"
    return {
        f"{name} of event {number}": value
        for number, data in enumerate(events)
        for name, value in (
            ("stream token", data["token"]),
            ("RTC token", data["byteplus_token"]),
            ("second RTC token", data["byteplus_rtc_info"]["token"]),
        )
    }


def call_back(evening: Evening, show: str, secret: str, *, wanted: int) -> None:
    body = {
        "EventType": "RecordStarted",
        "EventData": json.dumps({"TaskId": f"show-{show}"}),
        "EventTime": "2026-01-01T00:00:00Z",
        "EventId": "1",
        "AppId": RTC_APP_ID,
        "Version": "1",
        "Nonce": "1",
    }
    signed = signature(list(body.values()), secret)
    evening.secrets[f"signature, {wanted}"] = signed
    evening.call("POST", "/byteplus/callback", body | {"Signature": signed}, wanted=wanted)


def lose_pusher(evening: Evening, show: str, viewer_id: str) -> None:
    """Redeliver while Pusher and BytePlus fail in every way. At the end the tasks are listed as failed."""
    failures: list[Callable[[], None]] = [
        partial(evening.pusher.fail_next, status=401, times=8, body=b"Invalid signature"),
        partial(evening.pusher.reset_next, times=8),
        partial(evening.pusher.fail_next, status=500, times=8, body=b"no"),
    ]
    for fail in failures:
        fail()
        evening.call("POST", f"/goals/{show}/redeliver", {"viewer_id": viewer_id}, who="streamer")
        evening.work()
    evening.byteplus.fail_next(status=403, times=8, body=b"{}")
    evening.call("POST", f"/sessions/{session_of(show)}/end", {"cancel_shows": True}, who="streamer")
    evening.work()
    assert Task.objects.filter(success=False).exists(), "nothing has failed for good"


def session_of(show: str) -> str:
    (goal,) = [document for document in everything_stored()["goals"] if str(document["_id"]) == show]
    session_id: str = goal["context"]["session_id"]
    return session_id


def refuse(evening: Evening, session_id: str, fail_command: FailCommand) -> None:
    """Provoke every kind of error, and send secrets in the wrong places."""
    access = evening.secrets["access token of the viewer"]
    swapped = {"username": PASSWORDS["viewer"], "password": "viewer"}
    evening.call("POST", "/auth/token", {"username": "viewer", "password": WRONG_PASSWORD}, wanted=401)
    evening.call("POST", "/auth/token", swapped, wanted=401)
    evening.call("POST", "/auth/token", {"username": "viewer", "password": [WRONG_PASSWORD]}, wanted=400)
    evening.call("POST", "/auth/token/refresh", {"refresh": access}, wanted=401)
    evening.call("POST", "/sessions", {"title": 7, "token": access}, who="viewer", wanted=400)
    evening.call("GET", "/no/such/path", who="viewer", wanted=404)
    evening.call("DELETE", "/goals", who="viewer", wanted=405)
    fail_command("find", times=1, errorCode=2)
    evening.call("GET", f"/sessions/{session_id}", who="viewer", wanted=500)
    fail_command("insert", times=1, errorCode=2)
    evening.call("POST", "/sessions", {"title": "x"}, who="viewer", key="5", wanted=500)


def everything_kept() -> dict[str, str]:
    """Return the texts of each collection, of the unpacked messages, and of the tasks that have ended, by name."""
    texts = {name: repr(documents) for name, documents in everything_stored().items()}
    packages = [unpack(message["payload"]) for message in everything_stored().get("django_q_ormq", [])]
    tasks = [(task.func, task.args, task.kwargs, task.result) for task in Task.objects.all()]
    return texts | {"queued tasks": repr(packages), "ended tasks": repr(tasks)}


def test_no_secret_is_kept_or_logged_or_answered(evening: Evening, fail_command: FailCommand, settings: Any) -> None:
    for who, password in PASSWORDS.items():
        UserFactory(username=who, password=password)
    settings.THROTTLE = True
    show = play(evening, fail_command)

    places = everything_kept() | {"log": "\n".join(evening.log.lines), "answers": "\n".join(evening.answers)}
    secrets = evening.secrets | KEYS | PASSWORDS | {"wrong password": WRONG_PASSWORD}
    secrets |= {name: getattr(django_settings, name) for name in ("SECRET_KEY", "STREAM_TOKEN_KEY")}
    assert {name for name, value in secrets.items() if len(value) < 15} == set()
    assert [(name, place) for name, value in secrets.items() for place, text in places.items() if value in text] == []
    # The show's id is no secret. It is found in these places, so the search works.
    seen = {place for place, text in places.items() if show in text}
    assert seen >= {
        "log",
        "answers",
        "ended tasks",
        "goal_timeline",
        "idempotency_keys",
        "notification_chunks",
        "recordings",
    }
