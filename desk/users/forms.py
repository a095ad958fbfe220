"""The forms that deactivate and reactivate a user."""

from django import forms
from django.utils.translation import gettext_lazy as _

from api.audit import REASON_LENGTH

KEEP, END = "keep", "end"


class ReasonForm(forms.Form):
    """Why. It may stay empty."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=REASON_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Optional. Only staff read it, in the list of changes."),
    )


class DeactivateForm(ReasonForm):
    """What becomes of the live sessions of a streamer, and why."""

    sessions = forms.ChoiceField(
        label=_("What becomes of them?"),
        widget=forms.RadioSelect,
        choices=[
            (KEEP, _("They go on as planned. Only staff can still change them.")),
            (END, _("They end now: live shows end, other shows are cancelled, and their payments are due back.")),
        ],
    )
    field_order = ("sessions", "reason")
