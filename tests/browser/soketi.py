"""Runs soketi, an independent server for Pusher's protocol: https://github.com/soketi/soketi."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from typing import Self

import requests

from lab.loopback.pusher import PusherLoopback, SeenEvent, events_of
from lab.loopback.server import Exchange
from notifications.backends.base import Broadcast
from notifications.backends.pusher import PusherRealtime
from tests import tools
from tests.browser.partner_site import Gateway
from tests.browser.site import wait_until
from tests.environment import ROOT

HOST = "127.0.0.1"
OK = 200


class Soketi:
    """soketi, with the keys of the stand-in for Pusher. All of its ports listen on 127.0.0.1 only."""

    def __init__(self, pusher: PusherLoopback) -> None:
        self.port, metrics_port = _free_port(), _free_port()
        self._address = f"http://{HOST}:{self.port}"
        self._recorder = Gateway("")  # records what the queue sends to soketi
        self._recorder.api = self._address
        self._calls: list[Exchange] = []
        self._recorder.exchanges = self._calls
        self._environment = {
            **os.environ,
            "SOKETI_HOST": HOST,
            "SOKETI_PORT": str(self.port),
            "SOKETI_METRICS_HOST": HOST,
            "SOKETI_METRICS_SERVER_PORT": str(metrics_port),
            "SOKETI_DEFAULT_APP_ID": pusher.app_id,
            "SOKETI_DEFAULT_APP_KEY": pusher.key,
            "SOKETI_DEFAULT_APP_SECRET": pusher.secret,
        }
        self._backend = PusherRealtime(
            app_id=pusher.app_id, key=pusher.key, secret=pusher.secret, host=HOST, port=self.port, ssl=False
        )

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._recorder)
            self.api_port = self._recorder.port
            self.come_back()
            stack.callback(self.go_away)
            self._opened = stack.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._opened.close()

    def events(self) -> list[SeenEvent]:
        return [event for request, answer in self._calls if answer.status == OK for event in events_of(request)]

    def publish(self, channel: str, name: str, data: str) -> None:
        (result,) = self._backend.send([Broadcast((channel,), name, data)])
        assert result.error is None, result

    def go_away(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def come_back(self) -> None:
        self._process = subprocess.Popen(
            # The server must end with this process, even if the process is killed.
            [sys.executable, "-m", "lab.tied", str(os.getpid()), str(shutil.which("node")), str(tools.SOKETI), "start"],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(self._is_up)
        assert self._is_up(), "soketi does not start"

    def _is_up(self) -> bool:
        try:
            return requests.get(self._address, timeout=1).ok
        except requests.RequestException:
            return False


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port
