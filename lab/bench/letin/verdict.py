"""Finds failures: payers not let in, payers told twice, shows without a recording, and errors in the ledger."""

from collections.abc import Iterator, Sequence

from lab.bench.fanout.show_starts import PRESETS
from lab.bench.ledger import ledger_entries
from lab.bench.letin.figures import StartingShow
from lab.bench.letin.observed import Observed
from mongodb.collections import collection
from notifications.fanout.ledger import State


def breaches_of_calls(shows: Sequence[StartingShow], observed: Observed) -> Iterator[str]:
    """Yield what the vendors' stand-ins should not have seen, and what they should have seen but have not."""
    let_in = {show.planted.streamer_id: len(observed.let_in.get(show.planted.streamer_id, {})) for show in shows}
    missing = sum(show.payers - let_in[show.planted.streamer_id] for show in shows)
    twice = sum(len(names) > 1 for names in observed.names.values())
    unrecorded = {show.planted.goal_id for show in shows} - observed.recorded.keys()
    yield from _counted(missing, "payers were not let in")
    # A retry by the queue has the same event_id and the same `redelivery`, so clients ignore it.
    yield from _counted(twice, "channels were told twice, with another event_id or redelivery")
    yield from _counted(len(unrecorded), "shows were not recorded")


def breaches_of_ledger(shows: Sequence[StartingShow], observed: Observed) -> Iterator[str]:
    """Yield where the ledger differs from what has arrived. Call this when nothing is left to do."""
    goal_ids = [show.planted.goal_id for show in shows]
    planned, sent = set(ledger_entries(goal_ids, *State)), set(ledger_entries(goal_ids, State.SENT))
    wanted = PRESETS * sum(show.payers for show in shows)
    yield from _counted(abs(wanted - len(planned)), "events too many or too few are in the ledger")
    yield from _counted(len(observed.told - sent), "events have arrived, but the ledger does not call them sent")
    yield from _counted(len(sent - observed.told), "events have not arrived, but the ledger calls them sent")
    yield from _counted(collection("django_q_task").count_documents({"success": False}), "tasks failed for good")


def _counted(count: int, what: str) -> Iterator[str]:
    if count:
        yield f"{count:,} {what}"
