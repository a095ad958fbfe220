"""Checks the money at the end of every evening: each payment has one outcome, and the sums agree."""

from datetime import UTC, timedelta
from itertools import pairwise

from tests.evenings.client import Data
from tests.evenings.opening import HESITATION_SECONDS
from tests.evenings.world import World, unix_now
from tests.factories.documents import stored, stored_one

# Changes that the product makes by itself. Only a person may decide that payments in question are due back.
CHANGES = {("in_question", "earned")}


def check_money(world: World, goals: dict[str, Data]) -> None:
    """Check each funding goal."""
    shows = {goal["context"]["funding_goal_id"]: goal for goal in goals.values() if goal["type"] == "show"}
    for funding_goal in stored("goals", _cls="ShowFundingGoal"):
        goal_id, settlement = str(funding_goal["_id"]), funding_goal["settlement"]
        changes = set(pairwise(world.settlements.get(goal_id, [])))
        assert changes <= CHANGES, f"the settlement changed by itself: {world.settlements[goal_id]}"
        state, wanted = settlement and settlement["state"], _settled_as(funding_goal, shows.get(goal_id))
        assert state == wanted, f"{state} instead of {wanted}: {funding_goal}, its show: {shows.get(goal_id)}"
        payments = stored("contributions", funding_goal_id=goal_id)
        paid, payers = sum(each["amount"] for each in payments), {each["viewer_id"] for each in payments}
        assert funding_goal["progress"] == paid, f"{paid} was paid: {funding_goal}"
        if settlement is not None:
            sums = settlement["total"], settlement["payers"]
            assert sums == (paid, len(payers)), f"{len(payers)} viewers have paid {paid}: {settlement}"
        if funding_goal["lapsed_version"] is not None:
            _payers_heard_of_lapse(world, goal_id, payers)


def _settled_as(funding_goal: Data, show: Data | None) -> str | None:
    """Return the state that must have been decided by now, or None if nothing must have been decided."""
    status = show and show["status"]
    if funding_goal["active"] or status in ("scheduled", "live"):
        return None
    if show is not None and status == "ended":
        lasted = show["exp"] >= show["access_exp"]
        return "earned" if lasted and show["context"].get("started_by") == "streamer" else "in_question"
    waits_since = stored_one("goals", show["id"])["cancelled_at"] if show else funding_goal["exp"]
    lapses_at = waits_since.replace(tzinfo=UTC) + timedelta(seconds=HESITATION_SECONDS)
    has_lapsed = unix_now() >= lapses_at.timestamp() or stored("sessions")[0]["ended_at"] is not None
    return "refund_due" if has_lapsed else None


def _payers_heard_of_lapse(world: World, goal_id: str, payers: set[str]) -> None:
    """Check that every payer was told of the lapse on the preview channel, including payers who were added late."""
    for viewer, phone in zip(world.cast.viewers, world.phones, strict=True):
        if viewer.id in payers and world.may_hear(viewer, goal_id) and not phone.misses_events:
            channel = world.own_channels(viewer)[0]
            told = [one for one in world.sent if (one.name, one.channel) == ("goal.lapsed", channel)]
            assert goal_id in {one.data["goal_id"] for one in told}, f"{viewer.id} did not hear that {goal_id} lapsed"
