"""The ledger of a chunk: its viewers, and what became of each viewer's event, in 14 bytes for each viewer.

A viewer has the same position in all columns. A viewer takes 12 bytes of `viewers` (the id), a letter of `states`, and
a byte of `marked_in` (the attempt that set the state, or 0). Once a redelivery has been requested, there is a fourth
column, `redeliveries`. Each of its bytes counts how often a redelivery of the viewer's event was requested.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

ID_BYTES = 12
LAST_ATTEMPT = LAST_REDELIVERY = 255  # the largest number in a byte


class State(StrEnum):
    """What became of one viewer's event."""

    PLANNED = "planned"  # to be sent
    SENT = "sent"  # acknowledged
    UNKNOWN = "unknown"  # may have gone out; to be sent again
    FAILED = "failed"  # refused by the vendor; sent again only on request
    EXCLUDED = "excluded"  # not sent, because the viewer was excluded, or the account is not active
    EXPIRED = "expired"  # not sent, because the show has ended
    SUPERSEDED = "superseded"  # not sent, because a later event has replaced it


PLANNED, SENT, UNKNOWN, FAILED, EXCLUDED, EXPIRED, SUPERSEDED = "psufxeo"
# Planned again. Only an attempt that begins later can replace this letter.
AGAIN = "r"
# Sent, but the viewer's client subscribed only later, so the event is sent again. The state still counts as sent.
MISSED = "m"
STATES = {
    PLANNED: State.PLANNED,
    AGAIN: State.PLANNED,
    UNKNOWN: State.UNKNOWN,
    FAILED: State.FAILED,
    EXCLUDED: State.EXCLUDED,
    EXPIRED: State.EXPIRED,
    SUPERSEDED: State.SUPERSEDED,
    MISSED: State.SENT,
    SENT: State.SENT,
}
LETTERS = {state: letter for letter, state in STATES.items() if letter not in {AGAIN, MISSED}}
# If two attempts disagree, the state with the higher rank is kept.
RANK = {PLANNED: 0, AGAIN: 0, UNKNOWN: 1, FAILED: 2, EXCLUDED: 3, EXPIRED: 3, SUPERSEDED: 3, MISSED: 3, SENT: 4}
TO_SEND = frozenset((PLANNED, AGAIN, MISSED, UNKNOWN))
# The states in which `again_for_unsent` plans the event again.
UNSENT = TO_SEND - {MISSED} | {FAILED}


def each_viewer(viewers: bytes) -> Iterator[bytes]:
    """Yield the packed ids one by one."""
    return (viewers[start : start + ID_BYTES] for start in range(0, len(viewers), ID_BYTES))


def packed(viewers: Iterable[str]) -> bytes:
    """Return the ids (24 hex digits each) as 12 bytes each, in ascending order, without duplicates."""
    return b"".join(sorted({bytes.fromhex(viewer) for viewer in viewers}))


@dataclass(frozen=True, slots=True)
class Entry:
    """One viewer's entry. `attempt` is the number of the attempt that set the state, or 0."""

    state: State
    attempt: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """The columns of a ledger. Each change returns a new ledger."""

    viewers: bytes
    states: str
    marked_in: bytes
    redeliveries: bytes = b""

    @classmethod
    def planned(cls, viewers: bytes) -> "Ledger":
        """Return a ledger in which every packed viewer is planned."""
        count = len(viewers) // ID_BYTES
        return cls(viewers, PLANNED * count, bytes(count))

    def __len__(self) -> int:
        return len(self.states)

    def __contains__(self, viewer_id: str) -> bool:
        return self.position(viewer_id) is not None

    @property
    def is_settled(self) -> bool:
        """Tell whether nothing is left to send.

        A refused event counts as left, because a person can have it sent again.
        """
        return not (TO_SEND | {FAILED}) & set(self.states)

    def redelivery(self, position: int) -> int:
        """Return how often a redelivery of the viewer's event was requested."""
        return self.redeliveries[position] if self.redeliveries else 0

    def viewer(self, position: int) -> str:
        """Return the id at the position."""
        return self.viewers[position * ID_BYTES : (position + 1) * ID_BYTES].hex()

    def each_viewer(self) -> Iterator[str]:
        """Yield the ids in order."""
        return (self.viewer(position) for position in range(len(self)))

    def entry(self, viewer_id: str) -> Entry | None:
        """Return the viewer's entry, or None if the ledger does not hold the viewer."""
        position = self.position(viewer_id)
        return None if position is None else Entry(STATES[self.states[position]], self.marked_in[position])

    def counts(self) -> Counter[State]:
        """Count the viewers by state."""
        return Counter(STATES[letter] for letter in self.states)

    def to_send(self) -> Iterator[int]:
        """Yield the positions of the viewers to whom the next attempt sends the event."""
        return (position for position, letter in enumerate(self.states) if letter in TO_SEND)

    def marked(self, found: Mapping[int, State], *, seen: "Ledger", attempt: int) -> "Ledger":
        """Return the ledger with the states that an attempt has found. `found` has the states by position.

        `seen` is the ledger with which the attempt began. A state that another attempt has found since is kept if it
        ranks higher. A viewer who has been planned again since stays planned.
        """
        states, marked_in = list(self.states), bytearray(self.marked_in)
        for position, state in found.items():
            now, letter = states[position], LETTERS[state]
            if now in {AGAIN, MISSED} and self.redelivery(position) != seen.redelivery(position):
                continue
            if now == MISSED and letter not in {SENT, UNKNOWN}:
                states[position] = SENT
            elif RANK[letter] >= RANK[now]:
                states[position], marked_in[position] = letter, min(attempt, LAST_ATTEMPT)
        return replace(self, states="".join(states), marked_in=bytes(marked_in))

    def again_for(self, viewer_id: str) -> "Ledger":
        """Return the ledger in which the viewer is planned again, whatever the viewer's state."""
        position = self.position(viewer_id)
        return self if position is None else self._again({position: AGAIN})

    def again_for_unsent(self) -> "Ledger":
        """Return the ledger in which all viewers whose event is planned, unknown or failed are planned again."""
        return self._again({position: AGAIN for position, letter in enumerate(self.states) if letter in UNSENT})

    def again_for_late(self, positions: Iterable[int]) -> "Ledger":
        """Return the ledger in which these viewers, whose clients have subscribed late, are planned again.

        Events that were sent still count as sent.
        """
        return self._again({each: MISSED if self.states[each] in {SENT, MISSED} else AGAIN for each in positions})

    def _again(self, letters: Mapping[int, str]) -> "Ledger":
        states, redeliveries = list(self.states), bytearray(self.redeliveries or bytes(len(self)))
        for position, letter in letters.items():
            states[position] = letter
            redeliveries[position] = min(redeliveries[position] + 1, LAST_REDELIVERY)
        return replace(self, states="".join(states), redeliveries=bytes(redeliveries))

    def position(self, viewer_id: str) -> int | None:
        """Return the viewer's position, or None if the ledger does not hold the viewer."""
        wanted = bytes.fromhex(viewer_id)
        found = bisect_left(range(len(self)), wanted, key=self._packed_viewer)
        return found if found < len(self) and self._packed_viewer(found) == wanted else None

    def _packed_viewer(self, position: int) -> bytes:
        return self.viewers[position * ID_BYTES : (position + 1) * ID_BYTES]
