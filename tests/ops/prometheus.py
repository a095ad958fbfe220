"""A real Prometheus, which scrapes servers and evaluates the product's rules."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests
import yaml

from tests.environment import ROOT

ALERTS = ROOT / "deploy/prometheus/alerts.yml"
UP_WITHIN_SECONDS = 60.0


class Prometheus:
    """A Prometheus at the given address."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ringing(self) -> set[str]:
        """Return the names of the alerts that are firing."""
        with requests.get(f"{self._url}/api/v1/alerts", timeout=5) as answer:
            alerts = answer.json()["data"]["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}


@contextmanager
def prometheus(directory: Path, targets: Sequence[str], rules: str, *, every: str) -> Iterator[Prometheus]:
    """Run Prometheus inside the block. It uses these rules, and scrapes servers at these addresses."""
    (directory / "alerts.yml").write_text(rules, encoding="utf-8")
    scraped = {"job_name": "web", "static_configs": [{"targets": list(targets)}]}
    intervals = {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every}
    config = {"global": intervals, "rule_files": ["alerts.yml"], "scrape_configs": [scraped]}
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", f"--web.listen-address={address}"]
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(["prometheus", *options], cwd=directory, stdout=log, stderr=log)
        try:
            give_up_at = time.monotonic() + UP_WITHIN_SECONDS
            while not _is_up(f"http://{address}"):
                assert process.poll() is None, (directory / "prometheus.log").read_text()
                assert time.monotonic() < give_up_at
                time.sleep(0.1)
            yield Prometheus(f"http://{address}")
        finally:
            process.terminate()
            process.wait()


def quick_rules(seconds: int) -> str:
    """Return the rules with short times: they look back this number of seconds, and wait for a fifth of it."""
    rules = re.sub(r"for: \w+", f"for: {seconds // 5}s", ALERTS.read_text(encoding="utf-8"))
    rules = re.sub(r"offset \d+[mh]", f"offset {seconds}s", rules)
    rules = rules.replace(":1m]", ":1s]")
    return re.sub(r"\[\d+[mh]\]", f"[{seconds}s]", rules)


def _is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=1).ok
    except requests.RequestException:
        return False
