"""The panels on the page of a goal: its money, what became of its events, its recording, and its related objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from desk.moments import at
from goals.models import Goal
from goals.names import name_goals
from goals.states import STARTED
from mongodb.collections import Document, tolerant_collection
from mongodb.tolerant import as_moment, as_text
from notifications.events import PREVIEW, SD
from notifications.payers.present import deliveries
from sessions_app.models import Recording, RecordingState, Session, SessionStatus
from sessions_app.recordings.state import find_recording
from showgoals.exclusions import funding_goal_of
from showgoals.models import ShowFundingGoal, ShowGoal
from taskqueue.aside import LOOKS_AT, odd_field
from taskqueue.messages import MESSAGES

MOST_TASKS = 10


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a panel. If it has a `url`, the value links to it."""

    label: object
    value: object
    url: str = ""
    is_alarming: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """Some facts under a heading."""

    title: object
    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A goal and its related objects at the moment `now`. Any related object may be missing."""

    goal: Goal
    now: datetime
    session: Session | None = None
    streamer: User | None = None
    funding_goal: Goal | None = None
    recording: Recording | None = None

    @property
    def payers(self) -> int:
        """How many viewers have paid."""
        return (self.funding_goal.payers or 0) if self.funding_goal else 0

    @property
    def has_live_session(self) -> bool:
        """Whether the goal's session is live."""
        return self.session is not None and self.session.status == SessionStatus.LIVE

    @property
    def has_unsettled_payments(self) -> bool:
        """Whether it was not decided yet what becomes of the payments."""
        return self.funding_goal is not None and self.funding_goal.settlement is None


def surroundings_of(goal: Goal, *, now: datetime) -> Surroundings:
    """Read the goal's related objects, with at most four queries."""
    funding_goal: Goal | None = goal
    recording = None
    if isinstance(goal, ShowGoal):
        funding_goal = Goal.objects.filter(pk=funding_goal_of(goal)).first()
        recording = find_recording(str(goal.pk)) if STARTED.holds(goal) else None
    return Surroundings(
        goal=goal,
        now=now,
        session=Session.objects.filter(pk=goal.conditions.session_id).first(),
        streamer=User.objects.filter(pk=goal.metadata.user_id).first(),
        funding_goal=funding_goal if isinstance(funding_goal, ShowFundingGoal) else None,
        recording=recording,
    )


def panels_of(around: Surroundings) -> list[Panel]:
    """Return the panels of the goal."""
    panels = [_belongings(around)]
    if around.funding_goal is not None:
        panels.append(_money(around, around.funding_goal))
    if isinstance(around.goal, ShowGoal):
        panels += [_delivery(around), _recording(around)]
    return [*panels, _tasks(str(around.goal.pk))]


def goal_url(goal_id: object) -> str:
    """Return the address of a goal's page."""
    return reverse("admin:goals_goal_change", args=[goal_id])


def _belongings(around: Surroundings) -> Panel:
    goal, session, streamer = around.goal, around.session, around.streamer
    session_url = reverse("admin:sessions_app_session_change", args=[goal.conditions.session_id])
    user_url = reverse("admin:auth_user_change", args=[goal.metadata.user_id])
    facts = [
        Fact(_("Streamer"), streamer.get_username() if streamer else goal.metadata.user_id, user_url),
        Fact(_("Session"), session.title if session else goal.conditions.session_id, session_url),
    ]
    if isinstance(goal, ShowGoal) and around.funding_goal is not None:
        funding = around.funding_goal
        facts.append(Fact(_("Funding goal"), funding.title, goal_url(funding.pk)))
    if goal.context.show_goal_id:
        show_id = goal.context.show_goal_id
        name = name_goals([show_id]).get(show_id)
        facts.append(Fact(_("Show"), name.title if name else show_id, goal_url(show_id)))
    if isinstance(goal, ShowGoal):
        begins, ends = goal.window
        facts += [Fact(_("Starts at"), at(begins)), Fact(_("Access ends"), at(ends))]
    return Panel(_("Belongs to"), facts)


def _tasks(goal_id: str) -> Panel:
    """Return a panel with the goal's next MOST_TASKS tasks in the queue, and a link to its failed tasks."""
    found = tolerant_collection(MESSAGES).find({"subject": goal_id}, dict.fromkeys(LOOKS_AT, True))
    found = found.sort("lock").limit(MOST_TASKS)
    failed = f"{reverse('admin:django_q_failure_changelist')}?of={goal_id}"
    waiting = [_waiting(message) for message in sorted(found, key=_due)]
    return Panel(_("Its tasks"), [*waiting, Fact(_("Failed"), _("those that failed"), failed)])


def _waiting(message: Document) -> Fact:
    name = as_text(message.get("name")).rpartition(".")[2]
    if field := odd_field(message):
        return Fact(name or message["_id"], _("unreadable field: %(field)s") % {"field": field}, is_alarming=True)
    return Fact(name or message["_id"], at(as_moment(message["lock"])))


def _due(message: Document) -> datetime:
    return as_moment(message.get("lock")) or datetime.max.replace(tzinfo=UTC)


def _money(around: Surroundings, funding: Goal) -> Panel:
    target = funding.levels[-1].target if funding.levels else 0
    share = f" ({100 * funding.progress // target} %)" if target else ""
    facts = [
        Fact(_("Payers"), around.payers),
        Fact(_("Paid"), funding.progress),
        Fact(_("Target"), f"{target}{share}"),
    ]
    if funding.settlement is not None:
        facts.append(Fact(_("Payments"), funding.settlement.get_state_display(), goal_url(funding.pk)))
    return Panel(_("Money"), facts)


def _delivery(around: Surroundings) -> Panel:
    if not STARTED.holds(around.goal):
        return Panel(_("Delivery"), [Fact(_("Payers"), _("They are told when the show starts."))])
    counts = deliveries(around.goal)
    failed = _both(counts, "failed")
    return Panel(
        _("Delivery (preview / credentials)"),
        [
            Fact(_("Payers"), counts["viewers"]),
            Fact(_("Still to be sent"), _both(counts, "planned", "unknown")),
            Fact(_("Sent"), _both(counts, "sent")),
            Fact(_("Failed"), failed, is_alarming=failed != "0 / 0"),
            Fact(_("Too late to be sent"), _both(counts, "expired")),
            Fact(_("Received by their clients"), counts["received"]),
            Fact(_("Have fetched credentials"), counts["credentials_fetched"]),
        ],
    )


def _both(counts: dict[str, Any], *states: str) -> str:
    """Return the sums of these states for the preview and for the credentials."""
    return " / ".join(str(sum(counts[preset][state] for state in states)) for preset in (PREVIEW, SD))


def _recording(around: Surroundings) -> Panel:
    recording = around.recording
    if recording is None:
        return Panel(_("Recording"), [Fact(_("State"), _("There is none yet."))])
    url = reverse("admin:sessions_app_recording_change", args=[recording.pk])
    has_failed = recording.state == RecordingState.FAILED
    facts = [
        Fact(_("State"), recording.get_state_display(), url, is_alarming=has_failed),
        Fact(_("Attempts to start"), recording.attempts),
        Fact(_("Started at"), at(recording.started_at)),
        Fact(_("Stopped at"), at(recording.stopped_at)),
    ]
    return Panel(_("Recording"), [*facts, *([Fact(_("Error"), recording.error)] if recording.error else [])])
