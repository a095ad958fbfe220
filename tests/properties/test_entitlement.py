"""In every order of events, the viewers who have paid for a running show see it, and nobody else does (decision 16)."""

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from config.ports import load_port
from goals.kinds import GoalKind
from goals.models import Goal
from notifications.backends import get_realtime
from notifications.backends.locmem import LocmemRealtime
from notifications.channels import viewer_channel
from sessions_app.rtc.access_token import parse_access_token
from sessions_app.stream_tokens import read_stream_token
from taskqueue.broker import is_due
from taskqueue.queues import Queue
from tests.factories.client import ApiClient
from tests.factories.documents import stored, stored_one
from tests.properties.evening import Evening

STEPS = 15


class Entitlement(Evening):
    """The evening under observation: after each step every viewer asks for a token."""

    @invariant()
    def answers_are_what_was_paid_for(self) -> None:
        for viewer in self.viewers:
            answer = self._answer(viewer)
            shows = self._running_shows_of(viewer)
            if not shows:
                rtc = (answer["byteplus_token"], answer["byteplus_rtc_info"])
                assert (answer["preset"], rtc) == ("preview", (None, None))
                continue
            # A show that starts late may run into the next one.
            self._check_sd(answer, max(shows, key=lambda show: (show.window[1], show.window[0])), viewer)

    @invariant()
    def payers_were_told_how_to_get_in(self) -> None:
        if any(is_due(queue.value) for queue in Queue):
            return  # their events may still come
        told = {(channel, data["goal_id"], data["exp"]) for channel, data in self._credentials_sent()}
        assert told >= {
            (self._channel(viewer), str(show.pk), int(show.window[1].timestamp()))
            for viewer in self.viewers
            for show in self._running_shows_of(viewer)
        }

    @invariant()
    def nobody_else_was_told_how_to_get_in(self) -> None:
        paid = [viewer for viewer in self.viewers if self._shows_paid_by(viewer)]
        sent = self._credentials_sent()
        assert {channel for channel, _data in sent} <= {self._channel(viewer) for viewer in paid}
        users = {parse_access_token(data["byteplus_token"]).user_id for _channel, data in sent}
        assert users <= {str(viewer.pk) for viewer in paid}

    @invariant()
    def nothing_happens_twice(self) -> None:
        goals = Goal.objects.filter(conditions__session_id=str(self.session.pk))
        ids = [str(goal.pk) for goal in goals]
        once = {"kind": "signal", "name": {"$in": ["goal.started", "goal.ended"]}, "goal_id": {"$in": ids}}
        happened = [(entry["goal_id"], entry["name"]) for entry in stored("goal_timeline", **once)]
        happened += [(channel, data["event_id"]) for channel, data in self._credentials_sent()]
        assert len(set(happened)) == len(happened)

    def _credentials_sent(self) -> list[tuple[str, Any]]:
        """Return channel and data of each event that gives access."""
        outbox = cast(LocmemRealtime, get_realtime()).outbox
        told = [(event.channel, json.loads(event.data)) for event in outbox if f"@{self.streamer.pk}." in event.channel]
        return [(channel, data) for channel, data in told if "byteplus_token" in data]

    def _channel(self, viewer: User) -> str:
        return viewer_channel(str(self.streamer.pk), "sd", str(viewer.pk))

    def _answer(self, user: User) -> Any:
        answer = ApiClient(user).get(f"/sessions/{self.session.pk}/token")
        assert answer.status == 200
        return answer.body

    def _check_sd(self, answer: Any, show: Goal, viewer: User) -> None:
        nbf, exp = (int(moment.timestamp()) for moment in show.window)
        stream = read_stream_token(answer["token"], now=int(self.now.timestamp()))
        assert (answer["preset"], answer["nbf"], answer["exp"]) == ("sd", nbf, exp)
        assert (stream.viewer_id, stream.goal_id, stream.nbf, stream.exp) == (str(viewer.pk), str(show.pk), nbf, exp)
        for token in (answer["byteplus_token"], answer["byteplus_rtc_info"]["token"]):
            parsed = parse_access_token(token)
            assert (parsed.room_id, parsed.expire_at) == (str(self.session.pk), exp)

    def _running_shows_of(self, viewer: User) -> list[Goal]:
        """Return the shows that the viewer may see now by the contract: paid for, started and not ended."""
        return [
            show
            for show in self._shows_paid_by(viewer)
            if show.activated_at and show.exp is None and show.window[0] <= self.now < show.window[1]
        ]

    def _shows_paid_by(self, viewer: User) -> list[Goal]:
        shows = Goal.objects.filter(kind=GoalKind.SHOW, conditions__session_id=str(self.session.pk))
        return [
            show for show in shows if str(viewer.pk) in stored_one("goals", show.context.funding_goal_id)["breakdown"]
        ]


@pytest.fixture
def _empty_outbox() -> Iterator[None]:
    load_port.cache_clear()
    yield
    load_port.cache_clear()


@pytest.mark.timeout(600)  # shrinking a failure takes minutes
@pytest.mark.usefixtures("db", "_empty_outbox")
@pytest.mark.parametrize("examples", [3, pytest.param(40, marks=pytest.mark.long)])
def test_only_payers_of_a_running_show_get_the_paid_picture(examples: int) -> None:
    run_state_machine_as_test(
        Entitlement,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],  # a slow machine is no fault of the product
        ),
    )
