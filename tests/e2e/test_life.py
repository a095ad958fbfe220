"""The whole life of a show on a real qcluster, from the first payment to the verified recording."""

import time
from typing import Any

import pytest

from lab.bodies import FUNDING_CONTEXT, show_body
from lab.demo.credentials import verify_event
from lab.demo.expectations import Show
from tests.e2e.running_product import Person, RunningProduct, sleep_until

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.slow]

# A goal or a show that is this far ahead waits until it is moved, so a slow machine has time for what comes before.
FAR_SECONDS = 600
CLOSES_IN_SECONDS = 3
SHOW_SECONDS = 8


def fund(product: RunningProduct, payers: list[Person]) -> str:
    """Open a funding goal, let viewers pay, and then let it close soon. Return its id once it has closed."""
    body = {
        "levels": [{"title": "Tickets", "target": 100}],
        "exp": int(time.time()) + FAR_SECONDS,
        "context": {"session_id": product.session_id, **FUNDING_CONTEXT},
    }
    goal = product.streamer.post("/goals?type=show-funding", body, wanted=201)
    path = f"/goals/{goal['id']}"
    for payer in payers:
        payment = payer.post(f"{path}/contributions", {"amount": 50}, wanted=201, key="1")
        assert payer.post(f"{path}/contributions", {"amount": 50}, wanted=201, key="1") == payment
    product.streamer.call("PATCH", path, {"exp": int(time.time()) + CLOSES_IN_SECONDS})
    product.until(lambda: product.events("goal.ended"))
    (pair,) = [pair for pair in pairs(product) if pair["funding_goal"] == goal["id"]]
    told = {event.data["progress"] for event in product.events_of(goal["id"], "goal.ended")}
    assert (pair["funding_ended"], product.streamer.get(path)["status"], told) == (True, "closed", {100})
    return str(goal["id"])


def create_show(product: RunningProduct, funding_goal_id: str, *, nbf: int, seconds: int = SHOW_SECONDS) -> Any:
    body = show_body(funding_goal_id, product.session_id, nbf=nbf, target_seconds=seconds)
    return product.streamer.post("/goals?type=show&lang=zh-hant", body, wanted=201)


def pairs(product: RunningProduct) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = product.streamer.get(f"/sessions/{product.session_id}")["show_goal_pairs"]
    return found


def presets(product: RunningProduct) -> list[str]:
    return [product.token(person)["preset"] for person in (*product.viewers, product.streamer)]


def assert_let_in(product: RunningProduct, goal: Any, payers: list[Person], *, times: int) -> set[str]:
    """Wait until each payer has `times` sd events. Verify each payer's newest one. Return the ids of these events."""
    product.until(lambda: all(len(product.authorised(payer, "sd")) >= times for payer in payers))
    newest = {payer.id: product.authorised(payer, "sd")[-1].data for payer in payers}
    show = Show(
        goal_id=goal["id"],
        session_id=product.session_id,
        streamer_id=product.streamer.id,
        viewers=[payer.id for payer in payers],
        nbf=goal["nbf"],
        access_exp=goal["access_exp"],
    )
    for payer in payers:
        assert newest[payer.id]["exp"] == goal["access_exp"]
        verified = verify_event(newest[payer.id], product.stand_ins, show, payer.id, now=int(time.time()))
        assert [each.what for each in verified if not each.is_right] == []
    return {data["event_id"] for data in newest.values()}


def test_show_lives_from_the_first_payment_to_the_end_of_its_recording(product: RunningProduct) -> None:
    *payers, stranger = product.viewers
    funding_goal_id = fund(product, payers)
    goal = create_show(product, funding_goal_id, nbf=int(time.time()) + FAR_SECONDS)
    path = f"/goals/{goal['id']}"
    assert presets(product) == ["preview", "preview", "preview", "publish"]

    product.streamer.call("PATCH", path, {"nbf": int(time.time()) + 1})
    product.until(lambda: product.events("goal.started"))
    goal = product.streamer.get(path)
    first_ids = assert_let_in(product, goal, payers, times=1)
    assert presets(product) == ["sd", "sd", "preview", "publish"]
    assert_received(product, goal["id"], payers, *first_ids)

    sleep_until(goal["access_exp"] - SHOW_SECONDS + 1)
    begun = product.streamer.post(f"{path}/start")
    assert product.streamer.post(f"{path}/start") == begun
    assert begun["access_exp"] == begun["context"]["started"] + SHOW_SECONDS > goal["access_exp"]
    second_ids = assert_let_in(product, begun, payers, times=2)
    assert (len(first_ids), len(second_ids), first_ids & second_ids) == (1, 1, set())
    assert [product.token(payer)["exp"] for payer in payers] == [begun["access_exp"]] * 2

    assert_ended(product, begun)
    assert [product.authorised(stranger, preset) for preset in ("preview", "sd")] == [[], []]
    assert [len(product.authorised(payer, preset)) for payer in payers for preset in ("preview", "sd")] == [2] * 4
    assert_recorded(product, goal["id"])
    assert list(product.stand_ins.pusher.reasons) + list(product.stand_ins.byteplus.reasons) == []


