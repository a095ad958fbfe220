"""What the clients meet: open funding goals to pay for, closed ones that wait for their show, and viewers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    id: str
    access: str


@dataclass(frozen=True, slots=True)
class OpenGoal:
    """A funding goal that takes contributions, and its session."""

    goal_id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class WaitingShow:
    """What `POST /goals?type=show` needs."""

    streamer: Caller
    funding_goal_id: str
    session_id: str


@dataclass(frozen=True)
class Scene:
    """Plain values: they go to the clients' process, which knows no Django."""

    goals: list[OpenGoal]
    shows: list[WaitingShow]
    viewers: list[Caller]
    ticket: str
