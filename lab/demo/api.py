"""The product's API, as a client on the network meets it."""

from typing import Any, Self

import requests

from lab.demo.children import DemoFailed

TIMEOUT_SECONDS = 10


class Api:
    """Calls one server; signs in once. Every answer but the wanted one raises DemoFailed with the server's text."""

    def __init__(self, address: str) -> None:
        self.base_url = f"http://{address}"
        self._http = requests.Session()
        self._http.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._http.close()

    def is_up(self) -> bool:
        """Tell whether the server answers."""
        try:
            return self._http.get(f"{self.base_url}/healthz", timeout=1).ok
        except requests.RequestException:
            return False

    def sign_in(self, username: str, password: str) -> None:
        """Get a token and use it from now on."""
        tokens = self.post("/auth/token", {"username": username, "password": password}, wanted=200)
        self._http.headers["Authorization"] = f"Bearer {tokens['access']}"

    def get(self, path: str) -> Any:
        """Return the JSON that the path answers with."""
        return self._call("GET", path, wanted=200)

    def post(self, path: str, body: Any, *, wanted: int = 201) -> Any:
        """Send JSON and return the answer's."""
        return self._call("POST", path, body, wanted=wanted)

    def _call(self, method: str, path: str, body: Any = None, *, wanted: int) -> Any:
        try:
            answer = self._http.request(method, self.base_url + path, json=body, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise DemoFailed(f"{method} {path}: {type(error).__name__}") from error
        if answer.status_code != wanted:
            raise DemoFailed(f"{method} {path} answered {answer.status_code}, not {wanted}: {answer.text[:1000]}")
        return answer.json()
