"""The whole life of a show on a real qcluster, from the first payment to the verified recording."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.bodies import FUNDING_CONTEXT, show_body
from lab.demo.credentials import verify_event
from lab.demo.expectations import Show
from tests.e2e.theatre import Person, Theatre, open_theatre, sleep_until

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.slow]

FUNDING_SECONDS = 3
SHOW_SECONDS = 6


@pytest.fixture
def theatre(db: None, tmp_path: Path) -> Iterator[Theatre]:
    with open_theatre(tmp_path) as theatre:
        yield theatre


def fund(theatre: Theatre, payers: list[Person]) -> str:
    """Open a funding goal, let viewers pay, wait until it has closed. Return its id."""
    exp = int(time.time()) + FUNDING_SECONDS
    body = {
        "levels": [{"title": "Tickets", "target": 100}],
        "exp": exp,
        "context": {"session_id": theatre.session_id, **FUNDING_CONTEXT, "hesitation_countdown": 1},
    }
    goal = theatre.streamer.post("/goals?type=show-funding", body, wanted=201)
    path = f"/goals/{goal['id']}"
    for payer in payers:
        payment = payer.post(f"{path}/contributions", {"amount": 50}, wanted=201, key="1")
        assert payer.post(f"{path}/contributions", {"amount": 50}, wanted=201, key="1") == payment
    theatre.until(lambda: theatre.events("goal.ended"))
    (pair,) = [pair for pair in pairs(theatre) if pair["funding_goal"] == goal["id"]]
    told = {event.data["progress"] for event in theatre.events_of(goal["id"], "goal.ended")}
    assert (pair["funding_ended"], theatre.streamer.get(path)["status"], told) == (True, "closed", {100})
    return str(goal["id"])


def create_show(theatre: Theatre, funding_goal_id: str, *, nbf: int, seconds: int = SHOW_SECONDS) -> Any:
    body = show_body(funding_goal_id, theatre.session_id, nbf=nbf, target_seconds=seconds)
    return theatre.streamer.post("/goals?type=show&lang=zh-hant", body, wanted=201)


def pairs(theatre: Theatre) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = theatre.streamer.get(f"/sessions/{theatre.session_id}")["show_goal_pairs"]
    return found


def presets(theatre: Theatre) -> list[str]:
    return [theatre.token(person)["preset"] for person in (*theatre.viewers, theatre.streamer)]


def assert_let_in(theatre: Theatre, goal: Any, payers: list[Person], *, times: int) -> set[str]:
    """Wait for each payer's newest credentials and verify them; return the ids of the newest sd events."""
    theatre.until(lambda: all(len(theatre.authorised(payer, "sd")) >= times for payer in payers))
    newest = {payer.id: theatre.authorised(payer, "sd")[-1].data for payer in payers}
    show = Show(
        goal_id=goal["id"],
        session_id=theatre.session_id,
        streamer_id=theatre.streamer.id,
        viewers=[payer.id for payer in payers],
        nbf=goal["nbf"],
        access_exp=goal["access_exp"],
    )
    for payer in payers:
        assert newest[payer.id]["exp"] == goal["access_exp"]
        verified = verify_event(newest[payer.id], theatre.stand_ins, show, payer.id, now=int(time.time()))
        assert [each.what for each in verified if not each.is_right] == []
    return {data["event_id"] for data in newest.values()}


def test_show_lives_from_the_first_payment_to_the_end_of_its_recording(theatre: Theatre) -> None:
    *payers, stranger = theatre.viewers
    funding_goal_id = fund(theatre, payers)
    goal = create_show(theatre, funding_goal_id, nbf=int(time.time()) + 2)
    path = f"/goals/{goal['id']}"
    assert presets(theatre) == ["preview", "preview", "preview", "publish"]

    theatre.until(lambda: theatre.events("goal.started"))
    goal = theatre.streamer.get(path)
    first_ids = assert_let_in(theatre, goal, payers, times=1)
    assert presets(theatre) == ["sd", "sd", "preview", "publish"]

    sleep_until(goal["nbf"] + 2)
    begun = theatre.streamer.post(f"{path}/start")
    assert theatre.streamer.post(f"{path}/start") == begun
    assert begun["access_exp"] == begun["context"]["started"] + SHOW_SECONDS > goal["access_exp"]
    second_ids = assert_let_in(theatre, begun, payers, times=2)
    assert (len(first_ids), len(second_ids), first_ids & second_ids) == (1, 1, set())
    assert [theatre.token(payer)["exp"] for payer in payers] == [begun["access_exp"]] * 2

    assert_ended(theatre, begun)
    assert [theatre.authorised(stranger, preset) for preset in ("preview", "sd")] == [[], []]
    assert [len(theatre.authorised(payer, preset)) for payer in payers for preset in ("preview", "sd")] == [2] * 4
    assert_recorded(theatre, goal["id"])
    assert list(theatre.stand_ins.pusher.reasons) + list(theatre.stand_ins.byteplus.reasons) == []


