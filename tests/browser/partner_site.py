"""A partner's site, whose origin differs from the API's. Its page imports the client. A test can make calls fail."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import requests

from lab.loopback.exchange import Answer, LoopbackRequest
from lab.loopback.server import LoopbackServer
from tests import tools
from tests.browser.chromium import Chromium, Page
from tests.browser.site import ARRIVES_WITHIN_SECONDS, Site, wait_until
from tests.environment import ROOT

PAGE = Path(__file__).parent / "partner"
MODULE = ROOT / "clients/js"
NOT_PASSED_ON = {"connection", "transfer-encoding", "content-length", "content-encoding", "content-type"}

Picture = dict[str, Any]


class Gateway(LoopbackServer):
    """Passes calls on to the API. After `refuse`, it answers with problems of its own, which the page can read."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self.api = ""
        self.calls: list[tuple[str, str]] = []
        self._origin = origin
        self._refusal: tuple[int, str] | None = None
        self._left = 0
        self._lost = ""

    def refuse(self, status: int, code: str, *, times: int = 10**9) -> None:
        """Refuse the next calls. `times=0` lets all calls pass again. With the status 200, the body is an HTML page."""
        self._refusal, self._left = (status, code), times

    def lose_answer(self, path: str) -> None:
        """Lose the next response to a call of this path, after the API has done what the call asks for."""
        self._lost = path

    def answer(self, request: LoopbackRequest) -> Answer:
        """Return the API's response, or the refusal that a test has asked for."""
        if request.method != "OPTIONS":
            self.calls.append((request.method, request.path))
            if self._left > 0 and self._refusal:
                self._left -= 1
                return self._problem(*self._refusal)
        answer = requests.request(
            request.method,
            self.api + request.target,
            data=request.body,
            headers={**request.headers, "accept-encoding": "identity"},
            timeout=10,
            allow_redirects=False,
        )
        if request.method != "OPTIONS" and request.path == self._lost:
            self._lost = ""
            return Answer(504, b"")
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in NOT_PASSED_ON}
        return Answer(answer.status_code, answer.content, answer.headers.get("Content-Type", ""), headers=headers)

    def counts(self) -> dict[str, Any]:
        """Return nothing, because tests read `calls`."""
        return {}

    def _problem(self, status: int, code: str) -> Answer:
        body = json.dumps({"status": status, "code": code, "detail": "Not now."}).encode()
        headers = {
            "Access-Control-Allow-Origin": self._origin,
            "Access-Control-Expose-Headers": "Date, Retry-After",
            "Retry-After": "1",
        }
        if status == HTTPStatus.OK:
            return Answer(status, b"<!doctype html><title>Sign in</title>", "text/html", headers=headers)
        return Answer(status, body, "application/problem+json", headers=headers)


@dataclass(frozen=True)
class Tab:
    """A tab with the partner's page."""

    page: Page

    def picture(self) -> Picture:
        """Return the latest picture, which is the object that tells the page what to show."""
        picture: Picture = self.page.evaluate("client.picture")
        return picture

    def standing(self) -> tuple[str, str]:
        """Return the state and its reason."""
        picture = self.picture()
        return picture["state"], picture["reason"]

    def connection(self) -> str:
        """Return the state of the connection and its reason."""
        connection = self.picture()["connection"]
        return f"{connection['state']} {connection['reason']}"

    def standings(self) -> list[str]:
        """Return every state with its reason, in the order in which the page got them, without immediate repeats."""
        shown: list[str] = self.page.evaluate("pictures.map(({ state, reason }) => `${state} ${reason}`)")
        return [each for index, each in enumerate(shown) if index == 0 or shown[index - 1] != each]

    def await_standing(self, *wanted: str, seconds: float = ARRIVES_WITHIN_SECONDS) -> None:
        """Wait for one of these states with its reason, such as "live let_in"."""
        wait_until(lambda: " ".join(self.standing()) in wanted, seconds)
        assert " ".join(self.standing()) in wanted, (self.standings(), self.picture())

    def await_connection(self, *wanted: str, seconds: float = ARRIVES_WITHIN_SECONDS) -> None:
        """Wait for one of these states of the connection with its reason, such as "live channels_open"."""
        wait_until(lambda: self.connection() in wanted, seconds)
        assert self.connection() in wanted, self.picture()


@dataclass(frozen=True)
class PartnerSite:
    """The partner's page, the gateway to the API, and the product behind it."""

    site: Site
    gateway: Gateway
    origin: str
    chromium: Chromium

    def open(self, *, skew_seconds: int = 0) -> Page:
        """Load the page."""
        return self.chromium.open(f"{self.origin}/index.html?skewMs={skew_seconds * 1000}")

    def options(self, person: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Return the options that the person's page passes to the client."""
        base = f"http://{self.gateway.address}"
        return {"base": base, "sessionId": self.site.shown["session_id"], "tokens": [person["access"]], **more}

    def watch(self, person: dict[str, Any], *, skew_seconds: int = 0, **more: Any) -> Tab:
        """Open the page as this person."""
        page = self.open(skew_seconds=skew_seconds)
        page.call("watch", self.options(person, **more))
        return Tab(page)


@contextmanager
def serve_page(directory: Path) -> Iterator[str]:
    """Serve the partner's page, and yield its origin."""
    folder = shutil.copytree(PAGE, directory / "partner")
    shutil.copytree(MODULE, folder / "showgoals")
    shutil.copy(tools.PUSHER_JS, folder)
    handler = partial(_QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        pass
