"""The form that deactivates a streamer who has live sessions."""

from django import forms
from django.utils.translation import gettext_lazy as _

from api.asking import ReasonForm

KEEP, END = "keep", "end"


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
