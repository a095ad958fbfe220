"""All viewers get their events, and the ledger is correct, even if Pusher fails or is down and a worker is killed."""

import re

import pytest

from tests.lab.benches import bench

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize(("viewers", "down"), [(300, 0.5), pytest.param(2000, 4, marks=pytest.mark.long)])
def test_faulty_fanout_reaches_everybody_and_the_ledger_says_so(viewers: int, down: float) -> None:
    done = bench("fanout", "--faults", f"--viewers={viewers}", f"--down={down}")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"^  (.+?) {2,}(\S.*)$", done.stdout, re.MULTILINE) == [
        ("the ledger has both events of every viewer", "ok"),
        ("a worker was killed before the end", "ok"),
        ("every viewer got each event at least once", "ok"),
        ("nobody got an event that isn't planned", "ok"),
        ("duplicates carry the same event_id", "ok"),
        ("all that arrived is recorded as sent", "ok"),
        ("no event was called sent before it had arrived", "ok"),
        ("no message of the fan-out waits", "ok"),
        ("no task failed for good", "ok"),
    ]
    assert f"{2 * viewers:,} different ones" in done.stdout
