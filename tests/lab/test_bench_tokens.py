"""`bench token_view` and `bench tokens` measure what they report, and leave nothing behind."""

import re

import pytest
from bson import ObjectId
from django.core.management import call_command

from lab.bench.tokens_peer import sample_credentials
from sessions_app.credentials import PaidWindow, sd_credentials
from sessions_app.rtc.access_token import parse_access_token
from tests.lab.benches import bench, database_is_dropped


@pytest.mark.slow
def test_bench_token_view_reads_the_window_once_and_drops_its_database() -> None:
    done = bench("token_view", "--viewers", "100")

    assert (done.returncode, done.stderr) == (0, "")
    ways = re.findall(
        r"^  (ours, cold|ours, warm|bare Django view|bare DRF view)(?: +[\d,.]+){4}$", done.stdout, re.MULTILINE
    )
    assert ways == ["ours, cold", "ours, warm", "bare Django view", "bare DRF view"]
    (commands,) = re.findall(r"after an invalidation: (.*)", done.stdout)
    # After the invalidation, each payer is looked up anew, and the goal is read once.
    assert {"100 find sessions", "100 find contributions", "1 find goals"} <= set(commands.split(", "))
    assert database_is_dropped()


def test_bench_tokens_prints_the_shares(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("bench", "tokens", "--viewers=20", "--runs=2")

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "20 viewers, median of 2 runs in turns; one thread"
    assert re.fullmatch(r"  credentials and the event's JSON +[\d.]+ +100%", lines[2])
    assert re.fullmatch(r"  ratio, ours to theirs +[\d.]+x", lines[-1])


def test_peer_of_bench_tokens_mints_the_same() -> None:
    window = PaidWindow(
        goal_id=str(ObjectId()), session_id=str(ObjectId()), streamer_id=str(ObjectId()), nbf=1_000_000, exp=1_000_060
    )
    viewer_id = str(ObjectId())
    ours, theirs = (mint(window, viewer_id, now=1_000_000) for mint in (sd_credentials, sample_credentials))

    assert ours["token"] == theirs["token"]
    infos = [each["byteplus_rtc_info"] for each in (ours, theirs)]
    for info in infos:
        del info["token"]
        info["user_id"] = info["user_id"].partition(".")[0]  # the rest is random
    assert infos[0] == infos[1]
    mine, sample = (parse_access_token(each["byteplus_token"]) for each in (ours, theirs))
    assert (mine.room_id, mine.user_id, mine.privileges) == (sample.room_id, sample.user_id, sample.privileges)
    assert mine.message[4:] == sample.message[4:]  # after the nonce
