"""People who use the admin with a mouse, or with only the keyboard. Their clicks and presses of Enter are counted."""

import json
from abc import ABC, abstractmethod

from tests.browser.chromium import Page
from tests.browser.site import wait_until

MOST_TABS = 120
FOCUSED = "(e => e ? (e.value || e.innerText || '').trim() : '')(document.activeElement)"  # empty while a page loads
# The centre of the link or button with a text, after scrolling to it.
PLACE = """
(text => {
  const all = [...document.querySelectorAll("a, button, input[type=submit]")];
  const named = (each) => (each.value || each.innerText || "").trim() === text;
  const found = all.find((each) => each.checkVisibility() && named(each));
  if (!found) return null;
  found.scrollIntoView({ block: "center", behavior: "instant" });
  const box = found.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
})
"""


class Hand(ABC):
    """Somebody who uses a page. `presses` counts clicks and presses of Enter, but neither letters nor Tab."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.presses = 0

    @abstractmethod
    def _press(self, text: str, *, times: int = 1) -> None:
        """Press the link or button with this text."""

    def press(self, text: str, *, leads_to: str, times: int = 1) -> None:
        """Press the link or button with this text, and wait for the page whose path ends with `leads_to`."""
        self._press(text, times=times)
        self.arrive(leads_to)

    def find(self, name: str, *, leads_to: str) -> None:
        """Type the name into the front page's search field, which has the focus, and press Enter."""
        self.write("q", name)
        self.enter()
        self.arrive(leads_to)

    def write(self, field: str, text: str) -> None:
        """Type a text into the field, which must have the focus when the page opens."""
        wait_until(lambda: self._see("document.activeElement.name") == field)
        assert self._see("document.activeElement.name") == field
        self.page.type(text)

    def enter(self, *, times: int = 1) -> None:
        """Press the key Enter."""
        for _ in range(times):
            self.page.press("Enter")
        self.presses += times

    def arrive(self, ending: str) -> None:
        """Wait for the page whose path ends with `ending`."""
        wait_until(lambda: self._see("document.readyState === 'complete' && location.pathname").endswith(ending))
        assert self._see("location.pathname").endswith(ending), self._see("location.href + document.body.innerText")

    def reads(self, selector: str) -> str:
        """Return the text of the element, or an empty string if there is no such element."""
        return self._see(f"document.querySelector({json.dumps(selector)})?.innerText")

    def _see(self, expression: str) -> str:
        try:
            return str(self.page.evaluate(expression) or "")
        except AssertionError:  # between two pages
            return ""


class Mouse(Hand):
    """Somebody who clicks."""

    def _press(self, text: str, *, times: int = 1) -> None:
        place = self.page.evaluate(f"{PLACE}({json.dumps(text)})")
        assert place is not None, (text, self.reads("body"))
        self.page.click(*place, times=times)
        self.presses += times


class Keyboard(Hand):
    """Somebody who uses only the keyboard."""

    def _press(self, text: str, *, times: int = 1) -> None:
        passed: list[str] = []
        while (focused := self._see(FOCUSED)) != text:
            assert len(passed) < MOST_TABS, (text, passed)
            passed.append(focused)
            self.page.press("Tab")
        self.enter(times=times)
