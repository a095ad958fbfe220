"""Each alert of `deploy/prometheus` fires while its fault lasts, and stops afterwards."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.markdown import in_code, read, table_rows
from tests.ops.prometheus import ALERTS

# The numbers of scrapes before the fault and during it. There is a scrape every 15 seconds.
SCRAPES_A_MINUTE = 4
BEFORE, DURING = 8 * SCRAPES_A_MINUTE, 12 * SCRAPES_A_MINUTE
# The number of scrapes after the fault, until even the alerts with the longest window have stopped.
AFTER = 70 * SCRAPES_A_MINUTE

# Maps each alert to a series, its value while all is well, and its value during the fault. "+1" is a counter that grows
# with each scrape.
FAULTS: dict[str, tuple[str, str, str]] = {
    "MongodbAway": ("mongodb_up", "1", "0"),
    "MongodbMemberAway": ('mongodb_members{state="away"}', "0", "1"),
    "CacheAway": ("cache_up", "1", "0"),
    "CacheFails": ("cache_failures_total", "0", "+1"),
    "StandInBackend": ('backends_info{realtime="console"}', "0", "1"),
    "NoQcluster": ("clusters", "2", "0"),
    "FewerQclusters": ("clusters", "2", "1"),
    "WorkersDie": ("worker_deaths", "0", "+1"),
    "WrongClock": ('clock_skew_seconds{host="one"}', "0.1", "-3600"),
    "WrongClockOfWebServer": ("web_clock_skew_seconds", "-0.1", "3600"),
    "NoClock": ('clusters_by_clock{clock="none"}', "0", "1"),
    "ShowsOverdue": ('shows{status="overdue"}', "0", "1"),
    "ShowsHeld": ('shows{status="held"}', "0", "1"),
    "ShowsStartLate": ('start_lateness_seconds{quantile="1"}', "0.2", "1.5"),
    "StartsWait": ('queue_oldest_due_seconds{queue="showgoals-start"}', "0", "6"),
    "TasksWait": ('queue_oldest_due_seconds{queue="showgoals"}', "5", "61"),
    "UnreadableMessages": ('queue_unreadable{queue="showgoals"}', "0", "1"),
    "BadSchedules": ("bad_schedules", "0", "1"),
    "FailedTasks": ("dead_letters", "0", "1"),
    "NoTasksDone": ("tasks_done_last_minute", "9", "0"),
    "ShowsMissed": ('last_repair_timestamp_seconds{what="goals.missed"}', "-9999", "1200"),
    "Repairs": ('last_repair_timestamp_seconds{what="goals.started_by_reconciler"}', "-9999", "1200"),
    "VendorAway": ('vendor_away{vendor="pusher"}', "0", "1"),
    "DeliveriesFailed": ('deliveries{state="failed"}', "0", "1"),
    "DeliveriesWait": ("oldest_unsent_seconds", "0", "130"),
    "RecordingsFail": ('recordings{state="failed"}', "0", "+1"),
    "EndpointFails": ('webhook_endpoints{state="failing"}', "0", "1"),
    "EndpointDisabled": ('webhook_endpoints{state="disabled"}', "0", "1"),
    "ServerErrors": ('http_requests_total{status="500"}', "0", "+1"),
    "SlowAnswers": ('http_request_seconds_bucket{le="+Inf"}', "0", "+1"),
}
# The one label of its series that each of these alerts keeps.
KEPT = {"StandInBackend": "realtime", "WrongClock": "host", "UnreadableMessages": "queue", "Repairs": "what"}
KEPT |= {"VendorAway": "vendor"}
# SlowAnswers needs buckets that stay empty.
BESIDES = {"SlowAnswers": ['http_request_seconds_bucket{le="1"}', 'http_request_seconds_bucket{le="2"}']}


def rules() -> dict[str, dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_fault() -> None:
    assert list(rules()) == list(FAULTS)


def test_alerts_watch_each_metric_of_the_page_that_should_be_watched() -> None:
    table = read("docs/operations.md").partition("| Metric (")[2].partition("\n\n")[0]
    cells = [re.split(r" \| ", row.strip("| ")) for row in table.splitlines()[2:]]
    named = [{name.partition("{")[0] for name in in_code(row[0])} for row in cells]
    to_be_watched = [names for names, row in zip(named, cells, strict=True) if len(row) == 3 and in_code(row[2])]
    expressions = " ".join(rule["expr"] for rule in rules().values())
    watched = set(re.findall(r"showgoals_([a-z_]+?)(?:_bucket)?\b", expressions))

    assert watched <= set().union(*named)
    assert [names for names in to_be_watched if not names & watched] == []


def test_handbook_says_what_to_do_about_each_alert() -> None:
    listed = [in_code(row[0])[0] for row in table_rows("docs/handbook.md")]

    assert listed == list(rules())


@pytest.mark.needs("promtool")
def test_prometheus_accepts_the_rules() -> None:
    promtool("check", "rules", "--lint-fatal", str(ALERTS))


@pytest.mark.needs("promtool")
def test_each_alert_fires_during_its_fault_and_stills_after_it(tmp_path: Path) -> None:
    tests = [trial(name, *fault) for name, fault in FAULTS.items()]
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "15s", "tests": tests}))

    promtool("test", "rules", str(file))


@pytest.mark.needs("promtool")
def test_first_value_of_a_counter_fires(tmp_path: Path) -> None:
    """The first error of a route begins a series whose first value is 1, so the series shows no increase."""
    alert = "ServerErrors"
    begins, ends = 60, 120  # scrapes
    born = trial(alert, FAULTS[alert][0], "0", "+1")
    _silent, firing, _later = (moment["exp_alerts"] for moment in born["alert_rule_test"])
    born["input_series"] = [
        {"series": f"showgoals_{FAULTS[alert][0]}", "values": f"_x{begins} 1x{ends}"},
        {"series": 'showgoals_http_requests_total{status="200"}', "values": f"1+1x{ends}"},
    ]
    born["alert_rule_test"] = [
        {"eval_time": f"{scrapes * 15}s", "alertname": alert, "exp_alerts": alerts}
        for scrapes, alerts in [(begins - 1, []), (begins + 4, firing), (ends, [])]
    ]
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "15s", "tests": [born]}))

    promtool("test", "rules", str(file))


def trial(alert: str, series: str, well: str, fault: str) -> dict[str, Any]:
    """Return promtool's test that an alert is silent before a fault, fires at its end, and is silent long after it."""
    label = KEPT.get(alert)
    found = re.search(rf'{label}="([^"]*)"', series) if label else None
    kept = {label: found[1]} if label and found else {}
    expected = {"exp_labels": kept, "exp_annotations": rules()[alert]["annotations"]}
    moments = [(BEFORE, []), (BEFORE + DURING, [expected]), (BEFORE + DURING + AFTER, [])]
    besides = [
        {"series": f"showgoals_{other}", "values": f"0x{BEFORE + DURING + AFTER}"} for other in BESIDES.get(alert, [])
    ]
    return {
        "name": alert,
        "interval": "15s",
        "input_series": [{"series": f"showgoals_{series}", "values": values(well, fault)}, *besides],
        "alert_rule_test": [
            {"eval_time": f"{scrapes * 15}s", "alertname": alert, "exp_alerts": alerts} for scrapes, alerts in moments
        ],
    }


def values(well: str, fault: str) -> str:
    """Return the values in promtool's notation."""
    if fault == "+1":
        return f"0x{BEFORE} 1+1x{DURING - 1} {DURING}x{AFTER}"
    return f"{well}x{BEFORE} {fault}x{DURING - 1} {well}x{AFTER}"
