"""The payloads of the signals. Each has all the data that its signal's receivers and event need.

So a receiver need not read the goal, and an event that is sent later says what was true at the announcement.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from goals.kinds import GoalKind
from goals.models import Goal


class UpdateReason(StrEnum):
    """Why a goal was updated."""

    MOVED = "moved"  # it has another nbf
    CHANGED = "changed"  # it has another level, or another `exp` if it is a funding goal
    BEGUN = "begun"  # its streamer has really begun
    REVIVED = "revived"  # it was cancelled, and has a new nbf


class CancelReason(StrEnum):
    """Why a goal was cancelled."""

    CANCELLED = "cancelled"  # by its streamer, or by staff
    SESSION_ENDED = "session_ended"
    MISSED = "missed"  # it was too late to start the goal


class LapseReason(StrEnum):
    """Why a funding goal lapsed."""

    NO_SHOW = "no_show"  # no show was created in time
    SHOW_CANCELLED = "show_cancelled"  # its show was cancelled, and not revived in time
    SESSION_ENDED = "session_ended"


# How to read the fields that are not plain attributes of a goal.
_READ: dict[str, Callable[[Goal], Any]] = {
    "goal_id": lambda goal: str(goal.pk),
    "kind": lambda goal: GoalKind(goal.kind),
    "conditions": lambda goal: {"session_id": goal.conditions.session_id},
    "context": lambda goal: goal.context_data(),
    "metadata": lambda goal: {"user_id": goal.metadata.user_id},
    "levels": lambda goal: goal.levels_data(),
    "settlement": lambda goal: goal.settlement.data(),
    "target": lambda goal: goal.levels[-1].target,
    "access_ended": lambda _goal: None,  # the use case that extends a show passes a moment instead
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalPayload:
    """The fields of every payload. `context` is in the form of the API: without nulls, with dates as Unix seconds."""

    goal_id: str
    kind: GoalKind
    version: int
    conditions: Mapping[str, str]
    context: Mapping[str, Any]
    metadata: Mapping[str, str]

    @classmethod
    def of(cls, goal: Goal, **arguments: Any) -> Self:
        """Return the payload for a goal as it is now. The arguments are the fields that are not read from the goal."""
        names = [field.name for field in fields(cls) if field.name not in arguments]
        read = {name: _READ[name](goal) if name in _READ else getattr(goal, name) for name in names}
        return cls(**read, **arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalCreated(GoalPayload):
    """The arguments of `goal.created`."""

    active: bool
    levels: Sequence[Mapping[str, Any]]
    nbf: datetime | None
    exp: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalAdded(GoalPayload):
    """The arguments of `goal.added`: the goal was bound to its session."""

    session_id: str
    streamer_id: str
    levels: Sequence[Mapping[str, Any]]
    nbf: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalStarted(GoalPayload):
    """The arguments of `goal.started`."""

    progress: int
    levels: Sequence[Mapping[str, Any]]
    access_exp: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalUpdated(GoalPayload):
    """The arguments of `goal.updated`. The reason says what has changed.

    `runs` is true if the goal is a live show or an open funding goal. The update has then changed the goal's end. If a
    show was extended, `access_ended` is when its access would otherwise have ended.
    """

    reason: UpdateReason
    levels: Sequence[Mapping[str, Any]]
    nbf: datetime | None
    access_exp: datetime | None
    exp: datetime | None = None
    runs: bool = False
    access_ended: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalCancelled(GoalPayload):
    """The arguments of `goal.cancelled`."""

    reason: CancelReason
    cancelled_at: datetime | None
    nbf: datetime | None
    access_exp: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalEnded(GoalPayload):
    """The arguments of `goal.ended`: a show has ended, or a funding goal has closed."""

    progress: int
    exp: datetime | None
    lapses_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalLapsed(GoalPayload):
    """The arguments of `goal.lapsed`: a funding goal can no longer get a show, so all its payments are due back."""

    reason: LapseReason
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementDecided(GoalPayload):
    """The arguments of `settlement.decided`. `settlement` is the goal's settlement in the form of the API."""

    settlement: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalProgressed(GoalPayload):
    """The arguments of `goal.progressed`: how much a funding goal has collected, and from how many payers.

    `target` is the target of its last level.
    """

    progress: int
    target: int
    payers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PayersAdded(GoalPayload):
    """The arguments of `payers.added`: new viewers are listed for a funding goal that has a show or has lapsed."""

    show_goal_id: str | None
    has_lapsed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerIncluded(GoalPayload):
    """The arguments of `payers.included`: a payer of the funding goal is no longer excluded."""

    viewer_id: str
    show_goal_id: str | None
    has_lapsed: bool
