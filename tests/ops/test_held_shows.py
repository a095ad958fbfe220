"""After a restoration, shows that came due after the backup are held, lapses are put off, and events keep their ids."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django import Settings

from goals.models import Goal
from goals.tasks import activate_goal, reconcile_goals
from mongodb.collections import collection
from mongodb.pending import RESTORATIONS
from sessions_app.models import Session
from showgoals.settlement.tasks import reconcile_settlements, settle_performances
from tests.factories.client import ApiClient
from tests.factories.databases import in_database
from tests.factories.documents import queued_messages, stored, stored_one, timeline
from tests.factories.goals import SessionFactory, ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.ops.backups import back_up, restore
from tests.ops.doctor import doctor
from tests.ops.metrics import scrape
from tests.properties.queue import work_off

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

MINUTE = timedelta(minutes=1)


@pytest.fixture
def show(session: Session, viewer: User) -> Goal:
    """A show that starts in an hour. A viewer has paid for it."""
    show: Goal = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer]))
    return show


def backed_up(path: Path, show: Goal, *, nbf: datetime) -> Path:
    """Take a backup in which the show is due at `nbf`."""
    times = {"nbf": nbf, "created_at": nbf - MINUTE}
    collection("goals").update_one({"_id": show.pk}, {"$set": times})
    activate_goal.replace(str(show.pk), int(nbf.timestamp()), at=nbf, subject=str(show.pk))
    back_up(path / "backup")
    return path / "backup"


def commanded(*options: str) -> str:
    output = StringIO()
    call_command("held_shows", *options, stdout=output)
    return output.getvalue()


def event_ids(outbox: Sequence[Any]) -> list[tuple[str, str]]:
    return sorted((event.name, json.loads(event.data)["event_id"]) for event in outbox)


def test_waiting_show_keeps_its_start(tmp_path: Path, show: Goal, other_database: str) -> None:
    back_up(tmp_path / "backup")

    lines = restore(tmp_path / "backup", into=other_database)

    with in_database(other_database):
        assert len(lines) == 1
        assert commanded() == "No show is held.\n"
        assert [each.lock for each in queued_messages("activate_goal")] == [show.starts_at.replace(tzinfo=None)]


def test_show_that_was_due_since_is_listed_and_does_not_start(
    tmp_path: Path, show: Goal, session: Session, other_database: str
) -> None:
    nbf = whole_second() - MINUTE
    backup = backed_up(tmp_path, show, nbf=nbf)

    lines = restore(backup, into=other_database)

    whose = f"'Proceed' of {session.user.username}, payers: 1"
    line = f"{show.pk}  {nbf:%Y-%m-%d %H:%M:%S} UTC  start, move or cancel it  {whose}"
    title = "Shows that came due after the backup and wait until you start them with `held_shows`: 1."
    assert lines[1:] == [title, line]
    with in_database(other_database):
        work_off(now=datetime.now(UTC) + MINUTE)
        assert reconcile_goals() == "started 0, ended 0"
        assert stored_one("goals", show.pk)["activated_at"] is None
        assert commanded() == f"{line}\n"
        assert ("held_shows", "held") in [(row["name"], row["outcome"]) for row in timeline(show.pk)]
        assert scrape().of("shows")[("overdue",)] == 0
        assert "warning  held: shows that wait for a decision since the restoration: 1;" in "\n".join(doctor()[1])


@pytest.mark.parametrize("option", ["--start", "--start-all"])
def test_held_show_starts_when_it_is_told_to(tmp_path: Path, show: Goal, other_database: str, option: str) -> None:
    backup = backed_up(tmp_path, show, nbf=whole_second() - MINUTE)
    restore(backup, into=other_database)

    with in_database(other_database):
        ids = [str(show.pk)] if option == "--start" else []
        assert commanded(option, *ids) == f"{show.pk}  starts now, or when a qcluster runs within 3600 s\n"
        work_off(now=datetime.now(UTC) + MINUTE / 2)
        assert stored_one("goals", show.pk)["activated_at"] is not None
        assert commanded() == "No show is held.\n"
        (change,) = stored("change_records")
        assert (change["action"], change["by_id"]) == ("move_show_goal", "held_shows")
        assert re.fullmatch(r"Started by \S+ with manage.py held_shows on \S+\.", change["reason"])
        with pytest.raises(CommandError, match=r"^Nothing was started\. Not held, "):
            commanded("--start", str(show.pk))


def test_missed_show_is_not_cancelled_and_can_be_moved(
    tmp_path: Path, show: Goal, other_database: str, streamer_client: ApiClient, settings: Settings
) -> None:
    backup = backed_up(tmp_path, show, nbf=whole_second() - timedelta(seconds=settings.START_GRACE + 60))
    lines = restore(backup, into=other_database)

    with in_database(other_database):
        assert f"start, move or cancel it, late by more than {settings.START_GRACE} s" in lines[2]
        assert reconcile_goals() == "started 0, ended 1"  # the funding goal
        assert stored_one("goals", show.pk)["cancelled_at"] is None
        left_out = "Shows that are still held: 1. List them with `manage.py held_shows`.\n"
        assert commanded("--start-all") == left_out
        moved = streamer_client.patch(f"/goals/{show.pk}", {"nbf": int(datetime.now(UTC).timestamp()) + 60})
        assert (moved.status, commanded()) == (200, "No show is held.\n")
        assert moved.body["version"] > 100  # clients may know the versions of a start after the backup


def test_missed_show_starts_and_lasts_from_now_on(
    tmp_path: Path, show: Goal, other_database: str, settings: Settings
) -> None:
    backup = backed_up(tmp_path, show, nbf=whole_second() - timedelta(seconds=settings.START_GRACE + 60))
    restore(backup, into=other_database)

    with in_database(other_database):
        commanded("--start", str(show.pk))
        work_off(now=datetime.now(UTC) + MINUTE / 2)
        started = stored_one("goals", show.pk)
        assert started["activated_at"] is not None
        assert started["nbf"].replace(tzinfo=UTC) > datetime.now(UTC) - MINUTE


def test_show_that_can_not_start_does_not_keep_others_from_starting(
    tmp_path: Path, show: Goal, other_database: str
) -> None:
    of_ended_session = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=SessionFactory(), closed=True))
    past = {"nbf": whole_second() - MINUTE, "created_at": whole_second() - 2 * MINUTE}
    collection("goals").update_one({"_id": of_ended_session.pk}, {"$set": past})
    session_id = ObjectId(of_ended_session.conditions.session_id)
    collection(Session._meta.db_table).update_one({"_id": session_id}, {"$set": {"status": "ended"}})
    restore(backed_up(tmp_path, show, nbf=whole_second() - MINUTE), into=other_database)

    with in_database(other_database):
        with pytest.raises(CommandError, match=r"^Shows that do not start: 1\.$"):
            commanded("--start-all")
        work_off(now=datetime.now(UTC) + MINUTE / 2)
        started = [stored_one("goals", each.pk)["activated_at"] is not None for each in (show, of_ended_session)]
        assert started == [True, False]
        assert str(of_ended_session.pk) in commanded()


def test_held_shows_of_one_session_start_together(
    tmp_path: Path, show: Goal, session: Session, other_database: str
) -> None:
    """Both shows came due during the restoration. The payers of each must get the whole length of their show."""
    past = {"nbf": whole_second() - 2 * MINUTE, "created_at": whole_second() - 3 * MINUTE}
    collection("goals").update_one({"_id": show.pk}, {"$set": past})
    other: Goal = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True))
    collection("goals").update_one({"_id": other.pk}, {"$set": past})
    restore(backed_up(tmp_path, show, nbf=whole_second() - MINUTE), into=other_database)

    with in_database(other_database):
        commanded("--start-all")
        work_off(now=datetime.now(UTC) + MINUTE / 2)
        started = [stored_one("goals", each.pk)["activated_at"] is not None for each in (show, other)]
        assert started == [True, True]


def test_held_show_starts_beside_another_show_only_if_that_is_asked_for(
    tmp_path: Path, show: Goal, session: Session, other_database: str
) -> None:
    restore(backed_up(tmp_path, show, nbf=whole_second() - MINUTE), into=other_database)

    with in_database(other_database):
        since: Goal = ShowGoalFactory(
            funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=whole_second() + MINUTE / 4
        )
        with pytest.raises(CommandError, match=r"^Shows that do not start: 1\.$"):
            commanded("--start", str(show.pk))
        assert stored_one("goals", show.pk)["nbf"] == stored_one("goals", show.pk)["held_nbf"]
        assert commanded("--start", str(show.pk), "--beside").startswith(f"{show.pk}  starts now")
        assert stored_one("goals", since.pk)["nbf"] == since.starts_at.replace(tzinfo=None)


def test_old_form_does_not_undo_the_decision(
    tmp_path: Path, show: Goal, other_database: str, streamer_client: ApiClient
) -> None:
    restore(backed_up(tmp_path, show, nbf=whole_second() - MINUTE), into=other_database)

    with in_database(other_database):
        seen = streamer_client.get(f"/goals/{show.pk}")
        commanded("--start", str(show.pk))
        later = {"nbf": int(datetime.now(UTC).timestamp()) + 600}
        moved = streamer_client.patch(f"/goals/{show.pk}", later, if_match=seen.headers["ETag"])
        assert (moved.status, moved.body["code"]) == (412, "precondition_failed")


def test_person_decides_about_a_show_that_was_live(
    tmp_path: Path, show: Goal, other_database: str, streamer_client: ApiClient
) -> None:
    """It may have ended early after the backup. The recording that is found proves nothing about its length."""
    nbf = whole_second() - MINUTE
    times = {"nbf": nbf, "created_at": nbf - MINUTE}
    collection("goals").update_one({"_id": show.pk}, {"$set": times})
    activate_goal(str(show.pk), int(nbf.timestamp()))
    assert streamer_client.post(f"/goals/{show.pk}/start", {}).status == 200
    back_up(tmp_path / "backup")
    lines = restore(tmp_path / "backup", into=other_database)

    with in_database(other_database):
        assert lines[1] == "Shows that were live, and about whose payments a person has to decide when they end: 1."
        collection("recordings").update_one({"_id": show.pk}, {"$set": {"provider": {"files": [{"vid": "v1"}]}}})
        # Hours pass.
        collection("goals").update_one({"_id": show.pk}, {"$set": {"context.started": nbf - timedelta(hours=9)}})
        reconcile_goals()
        settle_performances()
        assert stored_one("goals", show.pk)["exp"] is not None
        settlement = stored_one("goals", show.context.funding_goal_id)["settlement"]
        assert (settlement["state"], settlement["reason"]) == ("in_question", "restored")


def test_show_that_was_over_in_the_backup_is_settled_as_usual(
    tmp_path: Path, show: Goal, other_database: str, streamer_client: ApiClient
) -> None:
    nbf = whole_second() - MINUTE
    collection("goals").update_one({"_id": show.pk}, {"$set": {"nbf": nbf, "created_at": nbf - MINUTE}})
    activate_goal(str(show.pk), int(nbf.timestamp()))
    assert streamer_client.post(f"/goals/{show.pk}/start", {}).status == 200
    collection("goals").update_one({"_id": show.pk}, {"$set": {"context.started": nbf - timedelta(hours=9)}})
    back_up(tmp_path / "backup")
    restore(tmp_path / "backup", into=other_database)

    with in_database(other_database):
        reconcile_goals()
        settlement = stored_one("goals", show.context.funding_goal_id)["settlement"]
        assert (settlement["state"], settlement["reason"]) == ("earned", "performed")


def test_half_restored_database_says_so(other_database: str) -> None:
    with in_database(other_database):
        collection(RESTORATIONS).insert_one({"_id": "restoration"})
        said = "restoration was interrupted: wait for it, or run manage.py restore again with --anew"
        with pytest.raises(CommandError, match=said):
            commanded()
        with pytest.raises(CommandError, match=rf"^Nothing was migrated: .*{said}\.$"):
            call_command("migrate", stdout=StringIO())
        assert said in "\n".join(doctor()[1])


def test_unknown_show_can_not_be_started(show: Goal) -> None:
    with pytest.raises(CommandError, match=rf"^Nothing was started\. Not held, .*: {show.pk}, nothing\.$"):
        commanded("--start", str(show.pk), "nothing")


def test_what_was_told_before_is_not_told_again(
    tmp_path: Path, show: Goal, other_database: str, outbox: list[Any]
) -> None:
    work_off(now=datetime.now(UTC) + MINUTE)
    assert event_ids(outbox)
    outbox.clear()
    back_up(tmp_path / "backup")

    restore(tmp_path / "backup", into=other_database)

    with in_database(other_database):
        work_off(now=datetime.now(UTC) + MINUTE)
        assert outbox == []


def test_what_was_told_since_is_told_with_the_same_event_id_but_a_start_is_new(
    tmp_path: Path, show: Goal, other_database: str, outbox: list[Any]
) -> None:
    backup = backed_up(tmp_path, show, nbf=whole_second() - MINUTE)
    work_off(now=datetime.now(UTC) + MINUTE)
    told = event_ids(outbox)
    expected = {"goal.added", "goal.ended", "goal.progressed", "goal.started", "stream.authorized"}
    assert {name for name, _id in told} == expected
    outbox.clear()

    restore(backup, into=other_database)

    with in_database(other_database):
        commanded("--start-all")
        work_off(now=datetime.now(UTC) + MINUTE / 2)
        again = event_ids(outbox)
    assert {name for name, _id in again} == expected
    assert {name for name, _id in set(again) - set(told)} == {"goal.started", "stream.authorized"}
    assert {json.loads(event.data)["version"] for event in outbox if event.name == "stream.authorized"} == {103}


def test_lapse_that_was_due_since_is_postponed(tmp_path: Path, session: Session, other_database: str) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, closed=True)
    lapses_at = datetime.now(UTC) + timedelta(seconds=2)
    collection("goals").update_one({"_id": funding_goal.pk}, {"$set": {"lapses_at": lapses_at, "active": False}})
    back_up(tmp_path / "backup")
    # Restore the backup only after the lapse was due.
    while datetime.now(UTC) <= lapses_at:
        pass

    lines = restore(tmp_path / "backup", into=other_database)

    with in_database(other_database):
        assert lines[1:] == ["Funding goals that would have lapsed since the backup and have more time now: 1."]
        (waiting,) = queued_messages("lapse_funding_goal")
        postponed = stored_one("goals", funding_goal.pk)["lapses_at"]
        assert (waiting.lock, waiting.args) == (
            postponed,
            (str(funding_goal.pk), int(postponed.replace(tzinfo=UTC).timestamp())),
        )
        assert postponed > lapses_at.replace(tzinfo=None)
        assert stored("goals")[0].get("settlement") is None


def test_funding_goal_that_would_have_closed_since_closes_now(
    tmp_path: Path, session: Session, other_database: str
) -> None:
    funding_goal = ShowFundingGoalFactory(session=session, hesitation_countdown=60)
    exp = whole_second() - timedelta(hours=5)
    collection("goals").update_one({"_id": funding_goal.pk}, {"$set": {"exp": exp}})
    back_up(tmp_path / "backup")

    lines = restore(tmp_path / "backup", into=other_database)

    with in_database(other_database):
        assert lines[1:] == ["Funding goals that would have closed since the backup and close now: 1."]
        work_off(now=datetime.now(UTC))
        closed = stored_one("goals", funding_goal.pk)
        assert (closed["active"], closed["settlement"]) == (False, None)
        assert closed["exp"] > exp.replace(tzinfo=None) + timedelta(hours=4)
        assert closed["lapses_at"] == closed["exp"] + MINUTE
        assert reconcile_settlements() == "lapsed 0"
