"""The kinds of faults, and how often each of them happens."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What happens, and its share of the faults in percent."""

    START_WORKER = "kill -9: worker of queue start", 16
    WORK_WORKER = "kill -9: worker of queue work", 18
    MAIN = "kill -9: cluster's main process", 9
    TREE = "kill -9: whole cluster", 9
    WEB = "kill -9: web process in a request", 10
    MONGOD = "kill -9: mongod", 8
    FROZEN_CLUSTER = "frozen: whole cluster", 6
    FROZEN_MONGOD = "frozen: mongod", 6
    FROZEN_PUSHER = "frozen: Pusher", 5
    FROZEN_BYTEPLUS = "frozen: BytePlus", 5
    CLOCK = "clock of a cluster is set", 4
    FULL_DISK = "disk of mongod is full", 4

    def __init__(self, label: str, share: int) -> None:
        self.label = label
        self.share = share

    @property
    def option(self) -> str:
        """The name of the kind in `--only`."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that was over at `at` (Unix seconds). A kill and the change of a clock are over immediately."""

    kind: Kind
    at: float


def kinds_of(faults: int, rng: random.Random, only: Sequence[Kind]) -> list[Kind]:
    """Return the kinds of this number of faults in random order, each kind at least once if there are enough faults."""
    whole = sum(kind.share for kind in only)
    more = [kind for kind in only for _ in range(faults * kind.share // whole - 1)]
    kinds = [*rng.sample(only, len(only)), *more][:faults]
    kinds += rng.choices(only, [kind.share for kind in only], k=faults - len(kinds))
    rng.shuffle(kinds)
    return kinds
