"""An evening in which every secret can be recognised, with users, stand-ins for vendors and a record of responses."""

import json
import logging
from dataclasses import dataclass, field
from multiprocessing import Value
from typing import Any

import time_machine
from django.test import Client
from django_q.conf import Conf
from django_q.worker import worker

from api.logs import JsonFormatter
from lab.loopback.byteplus import BytePlusLoopback
from lab.loopback.pusher import PusherLoopback
from taskqueue.broker import PreciseBroker
from taskqueue.queues import Queue
from taskqueue.worker import ClaimedTasks, Results

PASSWORDS = {"streamer": "a-passphrase-of-the-streamer", "viewer": "a-passphrase-of-the-viewer"}
WRONG_PASSWORD = "a-guess-at-a-passphrase"
KEYS = {
    "Pusher's secret": "pusher-secret-7d1f0c",
    "BytePlus' access key": "AKLT-access-key-1e55",
    "BytePlus' secret key": "byteplus-secret-key-90ab",
    "the storage's secret key": "storage-secret-key-33cd",
    "the callbacks' secret": "callback-secret-5e5e",
    "the RTC app key": "rtc-app-key-4f4f4f",
}
RTC_APP_ID = "123456781234567812345678"


class Log(logging.Handler):
    """Keeps every log record as a plain line, as JSON, and with all its attributes."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = logging.Formatter("%(name)s %(message)s").format(record)
        self.lines += [text, JsonFormatter().format(record), repr(vars(record))]


@dataclass
class Evening:
    """The stand-ins for vendors, the responses that users got, and the secrets that the users were given."""

    pusher: PusherLoopback
    byteplus: BytePlusLoopback
    log: Log
    clock: time_machine.Traveller
    secrets: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)

    def call(self, method: str, path: str, body: Any = None, *, who: str = "", key: str = "", wanted: int = 200) -> Any:
        """Send a request and return the JSON of the response. The test searches all responses for secrets."""
        headers = {"Authorization": f"Bearer {self.secrets[f'access token of the {who}']}"} if who else {}
        client = Client(raise_request_exception=False, headers=headers | ({"Idempotency-Key": key} if key else {}))
        response = client.generic(method, path, json.dumps(body), content_type="application/json")
        assert response.status_code == wanted, (method, path, response.content)
        self.answers.append(f"{response.headers} {response.content.decode()}")
        return response.json()

    def ask(self, method: str, path: str, body: Any = None, *, of: dict[str, str], who: str = "") -> Any:
        """Do what `call` does, for a response that must contain secrets. `of` maps its fields to the secrets' names."""
        answer = self.call(method, path, body, who=who)
        self.answers.pop()
        self.secrets |= {name: answer[key] for key, name in of.items()}
        return answer

    def sign_in(self, who: str) -> None:
        tokens = {"access": f"access token of the {who}", "refresh": f"refresh token of the {who}"}
        self.ask("POST", "/auth/token", {"username": who, "password": PASSWORDS[who]}, of=tokens)

    def work(self) -> None:
        """Let django-q's worker loop run all due tasks, as in a qcluster."""
        for queue in Queue:
            tasks = ClaimedTasks(PreciseBroker(queue.value), run_once=True)
            worker(tasks, Results(tasks), Value("d", 0.0), Conf.TIMEOUT)


def configure(settings: Any, pusher: PusherLoopback, byteplus: BytePlusLoopback) -> None:
    """Choose the real backends, connected to the stand-ins."""
    settings.REALTIME = {
        "BACKEND": "notifications.backends.pusher.PusherRealtime",
        "OPTIONS": {
            "app_id": pusher.app_id,
            "key": pusher.key,
            "secret": pusher.secret,
            "ssl": False,
            "host": pusher.host,
            "port": pusher.port,
            "timeout_seconds": (2.0, 2.0),
        },
    }
    storage = {"AccessKey": "public", "SecretKey": KEYS["the storage's secret key"], "Bucket": "shows"}
    settings.RTC = {
        "BACKEND": "sessions_app.rtc.byteplus.BytePlusRTC",
        "OPTIONS": {
            "app_id": RTC_APP_ID,
            "access_key": byteplus.access_key,
            "secret_key": byteplus.secret_key,
            "host": byteplus.address,
            "scheme": "http",
            "region": byteplus.region,
            "version": byteplus.version,
            "storage": {"Type": 2, "CustomConfig": storage},
            "timeout_seconds": (2.0, 2.0),
        },
    }
    settings.BYTEPLUS_APP_ID, settings.BYTEPLUS_APP_KEY = RTC_APP_ID, KEYS["the RTC app key"]
    settings.BYTEPLUS_CALLBACK_SECRET = KEYS["the callbacks' secret"]
