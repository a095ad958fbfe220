"""Runs an evening: its clock, its calls and tasks, its interruptions and faults, and its end."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from goals.suspects import suspects
from tests.evenings.cast import Cast, Person
from tests.evenings.checks import check_evening, check_queue, check_started, check_token
from tests.evenings.faults import KINDS, Failpoint, MongoFault
from tests.evenings.opening import BEGINS, Opening
from tests.evenings.pusher import Mood
from tests.evenings.stage import LOST, STAGE, Ambush, Deed
from tests.evenings.world import World, unix_now
from tests.factories.client import Answer

OUTAGE_SECONDS = 3_700
VIEWERS = st.integers(0, 2)
CLIENTS = st.integers(0, 6)
PAUSES = st.sampled_from((0, 1, 3, 6, 13))
AMBUSHES = st.builds(Ambush, st.sampled_from(Deed), st.integers(1, 12))
# The tasks that the evenings interrupt most often.
AMBUSHED = ("activate_goal", "fold_contributions", "batch_notify_stream_authorized", "send_chunk", "notify_goal")
MONGO_FAULTS = st.builds(MongoFault, st.sampled_from(sorted(KINDS)), st.integers(1, 2))
CHANGES_GOALS = frozenset({"activate_goal", "deactivate_goal", "reconcile_goals", "fold_contributions"})


class EveningMachine(RuleBasedStateMachine):
    """The rules for faults and for the clock. `Evening` adds what people do."""

    cast: Cast
    opening: Opening
    failpoint: Failpoint
    # How many evenings there have been, and the number of the first evening that failed.
    held = 0
    failed: int | None = None

    def __init__(self) -> None:
        super().__init__()
        type(self).held += 1
        self.clock = time_machine.travel(BEGINS + timedelta(seconds=1), tick=False)
        self.traveller = self.clock.start()
        suspects.clear()
        self.world = World(self.cast, self.opening.copy())
        self.began = unix_now()
        self.rest, self.asked = 3, 0
        self.for_web: Ambush | None = None
        self.for_worker: Ambush | None = None
        self.ambushed = ""
        self.mongo_fault: MongoFault | None = None

    def teardown(self) -> None:
        is_over = sys.exc_info()[0] is None  # False if the evening has failed already
        try:
            if is_over:
                self.finish()
        except Exception:
            is_over = False
            raise
        finally:
            if not is_over and type(self).failed is None:
                type(self).failed = type(self).held
            STAGE.resume()
            self.clock.stop()

    # Faults.

    @rule(mood=st.sampled_from(Mood))
    def change_mood(self, mood: Mood) -> None:
        self.world.pusher.mood = mood

    @rule(viewer=VIEWERS)
    def refuse_once(self, viewer: int) -> None:
        """Let Pusher permanently refuse the next event on each of the viewer's channels."""
        self.world.pusher.refused_channels |= set(self.world.own_channels(self.cast.viewers[viewer]))

    @rule(ambush=AMBUSHES)
    def ambush_request(self, ambush: Ambush) -> None:
        self.for_web = ambush

    @rule(ambush=AMBUSHES, task=st.sampled_from(("", *AMBUSHED)))
    def ambush_task(self, ambush: Ambush, task: str) -> None:
        """Interrupt the next task, or the next task with this name if one is given."""
        self.for_worker, self.ambushed = ambush, task

    @rule(fault=MONGO_FAULTS)
    def break_mongodb(self, fault: MongoFault) -> None:
        """Let MongoDB fail the next commands of the next request or task."""
        self.mongo_fault = fault

    # The clock.

    @rule(seconds=st.integers(1, 20))
    def wait(self, seconds: int) -> None:
        """Let time pass in which no worker works."""
        self.pass_time(seconds)

    @rule(seconds=PAUSES)
    def work(self, seconds: int) -> None:
        """Let time pass in which a worker runs all tasks on time and in order."""
        self.work_for(seconds)

    @rule(seconds=PAUSES, skew=st.integers(0, 3), runs=st.integers(1, 2))
    def work_badly(self, seconds: int, skew: int, runs: int) -> None:
        """Let time pass in which due tasks may run in another order, and the first task may run twice."""
        self.work_for(seconds, skew=skew, runs=runs)

    @rule(seconds=PAUSES)
    def resume(self, seconds: int) -> None:
        """Let the held call go on, and then let time pass."""
        STAGE.resume()
        self.world.observe()
        self.work_for(seconds)

    @rule()
    def repair(self) -> None:
        """Run the periodic tasks. Then let the partner read the events that these tasks have published."""
        self.world.worker.run_periodic()
        self.world.partner.read()
        self.world.observe()

    @rule(seconds=st.sampled_from((30, 90, OUTAGE_SECONDS)))
    def outage(self, seconds: int) -> None:
        """Let a long time pass in which nothing works."""
        self.pass_time(seconds)

    @invariant()
    def queue_and_token_are_right(self) -> None:
        """If something may have changed, check the queue and the token of one viewer. The viewers take turns."""
        if self.world.has_changed:
            self.world.has_changed = False
            self.asked = (self.asked + 1) % len(self.cast.viewers)
            check_queue(self.world)
            check_token(self.world, self.cast.viewers[self.asked])

    def finish(self) -> None:
        """Repair the faults, run what is due, and check the result."""
        STAGE.resume()
        self.for_worker = self.for_web = self.mongo_fault = None
        world = self.world
        world.pusher.mood = Mood.WELL
        world.pusher.refused_channels.clear()
        for client in world.clients:
            if not client.is_connected:
                client.reconnect()
        world.worker.hurry()
        self.work_for(self.rest)
        check_started(world)
        self.repair()
        world.worker.hurry()
        self.work_for(1)
        check_queue(world)
        check_evening(world)

    def pass_time(self, seconds: float) -> None:
        if seconds > 0:
            self.traveller.shift(seconds)
            self.world.tick()

    def work_for(self, seconds: float, *, skew: int = 0, runs: int = 1) -> None:
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        worker = self.world.worker
        while due := worker.due(until):
            first = due[0]["lock"].replace(tzinfo=UTC)
            self.pass_time((first - datetime.now(UTC)).total_seconds())
            now = datetime.now(UTC)
            due = [message for message in due if message["lock"].replace(tzinfo=UTC) <= now]
            message = due[skew % len(due)]
            ambush = self.for_worker if self.ambushed in ("", message["name"]) else None
            worker.run(message, runs=runs, ambush=ambush, around=self._task)
            if worker.ran[-1] in CHANGES_GOALS:
                self.world.observe()
            self.for_worker, runs = None if ambush else self.for_worker, 1
        self.pass_time((until - datetime.now(UTC)).total_seconds())
        self.world.observe()

    def call_api(
        self,
        person: Person,
        path: str,
        body: Any,
        note: Callable[[Answer], None] = lambda _answer: None,
        *,
        method: str = "post",
        **headers: str,
    ) -> None:
        """Call the API, and pass the response to `note` if there is one."""
        ambush, self.for_web = self.for_web, None

        def call() -> Answer:
            with self._broken_mongodb():
                return person.api.patch(path, body) if method == "patch" else person.api.post(path, body, **headers)

        def answered(answer: Any) -> None:
            self.world.observe()
            if answer is not LOST:
                assert answer.status < 500 or answer.status == 503, (method, path, answer)
                note(answer)

        STAGE.perform(call, answered, ambush)

    @contextmanager
    def _task(self) -> Iterator[None]:
        with self.world.task(), self._broken_mongodb():
            yield

    def _broken_mongodb(self) -> AbstractContextManager[None]:
        """Break MongoDB for one call if a fault is planned, unless a call is held or may be held.

        A held call would leave MongoDB broken for the calls that follow.
        """
        fault, self.mongo_fault = self.mongo_fault, None
        return nullcontext() if fault is None or STAGE.holds else self.failpoint.fails(fault)
