"""The outcome of one payment, which follows from the settlement of its funding goal."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from goals.settlements import Settlement, SettlementState


class Outcome(models.TextChoices):
    """What becomes of a payment."""

    PENDING = "pending", _("pending")
    IN_QUESTION = SettlementState.IN_QUESTION.value, _("in question")
    EARNED = SettlementState.EARNED.value, _("earned")
    REFUND_DUE = SettlementState.REFUND_DUE.value, _("refund due")


def outcome_of(settlement: Settlement | None, *, is_excluded: bool) -> Outcome:
    """Return the outcome of a viewer's payments for a funding goal. An excluded viewer gets the money back."""
    return outcome_of_state(settlement.state if settlement else None, is_excluded=is_excluded)


def outcome_of_state(state: str | None, *, is_excluded: bool) -> Outcome:
    """Return the outcome that follows from the state of the settlement. The state is None if nothing is decided."""
    if is_excluded:
        return Outcome.REFUND_DUE
    return Outcome.PENDING if state is None else Outcome(state)
