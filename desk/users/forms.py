"""The form that deactivates a user."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from api.asking import ReasonForm

KEEP, END, REVOKE = "keep", "end", "revoke"


class DeactivateForm(ReasonForm):
    """Asks for the reason. If there are live sessions or keys for servers, it also asks what becomes of them."""

    sessions = forms.ChoiceField(
        label=_("What becomes of them?"),
        widget=forms.RadioSelect,
        choices=[
            (KEEP, _("They go on as planned. Only staff can still change them.")),
            (END, _("They end now: live shows end, other shows are cancelled, and their payments are due back.")),
        ],
    )
    keys = forms.ChoiceField(
        label=_("What becomes of the keys?"),
        widget=forms.RadioSelect,
        choices=[
            (KEEP, _("They stay valid. The servers that have them go on working.")),
            (REVOKE, _("They are revoked now: these servers are refused within a second.")),
        ],
    )
    field_order = ("sessions", "keys", "reason")

    def __init__(self, data: Any, *, has_sessions: bool, has_keys: bool) -> None:
        super().__init__(data)
        for name, is_asked in (("sessions", has_sessions), ("keys", has_keys)):
            if not is_asked:
                del self.fields[name]
