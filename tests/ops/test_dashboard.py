"""Each query of the dashboard in `deploy/grafana` is valid, and uses only metrics that the product reports."""

import json
import re
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from config import clock
from mongodb.collections import collection
from taskqueue.heartbeat import beat, count_repairs
from tests.environment import ROOT
from tests.factories.goals import ShowGoalFactory
from tests.ops.metrics import scrape

DASHBOARD = ROOT / "deploy/grafana/showgoals.json"


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


@pytest.mark.django_db
def test_each_metric_of_the_dashboard_is_scraped() -> None:
    clock.set_lead(time.time() - clock.steady_seconds())
    beat("one", started_at=datetime.now(UTC), workers={}, deaths=0)
    count_repairs("goals.missed", 1)
    show, now = ShowGoalFactory(), datetime.now(UTC)
    collection("goals").update_one({"_id": show.pk}, {"$set": {"activated_at": now, "nbf": now}})
    asked = {name for query in queries() for name in re.findall(r"showgoals_[a-z_]+", query)}

    scrape()  # the first request, which the second scrape counts
    assert asked - scrape().samples.keys() == set()


def test_panels_do_not_overlap_and_fill_the_width() -> None:
    places = [panel["gridPos"] for panel in panels()]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    height = max(place["y"] + place["h"] for place in places)

    assert sorted(cells) == [(x, y) for x in range(24) for y in range(height)]
    assert len({panel["id"] for panel in panels()}) == len(places)


@pytest.mark.needs("promtool")
def test_prometheus_accepts_each_query(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries())]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))

    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
