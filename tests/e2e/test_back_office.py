"""A partner's ledger, kept by polling alone, equals ours after an evening with a dead worker and without Pusher."""

import os
import signal
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import psutil
import pytest
from django.contrib.auth.models import Permission, User

from lab.bodies import FUNDING_CONTEXT, show_body
from lab.loopback.faults import Failure, Fault
from mongodb.collections import collection
from tests.e2e.back_office import BackOffice
from tests.e2e.running_product import Person, RunningProduct

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.slow]
SHOW_SECONDS = 4
AWAY = Fault(Failure.STATUS, status=500)


def open_funding(product: RunningProduct, *, hesitation_seconds: int = 3600) -> str:
    context = {**FUNDING_CONTEXT, "session_id": product.session_id, "hesitation_countdown": hesitation_seconds}
    body = {"levels": [{"title": "Tickets", "target": 100}], "context": {**context, "perform_duration": SHOW_SECONDS}}
    return str(product.streamer.post("/goals?type=show-funding", body, wanted=201)["id"])


def pay(goal_id: str, payer: Person, *amounts: int) -> int:
    for number, amount in enumerate(amounts):
        payer.post(f"/goals/{goal_id}/contributions", {"amount": amount}, wanted=201, key=f"{goal_id} {number}")
    return sum(amounts)


def start_show(product: RunningProduct, funding_goal_id: str) -> str:
    """Create a show that starts at once, and wait until it is live."""
    body = show_body(funding_goal_id, product.session_id, nbf=int(time.time()), target_seconds=SHOW_SECONDS)
    show_id = product.streamer.post("/goals?type=show", body, wanted=201)["id"]
    product.until(lambda: product.streamer.get(f"/goals/{show_id}")["status"] == "live")
    return str(show_id)


def promoted(person: Person) -> Person:
    """Make the person a member of staff who may view goals."""
    user = User.objects.get(pk=person.id)
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    user.user_permissions.add(Permission.objects.get(codename="view_goal"))
    return person


def kill_workers(product: RunningProduct) -> int:
    """Kill all workers of the qcluster, which starts others."""
    qcluster = psutil.Process(product.children._running["qcluster"].pid)
    workers = [
        child for child in qcluster.children(recursive=True) if "resource_tracker" not in " ".join(child.cmdline())
    ]
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
    return len(workers)


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
    """Return the ledger that the stored payments make. The payments for goals without an outcome here are pending."""
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
