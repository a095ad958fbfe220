"""Controls headless Chromium over the DevTools protocol: https://chromedevtools.github.io/devtools-protocol."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import connect

from tests.environment import ROOT

FLAGS = (
    "--headless",
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",  # /dev/shm is small in a container
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-port=0",  # Chromium chooses a port and writes it to a file
)
# The code that each key has on Windows, and the character that the key types.
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, "")}
STARTED_WITHIN_SECONDS = 60.0
ANSWERS_WITHIN_SECONDS = 60.0
ENDED_WITHIN_SECONDS = 5.0
POLL_SECONDS = 0.05


class Chromium:
    """A browser with its own profile; use it as a context manager. The log is written beside the profile."""

    def __init__(self, executable: str, profile: Path) -> None:
        self._executable = executable
        self._profile = profile
        self._commands = 0
        self._windows: list[str] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack, self._profile.with_suffix(".log").open("wb") as log:
            self._process = subprocess.Popen(
                # The browser must end with this process, even if the process is killed.
                [
                    *(sys.executable, "-m", "lab.tied", str(os.getpid())),
                    *(self._executable, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"),
                ],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            stack.callback(self._end)
            # On a busy machine, the browser answers pings late, so none are sent.
            address = self._await_address()
            self._connection = stack.enter_context(connect(address, proxy=None, max_size=None, ping_interval=None))
            self._opened = stack.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        with self._opened:
            self.command("Browser.close")

    def open(self, url: str, *, script: str = "") -> "Page":
        """Load a page in a window that shares no data with others. The script runs before the page's own scripts."""
        context = self.command("Target.createBrowserContext")["browserContextId"]
        self._windows.append(context)
        target = self.command("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        page = Page(self, self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        if script:
            self.command("Page.enable", page.session)
            self.command("Page.addScriptToEvaluateOnNewDocument", page.session, source=script)
        page.load(url)
        return page

    @contextmanager
    def windows(self) -> Iterator[Self]:
        """Close all windows at the end of the block. Otherwise their pages would continue to call their servers."""
        yield self
        while self._windows:
            self.command("Target.disposeBrowserContext", browserContextId=self._windows.pop())

    def command(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command to the browser, or to the page with that DevTools session. Return the result."""
        self._commands += 1
        command = {"id": self._commands, "method": method, "params": parameters}
        self._connection.send(json.dumps(command | ({"sessionId": session} if session else {})))
        while True:
            answer = json.loads(self._connection.recv(timeout=ANSWERS_WITHIN_SECONDS))
            if answer.get("id") == self._commands:
                assert "error" not in answer, (method, answer)
                result: dict[str, Any] = answer["result"]
                return result

    def _await_address(self) -> str:
        """Wait until the browser has written the port and path of its address to a file. Return the address."""
        file = self._profile / "DevToolsActivePort"
        give_up_at = time.monotonic() + STARTED_WITHIN_SECONDS
        while not (file.exists() and len(lines := file.read_text(encoding="ascii").split()) == 2):
            assert self._process.poll() is None, "Chromium has ended"
            assert time.monotonic() < give_up_at, "Chromium does not start"
            time.sleep(POLL_SECONDS)
        port, path = lines
        return f"ws://127.0.0.1:{port}{path}"

    def _end(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDED_WITHIN_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # its child processes too
        self._process.wait()


@dataclass(frozen=True)
class Page:
    """One page in the browser."""

    browser: Chromium
    session: str

    def load(self, url: str) -> None:
        """Go to the address and wait until everything there is loaded."""
        failure = self.browser.command("Page.navigate", self.session, url=url).get("errorText")
        assert failure is None, (url, failure)
        self.await_load()

    def await_load(self) -> None:
        """Wait until everything on the page is loaded."""
        give_up_at = time.monotonic() + ANSWERS_WITHIN_SECONDS
        while self.evaluate("document.readyState") != "complete":  # polled, because scripts may be off
            assert time.monotonic() < give_up_at, "the page does not load"
            time.sleep(POLL_SECONDS)

    def resize(self, width: int, height: int) -> None:
        """Show the page as on a screen of this size, in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
        self.browser.command("Emulation.setDeviceMetricsOverride", self.session, **size)

    def prefer(self, scheme: str) -> None:
        """Show the page as if the reader preferred this colour scheme, "light" or "dark"."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.browser.command("Emulation.setEmulatedMedia", self.session, features=[feature])

    def picture(self, kind: str = "png", **options: Any) -> bytes:
        """Return a screenshot in this image format."""
        return base64.b64decode(
            self.browser.command("Page.captureScreenshot", self.session, format=kind, **options)["data"]
        )

    def turn_off_scripts(self) -> None:
        """Stop running the scripts of pages."""
        self.browser.command("Emulation.setScriptExecutionDisabled", self.session, value=True)

    def set_offline(self, is_offline: bool) -> None:  # noqa: FBT001 - as a switch
        """Cut the page off from the network, or connect it again."""
        self.browser.command("Network.enable", self.session)
        speed = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.browser.command("Network.emulateNetworkConditions", self.session, offline=is_offline, **speed)

    def freeze(self) -> None:
        """Freeze the page and its timers."""
        self.browser.command("Page.setWebLifecycleState", self.session, state="frozen")

    def thaw(self) -> None:
        """Continue a frozen page."""
        self.browser.command("Page.setWebLifecycleState", self.session, state="active")

    def press(self, key: str) -> None:
        """Press a key, such as "Tab" or "Enter"."""
        code, text = KEYS[key]
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code, "text": text}
        for kind in ("keyDown", "keyUp"):
            self.browser.command("Input.dispatchKeyEvent", self.session, type=kind, **about)

    def click(self, x: float, y: float, *, times: int = 1) -> None:
        """Click at this point of the screen, in CSS pixels."""
        about = {"x": x, "y": y, "button": "left"}
        for number in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.browser.command("Input.dispatchMouseEvent", self.session, type=kind, clickCount=number, **about)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.browser.command("Input.insertText", self.session, text=text)

    def call(self, function: str, argument: Any) -> None:
        """Call a function of the page."""
        self.evaluate(f"{function}({json.dumps(argument)})")

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression. If it is a promise, return what the promise resolves to."""
        answer = self.browser.command(
            "Runtime.evaluate", self.session, expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")
