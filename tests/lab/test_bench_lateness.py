"""The figures, observers and peers of `bench lateness` are right, and the benchmark leaves nothing behind."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from django.db import connection

from goals.models import Goal
from goals.tasks import activate_goal
from lab.bench.lateness.figures import Measured, measure
from lab.bench.lateness.loads import LOADS
from lab.bench.lateness.moves import Mover
from lab.bench.lateness.peers import REQUIREMENTS, available_peers
from lab.bench.lateness.tables import BESIDE_MOVES, BESIDE_RECEIPTS, Row, aims, ratios, table, throughput
from lab.bench.observers import stand_in, watch_starts
from lab.bench.peers import work
from lab.bench.planting import PlantedShow, plant, queue_starts
from lab.bench.report import Percentiles
from lab.bench.witness import Witness
from mongodb.collections import collection
from tests.factories.documents import stored, stored_one
from tests.factories.goals import whole_second
from tests.factories.moments import as_stored
from tests.lab.benches import database_is_dropped, start_bench
from tests.lab.process_tree import descendants, survivors

SECOND = timedelta(seconds=1)
NBF = datetime(2026, 9, 21, tzinfo=UTC)
SHOWS = [PlantedShow(digit * 24, f"s{digit}", NBF) for digit in "1234"]


# --- Figures -------------------------------------------------------------------------------------


def seen(*milliseconds: float) -> list[tuple[str, float]]:
    return [(show.goal_id, NBF.timestamp() + late / 1000) for show, late in zip(SHOWS, milliseconds, strict=False)]


def told(*milliseconds: float) -> list[tuple[str, float]]:
    return [
        (f"private-stream@{show.streamer_id}", NBF.timestamp() + late / 1000)
        for show, late in zip(SHOWS, milliseconds, strict=False)
    ]


def test_measure_counts_from_nbf_to_the_first_sighting() -> None:
    measured = measure(
        SHOWS, seen(8, 16, 24, 32), [*told(64, 64, 64, 64), ("private-user@s1", NBF.timestamp() + 0.032)]
    )

    assert [round(value, 2) for value in (measured.activated.p50, measured.activated.max)] == [20, 32]
    assert [round(value, 2) for value in (measured.told.p50, measured.told.max)] == [64, 64]
    assert (round(measured.seconds, 3), measured.shows, measured.faults) == (0.032, 4, "")


def test_measure_counts_what_must_not_happen() -> None:
    commits = [*seen(-8, 16, 24), *seen(8)]
    events = [*told(8, 8), *told(9), *told(10), ("private-stream@somebody", 1.0)]

    assert measure(SHOWS, commits, events).faults == (
        "2 not started or not told in time, 1 started early, 1 activated twice, 1 channels told twice"
    )


def measured(p99: float, **changes: Any) -> Measured:
    percentiles = Percentiles(p99 / 4, p99 / 2, p99, p99)
    return Measured(
        **{
            "activated": percentiles,
            "told": percentiles,
            "seconds": p99 / 1000,
            "shows": 100,
            "missing": 0,
            "early": 0,
            "activated_twice": 0,
            "told_twice": 0,
            **changes,
        }
    )


def test_table_shows_medians_ratios_and_faults() -> None:
    rows = [Row("ours", [measured(8), measured(400), measured(4)]), Row("peer", [measured(40, missing=2)])]

    figures = ["2.0", "4.0", "8.0", "8.0"]
    lines = [line.split() for line in table("a load", rows)]
    assert lines[2:] == [
        ["ours", *figures, *figures],
        ["peer", *(["10.0", "20.0", "40.0", "40.0"] * 2), "5.0x", "5.0x"],
        ["WRONG:", "peer:", "2", "not", "started", "or", "not", "told", "in", "time"],
    ]
    assert [line.split()[1] for line in throughput(rows)] == ["12,500", "2,500"]


def test_aims_are_those_of_the_two_decisive_loads() -> None:
    verdicts = [list(aims(load, Row("ours", [measured(60)]))) for load in LOADS.values()]

    assert [[line.rpartition(": ")[2] for line in lines] for lines in verdicts] == [
        ["MISSED", "met"],
        ["met", "met"],
        [],
    ]


def test_ratios_say_how_much_later_shows_are_while_others_do_something() -> None:
    ours = Row("this product", [measured(8)])
    moves, receipts = Row(BESIDE_MOVES, [measured(10), measured(12), measured(9)]), Row(BESIDE_RECEIPTS, [measured(10)])
    others = [moves, receipts, Row("peer", [measured(40)])]

    assert list(ratios(LOADS["instant"], ours, others)) == [
        "  1,000 at one instant, activated p99 beside moves: 1.25x, aim at most 1.25x: met",
        "  1,000 at one instant, told p99 beside moves: 1.25x, aim at most 1.25x: met",
        "  1,000 at one instant, activated p99 beside receipts: 1.25x, aim at most 1.2x: MISSED",
        "  1,000 at one instant, told p99 beside receipts: 1.25x, aim at most 1.2x: MISSED",
    ]


# --- Moves ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_mover_counts_the_messages_and_cancels_the_show() -> None:
    begin = whole_second() + 5 * SECOND
    mover = Mover(moves=3)

    mover.move_and_cancel(begin)

    # The mover makes as many of its three moves as it has time for.
    said = re.fullmatch(r"messages that wait for a show after ([1-3]) moves: 1, aim at most 1: met", mover.verdict())
    assert said
    (show,) = stored("goals", _cls="ShowGoal")
    moved_by = SECOND if int(said[1]) % 2 else timedelta()
    assert (show["nbf"], show["cancelled_at"] is not None) == (as_stored(begin + moved_by), True)
    assert stored("django_q_ormq", name="activate_goal") == []


# --- Observers ---------------------------------------------------------------------------------


@pytest.mark.django_db
def test_starts_are_seen_once_each_and_inserts_are_not() -> None:
    with Witness(
        watch_starts, mongodb_uri=os.environ["MONGODB_URI"], database=connection.settings_dict["NAME"]
    ) as witness:
        first, second = plant([whole_second() - SECOND] * 2)
        queue_starts([first, second])
        began = time.time()
        for show in (first, second):
            activate_goal(show.goal_id, int(show.nbf.timestamp()))
        collection("goals").update_one({"_id": ObjectId(first.goal_id)}, {"$set": {"activated_at": NBF}})
        commits: list[tuple[str, float]] = []
        while len(commits) < 3 and time.time() < began + 10:
            commits += witness.ask()
            time.sleep(0.05)

    assert sorted(goal_id for goal_id, _at in commits) == sorted([first.goal_id, first.goal_id, second.goal_id])
    assert all(began < at < time.time() for _goal_id, at in commits)


def test_stand_ins_receive_what_a_client_sends_in_their_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"mongodb_uri": "mongodb://nowhere", "database": "none", "directory": tmp_path, "secret_key": "k" * 64}
    with Witness(stand_in, **options) as witness:
        for name, value in witness.greeting.items():
            monkeypatch.setenv(name, value)
        work.tell("s1", "{}")
        first, again = witness.ask(), witness.ask()

    assert [channel for channel, _at in first.started] == ["private-stream@s1", "presence-stream@s1", "private-user@s1"]
    assert (first.requests, first.authorized, first.refused) == (1, 0, 0)
    assert (again.requests, again.authorized, again.refused, again.started) == (0, 0, 0, [])
    assert witness.greeting["SECRET_KEY"] == "k" * 64


# --- Peers ---------------------------------------------------------------------------------------


@pytest.fixture
def peer_environment(child_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MONGODB_NAME", child_environment["MONGODB_NAME"])
    yield
    work._database().client.close()
    work._database.cache_clear()
    work._announcement.cache_clear()


def test_peers_write_what_the_product_writes(peer_environment: None) -> None:
    ours, theirs = plant([whole_second() - SECOND, whole_second() + timedelta(hours=1)])
    activate_goal(ours.goal_id, int(ours.nbf.timestamp()))
    messages, rows = stored("django_q_ormq"), stored("goal_timeline", goal_id=ours.goal_id)
    collection("bench_announcement").insert_one({"messages": messages, "rows": rows})

    telling = work.start_show(theirs.goal_id, theirs.nbf.timestamp())
    again = work.start_show(theirs.goal_id, theirs.nbf.timestamp())

    assert telling is not None
    assert (telling.streamer_id, again) == (theirs.streamer_id, None)
    assert len(stored("bench_messages")) == len(messages)
    assert len(stored("goal_timeline", goal_id=theirs.goal_id)) == len(rows)
    goals = [Goal.objects.get(pk=show.goal_id) for show in (ours, theirs)]
    assert [(goal.active, goal.activated_at is not None) for goal in goals] == [(True, True)] * 2
    sessions = [stored_one("sessions", goal.conditions.session_id) for goal in goals]
    assert sessions[0]["cache_version"] == sessions[1]["cache_version"]


def test_requirements_of_the_peers_exist() -> None:
    assert REQUIREMENTS.is_file()


def test_celery_is_left_out_without_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []

    with available_peers(["celery"], tmp_path, said.append) as peers:
        assert peers == []
    assert said == ["Celery is left out: there is no redis-server (Debian: apt-get install redis-server)."]


# --- The command -------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(400)
@pytest.mark.django_db
def test_bench_lateness_measures_and_drops_its_database() -> None:
    beside = ("--beside-moves", "20", "--beside-receipts", "200", "--beside-webhooks", "200")
    with start_bench("lateness", "--no-peers", "--only", "instant", "--shows", "5", *beside) as done:
        printed, errors = done.communicate(timeout=400)

    assert (done.returncode, errors) == (0, "")
    assert "\n5 at one instant\n" in printed
    assert len(re.findall(r"^  this product +(?:[\d.]+ *){8}$", printed, re.MULTILINE)) == 1
    rows = r"^  beside (moves|receipts|webhooks) +(?:[\d.]+ *){8}(?:[\d.]+x *){2}$"
    assert re.findall(rows, printed, re.MULTILINE) == ["moves", "receipts", "webhooks"]
    assert re.search(r"^  beside receipts: [1-9]\d* requests, answered after \d+ ms", printed, re.MULTILINE)
    assert re.search(r"^  beside webhooks: 2 requests, answered after \d+ ms", printed, re.MULTILINE)
    assert "messages that wait for a show after 20 moves: 1, aim at most 1: met" in printed
    assert "WRONG" not in printed
    assert database_is_dropped()


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.django_db
def test_bench_lateness_ends_its_processes_when_it_is_stopped() -> None:
    with start_bench("lateness", "--no-peers", "--only", "instant", "--shows", "2") as running:
        while "qcluster" not in " ".join(map(command, descendants(running.pid))):
            assert running.poll() is None
            time.sleep(0.1)
        children = descendants(running.pid)
        running.send_signal(signal.SIGTERM)
        _printed, errors = running.communicate(timeout=60)

    assert (running.returncode, errors) == (1, "CommandError: bench_failed: Interrupted; all processes have ended.\n")
    assert survivors(children) == []
    assert database_is_dropped()


def command(pid: int) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    return ""
