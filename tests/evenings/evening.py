"""A random evening, in which people do things in any order while anything may break."""

import json
from itertools import count
from typing import Any

from django.conf import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from api.known_users import known_users
from lab import bodies
from notifications.webhook import signature
from tests.evenings.admin_form import AdminForm
from tests.evenings.checks import check_token
from tests.evenings.machine import AMBUSHES, CLIENTS, PAUSES, VIEWERS, EveningMachine
from tests.evenings.opening import OPEN_SECONDS
from tests.evenings.pusher import Mood
from tests.evenings.stage import STAGE, Ambush, Deed
from tests.evenings.world import unix_now
from tests.factories.client import Answer

LAST_VIEWER = 2  # this viewer has not paid at the opening
SHOWS = st.integers(0, 1)
# Moments on a grid, so that a show often returns to an earlier moment. Few evenings reach the last slot.
SLOTS = st.integers(0, 5)
SLOT_SECONDS = (3, 8, 13, 18, 23, 3_000)
LONG = 600
LENGTHS = st.sampled_from((60, LONG, 6))


class Evening(EveningMachine):
    """A session with two funding goals, one show of each, and three viewers. A refused request changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = count()
        self.funding_goals = [goal["id"] for goal in self.world.opening.goals]
        self.shows: dict[int, str] = {}

    @initialize(slot=SLOTS, length=LENGTHS, rest=st.sampled_from((25, 3)))
    def announce(self, slot: int, length: int, rest: int) -> None:
        """Create the first show. `rest` is how many seconds the evening goes on after all faults are repaired."""
        self.create_show(0, slot, length)
        self.rest = rest

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
        self.call_api(payer, path, {"amount": 5}, note, idempotency_key=f"{self.world.session_id}-{key}")

    @rule(ambush=st.builds(Ambush, st.sampled_from(Deed), st.integers(4, 6)))
    def pay_at_the_last_moment(self, ambush: Ambush) -> None:
        """Pay just before the second goal closes.

        The ambush delays the commit until the show runs, or kills the process near the commit.
        """
        closes = self.began + OPEN_SECONDS - 1
        if unix_now() >= closes:
            return
        self.cancel(0)  # two shows of a session can't run at once
        self.work_for(closes - unix_now() - 1)
        self.for_web = ambush
        self.contribute(LAST_VIEWER, 1)
        self.work_for(2)
        self.create_show(1, 0, LONG)
        self.work_for(3)
        STAGE.resume()
        self.world.observe()
        check_token(self.world, self.cast.viewers[LAST_VIEWER])

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

        self.call_api(self.cast.streamer, "/goals?type=show", body, note)

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
        """Cancel the show, bring it back, and perhaps cancel it again."""
        self._post(show, "cancel")
        self.work_for(seconds)
        self._change(show, {"nbf": self._slot(slot)})
        if again:
            self.work_for(seconds)
            self._post(show, "cancel")

    @rule(show=SHOWS)
    def begin(self, show: int) -> None:
        self._post(show, "start")

    @rule(mood=st.sampled_from(Mood), seconds=PAUSES)
    def begin_late(self, mood: Mood, seconds: int) -> None:
        """Let the first show start while Pusher is in this mood. The streamer begins some seconds later."""
        self.world.pusher.mood = mood
        self._work_until_start(0)
        self.work_for(seconds)
        self.begin(0)

    @rule(show=SHOWS, ambush=AMBUSHES)
    def interrupt_start(self, show: int, ambush: Ambush) -> None:
        """Interrupt the start of a scheduled show at any of its steps. A killed worker's message runs again."""
        self.ambush_task(ambush, "activate_goal")
        self._work_until_start(show)

    @rule()
    def close(self) -> None:
        """Close the second funding goal."""
        self.pass_time(0.25)  # so that the goal does not close exactly at its `exp`: see `end_session`
        self.call_api(self.cast.streamer, f"/goals/{self.funding_goals[1]}/close", {})

    @rule(slot=st.none() | SLOTS)
    def move_closing(self, slot: int | None) -> None:
        """Let the second funding goal close at another moment, or not by itself."""
        exp = None if slot is None else self._slot(slot)
        self.call_api(self.cast.streamer, f"/goals/{self.funding_goals[1]}", {"exp": exp}, method="patch")

    @rule(show=SHOWS)
    def end_show(self, show: int) -> None:
        self._post(show, "end")

    @rule(show=SHOWS, seconds=st.sampled_from((1, 60, LONG)))
    def extend(self, show: int, seconds: int) -> None:
        self._post(show, "extend", {"seconds": seconds})

    @rule(cancel_shows=st.booleans(), among=st.integers(0, 3))
    def end_session(self, cancel_shows: bool, among: int) -> None:  # noqa: FBT001
        """End the session, but only one time in four, because little happens afterwards."""
        if among:
            return
        # Goals that end now get the current second, without its fraction, as their end. A funding goal is still open at
        # exactly its end, so the clock must not stand at a whole second.
        self.pass_time(0.25)
        self.call_api(self.cast.streamer, f"/sessions/{self.world.session_id}/end", {"cancel_shows": cancel_shows})

    @rule(show=SHOWS, viewer=VIEWERS)
    def complain(self, show: int, viewer: int) -> None:
        """Let a page lose the credentials of a show that has started, and let staff send them again."""
        if show not in self.shows:
            return
        self._work_until_start(show)
        page, goal_id = self.world.pages[viewer], self.shows[show]

        def note(answer: Answer) -> None:
            if answer.status == 200 and page.is_connected:
                page.lose_credentials(goal_id)
                self.world.redelivered.append((goal_id, viewer))

        body = {"viewer_id": self.cast.viewers[viewer].id}
        self.call_api(self.cast.staff, f"/goals/{goal_id}/redeliver", body, note)

    @rule(viewer=VIEWERS, seconds_ago=st.sampled_from((0, 3, 15)))
    def join_late(self, viewer: int, seconds_ago: int) -> None:
        """Let Pusher report that a viewer subscribed to the sd channel a moment ago."""
        who, sd = self.cast.viewers[viewer], self.world.own_channels(self.cast.viewers[viewer])[1]
        body = {
            "time_ms": (unix_now() - seconds_ago) * 1000,
            "events": [{"name": "member_added", "channel": sd, "user_id": who.id}],
        }
        signed = signature(json.dumps(body).encode(), settings.PUSHER["secret"])
        headers = {"x_pusher_key": settings.PUSHER["key"], "x_pusher_signature": signed}
        self.call_api(who, "/pusher/webhook", body, **headers)

    @rule(show=SHOWS)
    def redeliver_unsent(self, show: int) -> None:
        self._post(show, "redeliver")

    @rule(viewer=VIEWERS)
    def ban(self, viewer: int) -> None:
        user = self.cast.viewers[viewer].user
        type(user).objects.filter(pk=user.pk).update(is_active=False)
        known_users.forget()  # known users expire by the real clock, not by the evening's
        self.world.banned.add(str(user.pk))

    @rule(viewer=VIEWERS, goal=SHOWS)
    def exclude_or_include(self, viewer: int, goal: int) -> None:
        """Let staff exclude a payer, or include the payer again."""
        funding_goal, payer = self.funding_goals[goal], self.cast.viewers[viewer].id
        verb = "include" if (funding_goal, payer) in self.world.excluded else "exclude"
        self.call_api(self.cast.staff, f"/goals/{funding_goal}/payers/{payer}/{verb}", {"reason": "chargeback"})

    @rule(show=SHOWS, slots=st.tuples(SLOTS, SLOTS), meanwhile=st.sampled_from(("move", "cancel", "")))
    def send_form(self, show: int, slots: tuple[int, int], meanwhile: str) -> None:
        """Open the show's form in the admin, and send it later.

        The form writes only if the show is still as the form showed it.
        """
        if show not in self.shows:
            return
        form, opened = AdminForm(self.cast.staff.user, self.shows[show]), self.world.truths[self.shows[show]]
        if meanwhile == "move":
            self.move(show, slots[0])
        elif meanwhile == "cancel":
            self.cancel(show)
        before, is_alone = self.world.truths[self.shows[show]], not STAGE.holds
        if not form.is_open:
            return
        assert form.submit(self._slot(slots[1])) < 500
        self.world.observe()
        if not is_alone:
            return  # meanwhile a held call may have changed the show
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

    def _slot(self, slot: int) -> int:
        return self.began + SLOT_SECONDS[slot]

    def _work_until_start(self, show: int) -> None:
        truth = self.world.truths.get(self.shows.get(show, ""))
        if truth is not None and truth.access is not None:
            self.work_for(max(truth.access[0] - unix_now(), 0) + 1)

    def _change(self, show: int, body: Any) -> None:
        if show in self.shows:
            self.call_api(self.cast.streamer, f"/goals/{self.shows[show]}", body, method="patch")

    def _post(self, show: int, verb: str, body: Any = None) -> None:
        if show in self.shows:
            self.call_api(self.cast.streamer, f"/goals/{self.shows[show]}/{verb}", body or {})
