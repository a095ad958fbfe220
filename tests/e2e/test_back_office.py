"""A partner that only polls has the same ledger as the product, although workers were killed and Pusher was away."""

from collections import Counter
from typing import Any

import pytest

from mongodb.collections import collection
from tests.e2e.back_office import BackOffice
from tests.e2e.deeds import AWAY, kill_workers, open_funding, pay, promoted, start_show
from tests.e2e.running_product import RunningProduct

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.slow]


def test_ledger_of_a_partner_that_only_polls_equals_ours(product: RunningProduct) -> None:
    first, second, third = product.viewers
    office = BackOffice(promoted(third), product.viewers)
    performed, lapsed, dropped, waiting = (
        open_funding(product, hesitation_seconds=seconds) for seconds in (3600, 1, 3600, 3600)
    )
    owed = Counter[str]()
    for goal_id, payer, amounts in (
        *((performed, first, (50, 70)), (performed, second, (10,)), (performed, third, (1_000_000,))),
        *((lapsed, first, (5,)), (dropped, second, (7, 7)), (dropped, third, (9,)), (waiting, first, (3,))),
    ):
        owed[goal_id] += pay(goal_id, payer, *amounts)
    office.poll()
    product.stand_ins.pusher.fail_at_random({AWAY: 1.0}, seed=1)
    for goal_id in (performed, lapsed, dropped):
        product.streamer.post(f"/goals/{goal_id}/close")

    show_id = start_show(product, performed)
    assert kill_workers(product) > 0
    product.streamer.post(f"/goals/{show_id}/start")
    office.poll()
    product.until(lambda: product.streamer.get(f"/goals/{show_id}")["status"] == "ended", within=60)
    office.poll()
    product.streamer.post(f"/goals/{start_show(product, dropped)}/end")
    office.poll()
    product.stand_ins.pusher.fail_at_random({}, seed=1)
    settled = {
        performed: ("earned", owed[performed], 3),
        lapsed: ("refund_due", owed[lapsed], 1),
        dropped: ("in_question", owed[dropped], 2),
        waiting: ("open", owed[waiting], 1),
    }

    def is_settled() -> bool:
        office.poll()
        return office.settlements.items() >= settled.items()

    product.until(is_settled, within=60)

    outcomes = {goal_id: state for goal_id, (state, _total, _payers) in settled.items() if goal_id != waiting}
    assert (office.paid, office.payments) == ours(outcomes)


def ours(outcomes: dict[str, str]) -> tuple[Any, Any]:
    """Return the ledger computed from the stored payments.

    Payments for goals that are not in `outcomes` are pending.
    """
    stored = list(collection("contributions").find())
    paid = Counter[tuple[str, str]]()
    for each in stored:
        paid[each["funding_goal_id"], each["viewer_id"]] += each["amount"]
    payments = {
        str(each["_id"]): (goal_id, each["viewer_id"], each["amount"], outcomes.get(goal_id, "pending"))
        for each in stored
        for goal_id in [each["funding_goal_id"]]
    }
    return dict(paid), payments
