"""The form that deactivates a user."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from api.asking import READ_BY_STAFF, TellingForm, reason_field
from api.models import ServerKey
from desk.users.hanging import Hanging

KEEP, END, REVOKE = "keep", "end", "revoke"
THEY_GO_ON = _(
    "They go on as planned. Only staff can still change them. "
    "Nobody can create a show for a funding goal while the account is inactive."
)
THEY_END = _(
    "They end now. Live shows end: if one ends before its time, a person decides about its payments. "
    "Other shows are cancelled and funding goals close: their payments are due back."
)


class DeactivateForm(TellingForm):
    """Asks for the reason. If there are live sessions or keys for servers, it also asks what becomes of them."""

    reason = reason_field(READ_BY_STAFF, required=False)
    sessions = forms.ChoiceField(
        label=_("What becomes of them?"),
        widget=forms.RadioSelect,
        choices=[
            (KEEP, THEY_GO_ON),
            (END, THEY_END),
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

    def __init__(
        self, data: Any, *, hanging: Hanging, keys: Sequence[ServerKey], may_end: bool, may_revoke: bool
    ) -> None:
        goals = [f"{each.goal.pk}:{each.status}" for each in hanging.goals]
        self._of_sessions = [*(str(session.pk) for session in hanging.sessions), *goals]
        self._of_keys = [str(key.pk) for key in keys]
        super().__init__(data, things=[*self._of_sessions, *self._of_keys])
        if not (hanging.sessions and may_end):
            del self.fields["sessions"]
        if not (keys and may_revoke):
            del self.fields["keys"]

    @property
    def ends_sessions(self) -> bool:
        """Whether the live sessions are to end."""
        return bool(self.cleaned_data.get("sessions") == END)

    @property
    def revokes_keys(self) -> bool:
        """Whether the keys are to be revoked."""
        return bool(self.cleaned_data.get("keys") == REVOKE)

    def concerned(self) -> list[str]:
        """Return what is to end or to be revoked, as `things` names it."""
        return (self._of_sessions if self.ends_sessions else []) + (self._of_keys if self.revokes_keys else [])