def assert_ended(theatre: Theatre, goal: Any) -> None:
    """Wait for the end. Each of the three channels is told once, and not before access_exp."""
    theatre.until(lambda: len(theatre.events_of(goal["id"], "goal.ended")) >= 3)
    told = theatre.events_of(goal["id"], "goal.ended")
    streamer = theatre.streamer.id
    assert sorted(event.channel for event in told) == [
        *(f"presence-stream@{streamer}", f"private-stream@{streamer}", f"private-user@{streamer}")
    ]
    assert {event.data["exp"] for event in told} == {goal["access_exp"]}
    assert min(event.at for event in told) >= goal["access_exp"]
    ended = theatre.streamer.get(f"/goals/{goal['id']}")
    assert (ended["status"], ended["active"], ended["exp"]) == ("ended", False, goal["access_exp"])
    assert [pair["show_ended"] for pair in pairs(theatre) if pair["show_goal"] == goal["id"]] == [True]
    assert presets(theatre) == ["preview", "preview", "preview", "publish"]


def assert_recorded(theatre: Theatre, goal_id: str) -> None:
    """Check that one recording was started and stopped; after BytePlus' callback it is verified."""
    theatre.until(lambda: ("StopRecord", "stopped") in theatre.timeline(goal_id, "recording"))
    theatre.call_back("RecordStopped", goal_id)
    theatre.until(lambda: ("GetRecordTask", "verified") in theatre.timeline(goal_id, "recording"))
    records = [(record["RoomId"], record["TaskId"]) for record in theatre.stand_ins.byteplus.records]
    assert records == [(theatre.session_id, f"show-{goal_id}")]
    counts = theatre.stand_ins.byteplus.counts()["actions"]
    once = [counts[action] for action in ("StartRecord", "StopRecord", "GetRecordTask")]
    assert (once, counts["repeated"], counts["idle"]) == ([1, 1, 1], 0, 0)


def test_cancelled_show_comes_back_to_life_and_starts(theatre: Theatre) -> None:
    payers = theatre.viewers[:2]
    goal = create_show(theatre, fund(theatre, payers), nbf=int(time.time()) + 600)
    path = f"/goals/{goal['id']}"

    assert theatre.streamer.post(f"{path}/cancel")["status"] == "cancelled"
    theatre.until(lambda: len(theatre.events("goal.cancelled")) >= 3 + len(payers))
    assert {event.channel for event in theatre.events("goal.cancelled")} == {
        *(f"{kind}@{theatre.streamer.id}" for kind in ("private-stream", "presence-stream", "private-user")),
        *(f"presence-stream-viewer@{theatre.streamer.id}.preview.{payer.id}" for payer in payers),
    }

    revived = theatre.streamer.call("PATCH", path, {"nbf": int(time.time()) + 2})
    assert (revived["status"], revived["access_exp"]) == ("scheduled", revived["nbf"] + SHOW_SECONDS)
    theatre.until(lambda: theatre.events("goal.started"))
    assert {event.data["nbf"] for event in theatre.events("goal.updated")} == {revived["nbf"]}
    live = theatre.streamer.get(path)
    assert (live["status"], live["nbf"]) == ("live", revived["nbf"])
    assert_let_in(theatre, live, payers, times=1)
    assert presets(theatre) == ["sd", "sd", "preview", "publish"]
    assert_ended(theatre, live)
