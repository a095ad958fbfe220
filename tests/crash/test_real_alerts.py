"""With a real Prometheus and the product's rules, alerts fire during a real fault, and stop afterwards."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.product import DATABASE, Product, product_on
from tests.factories.documents import connection
from tests.ops.prometheus import ALERTS, prometheus

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.crash,
    pytest.mark.long,
    pytest.mark.timeout(300),
    pytest.mark.needs("promtool"),
]

EVERY = "5s"
RINGS_WITHIN_SECONDS, STILL_WITHIN_SECONDS = 30.0, 60.0
LONG_SECONDS = 3600.0


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    (tmp_path / "data").mkdir()
    try:
        with product_on(os.environ["MONGODB_URI"], tmp_path / "data", shows=2) as product:
            yield product
    finally:
        connection.database.client.drop_database(DATABASE)


def test_alerts_ring_during_their_faults_and_are_still_after_them(product: Product, tmp_path: Path) -> None:
    # These rules wait for ten seconds, where the rules of production wait for a minute.
    rules = ALERTS.read_text(encoding="utf-8").replace("for: 1m", "for: 10s")
    wait_for = product.supervisor.wait_for
    with prometheus(tmp_path, [product.web.url.removeprefix("http://")], rules, every=EVERY) as running:
        product.stand_ins.pusher.hang(seconds=LONG_SECONDS)
        product.create(1, nbf=int(time.time()))

        wait_for(lambda: "VendorAway" in running.ringing(), "the alert", seconds=RINGS_WITHIN_SECONDS)
        product.stand_ins.pusher.hang(seconds=0)
        wait_for(lambda: "VendorAway" not in running.ringing(), "silence", seconds=STILL_WITHIN_SECONDS)

        # A qcluster that hangs counts as dead after 15 s.
        os.killpg(product.cluster.pid, signal.SIGSTOP)
        try:
            product.create(1, nbf=int(time.time()) + 1)
            both = {"ShowsOverdue", "NoQcluster"}
            wait_for(lambda: both <= running.ringing(), "the alerts", seconds=STILL_WITHIN_SECONDS)
        finally:
            os.killpg(product.cluster.pid, signal.SIGCONT)
        wait_for(lambda: not both & running.ringing(), "silence", seconds=STILL_WITHIN_SECONDS)
