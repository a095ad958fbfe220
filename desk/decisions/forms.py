"""The form that takes a payer out and back in."""

from django import forms
from django.utils.translation import gettext_lazy as _

from showgoals.models import REASON_LENGTH


class RequiredReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The streamer can read it on the timeline."),
    )
