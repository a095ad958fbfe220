"""A server freezes in the middle of a transaction, and continues after the client has given the transaction up."""

import subprocess
import sys

import pytest

from lab.bench.chaos.mongod import Mongod
from tests.environment import ROOT

pytestmark = [pytest.mark.django_db, pytest.mark.crash, pytest.mark.slow, pytest.mark.xdist_group("mongod")]

# Prints how many seconds the slowest transaction after a freeze takes, and then the value of the document.
CHILD = """
import os, signal, sys, time
from contextlib import suppress
from pathlib import Path
import django
django.setup()
from config.errors import Unavailable
from mongodb.collections import collection
from mongodb.deadlines import finish_within
from mongodb.transactions import run_in_transaction
server, seconds = int(sys.argv[1]), []
def change():
    collection("n").update_one({"_id": 1}, {"$inc": {"value": 1}}, upsert=True)
def is_frozen():
    states = [each.read_text().rpartition(")")[2].split()[0] for each in Path(f"/proc/{server}/task").glob("*/stat")]
    return set(states) == {"T"}
run_in_transaction(change)
for _ in range(3):
    os.kill(server, signal.SIGSTOP)
    while not is_frozen():  # its threads stop one after the other
        time.sleep(0.001)
    with suppress(Unavailable), finish_within(1):
        run_in_transaction(change)
    time.sleep(1)
    os.kill(server, signal.SIGCONT)
    began = time.monotonic()
    run_in_transaction(change)
    seconds.append(time.monotonic() - began)
print(max(seconds), collection("n").find_one()["value"])
"""


def test_transaction_that_was_given_up_holds_no_document(mongod: Mongod, child_environment: dict[str, str]) -> None:
    """Otherwise the server would hold the documents until it aborts the transaction by itself after 5 to 60 seconds."""
    environment = child_environment | {"MONGODB_URI": mongod.uri}
    command = [sys.executable, "-c", CHILD, str(mongod.pid)]
    child = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert child.returncode == 0, child.stderr
    slowest, value = child.stdout.split()
    assert (float(slowest) < 2, int(value)) == (True, 4)
