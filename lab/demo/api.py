"""The product's API, called over the network."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import requests

from lab.demo.children import Children, DemoFailed

TIMEOUT_SECONDS = 10


@contextmanager
def start_gunicorn(children: Children, *options: str) -> Iterator["Api"]:
    """Start the server with these options of gunicorn, and yield its API.

    The port is reserved inside the block, so that no other process can take it.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener, Api(f"127.0.0.1:{listener.getsockname()[1]}") as api:
        command = ["-m", "gunicorn", "--config", "python:ops.gunicorn_settings", "--bind", f"fd://{listener.fileno()}"]
        children.start("gunicorn", [*command, *options], pass_fds=[listener.fileno()])
        yield api


class Api:
    """Calls one server. An unexpected response raises DemoFailed with the text of the response."""

    def __init__(self, address: str) -> None:
        self.base_url = f"http://{address}"
        self._http = requests.Session()
        self._http.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._http.close()

    def is_up(self) -> bool:
        """Tell whether the server responds."""
        try:
            return self._http.get(f"{self.base_url}/healthz", timeout=1).ok
        except requests.RequestException:
            return False

    def sign_in(self, username: str, password: str) -> None:
        """Get a token, and use the token for all further calls."""
        tokens = self.post("/auth/token", {"username": username, "password": password}, wanted=200)
        self._http.headers["Authorization"] = f"Bearer {tokens['access']}"

    def get(self, path: str) -> Any:
        """Return the JSON of the response."""
        return self._call("GET", path, wanted=200)

    def post(self, path: str, body: Any, *, wanted: int = 201) -> Any:
        """Send JSON, and return the JSON of the response."""
        return self._call("POST", path, body, wanted=wanted)

    def patch(self, path: str, body: Any) -> Any:
        """Send a change as JSON, and return the JSON of the response."""
        return self._call("PATCH", path, body, wanted=200)

    def _call(self, method: str, path: str, body: Any = None, *, wanted: int) -> Any:
        try:
            answer = self._http.request(method, self.base_url + path, json=body, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise DemoFailed(f"{method} {path}: {type(error).__name__}") from error
        if answer.status_code != wanted:
            raise DemoFailed(f"{method} {path} answered {answer.status_code}, not {wanted}: {answer.text[:1000]}")
        return answer.json()
