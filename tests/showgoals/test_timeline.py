"""`GET /goals/{id}/timeline` tells the owner of a goal and staff what happened to the goal."""

import time

from goals.models import Goal
from tests.factories.bodies import show_body
from tests.factories.client import ApiClient
from tests.factories.documents import connection, stored, timeline
from tests.factories.goals import ShowGoalFactory
from tests.factories.people import StaffFactory

ROWS = 19


def test_timeline_is_in_order(streamer_client: ApiClient, closed_goal: Goal) -> None:
    before = time.time_ns() // 1_000_000
    show = ShowGoalFactory(funding_goal=closed_goal)
    after = time.time_ns() // 1_000_000

    answer = streamer_client.get(f"/goals/{show.pk}/timeline")

    written = timeline(show.pk)
    assert answer.status == 200
    assert answer.body["results"] == [
        {name: row[name] for name in ("seq", "kind", "name", "outcome", "detail")} | {"at_ms": row["seq"] // 1000}
        for row in written
    ]
    assert len(written) == ROWS
    assert before <= written[0]["seq"] // 1000 <= written[-1]["seq"] // 1000 <= after


def test_announcement_lists_its_receivers_in_order(closed_goal: Goal) -> None:
    show = ShowGoalFactory(funding_goal=closed_goal)

    added, created = stored("goal_timeline", goal_id=str(show.pk))

    rows = timeline(show.pk)
    own = [row for row in rows if row["kind"] == "signal"]
    assert [(row["seq"], row["name"]) for row in own] == [
        (created["seq"], "goal.created"),
        (added["seq"], "goal.added"),
    ]
    for entry in (added, created):
        answered = [row for row in rows if row["kind"] == "receiver" and row["detail"] == entry["name"]]
        assert {row["name"]: row["outcome"] for row in answered} == entry["answers"]
        assert [row["seq"] - entry["answered_seq"] for row in answered] == list(range(len(entry["answers"])))
    assert created["seq"] < added["seq"] < added["answered_seq"] < created["answered_seq"]


def test_entry_in_the_old_format_is_one_row(streamer_client: ApiClient, closed_goal: Goal) -> None:
    old = {"goal_id": str(closed_goal.pk), "seq": 1, "kind": "signal", "name": "goal.added", "outcome": "announced"}
    connection.get_collection("goal_timeline").insert_one({**old, "detail": ""})

    (first, *_others) = streamer_client.get(f"/goals/{closed_goal.pk}/timeline").body["results"]

    assert first == {"seq": 1, "at_ms": 0, "kind": "signal", "name": "goal.added", "outcome": "announced", "detail": ""}


def test_timeline_has_pages(streamer_client: ApiClient, closed_goal: Goal) -> None:
    show = ShowGoalFactory(funding_goal=closed_goal)
    whole = streamer_client.get(f"/goals/{show.pk}/timeline").body["results"]

    pages = [streamer_client.get(f"/goals/{show.pk}/timeline", page_size="4").body]
    while pages[-1]["next"]:
        pages.append(streamer_client.get(pages[-1]["next"]).body)
    back = streamer_client.get(pages[-1]["previous"]).body

    assert [row for page in pages for row in page["results"]] == whole
    assert [len(page["results"]) for page in pages] == [4, 4, 4, 4, 3]
    assert back["results"] == pages[-2]["results"]


def test_timeline_refuses_an_invalid_cursor(streamer_client: ApiClient, closed_goal: Goal) -> None:
    path = f"/goals/{closed_goal.pk}/timeline"
    positions = {"p=zzz": "cD16eno=", "p=99999999999999999999": "cD05OTk5OTk5OTk5OTk5OTk5OTk5OQ==", "p=": "cD0="}

    for cursor in positions.values():
        assert streamer_client.get(path, cursor=cursor).problem == (400, "invalid_cursor", [])


def test_staff_reads_every_timeline(closed_goal: Goal) -> None:
    staff = ApiClient(StaffFactory())
    assert staff.get(f"/goals/{closed_goal.pk}/timeline").status == 200


def test_others_read_no_timeline(viewer_client: ApiClient, closed_goal: Goal) -> None:
    query = {"session_id": closed_goal.conditions.session_id}
    assert viewer_client.get(f"/goals/{closed_goal.pk}/timeline", **query).problem == (404, "goal_not_found", [])


def test_timeline_keeps_the_request_and_does_not_show_it(streamer_client: ApiClient, closed_goal: Goal) -> None:
    created = streamer_client.post("/goals?type=show", show_body(closed_goal), x_request_id="mine")
    goal_id = created.body["id"]

    (wire,) = {tuple(row) for row in streamer_client.get(f"/goals/{goal_id}/timeline").body["results"]}

    assert {row["request_id"] for row in stored("goal_timeline", goal_id=goal_id)} == {"mine"}
    assert wire == ("seq", "at_ms", "kind", "name", "outcome", "detail")


def test_rows_of_one_kind_can_be_read_backwards(streamer_client: ApiClient, closed_goal: Goal) -> None:
    show = ShowGoalFactory(funding_goal=closed_goal)
    path = f"/goals/{show.pk}/timeline"
    rows = [row["seq"] for row in timeline(show.pk) if row["kind"] == "receiver"]
    pages = [streamer_client.get(path, kind="receiver", order="-seq", page_size="10")]
    pages.append(streamer_client.get(pages[0].body["next"]))
    assert [row["seq"] for page in pages for row in page.body["results"]] == rows[::-1]
    assert streamer_client.get(path, kind="receiver", order="seq").body["results"][0]["seq"] == rows[0]
    assert streamer_client.get(path, order="name").problem == (400, "invalid", [("/order", "invalid_choice")])
    assert streamer_client.get(path, kind="rumour").problem == (400, "invalid", [("/kind", "invalid_choice")])
