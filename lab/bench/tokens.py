"""`bench tokens`: the time to make the credentials of one `stream.authorized` (sd), compared with a peer's time.

The peer uses PyJWT and the vendor's sample code.
"""

import hashlib
import hmac
import json
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.test import override_settings

from lab.bench.environment import BenchFailed
from lab.bench.report import Write
from lab.bench.tokens_peer import sample_credentials
from notifications.events import as_json
from sessions_app.credentials import PaidWindow, SdCredentials
from sessions_app.rtc.access_token import parse_access_token

HELP = "measure how long the credentials of one stream.authorized (sd) take, and the share of signing and JSON"
MICROSECONDS = 1e6
LEAST_VIEWERS, LEAST_RUNS = 1, 1
SHOW_SECONDS = 60

# Creates the credentials of one viewer.
Mint = Callable[[str], object]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--viewers", type=int, default=10_000, help="number of viewers in a run (default: 10,000)")
    parser.add_argument(
        "--runs", type=int, default=5, help="number of runs, of which the medians are shown (default: 5)"
    )


def run(write: Write, *, viewers: int, runs: int, **_options: Any) -> None:
    """Measure, and write the comparison. Raises BenchFailed."""
    if viewers < LEAST_VIEWERS or runs < LEAST_RUNS:
        raise BenchFailed("--viewers and --runs must be at least 1.")
    ids = [str(ObjectId()) for _ in range(viewers)]
    now = int(time.time())
    goal_id, session_id, streamer_id = (str(ObjectId()) for _ in range(3))
    window = PaidWindow(
        goal_id=goal_id, session_id=session_id, streamer_id=streamer_id, nbf=now, exp=now + SHOW_SECONDS
    )
    with override_settings(DEBUG=False):
        ways = _ways(window, now=now)
        figures = {name: median(times) for name, times in _take_turns(ways, ids, runs).items()}
    write(f"{viewers:,} viewers, median of {runs} runs in turns; one thread\n")
    write(f"  {'':<44}{'us a viewer':>12}{'share':>8}")
    whole, *parts, peer = figures
    for name in (whole, *parts):
        write(f"  {name:<44}{figures[name]:>12.1f}{figures[name] / figures[whole]:>8.0%}")
    write(f"\n  {peer:<44}{figures[peer]:>12.1f}")
    write(f"  {'ratio, ours to theirs':<44}{figures[whole] / figures[peer]:>11.2f}x")


def _ways(window: PaidWindow, *, now: int) -> dict[str, Mint]:
    """Return the functions to measure: our way, its two parts alone (on the same bytes), and the peer's way."""
    credentials = SdCredentials(window, now=now)
    sample = credentials.mint(str(ObjectId()))
    signed = [_signed_jwt_bytes(sample["token"])]
    signed += [parse_access_token(each).message for each in (sample["byteplus_token"], _info_token(sample))]
    keys = (settings.STREAM_TOKEN_KEY, settings.BYTEPLUS_APP_KEY, settings.BYTEPLUS_APP_KEY)
    signatures = list(zip([key.encode() for key in keys], signed, strict=True))
    event = {"event_id": str(ObjectId()), "goal_id": window.goal_id, "session_id": window.session_id, "nbf": now}

    def sign(_viewer_id: str) -> None:
        for key, message in signatures:
            hmac.digest(key, message, hashlib.sha256)

    def dump(_viewer_id: str) -> None:
        as_json(claims)
        as_json(whole_event)

    claims = dict.fromkeys(("sub", "streamer_id", "session_id", "goal_id", "preset", "nbf", "exp"), window.goal_id)
    whole_event = event | sample
    return {
        "credentials and the event's JSON": lambda viewer_id: as_json(event | credentials.mint(viewer_id)),
        "  of it signing: three HMAC-SHA256": sign,
        "  of it JSON: the JWT's claims, the event": dump,
        "PyJWT, the vendor's sample code, json.dumps": lambda viewer_id: json.dumps(
            event | sample_credentials(window, viewer_id, now=now)
        ),
    }


def _take_turns(ways: dict[str, Mint], ids: Sequence[str], runs: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _run in range(runs):
        for name, mint in ways.items():
            began = time.perf_counter()
            for viewer_id in ids:
                mint(viewer_id)
            times[name].append((time.perf_counter() - began) * MICROSECONDS / len(ids))
    return times


def _signed_jwt_bytes(token: str) -> bytes:
    return token.rpartition(".")[0].encode()


def _info_token(credentials: dict[str, Any]) -> str:
    token: str = credentials["byteplus_rtc_info"]["token"]
    return token
