"""If MongoDB's primary hangs or is killed, requests get a response in time, and shows start with the next primary.

An election takes about 12 s, and each test about half a minute.
"""

import logging
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.members import ReplicaSet
from tests.crash.product import Probe, Product, product_on

pytestmark = [
    pytest.mark.crash,
    pytest.mark.long,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("mongod"),
]

logger = logging.getLogger(__name__)

SHOWS = 60
RUNS = 3
DUE_IN_SECONDS = 20
FAULT_BEFORE_SECONDS = 2
ANSWERED_WITHIN_SECONDS = 6.0
ALIVE_WITHIN_SECONDS = 1.0
STARTED_WITHIN_SECONDS = 3.0
THAWED_WITHIN_SECONDS = 1.0
FROZEN_SECONDS = 12


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    yield from _started(ReplicaSet(tmp_path_factory.mktemp("three"), members=3))


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    yield from _started(ReplicaSet(tmp_path_factory.mktemp("one"), members=1))


@pytest.fixture(scope="module")
def product(three: ReplicaSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product on three MongoDB servers, for all runs."""
    with product_on(three.uri, tmp_path_factory.mktemp("product"), shows=2 * RUNS * 2 * SHOWS) as product:
        yield product


def _started(replica_set: ReplicaSet) -> Iterator[ReplicaSet]:
    try:
        replica_set.start()
        yield replica_set
    finally:
        replica_set.stop()


@pytest.mark.parametrize("run", range(RUNS))
@pytest.mark.parametrize("fault", [signal.SIGSTOP, signal.SIGKILL])
def test_shows_start_with_the_new_primary(three: ReplicaSet, product: Product, fault: int, run: int) -> None:
    del run
    three.repair()
    former = three.primary()
    assert former is not None
    nbf = int(time.time()) + DUE_IN_SECONDS
    shows = product.create(SHOWS, nbf=nbf)
    with (
        Probe(f"{product.web.url}/healthz") as healthz,
        Probe(f"{product.web.url}/readyz") as readyz,
        product.clients(SHOWS / 2) as clients,
    ):
        _wait_for(product, nbf - FAULT_BEFORE_SECONDS)
        former.signal(fault)
        while three.primary(besides=former) is None:
            product.supervisor.wait(0.02)
        elected_at = time.time()
        product.supervisor.wait(2 * STARTED_WITHIN_SECONDS)

    former.signal(signal.SIGCONT) if fault == signal.SIGSTOP else former.start()
    late = product.lateness(shows, since=elected_at)
    answers = sorted(seconds for seconds, _status in clients.answers)
    slowest = [round(max(seconds), 2) for seconds in (answers, readyz.seconds, healthz.seconds, late)]
    figures = f"{signal.Signals(fault).name}: slowest POST, /readyz, /healthz, start: {slowest}"
    logger.info(figures)
    assert late[-1] <= STARTED_WITHIN_SECONDS, figures
    assert answers[-1] <= ANSWERED_WITHIN_SECONDS, figures
    assert max(readyz.seconds) <= ANSWERED_WITHIN_SECONDS, figures
    assert max(healthz.seconds) <= ALIVE_WITHIN_SECONDS, figures
    assert {status for _seconds, status in clients.answers} <= {201, 409, 503}
    assert product.broken_rules(clients) == {}


def test_shows_start_when_the_only_server_goes_on(one: ReplicaSet, tmp_path: Path) -> None:
    (server,) = one.members
    with product_on(one.uri, tmp_path, shows=2 * SHOWS) as product:
        nbf = int(time.time()) + DUE_IN_SECONDS
        shows = product.create(SHOWS, nbf=nbf)
        with product.clients(SHOWS / 2) as clients:
            _wait_for(product, nbf - FAULT_BEFORE_SECONDS)
            server.signal(signal.SIGSTOP)
            product.supervisor.wait(FROZEN_SECONDS)
            server.signal(signal.SIGCONT)
            thawed_at = time.time()
            product.supervisor.wait(3)

        late = product.lateness(shows, since=thawed_at)
        logger.info("thawed: slowest start %.2f, slowest POST %s", late[-1], max(clients.answers))
        assert late[-1] <= THAWED_WITHIN_SECONDS
        assert max(seconds for seconds, _status in clients.answers) <= ANSWERED_WITHIN_SECONDS
        assert product.broken_rules(clients) == {}


def _wait_for(product: Product, moment: float) -> None:
    left = moment - time.time()
    assert left > 0, "the machine is too slow to create the shows in time"
    product.supervisor.wait(left)
