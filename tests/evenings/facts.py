"""Checks that each event was true when it was sent, and that each fact has an event_id of its own."""

from collections import defaultdict
from collections.abc import Callable

from tests.evenings.client import Data
from tests.evenings.world import Truth, World

PERSONAL = {"token", "byteplus_token", "byteplus_rtc_info", "redelivery"}


def check_nothing_false_was_sent(world: World, goals: dict[str, Data]) -> None:
    """Check that each event was still true when it was sent for the first time."""
    seen = set()
    for one in world.sent:
        key = (one.data["event_id"], one.data.get("redelivery"), one.channel)
        if key not in seen and one.before is not None:
            seen.add(key)
            name = f"{one.name} to a payer" if ".preview." in one.channel else one.name
            is_true = HOLDS.get(name, HOLDS.get(one.name, _always))(
                one.data, one.before, world.history[one.data["goal_id"]]
            )
            assert is_true, f"{one.name} {one.data} on {one.channel} went out when {one.before} was true"


def _always(data: Data, truth: Truth, history: dict[int, Truth]) -> bool:
    return True


def _cancelled_holds(data: Data, truth: Truth, history: dict[int, Truth]) -> bool:
    """Tell whether the event is about the newest cancellation, and the goal is still cancelled."""
    version = data.get("version", truth.version)
    since = {history[each].status for each in history if version <= each <= truth.version}
    return version > truth.version or since == {"cancelled"}


def _updated_holds(data: Data, truth: Truth, history: dict[int, Truth]) -> bool:
    """Tell whether no later version has changed the goal. A revival remains true as long as the show is scheduled."""
    version = data.get("version", truth.version)
    if data.get("reason") != "revived":
        return bool(version >= truth.version)
    since = {history[each].status for each in history if version <= each <= truth.version}
    return since <= {"scheduled"}


def _updated_holds_for_payers(data: Data, truth: Truth, history: dict[int, Truth]) -> bool:
    """Tell whether the event holds for payers.

    They are not told of a changed length, so a move remains true for them until the next move.
    """
    version = data.get("version", truth.version)
    since = [history[each] for each in history if version <= each <= truth.version]
    unmoved = all(each.status == "scheduled" and each.access and each.access[0] == data["nbf"] for each in since)
    return _updated_holds(data, truth, history) or (data["reason"] == "moved" and unmoved)


def _started_holds(data: Data, truth: Truth, history: dict[int, Truth]) -> bool:
    return truth.status != "ended"


def _authorized_holds(data: Data, truth: Truth, history: dict[int, Truth]) -> bool:
    begun = data.get("version", 0) > truth.version  # the same task has started the show
    return begun or (truth.status == "live" and truth.access == (data["nbf"], data["exp"]))


HOLDS: dict[str, Callable[[Data, Truth, dict[int, Truth]], bool]] = {
    "goal.cancelled": _cancelled_holds,
    "goal.updated": _updated_holds,
    "goal.updated to a payer": _updated_holds_for_payers,
    "goal.started": _started_holds,
    "stream.authorized": _authorized_holds,
}


def check_facts_have_ids(world: World, goals: dict[str, Data]) -> None:
    """Check that an event_id belongs to only one fact, on all channels and in all redeliveries."""
    facts = defaultdict(set)
    for one in world.sent:
        common = {name: value for name, value in one.data.items() if name not in PERSONAL}
        facts[one.data["event_id"]].add((one.name, repr(sorted(common.items()))))
    shared = {event_id: said for event_id, said in facts.items() if len(said) > 1}
    assert not shared, f"one event_id for several facts: {shared}"
