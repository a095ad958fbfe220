"""The panels about a payer of a show: the payments, what became of each event, and the access."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from desk.moments import at
from desk.shows.panels import Fact, Panel, goal_url
from goals.models import Goal
from notifications.events import PREVIEW, SD
from notifications.fanout.ledger import State
from notifications.fanout.rejoined import Rejoined
from notifications.fanout.report import Report, viewer_report
from notifications.models import NotificationChunk
from showgoals.exclusions import exclusion_id, funding_goal_of
from showgoals.models import Contribution, Exclusion
from showgoals.settlement.outcomes import Outcome

# The most payments that are listed.
MOST_PAYMENTS = 10
PRESETS: dict[str, Promise] = {PREVIEW: _("Preview"), SD: _("Credentials")}
STATES: dict[str, Promise] = {
    State.PLANNED: _("to be sent"),
    State.SENT: _("sent"),
    State.UNKNOWN: _("perhaps sent, is sent again"),
    State.FAILED: _("refused by Pusher"),
    State.EXCLUDED: _("not sent: excluded, or the account is not active"),
    State.EXPIRED: _("not sent: too late"),
    State.SUPERSEDED: _("not sent: a later event has replaced it"),
}
NOT_SENT = (State.FAILED, State.EXPIRED, State.EXCLUDED)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about a payer. `user` is None if the account no longer exists."""

    goal: Goal
    viewer_id: str
    user: User | None
    payments: list[Contribution]
    exclusion: Exclusion | None
    report: Report
    rejoined_at: datetime | None

    @property
    def name(self) -> str:
        """The name of the user, or the id if there is no such user."""
        return self.user.get_username() if self.user else self.viewer_id

    @property
    def has_paid(self) -> bool:
        """Whether the viewer is a payer."""
        return bool(self.report["paid"] or self.report["listed"])


def known_of(goal: Goal, viewer_id: str, *, now: datetime) -> Known:
    """Read what is known about the viewer. The number of queries does not grow with the number of payers."""
    funding_goal_id = funding_goal_of(goal)
    paid = Contribution.objects.filter(funding_goal_id=funding_goal_id, viewer_id=viewer_id).order_by("created_at")
    return Known(
        goal=goal,
        viewer_id=viewer_id,
        user=User.objects.filter(pk=viewer_id).first(),
        payments=list(paid[: MOST_PAYMENTS + 1]),
        exclusion=Exclusion.objects.filter(pk=exclusion_id(funding_goal_id, viewer_id)).first(),
        report=viewer_report(goal, viewer_id, now=now),
        rejoined_at=_rejoined_at(str(goal.pk), viewer_id),
    )


def panels_of(known: Known) -> list[Panel]:
    """Return the panels of the page."""
    return [
        Panel(_("Payments"), list(_payments(known))),
        Panel(_("Events"), list(_events(known.report["events"]))),
        Panel(_("Access"), list(_access(known))),
    ]


def _rejoined_at(show_id: str, viewer_id: str) -> datetime | None:
    """Return when the credentials were last sent again because the viewer had subscribed late; None if never."""
    chunks = NotificationChunk.possibly_with(viewer_id, goal_id=show_id).filter(preset=SD, rejoined__isnull=False)
    times = []
    for chunk in chunks:
        position = chunk.ledger.position(viewer_id)
        if position is not None:
            times.append(Rejoined(chunk.planned_at, bytes(chunk.rejoined or b"")).at(position))
    return max(filter(None, times), default=None)


def _payments(known: Known) -> Iterator[Fact]:
    for payment in known.payments[:MOST_PAYMENTS]:
        yield Fact(at(payment.created_at), payment.amount)
    if len(known.payments) > MOST_PAYMENTS:
        yield Fact(_("More payments"), "…")
    yield Fact(_("Paid in total"), (known.report["paid"] or {}).get("amount", "-"))
    yield Fact(_("Listed for the show"), _("yes") if known.report["listed"] else _("not yet"))
    if known.report["outcome"]:
        yield Fact(_("What becomes of it"), Outcome(known.report["outcome"]).label)
    if known.exclusion is not None:
        yield Fact(_("Taken out"), at(known.exclusion.at), is_alarming=True)
        yield Fact(_("Reason"), known.exclusion.reason)


def _events(events: list[Report]) -> Iterator[Fact]:
    """Yield what became of the events, the newest first."""
    if not events:
        yield Fact(_("State"), _("None is planned for this viewer."))
    for event in reversed(events):
        label = PRESETS.get(event["preset"], event["preset"])
        state = event["state"]
        yield Fact(label, STATES.get(state, state), is_alarming=state in NOT_SENT)
        yield Fact(_("Planned at"), _moment(event["planned_at_ms"]))
        if event["attempts"]:
            yield Fact(_("Attempts"), event["attempts"])
        if event["sent_at_ms"]:
            yield Fact(_("Sent at"), _moment(event["sent_at_ms"]))
        yield Fact(_("Confirmed by the client"), _moment(event["received_at_ms"]))


def _access(known: Known) -> Iterator[Fact]:
    fetched: Any = known.report["credentials_fetched"] or {}
    yield Fact(_("Credentials first fetched"), _moment(fetched.get("first_at_ms")))
    yield Fact(_("Credentials last fetched"), _moment(fetched.get("last_at_ms")))
    yield Fact(_("Times fetched"), fetched.get("count", 0))
    yield Fact(_("Subscribed late, and was sent to again"), at(known.rejoined_at))
    yield Fact(_("Account"), _account(known.user), is_alarming=known.user is None or not known.user.is_active)
    deliveries = f"{goal_url(known.goal.pk)}?kind=delivery#timeline"
    yield Fact(_("Errors while sending"), _("on the timeline of the show"), deliveries)


def _account(user: User | None) -> Promise:
    if user is None:
        return _("does not exist")
    return _("active") if user.is_active else _("deactivated")


def _moment(milliseconds: int | None) -> object:
    return at(datetime.fromtimestamp(milliseconds / 1000, tz=UTC)) if milliseconds else "-"
