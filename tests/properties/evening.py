"""An evening of one streamer: viewers pay, and shows are created, moved, cancelled, start and end, in any order."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from bson import ObjectId
from django.contrib.auth.models import User
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from config.errors import ProductError
from goals.models import Goal
from mongodb.transactions import run_in_transaction
from showgoals.changes import begin_show, cancel_show_goal, move_show_goal
from showgoals.contributions import contribute, queue_fold
from showgoals.tasks import ShowRequest, create_show_goal
from tests.factories.goals import SessionFactory, ShowFundingGoalFactory
from tests.factories.moments import NOW
from tests.factories.people import UserFactory
from tests.properties.queue import work_off

FUNDING_SECONDS = 20
VIEWERS = st.integers(0, 2)
FUNDING_GOALS = st.integers(0, 1)
SOON = st.integers(0, 25)


class Evening(RuleBasedStateMachine):
    """Two funding goals of one session, and three viewers. A refused request changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = time_machine.travel(NOW, tick=False)
        self.traveller = self.clock.start()
        name = str(ObjectId())
        self.streamer: User = UserFactory(username=f"streamer-{name}")
        self.viewers: list[User] = [UserFactory(username=f"viewer-{index}-{name}") for index in range(3)]
        self.session = SessionFactory(user=self.streamer)
        exp = NOW.replace(microsecond=0) + timedelta(seconds=FUNDING_SECONDS)
        self.funding_goals: list[Goal] = [ShowFundingGoalFactory(session=self.session, exp=exp) for _ in range(2)]

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def teardown(self) -> None:
        self.clock.stop()

    @initialize(payers=st.lists(VIEWERS, max_size=2), has_show=st.booleans())
    def open(self, payers: list[int], has_show: bool) -> None:  # noqa: FBT001
        """Begin with some payments; half of the evenings begin with a show that is about to start."""
        for payer in payers:
            self.contribute(payer, 0)
        if has_show:
            self.wait_and_work(FUNDING_SECONDS + 1)
            self.create_show(0, ahead=2, length=40)

    @rule(seconds=st.integers(1, 30))
    def wait(self, seconds: int) -> None:
        self.traveller.shift(seconds)

    @rule(seconds=st.integers(1, 30))
    def wait_and_work(self, seconds: int) -> None:
        self.traveller.shift(seconds)
        work_off(now=self.now)

    @rule(runs=st.integers(1, 2))
    def work(self, runs: int) -> None:
        """Run all due tasks; each may run more than once, as after a crash."""
        work_off(now=self.now, runs=runs)

    @rule(viewer=VIEWERS, goal=FUNDING_GOALS)
    def contribute(self, viewer: int, goal: int) -> None:
        funding_goal_id = str(self.funding_goals[goal].pk)
        payment: dict[str, Any] = {"viewer_id": str(self.viewers[viewer].pk), "amount": 5, "key": str(ObjectId())}
        with suppress(ProductError):
            run_in_transaction(lambda: contribute(funding_goal_id=funding_goal_id, **payment, now=self.now))
            queue_fold(funding_goal_id, now=self.now)

    @rule(goal=FUNDING_GOALS, ahead=SOON, length=st.integers(1, 40))
    def create_show(self, goal: int, ahead: int, length: int) -> None:
        request = ShowRequest(
            user_id=str(self.streamer.pk),
            funding_goal_id=str(self.funding_goals[goal].pk),
            session_id=str(self.session.pk),
            ticket_product_id="ticket",
            ticket_product_type="show",
            title="Proceed",
            target_seconds=length,
            nbf=self.now + timedelta(seconds=ahead),
        )
        with suppress(ProductError):
            run_in_transaction(lambda: create_show_goal(request, now=self.now))

    @rule(goal=FUNDING_GOALS)
    def begin(self, goal: int) -> None:
        self._change(goal, lambda show_id: begin_show(show_id, now=self.now))

    @rule(goal=FUNDING_GOALS)
    def cancel(self, goal: int) -> None:
        self._change(goal, lambda show_id: cancel_show_goal(show_id, now=self.now))

    @rule(goal=FUNDING_GOALS, ahead=SOON)
    def move(self, goal: int, ahead: int) -> None:
        nbf = self.now + timedelta(seconds=ahead)
        self._change(goal, lambda show_id: move_show_goal(show_id, now=self.now, nbf=nbf))

    def _change(self, goal: int, change: Any) -> None:
        show_id = Goal.objects.get(pk=self.funding_goals[goal].pk).context.show_goal_id
        if show_id is not None:
            with suppress(ProductError):
                run_in_transaction(lambda: change(show_id))
