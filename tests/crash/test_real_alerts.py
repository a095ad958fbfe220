"""A real Prometheus with the product's rules: alerts ring during a real fault, and still after it."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import yaml

from tests.crash.product import DATABASE, Product, product_on
from tests.factories.documents import connection
from tests.ops.test_alerts import ALERTS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.crash,
    pytest.mark.long,
    pytest.mark.timeout(300),
    pytest.mark.needs("promtool"),
]

EVERY = "5s"
UP_WITHIN_SECONDS = 60.0
RINGS_WITHIN_SECONDS, STILL_WITHIN_SECONDS = 30.0, 60.0
LONG_SECONDS = 3600.0


class Prometheus:
    """Scrapes one web server, and evaluates the rules."""

    def __init__(self, product: Product, url: str) -> None:
        self._product, self._url = product, url

    def rings(self, alert: str) -> bool:
        """Tell whether the alert is firing."""
        with requests.get(f"{self._url}/api/v1/alerts", timeout=5) as answer:
            alerts = answer.json()["data"]["alerts"]
        return any((each["labels"]["alertname"], each["state"]) == (alert, "firing") for each in alerts)

    def wait_for(self, condition: Callable[[], object], *, within: float) -> None:
        """Wait for the condition, which has to come true in time."""
        self._product.supervisor.wait_for(condition, "the alert", seconds=within)


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    (tmp_path / "data").mkdir()
    try:
        with product_on(os.environ["MONGODB_URI"], tmp_path / "data", shows=2) as product:
            yield product
    finally:
        connection.database.client.drop_database(DATABASE)


@pytest.fixture
def prometheus(product: Product, tmp_path: Path) -> Iterator[Prometheus]:
    """Prometheus, with rules that wait for ten seconds where those of production wait for a minute."""
    rules = ALERTS.read_text(encoding="utf-8").replace("for: 1m", "for: 10s")
    (tmp_path / "alerts.yml").write_text(rules, encoding="utf-8")
    scraped = {"job_name": "web", "static_configs": [{"targets": [product.web.url.removeprefix("http://")]}]}
    intervals = {"scrape_interval": EVERY, "evaluation_interval": EVERY}
    config = {"global": intervals, "rule_files": ["alerts.yml"], "scrape_configs": [scraped]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with running(tmp_path) as url:
        yield Prometheus(product, url)


@contextmanager
def running(directory: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", f"--web.listen-address={address}"]
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(["prometheus", *options], cwd=directory, stdout=log, stderr=log)
        try:
            give_up_at = time.monotonic() + UP_WITHIN_SECONDS
            while not is_up(f"http://{address}"):
                assert process.poll() is None, (directory / "prometheus.log").read_text()
                assert time.monotonic() < give_up_at
                time.sleep(0.1)
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait()


def is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=1).ok
    except requests.RequestException:
        return False


def test_alerts_ring_during_their_faults_and_are_still_after_them(product: Product, prometheus: Prometheus) -> None:
    product.stand_ins.pusher.hang(seconds=LONG_SECONDS)
    product.create(1, nbf=int(time.time()))

    prometheus.wait_for(lambda: prometheus.rings("VendorAway"), within=RINGS_WITHIN_SECONDS)
    product.stand_ins.pusher.hang(seconds=0)
    prometheus.wait_for(lambda: not prometheus.rings("VendorAway"), within=STILL_WITHIN_SECONDS)

    # A qcluster that hangs counts as dead after 15 s.
    os.killpg(product.cluster.pid, signal.SIGSTOP)
    try:
        product.create(1, nbf=int(time.time()) + 1)
        both = ("ShowsOverdue", "NoQcluster")
        prometheus.wait_for(lambda: all(map(prometheus.rings, both)), within=STILL_WITHIN_SECONDS)
    finally:
        os.killpg(product.cluster.pid, signal.SIGCONT)
    prometheus.wait_for(lambda: not any(map(prometheus.rings, both)), within=STILL_WITHIN_SECONDS)
