"""The tasks that publish events and send them to the endpoints of partners."""

from collections.abc import Sequence
from datetime import UTC, datetime

from taskqueue.calls import Call, Outcome
from taskqueue.durable import bulk, durable
from taskqueue.periodic import PERIODIC, every
from taskqueue.queues import Queue
from webhooks import backlog, publishing, retrying, sending

PUBLICATIONS_AT_ONCE = 100


@bulk(Queue.WEBHOOK, most=PUBLICATIONS_AT_ONCE, save=False)
def publish_events(calls: Sequence[Call]) -> list[Outcome]:
    """Publish all events that have committed, and send them. One run does the work of all calls."""
    publishing.publish()
    if sending.send_new():
        send_again_soon()
    return ["published"] * len(calls)


@bulk(Queue.WEBHOOK, most=1, save=False)
def send_webhooks_again(calls: Sequence[Call]) -> list[Outcome]:
    """Send the deliveries that are due. There is at most one message of this task, so only one worker sends them.

    First, publish and send the events that a dead worker has left behind.
    """
    publishing.publish()
    sending.send_new()
    return [retrying.send_due() for _call in calls]


@durable
def delete_deliveries(endpoint_id: str) -> int:
    """Delete the next deliveries of a deleted endpoint. Return their number. Idempotent.

    The task queues itself again until none are left, so that other tasks run in between.
    """
    deleted = backlog.delete_next(endpoint_id)
    if deleted == backlog.WRITTEN_AT_ONCE:
        delete_deliveries.enqueue(endpoint_id)
    return deleted


@durable
def queue_untaken(endpoint_id: str, asked_at_ms: int) -> int:
    """Make the next deliveries due that the endpoint had not taken at `asked_at_ms`, in Unix milliseconds.

    Return their number. The task queues itself again until none are left. Idempotent.
    """
    queued = backlog.queue_next(endpoint_id, datetime.fromtimestamp(asked_at_ms / 1000, tz=UTC))
    if queued == backlog.WRITTEN_AT_ONCE:
        queue_untaken.enqueue(endpoint_id, asked_at_ms)
    send_again_soon()
    return queued


def send_again_soon() -> None:
    """Queue `send_webhooks_again`, unless it already waits or runs. Call this outside of a transaction."""
    send_webhooks_again.enqueue(once=PERIODIC)


def has_work() -> bool:
    """Tell whether deliveries are due, or events were left behind."""
    return retrying.is_due() or sending.is_behind() or publishing.is_behind()


every(5, send_webhooks_again, when=has_work)
