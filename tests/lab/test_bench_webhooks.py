"""`bench webhooks` works on a small scale, and its partners and figures are right."""

import re

import pytest
import requests

from lab.bench.webhooks.partners import ENDPOINTS_COUNT, run_partners, seconds_late
from lab.loopback.partner import FAILING, HANGING, Arrival, PartnerLoopback
from tests.factories.documents import stored
from tests.lab.benches import database_is_dropped, start_bench

HEALTHY = ENDPOINTS_COUNT - 2


def test_first_call_of_each_event_to_each_healthy_endpoint_counts() -> None:
    announced = {"a": 10.0, "b": 20.0}
    arrivals = [
        *(Arrival("/0", "a", 10.5), Arrival("/0", "a", 15.0), Arrival("/1", "a", 11.0), Arrival("/1", "b", 20.25)),
        *(Arrival(HANGING, "a", 12.0), Arrival(FAILING, "b", 21.0), Arrival("/0", "of a show", 12.0)),
    ]

    assert seconds_late(announced, arrivals) == ([0.5, 1.0, 0.25], 2 * HEALTHY - 3)


def test_servers_of_partners_take_calls_fail_and_hang() -> None:
    with PartnerLoopback() as partner:
        base_url = f"http://{partner.address}"
        statuses = [
            requests.post(f"{base_url}{path}", headers={"webhook-id": "a"}, timeout=5).status_code
            for path in ("/0", FAILING)
        ]
        with pytest.raises(requests.Timeout):
            requests.post(f"{base_url}{HANGING}", headers={"webhook-id": "a"}, timeout=0.2)

        assert statuses == [204, 500]
        assert [each.path for each in partner.arrivals] == ["/0", FAILING, HANGING]


@pytest.mark.django_db
def test_endpoints_are_added_and_removed() -> None:
    with run_partners() as partners:
        partners.add_endpoints()
        urls = [each["url"] for each in stored("webhook_endpoints")]
        partners.remove_endpoints()

        assert (len(set(urls)), partners.arrivals()) == (ENDPOINTS_COUNT, [])
    assert {url.partition("//")[2].partition("/")[0] for url in urls} == {partners.host}
    assert stored("webhook_endpoints") == []


@pytest.mark.long
@pytest.mark.django_db
def test_bench_measures_partners_and_starts() -> None:
    with start_bench("webhooks", "--runs", "1", "--events", "25", "--shows", "2") as done:
        printed, errors = done.communicate()

    assert (done.returncode, errors) == (0, "")
    assert re.search(r"p50 \d+\.\d\d, p95 \d+\.\d\d, p99 \d+\.\d\d", printed)
    assert "healthy endpoints, p99: " in printed
    assert len(re.findall(r"p99 beside webhooks: [\d.]+x, aim at most 1.2x", printed)) == 2
    assert database_is_dropped()
