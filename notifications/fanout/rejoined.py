"""When each viewer's event was last sent again because of a late subscription, in 4 bytes for each viewer.

The column is stored beside the columns of the ledger. A chunk gets the column when one of its viewers subscribes late.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

MILLISECOND = timedelta(milliseconds=1)
BYTES = 4
LAST = 2 ** (8 * BYTES) - 1  # the largest number of milliseconds, which is 49 days


@dataclass(frozen=True, slots=True)
class Rejoined:
    """A chunk's column.

    For each position, it has the milliseconds from `planned_at` until the event was last sent again, or 0 if never.
    """

    planned_at: datetime
    column: bytes

    def at(self, position: int) -> datetime | None:
        """Return when the viewer was last sent the credentials again, or None if never."""
        stored = int.from_bytes(self.column[position * BYTES : (position + 1) * BYTES])
        return self.planned_at + stored * MILLISECOND if stored else None

    def noted(self, positions: Iterable[int], *, now: datetime, viewers: int) -> "Rejoined":
        """Return the column after the viewers at these positions were sent the event again.

        The chunk has `viewers` viewers.
        """
        milliseconds = min(max(1, (now - self.planned_at) // MILLISECOND), LAST)
        column = bytearray(self.column or bytes(viewers * BYTES))
        for position in positions:
            column[position * BYTES : (position + 1) * BYTES] = milliseconds.to_bytes(BYTES)
        return replace(self, column=bytes(column))
