"""The page of a goal says in words what state it is in, and shows what belongs to it."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils.html import strip_tags

from goals.models import Goal
from goals.tasks import activate_goal
from mongodb.collections import collection
from taskqueue.heartbeat import CLUSTERS
from tests.desk.conftest import NBF
from tests.factories.client import ApiClient
from tests.factories.fixtures import Commands
from tests.factories.people import StaffFactory
from tests.showgoals.pages import page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
SETTLED = {"state": "refund_due", "reason": "test", "decided_at": NBF, "decided_by": None, "total": 5, "payers": 1}
SITUATION = re.compile(r'<p class="situation[^>]*>(.*?)</p>', re.DOTALL)


def situation(admin: Client, goal: Goal) -> str:
    found = SITUATION.search(admin.get(page(goal)).content.decode())
    assert found
    return " ".join(strip_tags(found[1]).split())


def start(show: Goal, clock: time_machine.Traveller, *, late: timedelta = timedelta(0)) -> None:
    clock.move_to(NBF + late)
    assert activate_goal(str(show.pk), int(NBF.timestamp())) == "started"


def beat(started_at: datetime, beat_at: datetime) -> None:
    cluster = {"_id": str(started_at), "started_at": started_at, "beat_at": beat_at, "workers": {}, "deaths": 0}
    collection(CLUSTERS).insert_one(cluster)


def test_scheduled_show_counts_down(admin: Client, show: Goal) -> None:
    assert situation(admin, show) == "Scheduled. It starts at 2026-03-01 20:15:37 UTC. time left: 8:15:36"


def test_overdue_show_says_that_no_qcluster_is_alive(admin: Client, show: Goal, clock: time_machine.Traveller) -> None:
    clock.move_to(NBF + timedelta(seconds=18.5))
    assert situation(admin, show) == (
        "It should have started at 2026-03-01 20:15:37 UTC, 18.5 s ago. "
        "No qcluster is alive. The show starts as soon as one is, "
        "but not after 2026-03-01 21:15:37 UTC: then it is cancelled."
    )


def test_overdue_show_that_is_held_waits_for_a_person(admin: Client, show: Goal, clock: time_machine.Traveller) -> None:
    collection("goals").update_one({"_id": show.pk}, {"$set": {"held_nbf": NBF}})
    clock.move_to(NBF + timedelta(minutes=1))
    assert "It was due before the database was restored from a backup" in situation(admin, show)


def test_show_on_time(admin: Client, show: Goal, clock: time_machine.Traveller) -> None:
    start(show, clock)
    assert situation(admin, show) == ("Live until 2026-03-01 20:16:37 UTC. It started on time. time left: 1:00")


@pytest.mark.parametrize(
    ("beats", "why"),
    [
        ([], "no qcluster was alive until 2026-03-01 20:15:55 UTC"),
        ([(-60, -4)], "no qcluster was alive from 2026-03-01 20:15:33 UTC to 2026-03-01 20:15:55 UTC"),
        ([(-60, -4), (15, 18)], "no qcluster was alive from 2026-03-01 20:15:33 UTC to 2026-03-01 20:15:52 UTC"),
        ([(-60, 16)], "the cause is not known, because a qcluster was running"),
        ([(-60, -4), (-30, 16)], "the cause is not known, because a qcluster was running"),
    ],
)
def test_late_show_says_why(
    admin: Client, show: Goal, clock: time_machine.Traveller, beats: list[tuple[int, int]], why: str
) -> None:
    for started_at, beat_at in beats:
        beat(*(NBF + timedelta(seconds=seconds) for seconds in (started_at, beat_at)))
    start(show, clock, late=timedelta(seconds=18.5))
    assert situation(admin, show) == (
        f"Live until 2026-03-01 20:16:56 UTC. It started 18.5 s late: {why}. "
        "Payers get the whole length of the show, until 2026-03-01 20:16:56 UTC. time left: 1:00"
    )


def test_late_show_that_has_ended_says_how_long_it_should_have_lasted(
    admin: Client, show: Goal, clock: time_machine.Traveller, streamer: User
) -> None:
    start(show, clock, late=timedelta(seconds=18.5))
    clock.shift(timedelta(seconds=30))
    ApiClient(streamer).post(f"/goals/{show.pk}/end", {})
    assert situation(admin, show).endswith(
        "Its length counted from the late start, so it should have lasted until 2026-03-01 20:16:56 UTC."
    )


def test_text_of_an_earlier_release_says_why(admin: Client, show: Goal, clock: time_machine.Traveller) -> None:
    beat(NBF - timedelta(minutes=1), NBF - timedelta(seconds=4))
    start(show, clock, late=timedelta(seconds=18.5))
    old = "18.5 s late, no qcluster was heard of from 2026-03-01T20:15:33Z until 2026-03-01T20:15:55Z"
    collection("goal_timeline").update_one({"goal_id": str(show.pk), "outcome": "late"}, {"$set": {"detail": old}})

    why = "no qcluster was alive from 2026-03-01 20:15:33 UTC to 2026-03-01 20:15:55 UTC"
    assert f"It started 18.5 s late: {why}. Payers" in situation(admin, show)


def test_late_show_says_nothing_that_is_not_proven(admin: Client, show: Goal, clock: time_machine.Traveller) -> None:
    """The page names no cause before the next heartbeat is due, or if the timeline does not mention the delay."""
    beat(NBF - timedelta(minutes=1), NBF - timedelta(seconds=1))
    start(show, clock, late=timedelta(seconds=3))
    (row,) = collection("goal_timeline").find({"goal_id": str(show.pk), "outcome": "late"})
    assert row["detail"] == "3.0 s late"
    assert "It started 3.0 s late: the cause is not known. Payers" in situation(admin, show)

    collection("goal_timeline").delete_many({"outcome": "late"})
    assert "It started 3.0 s late: the cause is not known. Payers" in situation(admin, show)


def test_cancelled_show_says_who_may_have_done_it(admin: Client, show: Goal, streamer_client: ApiClient) -> None:
    streamer_client.post(f"/goals/{show.pk}/cancel", {})
    assert situation(admin, show) == (
        "Cancelled at 2026-03-01 12:00:00 UTC, by its streamer or by staff. It can be brought back."
    )
    funding_goal = Goal.objects.get(pk=show.context.funding_goal_id)
    assert "Unless its show is brought back, its payments are due back at " in situation(admin, funding_goal)


@pytest.mark.parametrize(("stored", "final"), [("sessions", {"status": "ended"}), ("goals", {"settlement": SETTLED})])
def test_cancelled_show_that_cannot_come_back_does_not_say_that_it_can(
    admin: Client, show: Goal, streamer_client: ApiClient, stored: str, final: dict[str, Any]
) -> None:
    streamer_client.post(f"/goals/{show.pk}/cancel", {})
    collection(stored).update_many({"_id": {"$ne": show.pk}}, {"$set": final})
    assert situation(admin, show) == "Cancelled at 2026-03-01 12:00:00 UTC, by its streamer or by staff."


def test_show_whose_time_is_over_says_so(admin: Client, show: Goal, clock: time_machine.Traveller) -> None:
    start(show, clock)
    clock.shift(timedelta(minutes=2))
    over = "The show should have ended at 2026-03-01 20:16:37 UTC. A qcluster will end it."
    assert situation(admin, show).startswith(over)


def test_funding_goal_says_whether_it_is_open(admin: Client, show: Goal) -> None:
    funding_goal = Goal.objects.get(pk=show.context.funding_goal_id)
    assert situation(admin, funding_goal) == "Closed at 2026-03-01 11:00:00 UTC. It has a show."


def test_panels_name_the_streamer_and_count_the_payers(
    admin: Client, show: Goal, clock: time_machine.Traveller
) -> None:
    start(show, clock)
    facts = {str(fact.label): str(fact.value) for fact in _facts(admin, show)}
    assert {name: facts[name] for name in ("Streamer", "Session", "Funding goal", "Payers", "Paid", "Target")} == {
        "Streamer": "streamer",
        "Session": "Evening stream",
        "Funding goal": "Tickets",
        "Payers": "1",
        "Paid": "5",
        "Target": "1000 (0 %)",
    }
    assert (facts["State"], facts["Still to be sent"]) == ("requested", "0 / 0")


def _facts(admin: Client, goal: Goal) -> list[Any]:
    contexts: Any = admin.get(page(goal)).context
    panels = next(context["panels"] for context in contexts if "panels" in context)
    return [fact for panel in panels for fact in panel.facts]


def test_timeline_is_paged_newest_first_and_filtered(admin: Client, show: Goal) -> None:
    entries = [
        {"goal_id": str(show.pk), "seq": seq, "kind": "task", "name": "count", "outcome": "done", "detail": str(seq)}
        for seq in range(1, 121)
    ]
    collection("goal_timeline").insert_many(entries)

    first = _timeline(admin, page(show) + "?kind=task")
    second = _timeline(admin, f"{page(show)}?{first.older}")
    third = _timeline(admin, f"{page(show)}?{second.older}")

    shown = [row.detail for each in (first, second, third) for row in each.rows if row.name == "count"]
    assert shown == [str(seq) for seq in range(120, 0, -1)]
    assert (third.older, first.is_newest, second.is_newest) == ("", True, False)
    everything = _timeline(admin, page(show) + "?kind=nonsense&before=x")
    assert everything.rows[0].name in {"goal.created", "goal.added"}
    assert everything.is_newest


def _timeline(admin: Client, url: str) -> Any:
    contexts: Any = admin.get(url).context
    return next(context["timeline"] for context in contexts if "timeline" in context)


def test_page_needs_few_commands(admin: Client, show: Goal, clock: time_machine.Traveller, commands: Commands) -> None:
    start(show, clock)
    admin.get(page(show))
    commands.names.clear()
    admin.get(page(show))
    assert commands.names == [
        "aggregate django_session",
        "aggregate auth_user",
        "aggregate goals",
        "aggregate goals",
        "find recordings",
        "aggregate sessions",
        "aggregate auth_user",
        "aggregate change_records",
        "aggregate notification_chunks",
        "aggregate goals",
        "find django_q_ormq",
        "aggregate goal_timeline",
    ]


def test_page_says_who_did_what_newest_first(admin: Client, show: Goal, streamer_client: ApiClient) -> None:
    for minutes in range(1, 8):
        streamer_client.patch(f"/goals/{show.pk}", {"nbf": int((NBF + timedelta(minutes=minutes)).timestamp())})
    streamer_client.post(f"/goals/{show.pk}/cancel", {"reason": "The guitarist is <ill>."})

    contexts: Any = admin.get(page(show)).context
    changes = next(context["changes"] for context in contexts if "changes" in context)

    assert (len(changes), changes[0].who, changes[0].what) == (5, "streamer", "cancel a show")
    assert changes[0].lines == ["cancelled: no → yes"]
    text = admin.get(page(show)).content.decode()
    assert "<q>The guitarist is &lt;ill&gt;.</q>" in text
    assert f"/admin/api/changerecord/?of={show.pk}" in text


def test_who_did_what_is_for_people_who_may_read_changes(show: Goal) -> None:
    client = Client()
    client.force_login(StaffFactory(permissions=("view_goal",)))

    assert "Who did what" not in client.get(page(show)).content.decode()


def test_history_and_its_list_need_few_commands(
    admin: Client, show: Goal, streamer_client: ApiClient, commands: Commands
) -> None:
    for minutes in range(1, 4):
        streamer_client.patch(f"/goals/{show.pk}", {"nbf": int((NBF + timedelta(minutes=minutes)).timestamp())})
    admin.get(page(show, "history/"), follow=True)
    commands.names.clear()

    assert admin.get(page(show, "history/")).headers["Location"] == f"/admin/api/changerecord/?of={show.pk}"
    assert commands.names == ["aggregate django_session", "aggregate auth_user", "aggregate goals"]
    assert admin.get(page(show, "history/"), follow=True).status_code == 200
    assert len(commands.names) <= 14
