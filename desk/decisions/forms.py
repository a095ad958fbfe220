"""The form that takes a payer out and back in."""

from django import forms

from api.asking import READ_BY_STREAMER, reason_field
from showgoals.models import REASON_LENGTH


class RequiredReasonForm(forms.Form):
    """Why."""

    reason = reason_field(READ_BY_STREAMER, required=True, max_length=REASON_LENGTH)
