"""After an evening of failures, the back office of docs/back-office.md knows as much of goals and money as the product.

Pusher is away, all workers are killed while a show starts, the back office is killed and misses events meanwhile,
and other partners have endpoints that hang, drip, flood and fail.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mongodb.collections import collection
from tests.e2e.deeds import AWAY, kill_workers, open_funding, pay, start_show
from tests.e2e.partner import partner_of
from tests.e2e.running_product import Person, RunningProduct, run_product
from tests.webhooks.partner import running_partner

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.long]
# Paths of another partner's server. They hang, drip, flood, fail and redirect.
HOSTILE = ("hang", "drip", "gigabytes", "status/500", "redirect")


class Goals(NamedTuple):
    """The funding goals of the evening, by what becomes of them."""

    performed: str
    lapsed: str
    dropped: str
    later: str


@pytest.fixture
def product(db: None, tmp_path: Path) -> Iterator[RunningProduct]:
    with run_product(tmp_path, WEBHOOK_ALLOWED_HOSTS="127.0.0.1") as product:
        yield product


def ours(product: RunningProduct) -> dict[str, dict[str, Any]]:
    """Return what the back office should know of the announced goals."""
    return {str(goal["_id"]): _ours(product, goal) for goal in collection("goals").find({"version": {"$gt": 1}})}


def _ours(product: RunningProduct, goal: dict[str, Any]) -> dict[str, Any]:
    shown = product.streamer.get(f"/goals/{goal['_id']}")
    known = {"type": shown["type"], "status": shown["status"], "nbf": shown["nbf"]}
    if shown["type"] == "show":
        return known
    known["progress"] = shown["progress"]
    settlement = product.streamer.get(f"/goals/{goal['_id']}/settlement")
    if settlement["decided_at"] is None:
        return known
    paid = Counter[str]()
    for payment in collection("contributions").find({"funding_goal_id": str(goal["_id"])}):
        paid[payment["viewer_id"]] += payment["amount"]
    money = {viewer: [amount, settlement["state"]] for viewer, amount in paid.items()}
    return {**known, "settlement": settlement, "money": money}


def pay_for_all(goals: Goals, payers: list[Person]) -> None:
    first, second, third = payers
    for goal_id, payer, amounts in (
        *((goals.performed, first, (50, 70)), (goals.performed, second, (10,)), (goals.performed, third, (1_000_000,))),
        *((goals.lapsed, first, (5,)), (goals.dropped, second, (7, 7)), (goals.dropped, third, (9,))),
        (goals.later, first, (3,)),
    ):
        pay(goal_id, payer, *amounts)


def start_while_all_fails(product: RunningProduct, funding_goal_id: str) -> str:
    """Start a show while Pusher is away, and kill all workers."""
    product.stand_ins.pusher.fail_at_random({AWAY: 1.0}, seed=1)
    product.streamer.post(f"/goals/{funding_goal_id}/close")
    show_id = start_show(product, funding_goal_id)
    assert kill_workers(product) > 0
    product.streamer.post(f"/goals/{show_id}/start")
    return show_id


def go_on(product: RunningProduct, goals: Goals, show_id: str) -> None:
    """Wait for the show's end, let another funding goal lapse, and end a second show early."""
    for goal_id in (goals.lapsed, goals.dropped):
        product.streamer.post(f"/goals/{goal_id}/close")
    product.until(lambda: product.streamer.get(f"/goals/{show_id}")["status"] == "ended", within=60)
    product.streamer.post(f"/goals/{start_show(product, goals.dropped)}/end")
    product.until(lambda: state(product, goals.lapsed) == "refund_due", within=60)


def state(product: RunningProduct, goal_id: str) -> str:
    settlement: dict[str, str] = product.streamer.get(f"/goals/{goal_id}/settlement")
    return settlement["state"]


def test_back_office_has_our_picture_after_an_evening_of_failures(product: RunningProduct, tmp_path: Path) -> None:
    with running_partner() as others, partner_of(product, tmp_path) as partner:
        for path in ("ok", *HOSTILE):
            partner.key.post("/webhook-endpoints", {"url": f"{others.url}/{path}"}, wanted=201)
        goals = Goals(*(open_funding(product, hesitation_seconds=seconds) for seconds in (3600, 1, 3600, 1)))
        pay_for_all(goals, product.viewers)
        product.until(lambda: [each for each in partner.attempts() if each["status"] == 204])
        show_id = start_while_all_fails(product, goals.performed)

        partner.kill()
        partner.change(enabled=False)  # the events that it misses now are never sent to it
        go_on(product, goals, show_id)
        assert "settlement" not in partner.copy()[goals.lapsed]
        partner.change(enabled=True)
        partner.start()
        product.streamer.post(f"/goals/{goals.later}/close")
        product.until(lambda: state(product, goals.later) == "refund_due", within=60)

        product.until(lambda: partner.copy() == ours(product), within=60)
        announced = {event["id"] for event in partner.key.get("/events?page_size=200")["results"]}
        product.until(lambda: {event["id"] for event in others.events()} == announced, within=60)
