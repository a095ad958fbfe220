"""The settlement of a funding goal, which says what becomes of the goal's payments."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_mongodb_backend.models import EmbeddedModel

from mongodb.documents import LoadedDirectly


class SettlementState(models.TextChoices):
    """The state of a settlement. If it is `in_question`, a person has to decide. The other states are final."""

    IN_QUESTION = "in_question", _("in question")
    EARNED = "earned", _("earned")
    REFUND_DUE = "refund_due", _("refund due")


class Settlement(LoadedDirectly, EmbeddedModel):
    """A decision about all payments of one funding goal.

    `reason` is a code, or the text of the person named in `decided_by`. If the product decided by itself, `decided_by`
    is null. `as_sold` tells whether the show had the promised ticket product and at least the promised length. If no
    show was performed, `as_sold` is null. A later payment adds to `total` and `payers`.
    """

    state = models.CharField(max_length=11, choices=SettlementState.choices)
    reason = models.CharField(max_length=500)
    decided_at = models.DateTimeField()
    decided_by = models.CharField(max_length=150, null=True)
    as_sold = models.BooleanField(null=True)
    total = models.BigIntegerField()
    payers = models.IntegerField()

    def data(self) -> dict[str, Any]:
        """Return the settlement in the form of the API, with dates as Unix seconds."""
        named = {field.attname: getattr(self, field.attname) for field in self._meta.fields if not field.primary_key}
        return {**named, "decided_at": int(self.decided_at.timestamp())}
