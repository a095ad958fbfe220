"""`bench letin` reads what the vendors' stand-ins have seen, and its figures, verdicts and tables are right."""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from goals.models import Goal
from goals.tasks import activate_goal
from lab.bench.environment import BenchFailed
from lab.bench.lateness.peers import available_peers
from lab.bench.ledger import ledger_entries
from lab.bench.letin.bare_client import Spent, spent_by_bare_client
from lab.bench.letin.figures import Calls, Cost, Measured, StartingShow, let_in_seconds, recorded_seconds
from lab.bench.letin.loads import HANGS, LOADS, Audience, Hang, Load, Vendor, Wanted
from lab.bench.letin.observed import Observed, observe_calls
from lab.bench.letin.replay import moved_to
from lab.bench.letin.tables import Row, aims, ratio, table
from lab.bench.letin.vendors import Seen, both_vendors
from lab.bench.letin.verdict import breaches_of_calls, breaches_of_ledger
from lab.bench.planting import PlantedShow, plant
from lab.bench.report import Percentiles
from lab.loopback.exchange import Answer, LoopbackRequest
from lab.loopback.pusher import PusherLoopback
from notifications.fanout.ledger import State
from notifications.tasks import batch_notify_stream_authorized, send_chunk
from tests.contract import keys
from tests.contract.sending import broadcast
from tests.factories.documents import stored
from tests.factories.goals import whole_second
from tests.lab.benches import database_is_dropped, start_bench

NBF = datetime(2026, 9, 21, tzinfo=UTC)
BEGIN = NBF.timestamp()
SMALL = StartingShow(PlantedShow("1" * 24, "s1", NBF), payers=2)
SECOND = StartingShow(PlantedShow("2" * 24, "s2", NBF + timedelta(milliseconds=500)), payers=1)
LARGE = StartingShow(PlantedShow("3" * 24, "s3", NBF), payers=3, is_large=True)
SHOWS = [SMALL, SECOND, LARGE]
OK = Answer(200, b"{}")


# --- What the stand-ins have seen -----------------------------------------------------------------


def event(channel: str, name: str = "stream.authorized", **data: object) -> dict[str, str]:
    return {"channel": channel, "name": name, "data": json.dumps({"event_id": "e1", **data})}


def batch(late: float, *events: dict[str, str], answer: Answer = OK) -> tuple[LoopbackRequest, Answer]:
    body = json.dumps({"batch": events}).encode()
    return LoopbackRequest("POST", "/apps/1/batch_events?auth_key=k", {}, body, BEGIN + late), answer


def recording(
    late: float, goal_id: str, error: str = "", action: str = "StartRecord"
) -> tuple[LoopbackRequest, Answer]:
    metadata = {"ResponseMetadata": {"Error": {"Code": error}} if error else {}}
    body = json.dumps({"TaskId": f"show-{goal_id}"}).encode()
    request = LoopbackRequest("POST", f"/?Action={action}&Version=1", {}, body, BEGIN + late)
    return request, Answer(200, json.dumps(metadata).encode())


def seen(*exchanges: tuple[LoopbackRequest, Answer]) -> Seen:
    return Seen([*exchanges], connections=1, refused=0, over_limit=0)


def observed(pusher: Sequence[Any] = (), byteplus: Sequence[Any] = ()) -> Observed:
    return observe_calls(seen(*pusher), seen(*byteplus))


def sd(streamer: str, viewer: str) -> str:
    return f"presence-stream-viewer@{streamer}.sd.{viewer}"


def test_first_arrivals_count_and_refused_calls_do_not() -> None:
    preview = "presence-stream-viewer@s1.preview.v1"
    calls = observed(
        [
            batch(3.0, event(sd("s1", "v1"), redelivery=1)),  # a later call, although it comes first in the list
            batch(1.0, event(preview), event(sd("s1", "v1")), event("private-user@s2", "goal.started")),
            batch(0.5, event(sd("s1", "v2")), answer=Answer(429, b"")),
        ],
        [
            recording(2.0, "a", "InvalidParameter.TaskAlreadyExists"),
            recording(1.0, "a"),
            recording(0.5, "b", "FlowLimitExceeded.QPSOverLimit"),
            recording(0.5, "c", action="StopRecord"),
        ],
    )

    assert calls.let_in == {"s1": {sd("s1", "v1"): BEGIN + 1}}
    assert calls.recorded == {"a": BEGIN + 1}
    assert calls.told == {(preview, "e1"), (sd("s1", "v1"), "e1")}
    assert calls.names[sd("s1", "v1")] == {("e1", 0), ("e1", 1)}
    assert {vendor: [call.ids for call in made] for vendor, made in calls.calls.items()} == {
        Vendor.PUSHER: [{"s1", "s2"}, {"s1"}],
        Vendor.BYTEPLUS: [{"a"}, {"a"}],
    }


# --- Figures --------------------------------------------------------------------------------------


