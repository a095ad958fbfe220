"""`manage.py demo` shows the flow with exact counts, and leaves no process behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from pymongo import MongoClient

from tests.environment import ROOT
from tests.lab.process_tree import descendants, survivors

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of the demo, with a directory and a database of its own."""
    name = connection.settings_dict["NAME"]
    yield {**os.environ, "DATA_DIR": str(tmp_path), "MONGODB_NAME": name}
    with MongoClient[dict[str, object]](os.environ["MONGODB_URI"]) as client:
        client.drop_database(f"{name}_demo")


def test_demo_shows_the_flow_and_exact_counts(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "demo"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert _table(done.stdout, "What the two servers saw") == [
        "wanted seen",
        "stream.authorized, preview 250 250 ok",
        "stream.authorized, sd 250 250 ok",
        "goal.added, streamer's channels 3 3 ok",
        "goal.started, streamer's channels 3 3 ok",
        "events missing, unknown or sent twice 0 0 ok",
        "StartRecord 1 1 ok",
        "requests refused 0 0 ok",
    ]
    assert _table(done.stdout, "One viewer's credentials") == [
        "token: signed, aud stream, preset sd ok",
        "byteplus_token: signed, may only subscribe ok",
        "byteplus_rtc_info: a second identity ok",
    ]
    signals = re.findall(r"signal +(\S+) +announced", done.stdout)
    assert signals == ["goal.created", "goal.added", "goal.started", "recording.started"]
    assert re.search(r"activated_at +\d+ ms", done.stdout)
    pages = re.findall(
        r"(\S+) +http://127\.0\.0\.1:\d+/(shows|watch)/[0-9a-f]{24}\n +user name (\S+)-\S+, password \S+", done.stdout
    )
    assert pages == [("streamer", "shows", "streamer"), ("payer", "watch", "viewer")]


def test_interrupted_demo_leaves_no_process(environment: dict[str, str]) -> None:
    # A process that a script runs in the background ignores Ctrl-C, and the demo would inherit this.
    listening = ["env", "--default-signal=INT"]
    with subprocess.Popen(
        [*listening, sys.executable, "manage.py", "demo"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "signed in" in line:
                break
        started = descendants(demo.pid)
        demo.send_signal(signal.SIGINT)
        _rest, complaint = demo.communicate(timeout=30)

    assert (demo.returncode, complaint) == (130, "\nInterrupted; all processes have ended.\n")
    assert len(started) > 4
    assert survivors(started) == []


def _table(output: str, title: str) -> list[str]:
    """Return the lines of the part with this title, with single spaces between words."""
    part = output.partition(f"\n{title}\n")[2].partition("\n\n")[0]
    return [" ".join(line.split()) for line in part.splitlines()]
