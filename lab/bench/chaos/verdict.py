"""The rules that must hold after a run. Each rule yields its violations."""

from collections.abc import Callable, Iterator
from datetime import datetime
from math import inf

from bson import ObjectId

from lab.bench.chaos.clients import Created
from lab.bench.chaos.evidence import Evidence
from lab.bench.report import Finding

# A host with a wrong clock follows the clock of the database, with an error of up to one round-trip.
EARLY_SECONDS = 0.05
CREATED, ADDED, STARTED, AUTHORIZED = "goal.created", "goal.added", "goal.started", "stream.authorized"


def judge(evidence: Evidence) -> list[Finding]:
    """Apply all rules."""
    return [Finding(rule, list(breaches(evidence))) for rule, breaches in RULES.items()]


def lateness_ms(evidence: Evidence) -> list[float]:
    """Return how late each show started, in milliseconds."""
    goals = [evidence.goals[each.goal_id] for each in evidence.created if each.goal_id in evidence.goals]
    return sorted(_seconds_late(goal["activated_at"], goal) * 1000 for goal in goals if goal["activated_at"])


def duplicates(evidence: Evidence) -> int:
    """Return how often an event arrived on a channel again, after its first arrival there."""
    return sum(len(event_ids) - 1 for event_ids in evidence.heard.values())


def renamed(evidence: Evidence) -> int:
    """Return how many events arrived on a channel with several event_ids, because the access had moved."""
    by_channel = (len(set(event_ids)) for event_ids in evidence.heard.values())
    return sum(names > 1 for names in by_channel)


def _answered(evidence: Evidence) -> Iterator[str]:
    yield from evidence.refused
    yield from ["no answer in time"] * evidence.unanswered


def _stored(evidence: Evidence) -> Iterator[str]:
    answered = {each.goal_id for each in evidence.created}
    stored = {goal_id for goal_id, goal in evidence.goals.items() if goal["_cls"] == "ShowGoal"}
    yield from (f"{goal_id} was answered, but isn't there" for goal_id in answered - stored)
    yield from (f"{goal_id} is there, but was not answered" for goal_id in stored - answered)


def _linked(evidence: Evidence) -> Iterator[str]:
    for each in evidence.created:
        funding_goal_id, session = each.seed["funding_goal_id"], evidence.sessions[each.seed["session_id"]]
        pair = {"funding_goal": ObjectId(funding_goal_id), "show_goal": ObjectId(each.goal_id)}
        if evidence.goals[funding_goal_id]["context"]["show_goal_id"] != each.goal_id:
            yield f"{each.goal_id} is not on its funding goal"
        if not any(pair.items() <= there.items() for there in session["show_goal_pairs"]):
            yield f"{each.goal_id} is not on its session"


def _announced(evidence: Evidence) -> Iterator[str]:
    for each in evidence.created:
        for signal in (CREATED, ADDED, STARTED):
            if (times := evidence.signals[each.goal_id, signal]) != 1:
                yield f"{each.goal_id}: {signal} {times} times"


def _started(evidence: Evidence) -> Iterator[str]:
    for each in evidence.created:
        goal = evidence.goals.get(each.goal_id, {})
        if not goal.get("activated_at"):
            yield f"{each.goal_id} has not started"
        elif (seconds := _seconds_late(goal["activated_at"], goal)) < 0:
            yield f"{each.goal_id} started {-seconds * 1000:.0f} ms early"
        # The clocks of the product may be wrong, so this rule does not rely on `activated_at` alone.
        elif (early := _seconds_early(evidence, each.goal_id)) > EARLY_SECONDS:
            yield f"{each.goal_id} was announced {early * 1000:.0f} ms early"


def _told(evidence: Evidence) -> Iterator[str]:
    for each in evidence.created:
        streamer = each.seed["streamer"]["id"]
        channels = [f"{kind}@{streamer}" for kind in ("private-stream", "presence-stream", "private-user")]
        for name in (ADDED, STARTED):
            yield from _arrivals(evidence, each, name, channels)


def _let_in(evidence: Evidence) -> Iterator[str]:
    for each in evidence.created:
        streamer = each.seed["streamer"]["id"]
        for preset in ("preview", "sd"):
            channels = [f"presence-stream-viewer@{streamer}.{preset}.{viewer['id']}" for viewer in each.seed["viewers"]]
            yield from _arrivals(evidence, each, AUTHORIZED, channels)


def _arrivals(evidence: Evidence, created: Created, name: str, channels: list[str]) -> Iterator[str]:
    """Yield channels without the event, and events with too many event_ids.

    An event keeps its event_id when it is sent again. It may have a second event_id only if the access has moved,
    because the show started late (docs/adr/0019-event-id.md).
    """
    arrived = {channel: evidence.heard.get((name, created.goal_id, channel), []) for channel in channels}
    yield from (f"{created.goal_id}: no {name} on {channel}" for channel in channels if not arrived[channel])
    event_ids = {event_id for event_ids in arrived.values() for event_id in event_ids}
    if len(event_ids) > (2 if evidence.goals[created.goal_id]["context"]["started"] else 1):
        yield f"{created.goal_id}: {name} came with {len(event_ids)} event_ids"


def _recorded(evidence: Evidence) -> Iterator[str]:
    for each in evidence.created:
        if (times := evidence.recorded[f"show-{each.goal_id}"]) != 1:
            yield f"{each.goal_id}: {times} recordings"


def _tracked(evidence: Evidence) -> Iterator[str]:
    for each in evidence.created:
        if (times := evidence.tracked[each.goal_id, CREATED]) != 1:
            yield f"{each.goal_id}: {times} analytics events"


def _drained(evidence: Evidence) -> Iterator[str]:
    for message in evidence.messages:
        attempts, owner = message.get("attempts", 0), message.get("owner", "nobody")
        yield f"{message.get('name')} waits in {message['key']}: attempts {attempts}, held by {owner}"
    yield from (f"dead letter {task['name']}: {str(task['result'])[:200]}" for task in evidence.dead_letters)
    if evidence.unsent_chunks:
        yield f"{evidence.unsent_chunks} chunks were not sent"


def _clean(evidence: Evidence) -> Iterator[str]:
    yield from evidence.left_behind
    yield from evidence.refused_by_vendors


def _seconds_early(evidence: Evidence, goal_id: str) -> float:
    """Return how many seconds before nbf the start arrived at Pusher's stand-in; negative if it arrived later."""
    heard_at: float = evidence.first_heard.get((STARTED, goal_id), inf)
    return float(evidence.goals[goal_id]["nbf"].timestamp()) - heard_at


def _seconds_late(activated_at: datetime, goal: dict[str, datetime]) -> float:
    return (activated_at - max(goal["nbf"], goal["created_at"])).total_seconds()


RULES: dict[str, Callable[[Evidence], Iterator[str]]] = {
    "every request was answered 201 in the end": _answered,
    "every 201 has its goal, and no other goal is there": _stored,
    "every goal is on its funding goal and session": _linked,
    "goal.created, .added, .started: announced once a goal": _announced,
    "every goal started, none early": _started,
    "the streamer's 3 channels heard .added and .started": _told,
    "every viewer heard stream.authorized, preview and sd": _let_in,
    "one recording a goal": _recorded,
    "one analytics event a goal": _tracked,
    "the queue is drained, nothing was given up": _drained,
    "no orphans, exits 0, nothing refused by the vendors": _clean,
}
