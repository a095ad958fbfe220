"""Checks a goal's timeline at the end of every evening."""

import re
from collections import Counter

from tests.evenings.client import Data
from tests.evenings.world import Sent, World
from tests.factories.documents import timeline

# "3 channels", or "sd: 2 viewers".
SENT = re.compile(r"(?:(?P<preset>preview|sd): )?(?P<count>\d+) (?:channels|viewers)")
SETTLED = {"sent", "superseded", "too_late", "expired", "failed"}


def check_timeline(world: World, goal: Data) -> None:
    """Check that the timeline says what became of each event, and calls an event sent only if it was sent."""
    rows = timeline(goal["id"])
    signals = Counter(row["name"] for row in rows if row["kind"] == "signal")
    for once in ("goal.created", "goal.added", "goal.started", "goal.ended"):
        assert signals[once] <= 1, f"{once} was announced {signals[once]} times"
    if goal["type"] != "show":
        return  # the goal was made before the evening
    assert signals["goal.started"] == (goal["activated_at"] is not None), f"the start was not announced: {goal}"
    deliveries = [row for row in rows if row["kind"] == "delivery"]
    said = Counter[tuple[str, str]]()
    for row in deliveries:
        if row["outcome"] == "sent" and (sent := SENT.match(row["detail"])):
            said[row["name"], sent["preset"] or "screens"] += int(sent["count"])
    out = Counter((one.name, _preset(one)) for one in world.sent if one.data["goal_id"] == goal["id"])
    assert said <= out, f"the timeline says that {said - out} more was sent than {out}"
    settled = {row["name"] for row in deliveries if row["outcome"] in SETTLED}
    for name in ("goal.added", "goal.started", "goal.updated", "goal.cancelled", "goal.ended"):
        assert name in settled or not signals[name], (
            f"{name} was announced; the timeline does not say what became of it"
        )


def _preset(one: Sent) -> str:
    return next((preset for preset in ("preview", "sd") if f".{preset}." in one.channel), "screens")