def assert_received(product: RunningProduct, goal_id: str, payers: list[Person], event_id: str) -> None:
    """Let the payers' clients confirm the event, and wait until the streamer sees the confirmations."""
    for payer in payers:
        payer.post(f"/goals/{goal_id}/received", {"event_id": event_id}, wanted=204)
    sent = {"planned": 0, "sent": len(payers), "unknown": 0, "failed": 0, "expired": 0}
    all_in = {name: len(payers) for name in ("viewers", "received", "credentials_fetched")}
    product.until(
        lambda: product.streamer.get(f"/goals/{goal_id}/deliveries") == {**all_in, "preview": sent, "sd": sent}
    )
    rows = product.streamer.get(f"/goals/{goal_id}/payers?state=received")["results"]
    assert [row["viewer_id"] for row in rows] == sorted(payer.id for payer in payers)


def assert_ended(product: RunningProduct, goal: Any) -> None:
    """Wait for the end. Check that it is announced once on each of three channels, and not before access_exp."""
    product.until(lambda: len(product.events_of(goal["id"], "goal.ended")) >= 3)
    told = product.events_of(goal["id"], "goal.ended")
    streamer = product.streamer.id
    assert sorted(event.channel for event in told) == [
        *(f"presence-stream@{streamer}", f"private-stream@{streamer}", f"private-user@{streamer}")
    ]
    assert {event.data["exp"] for event in told} == {goal["access_exp"]}
    assert min(event.at for event in told) >= goal["access_exp"]
    ended = product.streamer.get(f"/goals/{goal['id']}")
    assert (ended["status"], ended["active"], ended["exp"]) == ("ended", False, goal["access_exp"])
    assert [pair["show_ended"] for pair in pairs(product) if pair["show_goal"] == goal["id"]] == [True]
    assert presets(product) == ["preview", "preview", "preview", "publish"]


def assert_recorded(product: RunningProduct, goal_id: str) -> None:
    """Check that one recording was started and stopped, and that it is verified after BytePlus' callback."""
    product.until(lambda: ("StopRecord", "stopped") in product.timeline(goal_id, "recording"))
    product.call_back("RecordStopped", goal_id)
    product.until(lambda: ("GetRecordTask", "verified") in product.timeline(goal_id, "recording"))
    records = [(record["RoomId"], record["TaskId"]) for record in product.stand_ins.byteplus.records]
    assert records == [(product.session_id, f"show-{goal_id}")]
    counts = product.stand_ins.byteplus.counts()["actions"]
    once = [counts[action] for action in ("StartRecord", "StopRecord", "GetRecordTask")]
    assert (once, counts["repeated"], counts["idle"]) == ([1, 1, 1], 0, 0)


def test_cancelled_show_comes_back_to_life_and_starts(product: RunningProduct) -> None:
    payers = product.viewers[:2]
    goal = create_show(product, fund(product, payers), nbf=int(time.time()) + FAR_SECONDS)
    path = f"/goals/{goal['id']}"

    assert product.streamer.post(f"{path}/cancel")["status"] == "cancelled"
    product.until(lambda: len(product.events("goal.cancelled")) >= 3 + len(payers))
    assert {event.channel for event in product.events("goal.cancelled")} == {
        *(f"{kind}@{product.streamer.id}" for kind in ("private-stream", "presence-stream", "private-user")),
        *(f"presence-stream-viewer@{product.streamer.id}.preview.{payer.id}" for payer in payers),
    }

    # The payers hear of the revival before the show starts, because a show that has started sends no such event.
    revived = product.streamer.call("PATCH", path, {"nbf": int(time.time()) + FAR_SECONDS})
    assert (revived["status"], revived["access_exp"]) == ("scheduled", revived["nbf"] + SHOW_SECONDS)
    product.until(lambda: product.events_of(goal["id"], "goal.updated"))
    assert {event.data["nbf"] for event in product.events_of(goal["id"], "goal.updated")} == {revived["nbf"]}
    moved = product.streamer.call("PATCH", path, {"nbf": int(time.time()) + 1})
    product.until(lambda: product.events("goal.started"))
    live = product.streamer.get(path)
    assert (live["status"], live["nbf"]) == ("live", moved["nbf"])
    assert_let_in(product, live, payers, times=1)
    assert presets(product) == ["sd", "sd", "preview", "publish"]
    assert_ended(product, live)
