"""One event for every viewer of a show. An event passes these files in this order.

1. `planning` cuts the audience into chunks and queues a message for each; `ledger` is how a chunk stores its viewers.
2. `packing` puts the events of a chunk into as few calls as the vendor allows.
3. `sending` makes the calls, several at a time.
4. `attempts` stores what became of each viewer's event, so that a retry sends only what is left.
5. `redelivery` sends events again on request, `late_joiners` when Pusher reports that a payer has subscribed.
6. `report` tells what became of one viewer's events; `views` serves it, and redelivery.
"""
