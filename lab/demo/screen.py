"""The output of the demo."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.core.management.color import Style

from lab.demo.credentials import Verified
from lab.demo.expectations import Count

Row = dict[str, Any]


class Screen:
    """Writes aligned lines, in colour if the terminal supports it."""

    def __init__(self, write: Callable[[str], object], style: Style) -> None:
        self._write = write
        self._style = style
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the demo began."""
        return time.monotonic() - self._began

    def title(self, text: str) -> None:
        """Write the heading of a part."""
        self._write(f"\n{self._style.MIGRATE_HEADING(text)}")

    def fact(self, name: str, value: str) -> None:
        """Write a name and its value."""
        self._write(f"  {name:<9} {value}")

    def step(self, text: str) -> None:
        """Write what was done, and when."""
        self._write(f"  {self.seconds:5.1f} s  {text}")

    def timeline_row(self, row: Row, nbf: int) -> None:
        """Write a row of the timeline, with its time in seconds from nbf."""
        seconds = row["at_ms"] / 1000 - nbf
        outcome = row["outcome"].replace("_", " ")
        line = f"  {seconds:+8.3f}  {row['kind']:<9} {row['name']:<46}{outcome:<15} {row['detail']}".rstrip()
        if row["kind"] == "signal":
            line = self._style.MIGRATE_LABEL(line)
        self._write(self._style.ERROR(line) if row["outcome"] == "failed" else line)

    def counts(self, counts: list[Count]) -> None:
        """Write each count next to the wanted count."""
        self._write(f"  {'':<40}{'wanted':>8}{'seen':>8}")
        for count in counts:
            self._write(f"  {count.what:<40}{count.wanted:>8}{count.seen:>8}  {self._mark(right=count.is_exact)}")

    def credentials(self, verified: list[Verified]) -> None:
        """Write which credentials are right."""
        for each in verified:
            self._write(f"  {each.what:<56}  {self._mark(right=each.is_right)}")

    def lateness(self, what: str, moment: float | None, nbf: int) -> None:
        """Write how long after nbf (Unix seconds) something happened."""
        late = "never" if moment is None else f"{(moment - nbf) * 1000:,.0f} ms"
        self._write(f"  {what:<40}{late:>16}")

    def verdict(self, *, passed: bool, logs: str) -> None:
        """Write the last line."""
        if passed:
            self._write("\n" + self._style.SUCCESS(f"The demo passed in {self.seconds:.1f} s."))
        else:
            self._write("\n" + self._style.ERROR(f"The demo FAILED after {self.seconds:.1f} s. Logs: {logs}"))

    def _mark(self, *, right: bool) -> str:
        return self._style.SUCCESS("ok") if right else self._style.ERROR("WRONG")


def clock(moment: int) -> str:
    """Return Unix seconds as a time of day."""
    return f"{datetime.fromtimestamp(moment, tz=UTC):%H:%M:%S} UTC"
