"""The buttons that repair what has failed: they send events again, or start a recording again."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from api.asking import Crumbs
from api.audit import Author
from desk.buttons.button import Button, Told
from desk.moments import words
from desk.shows.panels import Surroundings
from goals.models import Goal
from goals.states import LIVE
from notifications.fanout.redelivery import count_redeliveries, plans_others, redeliver_to, redeliver_unsent
from notifications.fanout.unsent import count_unsent
from sessions_app.models import RecordingState
from sessions_app.recordings.retrying import RecordingNotFailed, retry_recording
from showgoals.models import ShowGoal

GO_OUT_AGAIN = _("Events that go out again: {events}.")
NOTHING_TO_SEND = _("There is nothing to send.")
ALONE = _("{payer} gets both events again, with new credentials. Nobody else does.")
WITH_OTHERS = _(
    "{payer} gets both events, with new credentials. So does every other payer for whom they are not planned yet."
)
LEFT_OUT = _(
    "Events left out: {events}. When they were due, their payers had been taken out, or the payers' accounts were "
    "deactivated."
)
DEACTIVATED = _("The account of this payer is deactivated, so nothing can be sent.")


class _Sending(Button):
    """Sends the events that let payers in."""

    label = _("Send again")
    permission = "goals.send_again"

    def count(self, around: Surroundings) -> int:
        """Return how often the events were sent again."""
        return count_redeliveries(around.goal)

    def obstacle(self, around: Surroundings) -> Promise | None:
        """Return None for a show that is live."""
        goal = around.goal
        if isinstance(goal, ShowGoal) and LIVE.holds(goal) and around.now < goal.window[1]:
            return None
        return _("Events can be sent again only while the show is live.")


class SendAgain(_Sending):
    """Sends all payers the events that have not been sent to them."""

    name = "send-again"

    def tells(self, around: Surroundings, moment: datetime | None) -> Iterator[Told]:
        """Say what will be sent, and what will not."""
        del moment
        unsent = count_unsent(around.goal)
        so_far = _("Each payer gets two events. Sent so far: {sent}. Payers: {payers}.")
        yield Told(words(so_far, sent=unsent.sent, payers=unsent.payers))
        if unsent.left_out:
            yield Told(words(LEFT_OUT, events=unsent.left_out))
        if not unsent.events:
            yield Told(words(NOTHING_TO_SEND), is_alarming=True)
            return
        waiting = _(
            "Not sent yet: {planned}. Perhaps sent: {unknown}. Refused by Pusher: {failed}. All of these go out again."
        )
        yield Told(words(waiting, planned=unsent.planned, unknown=unsent.unknown, failed=unsent.failed))
        yield Told(words(_("What has been sent is not sent again.")))

    def press(self, around: Surroundings, answers: Mapping[str, Any], *, by: Author) -> Told:
        """Send the events that were not sent."""
        why = {"by": by, "reason": answers["reason"], "if_redeliveries": answers["seen_count"]}
        events = redeliver_unsent(around.goal, now=around.now, **why)
        return Told(words(GO_OUT_AGAIN, events=events)) if events else Told(words(NOTHING_TO_SEND), is_alarming=True)


class SendToPayer(_Sending):
    """Sends both events to one payer, even if they were sent before."""

    name = "payer-send-again"

    def __init__(self, viewer_id: str, user: User | None) -> None:
        self.viewer_id = viewer_id
        self.username = user.get_username() if user else viewer_id
        self.is_deactivated = user is not None and not user.is_active

    def url(self, goal: Goal) -> str:
        """Return the address of the page."""
        return reverse(f"desk:{self.name}", args=[goal.pk, self.viewer_id])

    def crumbs(self, goal: Goal) -> Crumbs:
        """Return the breadcrumbs, which end with the page of the payer."""
        return [*super().crumbs(goal), (reverse("desk:payer", args=[goal.pk, self.viewer_id]), self.username)]

    def obstacle(self, around: Surroundings) -> Promise | None:
        """Return None for a live show and a payer whose account is not deactivated."""
        return super().obstacle(around) or (DEACTIVATED if self.is_deactivated else None)

    def tells(self, around: Surroundings, moment: datetime | None) -> Iterator[Told]:
        """Say to whom the events are sent."""
        del moment
        text = WITH_OTHERS if plans_others(around.goal, self.viewer_id) else ALONE
        yield Told(words(text, payer=self.username))

    def press(self, around: Surroundings, answers: Mapping[str, Any], *, by: Author) -> Told:
        """Send both events."""
        why = {"by": by, "reason": answers["reason"], "if_redeliveries": answers["seen_count"]}
        events = redeliver_to(around.goal, self.viewer_id, now=around.now, **why)
        return Told(words(GO_OUT_AGAIN, events=events))


class RetryRecording(Button):
    """Asks BytePlus again to record a live show whose recording has failed."""

    name = "retry-recording"
    label = _("Record again")
    permission = "sessions_app.retry_recording"

    def count(self, around: Surroundings) -> int:
        """Return the number of attempts to start the recording."""
        return around.recording.attempts if around.recording else 0

    def obstacle(self, around: Surroundings) -> Promise | None:
        """Return None for a live show whose recording has failed."""
        recording = around.recording
        has_failed = recording is not None and recording.state == RecordingState.FAILED
        return None if has_failed and LIVE.holds(around.goal) else RecordingNotFailed.detail

    def tells(self, around: Surroundings, moment: datetime | None) -> Iterator[Told]:
        """Say what BytePlus is asked to do, how many attempts there were, and what the latest error was."""
        del moment
        yield Told(words(_("BytePlus is asked once more to record the show, from now on.")))
        if around.recording is not None:
            text = _("Attempts so far: {attempts}. The latest error: {error}")
            yield Told(words(text, attempts=around.recording.attempts, error=around.recording.error or "-"))

    def press(self, around: Surroundings, answers: Mapping[str, Any], *, by: Author) -> Told:
        """Queue another attempt to start the recording."""
        why = {"by": by, "reason": answers["reason"], "if_attempts": answers["seen_count"]}
        retry_recording(str(around.goal.pk), now=around.now, **why)
        return Told(words(_("The recording is being started again.")))
