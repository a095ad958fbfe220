"""The product's own pages, in a browser: the streamer's and the payer's."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.browser.chromium import Chromium, Page
from tests.browser.site import ARRIVES_WITHIN_SECONDS, Site, wait_until

# What a reader sees: the text of the element, or nothing while it is hidden.
SEEN = (
    "(id => { const e = document.getElementById(id); return e?.checkVisibility() ? e.textContent.trim() : '' })({!r})"
)


SKEW = (Path(__file__).parent / "partner/skew.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Screen:
    """A tab with one of the pages."""

    page: Page

    def sign_in(self, username: str, password: str) -> None:
        """Fill in the form and send it, once the page lets people sign in."""
        wait_until(lambda: bool(self.page.evaluate("document.querySelector('#sign-in .primary')?.disabled === false")))
        for name, value in (("username", username), ("password", password)):
            self.page.evaluate(f"document.querySelector('[name={name}]').value = {value!r}")
        self.click("#sign-in .primary")

    def click(self, selector: str) -> None:
        """Press a button that can be seen."""
        assert self.page.evaluate(f"document.querySelector({selector!r}).checkVisibility()"), selector
        self.page.evaluate(f"document.querySelector({selector!r}).click()")

    def sees(self, element: str) -> str:
        """Return the text of this element, or an empty string while it is hidden."""
        return str(self.page.evaluate(SEEN.replace("{!r}", repr(element))))

    def seen(self, *elements: str) -> tuple[str, ...]:
        """Return the texts of these elements."""
        return tuple(self.sees(element) for element in elements)

    def await_text(self, element: str, *wanted: str, seconds: float = ARRIVES_WITHIN_SECONDS) -> None:
        """Wait until the element shows one of these texts."""
        wait_until(lambda: self.sees(element) in wanted, seconds)
        assert self.sees(element) in wanted, (element, self.sees(element), self.everything())

    def await_part(self, element: str, part: str, seconds: float = ARRIVES_WITHIN_SECONDS) -> None:
        """Wait until the text of the element contains this part."""
        wait_until(lambda: part in self.sees(element), seconds)
        assert part in self.sees(element), (element, self.sees(element), self.everything())

    def seconds_left(self) -> int:
        """Return what the countdown shows, in seconds, or -1 while it is hidden."""
        shown = self.sees("left")
        return sum(int(part) * 60**index for index, part in enumerate(reversed(shown.split(":")))) if shown else -1

    def await_countdown(self, moment: Callable[[], float]) -> None:
        """Wait until the countdown shows the time that is left until this moment, give or take two seconds."""

        def is_right() -> bool:
            before = time.time()
            left = self.seconds_left()
            return moment() - time.time() - 2 <= left <= moment() - before + 2

        wait_until(is_right)
        assert is_right(), (self.sees("left"), moment() - time.time())

    def everything(self) -> str:
        """Return all texts that can be seen."""
        return str(self.page.evaluate("document.body.innerText"))

    def buttons(self) -> list[str]:
        """Return the names of the buttons that can be pressed."""
        shown = "[...document.querySelectorAll('#show button')].filter((each) => each.checkVisibility())"
        names: list[str] = self.page.evaluate(f"{shown}.map((each) => each.textContent.trim())")
        return names


@dataclass(frozen=True)
class PagesSite:
    """The product, and a browser that looks at its pages."""

    site: Site
    chromium: Chromium

    @property
    def password(self) -> str:
        """The password of all accounts."""
        return str(self.site.shown["streamer"]["password"])

    def open(self, path: str, *, base: str = "") -> Screen:
        """Load a page whose clock the test can set. The test can also make the page believe that the device slept."""
        return Screen(self.chromium.open(f"{base or self.site.api.base_url}{path}", script=SKEW))

    def enter(self, path: str, person: dict[str, Any]) -> Screen:
        """Load a page and sign in as this person."""
        screen = self.open(path)
        screen.sign_in(person["username"], self.password)
        return screen

    def perform(self, goal_id: str, query: str = "") -> Screen:
        """Open the streamer's page as the streamer."""
        return self.enter(f"/shows/{goal_id}{query}", self.site.shown["streamer"])

    def watch(self, goal_id: str, query: str = "") -> Screen:
        """Open the payer's page as the first payer."""
        return self.enter(f"/watch/{goal_id}{query}", self.site.shown["viewers"][0])
