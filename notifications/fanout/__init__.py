"""Sends an event to every viewer of a show. Events of many shows pass through these modules together, in this order.

1. `wanted` finds the audiences of the events that queued calls ask for. `late_payers` finds the event that payers who
   were listed late have missed.
2. `planning` splits each `audience` into chunks, and queues a message for each chunk. A chunk has a `ledger` of its
   viewers.
3. `attempts` sends chunks, unless one of the `reasons` forbids it. `chunk_calls` puts the events in order,
   `packing` puts them into as few calls as the vendor allows, and `sending` makes the calls, several at a time.
4. `settling` stores what became of each viewer's event, so that a retry sends only what is left.
5. `redelivery` sends events again on request. `late_joiners` sends events again to payers who subscribe late.
6. `report` tells what became of one viewer's events. `views` serves the report and takes requests for redelivery.
"""
