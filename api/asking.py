"""The admin's confirmation pages, and the form field for a reason."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.contrib.admin import site
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext_lazy as _

from api.audit import REASON_LENGTH
from api.fields import is_blank

TEMPLATE = "admin/ask.html"
BACK = _("No, take me back")
READ_BY_STAFF = _("Only staff can read it, in the list of changes.")
READ_BY_STREAMER = _("The streamer can read it on the timeline.")
OPTIONAL = _("Optional.")
CHANGED = _("The list has changed since you opened the page. Please check it again.")

# The breadcrumbs of a page: URLs with their names.
Crumbs = Sequence[tuple[str, Any]]


def reason_field(read_by: Promise, *, required: bool, max_length: int = REASON_LENGTH) -> forms.CharField:
    """Return the field for the reason of an action. Its help text says who will read the reason."""
    help_text: Any = read_by if required else format_lazy("{} {}", OPTIONAL, read_by)
    return forms.CharField(
        label=_("Reason"),
        max_length=max_length,
        required=required,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=help_text,
        validators=[_refuse_blank],
    )


def _refuse_blank(reason: str) -> None:
    """Raise ValidationError if the reason has no visible characters."""
    if is_blank(reason):
        raise forms.ValidationError(forms.Field.default_error_messages["required"], "required")


class ReasonForm(forms.Form):
    """A reason, which may be empty."""

    reason = reason_field(READ_BY_STAFF, required=False)


class TellingForm(forms.Form):
    """A form about things that its page lists, such as shows. The hidden field names the things that were listed.

    If the answer is about a thing that is new, or has changed meanwhile, the page must ask again.
    """

    told = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, things: Iterable[str]) -> None:
        super().__init__(data)
        self.things = list(things)
        self.initial = {**self.initial, "told": " ".join(self.things)}

    def is_confirmed(self) -> bool:
        """Tell whether the form is valid, and its page has listed everything that the answer is about.

        Otherwise the page must be shown again. It then lists what there is now.
        """
        if not self.is_bound:
            return False
        is_valid = self.is_valid()
        is_told = set(self.concerned()) <= set(self.data.get("told", "").split())
        if is_valid and is_told:
            return True
        if not is_told:
            self.add_error(None, CHANGED)
        posted: Any = self.data
        self.data = {**posted.dict(), "told": " ".join(self.things)}
        return False

    def concerned(self) -> Iterable[str]:
        """Return the things that the answer is about."""
        return self.things


def ask_page(
    request: HttpRequest,
    form: forms.BaseForm,
    *,
    title: str | Promise,
    crumbs: Crumbs,
    question: str | Promise = "",
    template: str = TEMPLATE,
    **context: Any,
) -> TemplateResponse:
    """Return the page that asks for confirmation.

    `title` is also the text of the button, unless `context` has `submit`. The link that cancels leads to the last
    of `crumbs`. `template` may extend TEMPLATE, and `context` has the variables of the template.
    """
    context = {
        **site.each_context(request),
        "title": title,
        "crumbs": crumbs,
        "question": question,
        "form": form,
        "back": BACK,
        "back_url": crumbs[-1][0],
        **context,
    }
    return TemplateResponse(request, template, context)


def crumbs_of(model: Any, name: str, url: str) -> Crumbs:
    """Return the breadcrumbs of a page below an object's page.

    They are the list of the object's model, and the object's page.
    """
    options = model._meta
    listed = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    return [(listed, capfirst(options.verbose_name_plural)), (url, name)]