def test_let_in_is_the_last_payers_and_the_large_show_is_apart() -> None:
    arrivals = [(1.0, "s1", "a"), (2.0, "s1", "b"), (1.5, "s2", "a"), (4.0, "s3", "a"), (5.0, "s3", "b")]
    pusher = [batch(late, event(sd(streamer, viewer))) for late, streamer, viewer in arrivals]

    figures, large = let_in_seconds(SHOWS, observed(pusher), returned_at=0.0)
    returned, complete = let_in_seconds(
        SHOWS, observed([*pusher, batch(6.0, event(sd("s3", "c")))]), returned_at=BEGIN + 1
    )

    assert (figures.p50, figures.max, large) == (1.5, 2.0, None)  # a payer of the large show is missing
    assert (returned.p50, returned.max, complete) == (0.75, 1.0, 5.0)


def test_recorded_counts_from_nbf_or_from_the_return() -> None:
    recorded = {SMALL.planted.goal_id: BEGIN + 2, SECOND.planted.goal_id: BEGIN + 1, "another": BEGIN + 9}

    assert recorded_seconds(SHOWS, recorded, returned_at=0.0).max == 2.0
    assert recorded_seconds(SHOWS, recorded, returned_at=BEGIN + 1).max == 1.0
    with pytest.raises(BenchFailed, match="No show was recorded in time"):
        recorded_seconds(SHOWS, {}, returned_at=0.0)


def test_percentiles_of_a_single_show_are_its_value() -> None:
    assert Percentiles.of([2.0]) == Percentiles(2.0, 2.0, 2.0, 2.0)


def test_moved_shows_keep_their_distances() -> None:
    moved, due = moved_to([SMALL, SECOND], begin=BEGIN + 10)

    assert [show.planted.nbf - NBF for show in moved] == [timedelta(seconds=10), timedelta(seconds=10.5)]
    assert due == {
        **dict.fromkeys([SMALL.planted.goal_id, "s1"], BEGIN + 10),
        **dict.fromkeys([SECOND.planted.goal_id, "s2"], BEGIN + 10.5),
    }


# --- Verdicts -------------------------------------------------------------------------------------


def test_breaches_of_calls_are_missing_payers_other_events_and_missing_recordings() -> None:
    again = [batch(late, event(sd("s1", "a"))) for late in (1.0, 2.0)]
    other = [*again, batch(3.0, event(sd("s1", "a"), redelivery=1)), batch(3.0, event(sd("s1", "b")))]
    recordings = [recording(1.0, SMALL.planted.goal_id)]

    assert list(breaches_of_calls([SMALL], observed(again))) == [
        "1 payers were not let in",
        "1 shows were not recorded",
    ]
    assert list(breaches_of_calls([SMALL], observed(other, recordings))) == [
        "1 channels were told twice, with another event_id or redelivery"
    ]


@pytest.mark.django_db
def test_breaches_of_the_ledger_are_its_differences_from_what_arrived() -> None:
    (planted,) = plant([whole_second() - timedelta(seconds=1)], viewers=2)
    show = StartingShow(planted, payers=2)
    activate_goal(planted.goal_id, int(planted.nbf.timestamp()))
    batch_notify_stream_authorized(planted.goal_id, Goal.objects.get(pk=planted.goal_id).context.funding_goal_id)
    told = set(ledger_entries([planted.goal_id], *State))

    def breaches(arrived: set[tuple[str, str]]) -> list[str]:
        return list(breaches_of_ledger([show], Observed(told=arrived)))

    assert breaches(told) == ["4 events have arrived, but the ledger does not call them sent"]
    for chunk in stored("notification_chunks"):
        send_chunk(str(chunk["_id"]))
    assert breaches(told) == []
    assert breaches(set()) == ["4 events have not arrived, but the ledger calls them sent"]
    assert list(breaches_of_ledger([replace(show, payers=3)], Observed(told=told))) == [
        "2 events too many or too few are in the ledger"
    ]


# --- Tables ---------------------------------------------------------------------------------------


def measured(p99: float, **changes: Any) -> Measured:
    percentiles = Percentiles(p99 / 2, p99, p99, p99)
    figures = Measured(percentiles, percentiles, None, Calls(100, 0, 4), Cost(system=1, mongodb=2, stand_ins=3))
    return replace(figures, **changes)


def test_table_shows_medians_the_bound_and_what_is_wrong() -> None:
    runs = [measured(each) for each in (8, 400, 4)]
    rows = [Row("qcluster", runs), Row("Celery, threads", [measured(2, large=5.0, wrong=["1 payers were not let in"])])]

    lines = list(table(LOADS["1000x1"], rows, [Spent(0.5, 0.25)]))

    assert lines[0] == "\n1,000 shows of 1 payer at one second (1000x1)"
    assert [line.split() for line in lines[2:4]] == [
        ["qcluster", "4.00", "8.00", "4.00", "8.00", "1.00", "2.00", "3.00"],
        ["Celery,", "threads", "1.00", "2.00", "1.00", "2.00", "1.00", "2.00", "3.00"],
    ]
    assert lines[4:] == [
        "  Celery, threads: the large show is let in after 5.00 s",
        "  bound: 100 calls x 20 ms / 4 connections = 0.50 s",
        "  the same calls by bare libcurl: 0.50 s, 0.25 s of CPU",
        "  WRONG: Celery, threads: 1 payers were not let in",
    ]


