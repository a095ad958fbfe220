"""Returns a code and a sentence that say why a viewer was or was not let in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from goals.event_ids import event_id
from goals.models import Goal
from goals.states import GoalStatus
from notifications.events import SD, STREAM_AUTHORIZED
from notifications.fanout.ledger import State
from showgoals.settlement.outcomes import Outcome, outcome_of
from showgoals.settlement.performance import Judgement


class Why(models.TextChoices):
    """The codes, each with its sentence. A report has one code: the first that applies to the viewer."""

    NOT_PAID = "not_paid", _("This viewer has not paid for the show.")
    EXCLUDED = "excluded", _("This viewer was excluded from the show.")
    ACCOUNT_INACTIVE = "account_inactive", _("The account of this viewer is not active.")
    # No show can take place any more.
    LAPSED = "lapsed", _("The funding goal has lapsed without a show.")
    SETTLED = "settled", _("There is no show, and the payments were settled.")
    # A show may still take place.
    FUNDING_OPEN = "funding_open", _("The funding goal is still open, so there is no show yet.")
    NO_SHOW_YET = "no_show_yet", _("The funding goal has closed, but its show was not created yet.")
    CANCELLED = "cancelled", _("The show was cancelled. It may still be brought back.")
    SCHEDULED = "scheduled", _("The show has not started yet.")
    # The show is live. These codes tell what became of the credentials.
    CREDENTIALS_FETCHED = "credentials_fetched", _("The show is live, and this viewer has fetched credentials.")
    RECEIVED = "received", _("The show is live, and the credentials have arrived.")
    SENT = "sent", _("The show is live, and the credentials were sent. If they are missing, the client can fetch them.")
    UNKNOWN = "unknown", _("The show is live. The credentials may have arrived, and will be sent again.")
    FAILED = "failed", _("The show is live, but the credentials could not be sent. The client can fetch them.")
    PLANNED = "planned", _("The show is live, and the credentials are about to be sent.")
    NOT_SENT = "not_sent", _("The show is live, but no credentials were sent. The client can fetch them.")
    # The show has ended.
    ENDED_EARLY = "ended_early", _("The show was ended early.")
    NOT_REACHED = "not_reached", _("The show has ended. This viewer was sent no credentials, and has fetched none.")
    NO_EVIDENCE = "no_evidence", _("The show has ended, but nothing proves that it was performed.")
    ENDED = "ended", _("The show has ended.")


OF_STATES = {
    State.SENT: Why.SENT,
    State.UNKNOWN: Why.UNKNOWN,
    State.FAILED: Why.FAILED,
    State.PLANNED: Why.PLANNED,
}
OUTCOMES = {
    Outcome.IN_QUESTION: _("It is not decided yet what becomes of the payment."),
    Outcome.EARNED: _("The payment is earned."),
    Outcome.REFUND_DUE: _("The payment is due back."),
}
BOTH = _("%(why)s %(outcome)s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is known about a viewer. `sd_states` maps the event_ids of the viewer's sd events to their states."""

    has_paid: bool
    is_active: bool
    is_excluded: bool
    funding_goal: Goal
    show: Goal | None
    sd_states: Mapping[str, State]
    has_received: bool
    has_fetched: bool

    @property
    def outcome(self) -> Outcome | None:
        """What becomes of the viewer's payments, or None if the viewer has not paid."""
        return outcome_of(self.funding_goal.settlement, is_excluded=self.is_excluded) if self.has_paid else None


def why(case: Case, *, now: datetime) -> Why:
    """Return the code of the sentence that says why the viewer was or was not let in."""
    if not case.has_paid:
        return Why.NOT_PAID
    if case.is_excluded:
        return Why.EXCLUDED
    if not case.is_active:
        return Why.ACCOUNT_INACTIVE
    if case.funding_goal.lapsed_version is not None:
        return Why.LAPSED
    return _without_show(case, now=now) if case.show is None else _with_show(case, case.show, now=now)


def in_words(case: Case, code: Why) -> str:
    """Return the sentence of the code, and a second sentence about the payment if there is something to say."""
    if case.outcome not in OUTCOMES:
        return str(code.label)
    return str(BOTH % {"why": code.label, "outcome": OUTCOMES[case.outcome]})


def _without_show(case: Case, *, now: datetime) -> Why:
    if case.funding_goal.settlement is not None:
        return Why.SETTLED
    return Why.FUNDING_OPEN if case.funding_goal.status(now) == GoalStatus.OPEN else Why.NO_SHOW_YET


def _with_show(case: Case, show: Goal, *, now: datetime) -> Why:
    match show.status(now):
        case GoalStatus.SCHEDULED:
            return Why.SCHEDULED
        case GoalStatus.CANCELLED:
            return Why.CANCELLED if case.funding_goal.settlement is None else Why.SETTLED
        case GoalStatus.LIVE if now < show.window[1]:
            return _while_live(case, show)
    return _after_the_end(case, show)


def _while_live(case: Case, show: Goal) -> Why:
    if case.has_fetched:
        return Why.CREDENTIALS_FETCHED
    if case.has_received:
        return Why.RECEIVED
    current = event_id(str(show.pk), STREAM_AUTHORIZED, show.version, preset=SD)
    return OF_STATES.get(case.sd_states.get(current, State.EXCLUDED), Why.NOT_SENT)


def _after_the_end(case: Case, show: Goal) -> Why:
    if show.exp is not None and show.exp < show.window[1]:
        return Why.ENDED_EARLY
    if not (case.has_fetched or case.has_received or State.SENT in case.sd_states.values()):
        return Why.NOT_REACHED
    settlement = case.funding_goal.settlement
    if settlement is not None and settlement.reason == Judgement.NO_EVIDENCE:
        return Why.NO_EVIDENCE
    return Why.ENDED
