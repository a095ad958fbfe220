"""Pusher fails or hangs while a show is cancelled, brought back and started. No event sent later may be outdated."""

import time

import pytest

from lab.bodies import show_body
from lab.loopback.faults import Failure, Fault
from tests.e2e.running_product import RunningProduct, sleep_until
from tests.e2e.test_life import fund

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.slow]

AWAY_SECONDS = 9
FAULTS = {"fails": Fault(Failure.STATUS, status=500), "hangs": Fault(Failure.HANG, seconds=AWAY_SECONDS)}


@pytest.mark.parametrize("fault", ["fails", pytest.param("hangs", marks=pytest.mark.long)])
def test_revoked_cancellation_is_not_sent(fault: str, product: RunningProduct) -> None:
    payer = product.viewers[0]
    funding_goal_id = fund(product, product.viewers[:2])
    body = show_body(funding_goal_id, product.session_id, nbf=int(time.time()) + 60, target_seconds=120)
    show_id = product.streamer.post("/goals?type=show", body, wanted=201)["id"]
    product.until(lambda: product.events_of(show_id, "goal.added"))

    product.stand_ins.pusher.fail_at_random({FAULTS[fault]: 1.0}, seed=1)
    product.streamer.post(f"/goals/{show_id}/cancel")
    nbf = int(time.time()) + 4
    product.streamer.call("PATCH", f"/goals/{show_id}", {"nbf": nbf})
    sleep_until(nbf + AWAY_SECONDS)
    product.stand_ins.pusher.fail_at_random({}, seed=1)
    product.until(lambda: product.authorised(payer, "sd"), within=60)
    product.until(lambda: ("goal.cancelled", "superseded") in product.timeline(show_id, "delivery"), within=60)
    product.until(lambda: product.events_of(show_id, "goal.started"), within=60)

    product.until(lambda: product.events_of(show_id, "goal.started"), within=60)
    assert product.events_of(show_id, "goal.cancelled") == []
    assert product.events_of(show_id, "goal.updated") == []
    assert {event.data["version"] for event in product.events_of(show_id, "goal.started")} == {4}
    assert product.token(payer)["preset"] == "sd"


def test_show_that_starts_at_once_is_told_in_order(product: RunningProduct) -> None:
    payer = product.viewers[0]
    funding_goal_id = fund(product, product.viewers[:2])
    body = show_body(funding_goal_id, product.session_id, nbf=int(time.time()) - 5, target_seconds=30)
    show_id = product.streamer.post("/goals?type=show", body, wanted=201)["id"]
    product.until(lambda: product.authorised(payer, "sd") and product.events_of(show_id, "goal.started"))
    added, started = (product.events_of(show_id, name)[0].at for name in ("goal.added", "goal.started"))
    assert added <= started
    assert product.authorised(payer, "preview")[0].at <= product.authorised(payer, "sd")[0].at
