"""Finds the audiences of the events that payers get because of queued calls, and plans the events."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from bson import ObjectId

from config import clock
from goals.models import Goal, TimelineKind
from goals.timeline import record
from notifications.events import PREVIEW, SD, STREAM_AUTHORIZED, Payload, authorized_payload
from notifications.fanout.audience import Audience, Senders, ViewerEvent, pack_audience
from notifications.fanout.planning import plan_audiences
from notifications.former_messages import version_for
from notifications.superseded import is_superseded
from showgoals.queries import AwaitingShow, awaiting_show, stream_viewers
from showgoals.small_audiences import Pair, awaiting_shows, payers_of
from taskqueue.calls import Call, Outcome

T = TypeVar("T")
# The payload for each preset. The dictionary is empty if the event is superseded.
Payloads = dict[str, Payload]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An event that all payers get because of a call, once for each preset. `payloads` returns its data for a show."""

    call: Call
    goal_id: str
    funding_goal_id: str
    name: str
    payloads: Callable[[AwaitingShow], Payloads]

    @property
    def pair(self) -> tuple[str, str]:
        """The ids of the show and of its funding goal."""
        return self.goal_id, self.funding_goal_id


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """An event of a funding goal itself, for its payers. The goal may have no show."""

    call: Call
    event: ViewerEvent

    def audience(self, viewers: Iterable[str]) -> Audience:
        """Return the audience that consists of these viewers."""
        with self.call.for_its_request():
            return Audience([self.event], pack_audience(self.event.goal_id, viewers), self.call)


def wanted_access(call: Call, goal_id: str, funding_goal_id: str, *, version: int, exp: int) -> Wanted:
    """Return the two `stream.authorized` events. They are superseded if the access no longer ends at `exp`.

    In messages from an earlier release, `version` and `exp` are 0, which means unknown.
    """

    def payloads(show: AwaitingShow) -> Payloads:
        if exp and exp != int(show.exp.timestamp()):
            return {}
        began_in = version or version_for(goal_id, show)
        return {preset: authorized_payload(goal_id, began_in, show, preset) for preset in (PREVIEW, SD)}

    return Wanted(
        call=call, goal_id=goal_id, funding_goal_id=funding_goal_id, name=STREAM_AUTHORIZED, payloads=payloads
    )


def wanted_event(
    call: Call, goal: Goal | None, funding_goal_id: str, name: str, payload: Payload
) -> Wanted | OwnEvent | Outcome:
    """Return a `goal.*` event for the payers' preview channels, or an outcome if there is nothing to plan."""
    if goal is None:
        return Goal.DoesNotExist()
    goal_id = str(goal.pk)
    if is_superseded(name, payload, goal, to_payers=True):
        return _superseded(call, goal_id, name)
    if goal_id == funding_goal_id:
        return OwnEvent(call, _event(goal_id, goal.metadata.user_id, name, PREVIEW, payload))
    return Wanted(
        call=call,
        goal_id=goal_id,
        funding_goal_id=funding_goal_id,
        name=name,
        payloads=lambda _show: {PREVIEW: payload},
    )


def plan_wanted(asked: Sequence[Wanted | OwnEvent | Outcome], *, senders: Senders) -> list[Outcome]:
    """Plan the wanted events, and return the outcome of each. An item that is an outcome already is returned unchanged.

    Small audiences are read and planned together. Each large audience is read and planned separately.
    """
    shows = awaiting_shows({each.pair for each in asked if isinstance(each, Wanted)})
    payers = payers_of({each.event.goal_id for each in asked if isinstance(each, OwnEvent)})
    found = [_small_audience(each, shows, payers) for each in asked]
    small = [each for each in found if isinstance(each, Audience)]
    planned = iter(_plan(small, senders=senders))
    return [
        next(planned) if isinstance(each, Audience) else outcome_of(partial(_plan_alone, each, senders=senders))
        for each in found
    ]


def _small_audience(
    each: Wanted | OwnEvent | Outcome, shows: Mapping[Pair, AwaitingShow], payers: Mapping[str, Sequence[str]]
) -> Audience | Wanted | OwnEvent | Outcome:
    """Return the audience if it was read together with others. Otherwise, return the item unchanged."""
    match each:
        case Wanted() if show := shows.get(each.pair):
            return _audience(each, show)
        case OwnEvent() if (viewers := payers.get(each.event.goal_id)) is not None:
            return each.audience(viewers)
    return each


def outcome_of(work: Callable[[], T]) -> T | Exception:
    """Return what the work returns, or the exception that it raises, as the outcome of one call."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - the other calls must go on
        return error


def _plan_alone(each: Wanted | OwnEvent | Outcome, *, senders: Senders) -> Outcome:
    found: Audience | OwnEvent | Outcome
    match each:
        case Wanted():
            found = _audience(each, awaiting_show(*each.pair))
        case OwnEvent():
            found = each.audience(stream_viewers(ObjectId(each.event.goal_id)))
        case _:
            found = each
    return _plan([found], senders=senders)[0] if isinstance(found, Audience) else found


def _plan(audiences: Sequence[Audience], *, senders: Senders) -> list[Outcome]:
    added = plan_audiences(audiences, senders=senders, now=clock.now())
    return ["planned" if viewers else "nothing_to_plan" for viewers in added]


def _audience(each: Wanted, show: AwaitingShow) -> Audience | Outcome:
    """Return the audience with its events, or the outcome if the event is superseded."""
    payloads = each.payloads(show)
    if not payloads:
        return _superseded(each.call, each.goal_id, each.name)
    events = [
        _event(each.goal_id, show.streamer_id, each.name, preset, payload) for preset, payload in payloads.items()
    ]
    with each.call.for_its_request():
        return Audience(events, pack_audience(each.goal_id, show.viewers), each.call)


def _superseded(call: Call, goal_id: str, name: str) -> str:
    """Record on the timeline that the event is not sent, and return the outcome."""
    with call.for_its_request():
        record(goal_id, TimelineKind.DELIVERY, name, "superseded")
    return "superseded"


def _event(goal_id: str, streamer_id: str, name: str, preset: str, payload: Payload) -> ViewerEvent:
    return ViewerEvent(goal_id=goal_id, streamer_id=streamer_id, name=name, preset=preset, payload=payload)
