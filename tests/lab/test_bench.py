"""Benchmarks measure what they report, refuse meaningless numbers, and drop their database."""

import os
import re

import pytest
from django.core.management import CommandError, call_command
from pymongo import MongoClient

from lab.bench.create import take_turns
from lab.bench.report import Series, aim, comparison
from lab.bench.wsgi_calls import RoundTrips
from tests.lab.benches import bench, database_is_dropped


def test_bench_help_lists_the_benchmarks() -> None:
    done = bench("--help")

    assert done.returncode == 0
    assert re.search(r"benchmarks:\n  BENCHMARK\n    create +POST /goals through the WSGI app", done.stdout)


@pytest.mark.slow
def test_bench_create_compares_in_a_database_that_it_drops() -> None:
    done = bench("create", "--iterations", "3", "--viewers", "2")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("3 creations each, in turns; 2 viewers a funding goal\n")
    (peer,) = re.findall(r"bare pymongo +[\d.]+ +[\d.]+ +(\d+)", done.stdout)
    (ours,) = re.findall(r"round-trips a request: (\d+), aim at most 11: met", done.stdout)
    (commands,) = re.findall(r"Round-trips of POST /goals: (.*)", done.stdout)
    assert (peer, commands.count(",") + 1) == ("8", int(ours))
    assert database_is_dropped()


# The cost of a request. The first number is the most function calls that it may make, as a multiple of the calls that
# the bare view makes. The second number counts its commands to MongoDB, except the one that reads the user about once
# a second.
COSTS = {
    "a goal": (1.45, 1),
    "goals of a session": (1.7, 1),
    "a session": (1.3, 1),
    "its token": (1.1, 1),
    "contribute": (2.2, 5),
    "create": (4.5, 12),
}


@pytest.mark.slow
def test_bench_cost_counts_calls_and_commands() -> None:
    """CPU time depends on the machine and its load; the numbers of function calls and of commands do not."""
    done = bench("cost", "--requests", "10")

    assert (done.returncode, done.stderr) == (0, "")
    rows = re.findall(r"^  (\S.*?)(?: +[\d.]+){3} +([\d,]+) +\d+   (.*)", done.stdout, re.MULTILINE)
    calls = {kind: int(count.replace(",", "")) for kind, count, _commands in rows}
    commands = {
        kind: len([each for each in sent.split(", ") if "auth_user" not in each]) for kind, _count, sent in rows
    }
    times_the_view = {kind: round(calls[kind] / calls["bare DRF view"], 2) for kind in COSTS}
    assert {
        kind: (times_the_view[kind], commands[kind]) for kind in COSTS if times_the_view[kind] > COSTS[kind][0]
    } == {}
    assert [commands[kind] for kind in COSTS] == [most for _times, most in COSTS.values()]
    assert database_is_dropped()


@pytest.mark.parametrize(
    "arguments",
    [
        *("create --iterations=1", "create --iterations=2 --viewers=-1"),
        *("api --clients=0", "api --seconds=0.5", "cost --requests=9"),
        *("chaos --faults=0", "chaos --seconds=0"),
        *("fanout --viewers=0", "fanout --runs=0"),
        *(f"lateness --no-peers --{o}" for o in ("shows=1", "runs=0", "clusters=0", "latency=-1", "beside-moves=-1")),
        *(f"letin --no-peers --{option}" for option in ("runs=0", "shows=0", "hang=0.5")),
        *("token_view --viewers=99", "tokens --viewers=0", "tokens --runs=0"),
    ],
)
def test_bench_refuses_meaningless_numbers(arguments: str) -> None:
    with pytest.raises(CommandError, match=r"must be at least \d"):
        call_command("bench", *arguments.split())


def test_take_turns_alternates_the_order() -> None:
    order: list[str] = []
    ours, peer = Series("ours"), Series("peer")
    pairs = [(lambda: order.append("ours"), lambda: order.append("peer"))] * 3

    take_turns(ours, peer, pairs, RoundTrips())

    assert order == ["peer", "ours", "ours", "peer", "peer", "ours"]
    assert (len(ours.milliseconds), len(peer.milliseconds)) == (3, 3)


def test_comparison_shows_percentiles_round_trips_and_ratios() -> None:
    ours = Series("ours", milliseconds=[6.0, 9.0, 12.0], commands=[["a"], ["a", "b"]])
    peer = Series("peer", milliseconds=[3.0, 3.0, 3.0], commands=[["a"]])

    assert [line.split() for line in comparison(ours, peer)] == [
        ["p50", "ms", "p99", "ms", "round-trips"],
        ["ours", "9.00", "11.94", "2"],
        ["peer", "3.00", "3.00", "1"],
        ["ratio", "3.00x", "3.98x"],
    ]


def test_aim_says_whether_it_is_met() -> None:
    assert [aim("ratio", value, 3, "x") for value in (3, 3.01)] == [
        "  ratio: 3x, aim at most 3x: met",
        "  ratio: 3.01x, aim at most 3x: MISSED",
    ]


def test_round_trips_are_the_commands_sent_while_listening() -> None:
    listener = RoundTrips()
    with MongoClient[dict[str, object]](os.environ["MONGODB_URI"], event_listeners=[listener]) as client:
        client.admin.command("ping")
        with listener.listen() as commands:
            client.nowhere.things.find_one({})
            client.admin.command("ping")
        client.admin.command("ping")

    assert commands == ["find things", "ping"]
