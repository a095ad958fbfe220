"""An evening at random: what people do, what breaks, and how the clock goes on, in any order."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import time_machine
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from goals.suspects import suspects
from lab import bodies
from tests.evenings.admin_form import AdminForm
from tests.evenings.cast import Cast, Person
from tests.evenings.checks import check_evening, check_queue, check_started, check_token
from tests.evenings.faults import KINDS, Failpoint, MongoFault
from tests.evenings.opening import BEGINS, OPEN_SECONDS, Opening
from tests.evenings.pusher import Mood
from tests.evenings.stage import LOST, STAGE, Ambush, Deed
from tests.evenings.world import World, unix_now
from tests.factories.client import Answer

OUTAGE_SECONDS = 3_700
VIEWERS = st.integers(0, 2)
LAST_VIEWER = 2  # has not paid at the opening
SHOWS = st.integers(0, 1)
CLIENTS = st.integers(0, 6)
# Moments on a grid, so that a show often comes back to a moment which it had before. Few evenings last until the last.
SLOTS = st.integers(0, 5)
SLOT_SECONDS = (3, 8, 13, 18, 23, 3_000)
LONG = 600
LENGTHS = st.sampled_from((60, LONG, 6))
PAUSES = st.sampled_from((0, 1, 3, 6, 13))
AMBUSHES = st.builds(Ambush, st.sampled_from(Deed), st.integers(1, 12))
# The tasks that are interrupted most.
AMBUSHED = ("activate_goal", "fold_contributions", "batch_notify_stream_authorized", "send_chunk", "notify_goal")
MONGO_FAULTS = st.builds(MongoFault, st.sampled_from(sorted(KINDS)), st.integers(1, 2))


class Evening(RuleBasedStateMachine):
    """A session with two funding goals, one show of each, and three viewers. A refused request changes nothing."""

    cast: Cast
    opening: Opening
    failpoint: Failpoint
    # How many evenings there have been, and the number of the first that failed.
    held = 0
    failed: int | None = None

    def __init__(self) -> None:
        super().__init__()
        type(self).held += 1
        self.clock = time_machine.travel(BEGINS + timedelta(seconds=1), tick=False)
        self.traveller = self.clock.start()
        suspects.clear()
        opening = self.opening.copy()
        self.world = World(self.cast, opening)
        self.began = unix_now()
        self.keys = count()
        self.rest, self.asked = 3, 0
        self.funding_goals = [goal["id"] for goal in opening.goals]
        self.shows: dict[int, str] = {}
        self.for_web: Ambush | None = None
        self.for_worker: Ambush | None = None
        self.ambushed = ""
        self.mongo_fault: MongoFault | None = None

    def teardown(self) -> None:
        is_over = sys.exc_info()[0] is None  # else it has failed already
        try:
            if is_over:
                self.finish()
        except Exception:
            is_over = False
            raise
        finally:
            if not is_over and Evening.failed is None:
                Evening.failed = Evening.held
            STAGE.resume()
            self.clock.stop()

    @initialize(slot=SLOTS, length=LENGTHS, rest=st.sampled_from((25, 3)))
    def announce(self, slot: int, length: int, rest: int) -> None:
        """Create the first show. `rest` is how many seconds the evening lasts when all is well again."""
        self.create_show(0, slot, length)
        self.rest = rest

    # What people do.

    @rule(viewer=VIEWERS, goal=SHOWS)
    def contribute(self, viewer: int, goal: int) -> None:
        payer, funding_goal = self.cast.viewers[viewer], self.funding_goals[goal]
        payment = (funding_goal, payer.id)
        self.world.tried.add(payment)
        if self.for_web is not None:
            self.world.paid_late.add(funding_goal)

        def note(answer: Answer) -> None:
            if answer.status == 201:
                self.world.paid.add(payment)

        key = str(next(self.keys))
        path = f"/goals/{funding_goal}/contributions"
        self._call(payer, path, {"amount": 5}, note, idempotency_key=f"{self.world.session_id}-{key}")

    @rule(ambush=st.builds(Ambush, st.sampled_from(Deed), st.integers(4, 6)))
    def pay_at_the_last_moment(self, ambush: Ambush) -> None:
        """Pay just before the second goal closes. The commit takes until its show runs, or the process dies near it."""
        closes = self.began + OPEN_SECONDS - 1
        if unix_now() >= closes:
            return
        self.cancel(0)  # two shows of a session can't run at once
        self._work(closes - unix_now() - 1)
        self.for_web = ambush
        self.contribute(LAST_VIEWER, 1)
        self._work(2)
        self.create_show(1, 0, LONG)
        self._work(3)

    @rule(show=SHOWS, slot=SLOTS, length=LENGTHS)
    def create_show(self, show: int, slot: int, length: int) -> None:
        body = bodies.show_body(
            self.funding_goals[show], self.world.session_id, nbf=self._slot(slot), target_seconds=length
        )

        def note(answer: Answer) -> None:
            if answer.status == 201:
                self.shows[show] = answer.body["id"]
                for phone in self.world.phones:
                    phone.take(answer.body)

        self._call(self.cast.streamer, "/goals?type=show", body, note)

    @rule(show=SHOWS, slot=SLOTS)
    def move(self, show: int, slot: int) -> None:
        self._change(show, {"nbf": self._slot(slot)})

    @rule(show=SHOWS, length=LENGTHS)
    def change_length(self, show: int, length: int) -> None:
        self._change(show, {"levels": [{"title": "Proceed", "target": length}]})

    @rule(show=SHOWS)
    def cancel(self, show: int) -> None:
        self._post(show, "cancel")

    @rule(show=SHOWS, slot=SLOTS, seconds=PAUSES, again=st.booleans())
    def cancel_and_revive(self, show: int, slot: int, seconds: int, again: bool) -> None:  # noqa: FBT001
        """Cancel the show, and bring it back; perhaps cancel it again."""
        self._post(show, "cancel")
        self._work(seconds)
        self._change(show, {"nbf": self._slot(slot)})
        if again:
            self._work(seconds)
            self._post(show, "cancel")

    @rule(show=SHOWS)
    def begin(self, show: int) -> None:
        self._post(show, "start")

    @rule(mood=st.sampled_from(Mood), seconds=PAUSES)
    def begin_late(self, mood: Mood, seconds: int) -> None:
        """Let the first show start while Pusher is in this mood. Its streamer begins some seconds later."""
        self.world.pusher.mood = mood
        self._work_until_start(0)
        self._work(seconds)
        self.begin(0)

    @rule()
    def close(self) -> None:
        """Close the second funding goal."""
        self._pass(0.25)  # as in `end_session`
        self._call(self.cast.streamer, f"/goals/{self.funding_goals[1]}/close", {})

    @rule(slot=st.none() | SLOTS)
    def move_closing(self, slot: int | None) -> None:
        """Let the second funding goal close at another moment, or not by itself."""
        exp = None if slot is None else self._slot(slot)
        self._call(self.cast.streamer, f"/goals/{self.funding_goals[1]}", {"exp": exp}, method="patch")

    @rule(show=SHOWS)
    def end_show(self, show: int) -> None:
        self._post(show, "end")

    @rule(show=SHOWS, seconds=st.sampled_from((1, 60, LONG)))
    def extend(self, show: int, seconds: int) -> None:
        self._post(show, "extend", {"seconds": seconds})

    @rule(cancel_shows=st.booleans(), among=st.integers(0, 3))
    def end_session(self, cancel_shows: bool, among: int) -> None:  # noqa: FBT001
        """End the session, one time in four, because little happens after it."""
        if among:
            return
        # Goals end at the last whole second. At that very millisecond a funding goal is still open.
        self._pass(0.25)
        self._call(self.cast.streamer, f"/sessions/{self.world.session_id}/end", {"cancel_shows": cancel_shows})

    @rule(show=SHOWS, viewer=VIEWERS)
    def complain(self, show: int, viewer: int) -> None:
        """Lose the credentials of a show that has started; staff sends them again."""
        if show not in self.shows:
            return
        self._work_until_start(show)
        page, goal_id = self.world.pages[viewer], self.shows[show]

        def note(answer: Answer) -> None:
            if answer.status == 200 and page.is_connected:
                page.lose_credentials(goal_id)
                self.world.redelivered.append((goal_id, viewer))

        body = {"viewer_id": self.cast.viewers[viewer].id}
        self._call(self.cast.staff, f"/goals/{goal_id}/redeliver", body, note)

    @rule(show=SHOWS)
    def redeliver_unsent(self, show: int) -> None:
        self._post(show, "redeliver")

    @rule(viewer=VIEWERS)
    def ban(self, viewer: int) -> None:
        user = self.cast.viewers[viewer].user
        type(user).objects.filter(pk=user.pk).update(is_active=False)
        self.world.banned.add(str(user.pk))

    @rule(viewer=VIEWERS, goal=SHOWS)
    def exclude_or_include(self, viewer: int, goal: int) -> None:
        """Staff takes a payer out, or brings the payer back."""
        funding_goal, payer = self.funding_goals[goal], self.cast.viewers[viewer].id
        verb = "include" if (funding_goal, payer) in self.world.excluded else "exclude"
        self._call(self.cast.staff, f"/goals/{funding_goal}/payers/{payer}/{verb}", {"reason": "chargeback"})

    @rule(show=SHOWS, slots=st.tuples(SLOTS, SLOTS), meanwhile=st.sampled_from(("move", "cancel", "")))
    def send_form(self, show: int, slots: tuple[int, int], meanwhile: str) -> None:
        """Open the show's form in the admin, and send it later. It writes only if what was seen still holds."""
        if show not in self.shows:
            return
        form, opened = AdminForm(self.cast.staff.user, self.shows[show]), self.world.truths[self.shows[show]]
        if meanwhile == "move":
            self.move(show, slots[0])
        elif meanwhile == "cancel":
            self.cancel(show)
        before = self.world.truths[self.shows[show]]
        if not form.is_open:
            return
        assert form.submit(self._slot(slots[1])) < 500
        self.world.observe()
        after = self.world.truths[self.shows[show]]
        assert after.access == before.access or before == opened, f"an old form turned {before} into {after}"
        assert after.status == before.status, f"a form turned {before} into {after}"

    @rule(number=CLIENTS)
    def disconnect_or_reconnect(self, number: int) -> None:
        client = self.world.clients[number]
        if client.is_connected:
            client.is_connected = False
        else:
            client.reconnect()

    # What breaks.

    @rule(mood=st.sampled_from(Mood))
    def change_mood(self, mood: Mood) -> None:
        self.world.pusher.mood = mood

    @rule(viewer=VIEWERS)
    def refuse_once(self, viewer: int) -> None:
        """Let Pusher refuse for good the next event to each of the viewer's channels."""
        self.world.pusher.refused_channels |= set(self.world.own_channels(self.cast.viewers[viewer]))

    @rule(ambush=AMBUSHES)
    def ambush_request(self, ambush: Ambush) -> None:
        self.for_web = ambush

    @rule(ambush=AMBUSHES, task=st.sampled_from(("", *AMBUSHED)))
    def ambush_task(self, ambush: Ambush, task: str) -> None:
        """Interrupt the next task, or the next one of this name."""
        self.for_worker, self.ambushed = ambush, task

    @rule(fault=MONGO_FAULTS)
    def break_mongodb(self, fault: MongoFault) -> None:
        """Let MongoDB fail the next commands of the next request or task."""
        self.mongo_fault = fault

    # How the clock goes on.

    @rule(seconds=st.integers(1, 20))
    def wait(self, seconds: int) -> None:
        """Let time pass in which no worker works."""
        self._pass(seconds)

    @rule(seconds=PAUSES)
    def work(self, seconds: int) -> None:
        """Let time pass in which a worker runs all tasks on time and in order."""
        self._work(seconds)

    @rule(seconds=PAUSES, skew=st.integers(0, 3), runs=st.integers(1, 2))
    def work_badly(self, seconds: int, skew: int, runs: int) -> None:
        """Let time pass in which any of several due tasks may be first, and the first runs twice."""
        self._work(seconds, skew=skew, runs=runs)

    @rule(seconds=PAUSES)
    def resume(self, seconds: int) -> None:
        """Let the held call go on, and then time pass."""
        STAGE.resume()
        self.world.observe()
        self._work(seconds)

    @rule()
    def repair(self) -> None:
        """Run the periodic tasks."""
        self.world.worker.run_periodic()
        self.world.observe()

    @rule(seconds=st.sampled_from((30, 90, OUTAGE_SECONDS)))
    def outage(self, seconds: int) -> None:
        """Nothing works for a long time."""
        self._pass(seconds)

    @invariant()
    def queue_and_token_are_right(self) -> None:
        """Look into the queue, and ask for the token of one viewer, each in turn, if something may have changed."""
        if self.world.has_changed:
            self.world.has_changed = False
            self.asked = (self.asked + 1) % len(self.cast.viewers)
            check_queue(self.world)
            check_token(self.world, self.cast.viewers[self.asked])

    def finish(self) -> None:
        """Repair what is broken, work off what is due, and look what came of it."""
        STAGE.resume()
        self.for_worker = self.for_web = self.mongo_fault = None
        world = self.world
        world.pusher.mood = Mood.WELL
        world.pusher.refused_channels.clear()
        for client in world.clients:
            if not client.is_connected:
                client.reconnect()
        world.worker.hurry()
        self._work(self.rest)
        check_started(world)
        self.repair()
        world.worker.hurry()
        self._work(1)
        check_queue(world)
        check_evening(world)

    def _slot(self, slot: int) -> int:
        return self.began + SLOT_SECONDS[slot]

    def _pass(self, seconds: float) -> None:
        if seconds > 0:
            self.traveller.shift(seconds)
            self.world.tick()

    def _work(self, seconds: float, *, skew: int = 0, runs: int = 1) -> None:
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        worker = self.world.worker
        while due := worker.due(until):
            first = due[0]["lock"].replace(tzinfo=UTC)
            self._pass((first - datetime.now(UTC)).total_seconds())
            now = datetime.now(UTC)
            due = [message for message in due if message["lock"].replace(tzinfo=UTC) <= now]
            message = due[skew % len(due)]
            ambush = self.for_worker if self.ambushed in ("", message["name"]) else None
            worker.run(message, runs=runs, ambush=ambush, around=self._task)
            if worker.ran[-1] in CHANGES_GOALS:
                self.world.observe()
            self.for_worker, runs = None if ambush else self.for_worker, 1
        self._pass((until - datetime.now(UTC)).total_seconds())
        self.world.observe()

    def _work_until_start(self, show: int) -> None:
        truth = self.world.truths.get(self.shows.get(show, ""))
        if truth is not None and truth.access is not None:
            self._work(max(truth.access[0] - unix_now(), 0) + 1)

    def _change(self, show: int, body: Any) -> None:
        if show in self.shows:
            self._call(self.cast.streamer, f"/goals/{self.shows[show]}", body, method="patch")

    def _post(self, show: int, verb: str, body: Any = None) -> None:
        if show in self.shows:
            self._call(self.cast.streamer, f"/goals/{self.shows[show]}/{verb}", body or {})

    def _call(
        self,
        person: Person,
        path: str,
        body: Any,
        note: Callable[[Answer], None] = lambda _answer: None,
        *,
        method: str = "post",
        **headers: str,
    ) -> None:
        """Call the API, and note the answer if one comes."""
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
        """Break MongoDB, if that is to be done, for one call. A held call would leave it broken for all others."""
        fault, self.mongo_fault = self.mongo_fault, None
        return nullcontext() if fault is None or STAGE.holds else self.failpoint.fails(fault)


CHANGES_GOALS = frozenset({"activate_goal", "deactivate_goal", "reconcile_goals", "fold_contributions"})
