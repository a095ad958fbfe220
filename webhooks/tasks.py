"""The tasks that publish events, and send them to the endpoints of partners."""

from collections.abc import Sequence

from taskqueue.calls import Call, Outcome
from taskqueue.durable import bulk
from taskqueue.periodic import every
from taskqueue.queues import Queue
from webhooks.publishing import publish
from webhooks.retrying import send_due
from webhooks.sending import send_new

PUBLICATIONS_AT_ONCE = 100


@bulk(Queue.WEBHOOK, most=PUBLICATIONS_AT_ONCE, save=False)
def publish_events(calls: Sequence[Call]) -> list[Outcome]:
    """Publish all events that have committed, and send them. Idempotent: one run does the work of all calls."""
    publish()
    send_new()
    return ["published"] * len(calls)


@bulk(Queue.WEBHOOK, most=1, save=False)
def send_webhooks_again(calls: Sequence[Call]) -> list[Outcome]:
    """Send what endpoints have not taken, as far as it is due. One message of it exists, so one worker does it."""
    publish()
    send_new()
    return [send_due() for _call in calls]


every(1, send_webhooks_again)
