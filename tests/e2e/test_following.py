"""One request id appears in the response, in the logs of server and workers, and on the goal's timeline."""

import json
import time
from itertools import dropwhile
from typing import Any

import pytest
import requests

from lab.bodies import show_body
from tests.e2e.running_product import TIMEOUT_SECONDS, RunningProduct
from tests.factories.documents import stored, timeline

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.slow]

MINE = "follow-me-1"


def create_show(product: RunningProduct) -> str:
    """Create a show that starts in two seconds, with MINE as the request id. Return the show's id."""
    (pair,) = product.streamer.get(f"/sessions/{product.session_id}")["show_goal_pairs"]
    nbf = int(time.time()) + 2
    body = show_body(pair["funding_goal"], product.session_id, nbf=nbf, target_seconds=600)
    answer = requests.post(
        f"{product.streamer.base_url}/goals?type=show&lang=zh-hant",
        json=body,
        headers={"Authorization": f"Bearer {product.streamer.access}", "X-Request-ID": MINE},
        timeout=TIMEOUT_SECONDS,
    )
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (201, MINE)
    return str(answer.json()["id"])


def lines(product: RunningProduct, process: str) -> list[dict[str, str]]:
    """Return the log of a process: one JSON object on each line, after the text that Django's checks print."""
    text = (product.stand_ins.directory / f"{process}.log").read_text(encoding="utf-8")
    logged = dropwhile(lambda line: not line.startswith("{"), text.splitlines())
    said: list[dict[str, str]] = [json.loads(line) for line in logged]
    assert {tuple(sorted(line.keys() - {"exception"})) for line in said} == {
        ("level", "logger", "message", "request_id", "time")
    }
    return said


def mine(said: list[dict[str, str]]) -> list[str]:
    return [line["message"] for line in said if line["request_id"] == MINE]


def test_one_id_leads_from_the_answer_to_the_last_row_of_the_timeline(product: RunningProduct) -> None:
    goal_id = create_show(product)
    product.until(lambda: len(product.events("stream.authorized")) == 2 * len(product.viewers))
    product.until(lambda: ("StartRecord", "started") in product.timeline(goal_id, "recording"))
    rows = settled_rows(product, goal_id)

    assert {row["request_id"] for row in rows} == {MINE}
    assert {row["kind"] for row in rows} == {"signal", "receiver", "task", "delivery", "recording"}
    web, queue = mine(lines(product, "gunicorn")), mine(lines(product, "qcluster"))
    assert any(message.startswith(f"announced signal=goal.created goal={goal_id}") for message in web)
    assert any(message.startswith("POST /goals 201 ") for message in web)
    assert any(message.startswith(f"announced signal=goal.started goal={goal_id}") for message in queue)
    begun = {message.split()[2] for message in queue if " processing " in message}
    assert {*("track", "activate_goal", "batch_notify_stream_authorized", "send_chunk", "start_record")} <= begun
    assert not {"reconcile_goals", "run_schedules", "check_recordings"} & begun
    wire: list[dict[str, Any]] = product.streamer.get(f"/goals/{goal_id}/timeline?page_size=200")["results"]
    assert {tuple(row) for row in wire} == {("seq", "at_ms", "kind", "name", "outcome", "detail")}


def test_logs_hold_no_secret(product: RunningProduct) -> None:
    create_show(product)
    product.until(lambda: len(product.events("stream.authorized")) == 2 * len(product.viewers))
    people = (product.streamer, *product.viewers)
    for person in people:
        requests.get(f"{person.base_url}/goals?token={person.access}", timeout=TIMEOUT_SECONDS)

    logs = "".join((product.stand_ins.directory / f"{name}.log").read_text() for name in ("gunicorn", "qcluster"))
    environment = product.stand_ins.environment()
    secret = ("SECRET_KEY", "STREAM_TOKEN_KEY", "PUSHER_SECRET", "BYTEPLUS_APP_KEY", "BYTEPLUS_SECRET_KEY")
    tokens = [event.data["token"] for event in product.events("stream.authorized") if "token" in event.data]
    assert len(tokens) == len(product.viewers)
    hidden = [*(environment[name] for name in secret), *(person.access for person in people), *tokens]
    assert [text for text in hidden if text in logs] == []


def settled_rows(product: RunningProduct, goal_id: str) -> list[dict[str, Any]]:
    """Return the rows of the timeline once all its tasks have ended."""
    product.until(lambda: not [each for each in stored("django_q_ormq", request_id=MINE) if "owner" in each])
    return timeline(goal_id)
