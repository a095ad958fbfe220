"""The ledger of a chunk: who is in it, and what became of each, in 14 bytes a viewer. Pure.

A viewer costs 12 bytes in `viewers` (the id), one in `states` (a letter) and one in `marked_in` (the attempt in which
the state came about; 0: none). A viewer has the same position in all three.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

ID_BYTES = 12
LAST_ATTEMPT = 255  # a byte holds no more


class State(StrEnum):
    """What became of one viewer's event."""

    PLANNED = "planned"  # to be sent
    SENT = "sent"  # acknowledged
    UNKNOWN = "unknown"  # it may have gone out; to be sent again
    FAILED = "failed"  # refused for good; sent again only on request


PLANNED, SENT, UNKNOWN, FAILED = "psuf"
# Planned again on request: only an attempt that began after the request can say that it was met.
AGAIN = "r"
STATES = {PLANNED: State.PLANNED, AGAIN: State.PLANNED, UNKNOWN: State.UNKNOWN, FAILED: State.FAILED, SENT: State.SENT}
LETTERS = {state: letter for letter, state in STATES.items() if letter != AGAIN}
# Of two attempts that say different things the one that knows more is right.
KNOWLEDGE = {PLANNED: 0, AGAIN: 0, UNKNOWN: 1, FAILED: 2, SENT: 3}


def packed(viewers: Iterable[str]) -> bytes:
    """Return the ids (24 hex digits each) in ascending order, each once, 12 bytes each."""
    return b"".join(sorted({bytes.fromhex(viewer) for viewer in viewers}))


@dataclass(frozen=True, slots=True)
class Entry:
    """One viewer's line. `attempt` is the one in which the state came about, 0 before any."""

    state: State
    attempt: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """The three columns. A change is a new ledger."""

    viewers: bytes
    states: str
    marked_in: bytes

    @classmethod
    def planned(cls, viewers: bytes) -> "Ledger":
        """Return the ledger of packed viewers to whom nothing has been sent."""
        count = len(viewers) // ID_BYTES
        return cls(viewers, PLANNED * count, bytes(count))

    def __len__(self) -> int:
        return len(self.states)

    @property
    def is_sent(self) -> bool:
        """Whether every viewer's event was acknowledged."""
        return self.states == SENT * len(self)

    def viewer(self, position: int) -> str:
        """Return the id at the position."""
        return self.viewers[position * ID_BYTES : (position + 1) * ID_BYTES].hex()

    def entry(self, viewer_id: str) -> Entry | None:
        """Return the viewer's line; None for someone else."""
        position = self._position(viewer_id)
        return None if position is None else Entry(STATES[self.states[position]], self.marked_in[position])

    def counts(self) -> Counter[State]:
        """Count the viewers by state."""
        return Counter(STATES[letter] for letter in self.states)

    def to_send(self) -> Iterator[int]:
        """Yield the positions of those to whom the next attempt sends: neither acknowledged nor refused for good."""
        return (position for position, letter in enumerate(self.states) if letter not in (SENT, FAILED))

    def marked(self, outcomes: Mapping[int, State], *, seen: "Ledger", attempt: int) -> "Ledger":
        """Return the ledger with an attempt's outcomes by position; `seen` is what the attempt began with.

        It may have been written since: nothing is lost, for what knows more stays, and so does what was planned
        again.
        """
        states, marked_in = list(self.states), bytearray(self.marked_in)
        for position, outcome in outcomes.items():
            now, letter = states[position], LETTERS[outcome]
            requested_since = now == AGAIN and seen.states[position] != AGAIN
            if not requested_since and KNOWLEDGE[letter] >= KNOWLEDGE[now]:
                states[position], marked_in[position] = letter, min(attempt, LAST_ATTEMPT)
        return Ledger(self.viewers, "".join(states), bytes(marked_in))

    def again_for(self, viewer_id: str) -> "Ledger":
        """Return the ledger with the viewer planned again, whatever the state was."""
        position = self._position(viewer_id)
        if position is None:
            return self
        return replace(self, states=self.states[:position] + AGAIN + self.states[position + 1 :])

    def again_for_failed(self) -> "Ledger":
        """Return the ledger with all planned again who were refused for good."""
        return replace(self, states=self.states.replace(FAILED, PLANNED))

    def _position(self, viewer_id: str) -> int | None:
        wanted = bytes.fromhex(viewer_id)
        found = bisect_left(range(len(self)), wanted, key=self._packed_viewer)
        return found if found < len(self) and self._packed_viewer(found) == wanted else None

    def _packed_viewer(self, position: int) -> bytes:
        return self.viewers[position * ID_BYTES : (position + 1) * ID_BYTES]
