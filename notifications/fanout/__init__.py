"""Sends one event to every viewer of a show. An event passes these files in this order, with events of other shows.

1. `wanted` finds the audiences for which queued calls want events, and `late_payers` what was told to the others.
2. `planning` cuts each `audience` into chunks and queues a message for each; `ledger` is how a chunk stores viewers.
3. `attempts` sends chunks, unless one of the `reasons` speaks against it: `chunk_calls` puts the events in order,
   `packing` puts them into as few calls as the vendor allows, and `sending` makes the calls, several at a time.
4. `settling` stores what became of each viewer's event, so that a retry sends only what is left.
5. `redelivery` sends events again on request, `late_joiners` when Pusher reports that a payer has subscribed.
6. `report` tells what became of one viewer's events; `views` serves the report and takes requests for redelivery.
"""
