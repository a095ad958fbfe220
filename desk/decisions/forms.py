"""The form that excludes a payer or lets the payer in again."""

from django import forms

from api.asking import READ_BY_STREAMER, reason_field
from showgoals.models import REASON_LENGTH


class RequiredReasonForm(forms.Form):
    """A reason, which is required."""

    reason = reason_field(READ_BY_STREAMER, required=True, max_length=REASON_LENGTH)
