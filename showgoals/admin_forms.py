"""The forms with which staff change a show. Their fields have the same limits as the API."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.utils.translation import gettext_lazy as _

from api.fields import OneLineField, is_blank
from config import clock
from goals.models import TITLE_LENGTH, Goal
from showgoals.serializers import LONGEST_AHEAD, SHOW_SECONDS, MomentField

STARTS_AT, TITLE, LENGTH = _("Starts at"), _("Title"), _("Length in seconds")


class FutureField(forms.SplitDateTimeField):
    """A future moment in whole seconds, at most as far ahead as the API allows."""

    widget = AdminSplitDateTime
    default_error_messages = {
        **forms.SplitDateTimeField.default_error_messages,
        "fraction": _("Must be a whole second."),
        "in_the_past": _("This time has passed. To start the show at once, use the button “Start now”."),
        "too_far_ahead": MomentField.default_error_messages["too_far_ahead"],
    }

    def refuse_if_wrong(self, moment: datetime, *, now: datetime) -> None:
        """Raise ValidationError if a show can't start at `moment`."""
        if moment.microsecond:
            raise self._error("fraction")
        if moment < now:
            raise self._error("in_the_past")
        if moment > now + LONGEST_AHEAD:
            raise self._error("too_far_ahead")

    def _error(self, code: str) -> forms.ValidationError:
        return forms.ValidationError(self.error_messages[code], code)


class SeenForm(forms.ModelForm[Goal]):
    """A form with the version and the status that the show had when the page of the form was opened."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, error_messages={"required": _("Reload the page.")})
    seen_status = forms.CharField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Goal
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        status = self.instance.status(clock.now()).value
        self.initial = {**self.initial, "seen_version": self.instance.version, "seen_status": status}

    def _post_clean(self) -> None:
        """Leave the instance unchanged, because the use case writes the fields that have changed."""


class ChangeShowForm(SeenForm):
    """The fields of a show that staff can change before it starts. The form of a cancelled show has no `nbf`.

    Hidden fields hold the values that the show had when the page was opened. So a field counts as changed only if its
    value was edited on the page, and not if another person has changed the show.
    """

    nbf = FutureField(label=STARTS_AT, show_hidden_initial=True)
    title = forms.CharField(
        label=TITLE,
        max_length=TITLE_LENGTH,
        strip=False,
        validators=OneLineField.default_validators,
        show_hidden_initial=True,
    )
    target_seconds = forms.IntegerField(label=LENGTH, min_value=1, max_value=SHOW_SECONDS, show_hidden_initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        level = self.instance.levels[0]
        shown = {"nbf": self.instance.nbf, "title": level.title, "target_seconds": level.target}
        self.initial = {**self.initial, **shown}

    def clean_nbf(self) -> datetime:
        """Refuse a new `nbf` at which a show can't start."""
        nbf: datetime = self.cleaned_data["nbf"]
        if "nbf" in self.changed_data:
            self.fields["nbf"].refuse_if_wrong(nbf, now=clock.now())  # type: ignore[attr-defined]
        return nbf

    def clean_title(self) -> str:
        """Refuse a title that has only spaces and invisible characters."""
        title: str = self.cleaned_data["title"]
        if is_blank(title):
            raise forms.ValidationError(self.fields["title"].error_messages["required"], "required")
        return title
