"""Sends events again to a payer who is no longer excluded."""

from datetime import datetime
from functools import partial

from config import clock
from goals.models import Goal
from mongodb.transactions import run_in_transaction
from notifications.fanout.reasons import reason_not_to_send
from notifications.fanout.redelivery import send_again
from notifications.models import NotificationChunk
from taskqueue.durable import durable


@durable
def notify_included_payer(goal_id: str, viewer_id: str) -> int:
    """Send the payer again each event of the goal that is neither expired nor superseded.

    The events go out whether or not they were sent before the exclusion. So a client that returned to the preview
    because of the exclusion gets its credentials again. `notify_late_payers` plans the events that were not planned for
    the payer. Return how many events go out again. A rerun sends them once more.
    """
    return run_in_transaction(partial(_send_current_again, goal_id, viewer_id, now=clock.now()))


def _send_current_again(goal_id: str, viewer_id: str, *, now: datetime) -> int:
    goal = Goal.objects.get(pk=goal_id)
    chunks = [
        chunk
        for chunk in NotificationChunk.possibly_with(viewer_id, goal_id=goal_id)
        if chunk.ledger.entry(viewer_id) and reason_not_to_send(chunk, goal, now=now) is None
    ]
    send_again(goal, [(chunk, chunk.ledger.again_for(viewer_id)) for chunk in chunks])
    return len(chunks)
