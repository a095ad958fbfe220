"""A real gunicorn that can be killed and restarted, and threads as its clients."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import requests

UP_WITHIN_SECONDS = 60.0


class KillableServer:
    """Serves the application with threads. `kill` sends kill -9 to all its processes."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        # The test holds the socket, so that no other process takes the port between two starts.
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._process: subprocess.Popen[bytes] | None = None
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.is_up = Event()

    def start(self) -> None:
        """Start the server and wait until it responds."""
        descriptor = self._listener.fileno()
        command = ["-m", "gunicorn", "--config", "python:ops.gunicorn_settings", "--bind", f"fd://{descriptor}"]
        self._process = subprocess.Popen(
            [sys.executable, *command, "config.wsgi"],
            env=self._environment,
            pass_fds=[descriptor],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # The socket listens already, so one request is enough: it waits until the server accepts its connection.
        # Repeated short requests could fill the socket's queue while the server starts.
        requests.get(f"{self.url}/healthz", timeout=UP_WITHIN_SECONDS).raise_for_status()
        self.is_up.set()

    @property
    def pid(self) -> int:
        """The process id of gunicorn's master."""
        assert self._process is not None
        return self._process.pid

    def exit_code(self, within: float) -> int:
        """Wait until the server ends by itself, and return its exit code. Raise TimeoutExpired if it takes too long."""
        assert self._process is not None
        code = self._process.wait(within)
        self._process = None
        return code

    def kill(self) -> None:
        """Kill the master and the workers at once, whatever they are doing."""
        self.is_up.clear()
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """Stop all processes."""
        self.kill()
        self._listener.close()

    @contextmanager
    def clients(self, count: int) -> Iterator[ThreadPoolExecutor]:
        """Yield threads for clients. If the test fails, they stop waiting for the server."""
        with ThreadPoolExecutor(count) as pool:
            try:
                yield pool
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self.is_up.set()
                raise

    def post(self, path: str, body: Any, token: str) -> requests.Response | None:
        """Send a request once the server runs. Return None if no response came."""
        self.is_up.wait()
        try:
            headers = {"Authorization": f"Bearer {token}", "Connection": "close"}
            return requests.post(f"{self.url}{path}", json=body, headers=headers, timeout=15)
        except requests.RequestException:
            return None
