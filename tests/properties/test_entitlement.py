"""Whatever happens, in whatever order: only payers of a running show get the paid picture. Decision 16."""

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
from tests.factories.client import ApiClient
from tests.factories.documents import stored_one
from tests.properties.evening import Evening

EXAMPLES = 8
STEPS = 15


class Entitlement(Evening):
    """The evening, watched: after each step everybody asks for a token."""

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
    def nobody_else_was_told_how_to_get_in(self) -> None:
        paid = {str(viewer.pk) for viewer in self.viewers if self._shows_paid_by(viewer)}
        outbox = cast(LocmemRealtime, get_realtime()).outbox
        told = [(event.channel, json.loads(event.data)) for event in outbox if f"@{self.streamer.pk}." in event.channel]
        credentials = {channel: data["byteplus_token"] for channel, data in told if "byteplus_token" in data}
        assert credentials.keys() <= {viewer_channel(str(self.streamer.pk), "sd", viewer) for viewer in paid}
        assert {parse_access_token(token).user_id for token in credentials.values()} <= paid

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
        """Return the shows that the viewer may see now, by the contract: paid, started, not ended."""
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


@pytest.mark.usefixtures("db", "_empty_outbox")
def test_only_payers_of_a_running_show_get_the_paid_picture() -> None:
    run_state_machine_as_test(
        Entitlement,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],  # a busy machine says nothing about the product
        ),
    )