def test_aims_say_goal_and_must() -> None:
    row = Row("qcluster", [measured(1.8)])

    assert list(aims(LOADS["1000x1"], row)) == [
        "  1000x1, let in p99: 1.80 s, goal 1.2 s: MISSED, must 2 s: met",
        "  1000x1, recorded p99: 1.80 s, goal 1.5 s: MISSED, must 2 s: met",
    ]
    assert list(aims(LOADS["1000x1"].resized(5, 30), row)) == []
    beside = Row("qcluster", [measured(1, large=1.2)])
    assert list(ratio({"1x10000": row, "1x10000+200x10": beside})) == [
        "  10,000 payers beside 200 other shows, times as long as alone: 1.33x, aim at most 1.3x: MISSED"
    ]
    assert list(ratio({"1x10000": row})) == []


def test_loads_with_a_hang_or_a_limit_have_no_peers() -> None:
    assert [name for name, load in LOADS.items() if not load.has_peers] == [
        *("500x10-60qps", "pusher-hangs", "pusher-stops", "byteplus-hangs", "byteplus-stops"),
    ]
    hanging = LOADS["pusher-stops"]
    assert (hanging.let_in, hanging.recorded) == (Wanted(3, 3), LOADS["500x10"].recorded)
    assert LOADS["500x10-60qps"].recorded == Wanted(8.33, 9.58)
    beside = LOADS["1000x25"].beside(HANGS["byteplus-hangs"], name="both")
    assert (beside.let_in, beside.recorded) == (LOADS["1000x25"].let_in, Wanted(3, 3))
    assert beside.title == "1,000 shows of 25 payers at one second, BytePlus does not answer around it"


def test_resized_loads_keep_single_shows() -> None:
    small = LOADS["1x10000+200x10"].resized(7, 2)

    assert (small.title, small.shows, small.payers) == (
        *("7 shows of 10 payers and 1 of 10,000 at one second", 8, 10_070),
    )
    assert LOADS["1x10000"].resized(7, 2).audiences == (Audience(1, 10_000),)
    assert LOADS["pusher-hangs"].resized(None, 2).hang == Hang(Vendor.PUSHER, stopped=False, seconds=2)


# --- Vendors --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("stopped", [False, True])
def test_one_vendor_hangs_while_the_other_answers(tmp_path: Path, *, stopped: bool) -> None:
    load = Load("few", "few", Audience(1, 1), byteplus_per_second=60)
    with both_vendors(tmp_path, load) as vendors:
        pusher = f"http://127.0.0.1:{vendors.environment['PUSHER_PORT']}/_seen"
        byteplus = f"http://{vendors.environment['BYTEPLUS_HOST']}/_seen"
        vendors.forget()
        began = time.time()
        returned_at = vendors.hang(Hang(Vendor.PUSHER, stopped=stopped, seconds=1.0))

        assert returned_at >= began + 1
        assert [requests.get(url, timeout=5).status_code for url in (pusher, byteplus)] == [200, 200]
        assert (vendors.environment["BYTEPLUS_QPS"], vendors.progress(), vendors.answered()) == ("60", (0, 0), 0)
        assert vendors.seen(Vendor.PUSHER).exchanges == []
        assert vendors.cpu_seconds() > 0


def test_bare_client_makes_each_call_once() -> None:
    channels = [f"c{number}" for number in range(10)]
    with PusherLoopback(app_id=keys.PUSHER_APP_ID, key=keys.PUSHER_KEY, secret=keys.PUSHER_SECRET) as server:
        server.keep_exchanges()
        for channel in channels:
            broadcast(keys.pusher_backend(server), [channel], "goal.added", "{}")
        spent = spent_by_bare_client([request for request, _answer in server.exchanges or ()], connections=4)

    assert [each.channel for each in server.events[:10]] == channels
    assert sorted(each.channel for each in server.events[10:]) == channels
    assert (server.rejected, spent.seconds > 0, spent.cpu_seconds > 0) == (0, True, True)


# --- The command ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_peers_that_cannot_be_installed_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    said: list[str] = []

    with available_peers(["apscheduler"], tmp_path, said.append) as peers:
        assert peers == []
    assert said[-1].startswith("The peers are left out, because they can't be installed: ")


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.django_db
def test_bench_letin_measures_and_drops_its_database() -> None:
    options = ["--only", "pusher-stops", "--shows", "4", "--runs", "1", "--hang", "6"]
    with start_bench("letin", "--no-peers", *options) as done:
        printed, errors = done.communicate(timeout=200)

    assert (done.returncode, errors) == (0, "")
    assert "\n4 shows of 10 payers at one second, Pusher is stopped around it (pusher-stops)\n" in printed
    assert len(re.findall(r"^  qcluster +(?:[\d.]+ *){7}$", printed, re.MULTILINE)) == 1
    assert "WRONG" not in printed
    assert database_is_dropped()
