"""The payloads of the signals: a frozen class for each, with exactly the flow's arguments and `metadata`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from goals.kinds import GoalKind
from goals.models import Goal


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalPayload:
    """The fields of every payload. `context` is as on the wire: without nulls, dates as Unix seconds."""

    goal_id: str
    kind: GoalKind
    conditions: Mapping[str, str]
    context: Mapping[str, Any]
    metadata: Mapping[str, str]

    @property
    def has_begun(self) -> bool:
        """Whether `context.started` says when the show really began."""
        return "started" in self.context

    @classmethod
    def of(cls, goal: Goal, **arguments: Any) -> Self:
        """Return the payload for a goal. The arguments are the fields that only this signal has."""
        return cls(
            goal_id=str(goal.pk),
            kind=GoalKind(goal.kind),
            conditions={"session_id": goal.conditions.session_id},
            context=goal.context_data(),
            metadata={"user_id": goal.metadata.user_id},
            **arguments,
        )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalStarted(GoalPayload):
    """The arguments of `goal.started`."""

    progress: int
    levels: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalUpdated(GoalPayload):
    """The arguments of `goal.updated`: nbf, levels or `context.started` changed, or a cancelled show was restored."""

    levels: Sequence[Mapping[str, Any]]
    nbf: datetime | None
    access_exp: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalCancelled(GoalPayload):
    """The arguments of `goal.cancelled`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalEnded(GoalPayload):
    """The arguments of `goal.ended`: a show's access, or a funding goal's window, is over."""

    progress: int
    exp: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayersAdded(GoalPayload):
    """The arguments of `payers.added`: a funding goal that has a show lists viewers that it did not list before."""

    show_goal_id: str
